"""Locks. The state of each is in a real lock inside: it holds in tasks, outside of runs, and in threads that are no tasks."""

from __future__ import annotations

import _thread
import sys
from contextlib import suppress
from types import TracebackType
from typing import Any

from atonce.race.operations import Operation, Place
from atonce.race.places import here
from atonce.race.primitives.memory import AT_END, Memory, memory
from atonce.race.primitives.waiting import wait_until
from atonce.race.scheduler import Scheduler, active
from atonce.race.tasks import Abort, Task

__all__ = ("REAL_LOCK", "Controlled", "LikeReal", "Lock", "is_importing", "raw", "release_at_end")

REAL_LOCK: Any = _thread.allocate_lock
_LOCK_TYPE = type(REAL_LOCK())


class LikeReal(type):
    """Makes ``isinstance(real_lock, threading.Lock)`` true, as it is from 3.13 on."""

    def __instancecheck__(cls, instance: object) -> bool:
        return type.__instancecheck__(cls, instance) or type(instance) is getattr(cls, "real_type", None)


class Controlled(metaclass=LikeReal):
    """What both kinds have in common. `_block` is the real lock, `_itself` the object whose number counts."""

    __slots__ = ("__weakref__", "_block", "_itself")
    _block: Any
    _itself: object
    real_type: type
    word = "Lock"

    def owned(self) -> bool:
        """Tell whether the caller may hold it."""
        raise NotImplementedError

    def free(self) -> bool:
        """Tell whether nobody holds it."""
        return not self._block.locked()

    def _wait(self, run: Scheduler, blocking: bool, timeout: float) -> bool:  # noqa: FBT001 (as the method that it serves)
        """Wait for the lock and take it."""
        if not blocking or timeout != -1:
            REAL_LOCK().acquire(blocking, timeout)  # raises what is to be raised for such arguments
            run.wants_strict = True
        place = here()
        number = run.number(self._itself)
        limit = None if blocking and timeout == -1 else timeout if blocking else 0
        kind = "acquire" if blocking else "try-acquire"
        if not wait_until(run, kind, ((number, None, True),), self.free, limit, place) or not self._block.acquire(blocking=False):
            return False
        run.running.held.append((self.word, number, place))
        return True

    def _let_go(self, run: Scheduler) -> bool:
        """Announce a release. Return whether it is to be done: not while unwinding, if the task holds nothing."""
        number = run.number(self._itself)
        if run.aborting:
            return _drop(run, number)
        operation = Operation("release", ((number, None, True),), here(), enables=True)
        if all(held[1] != number for held in run.running.held):
            run.wants_strict = True  # somebody else's lock: who waits for it need not have to wait for this
        if not run.strict:
            run.note(operation)
        else:
            self._release_strictly(run, operation)
        _drop(run, number)
        return True

    def _release_strictly(self, run: Scheduler, operation: Operation) -> None:
        try:
            run.point(operation)
        except Abort:
            self.force()
            raise

    def locked(self) -> bool:
        """Tell whether anybody holds it."""
        run = active()
        if run is not None:
            run.wants_strict = True
            run.point(Operation("locked", ((run.number(self._itself), None, False),), here()))
        return bool(self._block.locked())

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()

    def release(self) -> None:
        """Let go of it."""
        raise NotImplementedError

    def force(self) -> None:
        """Let go of it after a run that was cut short."""
        raise NotImplementedError


class Lock(Controlled):
    """Stands for `threading.Lock`. Where no run decides, a real one is made."""

    __slots__ = ()
    real_type = _LOCK_TYPE

    def __new__(cls) -> Any:
        """Make one."""
        if active() is None or is_importing():
            return REAL_LOCK()
        return cls.around(REAL_LOCK())

    @classmethod
    def around(cls, block: Any, itself: object = None) -> Lock:
        """Make one that keeps its state in `block`, and counts as `itself`."""
        lock = object.__new__(cls)
        lock._block = block
        lock._itself = lock if itself is None else itself
        return lock

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:  # noqa: FBT001, FBT002 (as the real one)
        """Take the lock."""
        run = active()
        if run is None:
            return bool(self._block.acquire(blocking, timeout))
        return self._wait(run, blocking, timeout)

    __enter__ = acquire
    acquire_lock = acquire

    def release(self) -> None:
        """Let go of the lock, whoever has taken it."""
        run = active()
        if run is None:
            self._block.release()
        elif self._block.locked():
            if self._let_go(run):
                self._block.release()
        elif not run.aborting:
            self._release_free(run)

    def _release_free(self, run: Scheduler) -> None:
        """Let go of a lock that nobody holds, which is a mistake: it shows that it is free, unless somebody takes it meanwhile."""
        run.wants_strict = True
        number = run.number(self._itself)
        run.point(Operation("release", ((number, None, True),), here(), enables=True))
        self._block.release()  # raises what the real one raises
        _drop(run, number)

    release_lock = release

    locked_lock = Controlled.locked

    def owned(self) -> bool:
        """Tell whether the caller may hold it: whether anybody does."""
        return bool(self._block.locked())

    def save(self, run: Scheduler) -> Any:
        """Let go of it for the time of a wait."""
        if self._let_go(run) and self._block.locked():
            self._block.release()

    def restore(self, run: Scheduler, saved: Any, place: Place | None) -> None:  # noqa: ARG002 (an RLock needs it)
        """Take it back. The scheduler has permitted it."""
        self._block.acquire(blocking=False)
        number = run.number(self._itself)
        run.running.held.append((self.word, number, place))

    def force(self) -> None:
        """Let go of it after a run that was cut short."""
        if self._block.locked():
            self._block.release()

    def _at_fork_reinit(self) -> None:
        self._block._at_fork_reinit()

    def __repr__(self) -> str:
        return f"<{'locked' if self._block.locked() else 'unlocked'} _thread.lock object at {id(self):#x}>"


def raw(lock: Any) -> Any:
    """Return the real thing that keeps a lock's state."""
    return getattr(lock, "_block", lock)


def release_held(run: Scheduler, task: Task) -> None:
    """Let go of what a task still holds at the end of a run that was cut short. Called in the task's own thread."""
    shadows = memory(run).shadows
    while task.held:
        itself = run.kept[task.held.pop()[1]]
        lock = shadows.get(id(itself), itself)
        if isinstance(lock, Controlled):
            with suppress(RuntimeError):
                lock.force()


def release_at_end(run: Scheduler, task: Task) -> None:
    """Let go of what a task still holds when it has ended, if its run was cut short. Called in the task's own thread.

    A task that was given up comes too late: its locks have been released, and another run may be on.
    """
    if run.aborting and not task.abandoned:
        release_held(run, task)


def _drop(run: Scheduler, number: int) -> bool:
    """Strike a lock off the list of its holder. Return whether that is the running task."""
    for task in (run.running, *run.tasks):
        held = task.held
        for index in range(len(held) - 1, -1, -1):
            if held[index][1] == number:
                del held[index]
                return task is run.running
    return False


def is_importing() -> bool:
    """Tell whether the import system makes a lock for itself: its steps are its own, and differ from version to version."""
    return sys._getframe(2).f_globals.get("__name__") in {"_frozen_importlib", "importlib._bootstrap"}


def _release_all(run: Scheduler, _: Memory, cut_short: bool) -> None:  # noqa: FBT001
    if cut_short:
        for task in run.tasks:
            release_held(run, task)


AT_END.append(_release_all)
