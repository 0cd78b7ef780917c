"""`threading.Event` and the semaphores in a task. What they know is in their own fields: `_flag`, `_value`."""

from __future__ import annotations

import sys
from threading import BoundedSemaphore, Event, Semaphore
from typing import Any

from atonce.race.operations import Operation
from atonce.race.places import here
from atonce.race.primitives.flows import flow_of
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
    _turn(run, self, "set", on=True)
    wake_foreign(self._cond)


@instead_of(Event, "clear")
def _clear(run: Scheduler, self: Any) -> None:
    _turn(run, self, "clear", on=False)


def _turn(run: Scheduler, event: Any, kind: str, *, on: bool) -> None:
    operation = Operation(kind, ((run.number(event), None, True),), here(), enables=on)
    run.point(operation)
    if event._flag == on:  # then nobody waited for this one
        run.replace(Operation(kind, ((run.number(event), None, False),), operation.place))
    event._flag = on


@instead_of(Event, "wait")
def _wait(run: Scheduler, self: Any, timeout: float | None = None) -> bool:
    return wait_until(run, "wait", ((run.number(self), None, False),), lambda: bool(self._flag), timeout, here())


@instead_of(Semaphore, "acquire", "__enter__")
def _acquire(run: Scheduler, self: Any, blocking: bool = True, timeout: float | None = None) -> bool:  # noqa: FBT001, FBT002
    if not blocking and timeout is not None:
        raise ValueError("can't specify timeout for non-blocking acquire")
    kind = "acquire" if blocking else "try-acquire"
    number, place = run.number(self), here()
    flow = flow_of(run, self, self._value)
    if not wait_until(run, kind, ((number, None, True),), lambda: self._value > 0, timeout if blocking else 0, place):
        run.replace(Operation(kind, ((number, None, False),), place))
        return False
    run.replace(Operation(kind, flow.take((number,)), place, waits=blocking and timeout is None))
    self._value -= 1
    return True


@instead_of(Semaphore, "release")
def _release(run: Scheduler, self: Any, n: int = 1) -> None:
    _give_back(run, self, n)


@instead_of(BoundedSemaphore, "release")
def _release_bounded(run: Scheduler, self: Any, n: int = 1) -> None:
    _give_back(run, self, n, self._initial_value)


def _give_back(run: Scheduler, semaphore: Any, count: int, most: int = 0) -> None:
    if count < 1:
        raise ValueError("n must be one or more")
    number, place = run.number(semaphore), here()
    flow = flow_of(run, semaphore, semaphore._value)
    run.point(Operation("release", ((number, None, True),), place, enables=True))
    if most and semaphore._value + count > most:
        run.replace(Operation("release", ((number, None, False),), place))
        raise ValueError("Semaphore released too many times")
    run.replace(Operation("release", flow.give((number,), count, room=most), place, enables=True))
    semaphore._value += count
    wake_foreign(semaphore._cond, count)
