"""What stands in a run for the locks and queues, written in C, that were made before it.

A lock gets its shadow by identity: the same class as for new ones, around the lock itself. What the shadow does is done to the
lock, so nothing has to be written back.
"""

from __future__ import annotations

import re
from typing import Any

from atonce.race.primitives.locks import REAL_LOCK, Lock
from atonce.race.primitives.memory import AT_END, Memory, memory
from atonce.race.primitives.rlocks import REAL_RLOCK, RLock
from atonce.race.scheduler import Scheduler, active

__all__ = ("SHADOWS", "control", "shadow")

_OWNER = re.compile(r"owner=(\d+) count=(\d+)")


class _ShadowLock(Lock):
    """Around a real lock. Remembers whether it was taken when the run came to it."""

    __slots__ = ("_before",)
    _before: bool

    @classmethod
    def of(cls, real: Any) -> _ShadowLock:
        lock = cls.around(real, real)
        assert isinstance(lock, _ShadowLock)
        lock._before = real.locked()
        return lock

    def put_back(self) -> None:
        """Let the real lock be as it was before a run that was cut short."""
        if self._before:
            self._block.acquire(blocking=False)


class _ShadowRLock(RLock):
    """Around a real RLock, which tells only its owner whether it is held: so that is known here."""

    __slots__ = ()

    @classmethod
    def of(cls, real: Any) -> RLock:
        found = _OWNER.search(repr(real))
        owner, count = (int(found[1]), int(found[2])) if found else (0, 0)
        return cls.around(_Inside(real, held=count > 0), real, owner if count else 0, count)

    def _again(self) -> None:
        self._block.real.acquire()

    def _less(self) -> None:
        self._block.real.release()


class _Inside:
    __slots__ = ("_held", "real")

    def __init__(self, real: Any, *, held: bool) -> None:
        self.real = real
        self._held = held

    def locked(self) -> bool:
        return self._held

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:  # noqa: FBT001, FBT002 (as the real one)
        taken = self.real.acquire(blocking, timeout)
        if not taken and not blocking:
            taken = self.real.acquire()  # a thread that is no task holds it, and is not waited for by anybody else
        self._held = self._held or taken
        return bool(taken)

    def release(self) -> None:
        while self.real._is_owned():
            self.real.release()
        self._held = False


SHADOWS: dict[type, Any] = {type(REAL_LOCK()): _ShadowLock.of, type(REAL_RLOCK()): _ShadowRLock.of}
"""By the type of the real thing, what makes its shadow."""


def shadow(thing: Any) -> Any:
    """Return what stands for a thing in the run of the calling task; the thing itself if nothing needs to."""
    run = active()
    return thing if run is None else control(run, thing)


def control(run: Scheduler, thing: Any) -> Any:
    """Return what stands for a thing in a run."""
    make = SHADOWS.get(type(thing))
    if make is None:
        return thing
    shadows = memory(run).shadows
    standing = shadows.get(id(thing))
    if standing is None:
        run.number(thing)  # keeps it alive, so that its address is not used again
        standing = shadows[id(thing)] = make(thing)
    return standing


def _put_back(_: Scheduler, kept: Memory, cut_short: bool) -> None:  # noqa: FBT001
    if cut_short:
        for standing in kept.shadows.values():
            if isinstance(standing, _ShadowLock):
                standing.put_back()


AT_END.append(_put_back)
