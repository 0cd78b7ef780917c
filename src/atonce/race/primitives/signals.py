"""`threading.Event` and the semaphores in a task. What they know is in their own fields: `_flag`, `_value`."""

from __future__ import annotations

import sys
from threading import BoundedSemaphore, Event, Semaphore
from typing import Any

from atonce.race.operations import Operation
from atonce.race.places import here
from atonce.race.primitives.replacing import instead_of
from atonce.race.primitives.waiting import wait_until, wake_foreign
from atonce.race.scheduler import Scheduler

__all__ = ()


@instead_of(Event, "is_set")
def _is_set(run: Scheduler, self: Any) -> bool:
    # threading.py asks it whether a thread has started, in some versions more often than in others: that is no step of the program.
    if sys._getframe(2).f_globals.get("__name__") != "threading":
        run.point(Operation("is_set", ((run.number(self), None, False),), here()))
    return bool(self._flag)


@instead_of(Event, "set")
def _set(run: Scheduler, self: Any) -> None:
    run.point(Operation("set", ((run.number(self), None, True),), here(), enables=True))
    self._flag = True
    wake_foreign(self._cond)


@instead_of(Event, "clear")
def _clear(run: Scheduler, self: Any) -> None:
    run.point(Operation("clear", ((run.number(self), None, True),), here()))
    self._flag = False


@instead_of(Event, "wait")
def _wait(run: Scheduler, self: Any, timeout: float | None = None) -> bool:
    return wait_until(run, "wait", ((run.number(self), None, False),), lambda: bool(self._flag), timeout, here())


@instead_of(Semaphore, "acquire", "__enter__")
def _acquire(run: Scheduler, self: Any, blocking: bool = True, timeout: float | None = None) -> bool:  # noqa: FBT001, FBT002
    if not blocking and timeout is not None:
        raise ValueError("can't specify timeout for non-blocking acquire")
    limit = timeout if blocking else 0
    kind = "acquire" if blocking else "try-acquire"
    if not wait_until(run, kind, ((run.number(self), None, True),), lambda: self._value > 0, limit, here()):
        return False
    self._value -= 1
    return True


@instead_of(Semaphore, "release")
def _release(run: Scheduler, self: Any, n: int = 1) -> None:
    if n < 1:
        raise ValueError("n must be one or more")
    run.point(Operation("release", ((run.number(self), None, True),), here(), enables=True))
    self._value += n
    wake_foreign(self._cond, n)


@instead_of(BoundedSemaphore, "release")
def _release_bounded(run: Scheduler, self: Any, n: int = 1) -> None:
    if n < 1:
        raise ValueError("n must be one or more")
    operation = Operation("release", ((run.number(self), None, True),), here(), enables=True)
    run.point(operation)
    if self._value + n > self._initial_value:
        run.replace(
            Operation("release", operation.cells, operation.place)
        )  # an acquire that came first would have made it possible
        raise ValueError("Semaphore released too many times")
    self._value += n
    wake_foreign(self._cond, n)
