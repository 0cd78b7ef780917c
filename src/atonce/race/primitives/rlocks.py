"""`threading.RLock`. Taking it once more is no operation: nobody else could notice."""

from __future__ import annotations

import _thread
from typing import Any

from atonce.race.operations import Place
from atonce.race.primitives.locks import REAL_LOCK, Controlled, is_importing
from atonce.race.scheduler import Scheduler, active

__all__ = ("REAL_RLOCK", "RLock")

REAL_RLOCK: Any = _thread.RLock
_RLOCK_TYPE = type(REAL_RLOCK())


class RLock(Controlled):
    """Stands for `threading.RLock`."""

    __slots__ = ("_count", "_owner")
    _count: int
    _owner: int
    real_type = _RLOCK_TYPE
    word = "RLock"

    def __new__(cls) -> Any:
        """Make one."""
        if active() is None or is_importing():
            return REAL_RLOCK()
        return cls.around(REAL_LOCK())

    @classmethod
    def around(cls, block: Any, itself: object = None, owner: int = 0, count: int = 0) -> RLock:
        """Make one that keeps its state in `block`, and counts as `itself`."""
        lock = object.__new__(cls)
        lock._block = block
        lock._itself = lock if itself is None else itself
        lock._owner, lock._count = owner, count
        return lock

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:  # noqa: FBT001, FBT002 (as the real one)
        """Take the lock, once more if the caller holds it already."""
        me = _thread.get_ident()
        if self._owner == me:
            self._count += 1
            self._again()
            return True
        run = active()
        taken = self._block.acquire(blocking, timeout) if run is None else self._wait(run, blocking, timeout)
        if taken:
            self._owner = me
            self._count = 1
        return bool(taken)

    __enter__ = acquire

    def release(self) -> None:
        """Let go of the lock, or of one more acquisition of it."""
        run = active()
        if self._owner != _thread.get_ident():
            if run is not None and run.aborting:
                return
            raise RuntimeError("cannot release un-acquired lock")
        if self._count > 1:
            self._count -= 1
            self._less()
        elif run is None or self._let_go(run):
            self._clear()

    def _again(self) -> None:
        """Do what a shadow does besides: the caller takes it once more."""

    def _less(self) -> None:
        """Do what a shadow does besides: the caller gives one of several acquisitions back."""

    def _clear(self) -> None:
        self._count = self._owner = 0
        self._block.release()

    def owned(self) -> bool:
        """Tell whether the caller holds it."""
        return self._owner == _thread.get_ident()

    _is_owned = owned

    def save(self, run: Scheduler | None) -> Any:
        """Let go of it altogether, for the time of a wait."""
        saved = (self._owner, self._count)
        if run is None or self._let_go(run):
            self._clear()
        return saved

    def restore(self, run: Scheduler, saved: Any, place: Place | None) -> None:
        """Take it back as it was. The scheduler has permitted it."""
        self._block.acquire(blocking=False)
        self._owner, self._count = saved
        for _ in range(self._count - 1):
            self._again()
        number = run.number(self._itself)
        run.running.held.append((self.word, number, place))

    def _release_save(self) -> Any:
        return self.save(active())

    def _acquire_restore(self, saved: Any) -> None:
        self.acquire()
        self._owner, self._count = saved

    def _recursion_count(self) -> int:
        return self._count if self.owned() else 0

    def force(self) -> None:
        """Let go of it after a run that was cut short."""
        if self._block.locked():
            self._clear()

    def _at_fork_reinit(self) -> None:
        self._block._at_fork_reinit()
        self._count = self._owner = 0

    def __repr__(self) -> str:
        state = "locked" if self._block.locked() else "unlocked"
        return f"<{state} _thread.RLock object owner={self._owner} count={self._count} at {id(self):#x}>"
