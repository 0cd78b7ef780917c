"""For the time of a check, everything that makes event loops makes controlled ones, in the threads of a run and nowhere else."""

from __future__ import annotations

import asyncio
import sys
from asyncio import Lock, base_events, events, tasks
from collections.abc import Iterator
from contextlib import contextmanager
from inspect import iscoroutine
from typing import Any

from atonce.race.loops.loop import ControlledLoop
from atonce.race.loops.record import Holder, record_of
from atonce.race.loops.stand import user_place
from atonce.race.scheduler import active

__all__ = ("loops_patched",)

_events: Any = events  # private names, which differ from version to version
_AbstractPolicy: Any = getattr(events, "_AbstractEventLoopPolicy", None) or _events.AbstractEventLoopPolicy

_real_acquire = Lock.acquire
_real_release = Lock.release
_real_as_completed = asyncio.as_completed
_real_run_forever = base_events.BaseEventLoop.run_forever


@contextmanager
def loops_patched() -> Iterator[None]:
    """Patch what makes event loops, and what tells who holds a lock. Restored at the end, whatever happens."""
    patches = _patches()
    for patch in patches:
        patch.put()
    try:
        yield
    finally:
        for patch in reversed(patches):
            patch.restore()
        wrong = [patch.name for patch in patches if not patch.is_restored]
        assert not wrong, wrong


class _Patch:
    def __init__(self, owner: object, name: str, value: object) -> None:
        self.name = name
        self._owner = owner
        self._value = value
        self._before = vars(owner)[name]

    def put(self) -> None:
        setattr(self._owner, self.name, self._value)

    def restore(self) -> None:
        setattr(self._owner, self.name, self._before)

    @property
    def is_restored(self) -> bool:
        return vars(self._owner)[self.name] is self._before


def _patches() -> list[_Patch]:
    real = _events._event_loop_policy
    patches = [
        _Patch(events, "_event_loop_policy", _Policy(real)),
        _Patch(Lock, "acquire", _acquire),
        _Patch(Lock, "release", _release),
        _Patch(base_events.BaseEventLoop, "run_forever", _run_forever),
    ]
    patches += [_Patch(module, "as_completed", _as_completed) for module in (asyncio, tasks)]
    modules = [sys.modules[name] for name in ("asyncio", "asyncio.unix_events", "asyncio.windows_events") if name in sys.modules]
    for module in modules:
        patches += [
            _Patch(module, name, _factory(vars(module)[name]))
            for name in ("SelectorEventLoop", "ProactorEventLoop", "EventLoop")
            if name in vars(module)
        ]
    uvloop = sys.modules.get("uvloop")
    if uvloop is not None:
        patches.append(_Patch(uvloop, "Loop", _factory(uvloop.Loop)))
    return patches


# ---------------------------------------------------------------- making loops


def _factory(real: Any) -> type:
    """Return what stands for a class of loops: called in a run it makes a controlled loop, which also counts as an instance."""

    class Meta(type):
        def __call__(cls, *args: Any, **options: Any) -> Any:
            run = active()
            return real(*args, **options) if run is None else ControlledLoop(run)

        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, real | ControlledLoop)

        def __subclasscheck__(cls, subclass: type) -> bool:
            return issubclass(subclass, real)

    return Meta(real.__name__, (), {"__doc__": real.__doc__, "__module__": real.__module__})


class _Policy(_AbstractPolicy):  # type: ignore[misc]
    """Answers for the threads of a run; all others ask the policy that was set before."""

    def __init__(self, real: Any) -> None:
        self._real_or_none = real

    @property
    def _real(self) -> Any:
        if self._real_or_none is None:
            self._real_or_none = _default_policy()
        return self._real_or_none

    def new_event_loop(self) -> Any:
        """Make a loop."""
        run = active()
        return self._real.new_event_loop() if run is None else ControlledLoop(run)

    def set_event_loop(self, loop: Any) -> None:
        """Set the loop of the calling thread."""
        run = active()
        if run is None:
            self._real.set_event_loop(loop)
        else:
            record_of(run).current[run.running.number] = loop

    def get_event_loop(self) -> Any:
        """Return the loop of the calling thread."""
        run = active()
        if run is None:
            return self._real.get_event_loop()
        current, number = record_of(run).current, run.running.number
        if number == 0 and number not in current and sys.version_info < (3, 14):  # in the main thread one is made, until 3.14
            current[number] = ControlledLoop(run)
        if current.get(number) is None:
            raise RuntimeError(f"There is no current event loop in thread {run.running.name!r}.")
        return current[number]

    def get_child_watcher(self) -> Any:
        """Return what waits for processes."""
        return self._real.get_child_watcher()

    def set_child_watcher(self, watcher: object) -> None:
        """Set what waits for processes."""
        self._real.set_child_watcher(watcher)


def _default_policy() -> Any:
    module: Any = sys.modules["asyncio.windows_events" if sys.platform == "win32" else "asyncio.unix_events"]
    return (getattr(module, "_DefaultEventLoopPolicy", None) or module.DefaultEventLoopPolicy)()


def _run_forever(self: Any) -> None:
    run = active()
    if run is not None and not isinstance(self, ControlledLoop):
        run.doubt(f"runs an event loop that is not under control: {type(self).__qualname__}", user_place(sys._getframe(1)))
    _real_run_forever(self)


# ---------------------------------------------------------------- who holds a lock, and the order of as_completed


async def _acquire(self: Lock) -> Any:
    result = await _real_acquire(self)
    run = active()
    if run is not None:
        run.number(self)  # keeps it, and with it its address
        record_of(run).holders[id(self)] = Holder(asyncio.current_task(), user_place(sys._getframe(1)))
    return result


def _release(self: Lock) -> None:
    _real_release(self)
    run = active()
    if run is not None:
        record_of(run).holders.pop(id(self), None)


def _as_completed(fs: Any, *, timeout: float | None = None) -> Any:
    """Make tasks of coroutines in their order: asyncio itself makes them in the order of a set of addresses."""
    if active() is not None and not iscoroutine(fs) and not asyncio.isfuture(fs):
        fs = [asyncio.ensure_future(future) for future in dict.fromkeys(fs)]
    return _real_as_completed(fs, timeout=timeout)
