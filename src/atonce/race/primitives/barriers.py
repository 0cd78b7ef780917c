"""`threading.Barrier` in a task. What it knows is in its own fields, with the numbers that it has for its states."""

from __future__ import annotations

import threading
from threading import Barrier
from typing import Any

from atonce.race.operations import Cell, Operation
from atonce.race.places import here
from atonce.race.primitives.memory import memory
from atonce.race.primitives.replacing import instead_of
from atonce.race.primitives.waiting import wait_until, wake_foreign
from atonce.race.scheduler import Scheduler

__all__ = ()

_FILLING, _DRAINING, _RESETTING, _BROKEN = 0, 1, -1, -2


@instead_of(Barrier, "wait")
def _wait(run: Scheduler, self: Any, timeout: float | None = None) -> int:
    limit = self._timeout if timeout is None else timeout
    cells = _cells(run, self)
    place = here()
    users = memory(run).users.setdefault(id(self), set())
    users.add(run.running.number)
    if len(users) > self._parties:
        run.doubt("more threads than a barrier waits for", place)  # which of them makes a round complete is not looked into
    run.point(Operation("arrive", cells, place, lambda: self._state in {_FILLING, _BROKEN}, enables=True))
    if self._state == _BROKEN:
        raise threading.BrokenBarrierError
    index = int(self._count)
    self._count += 1
    try:
        if index + 1 == self._parties:
            _let_all_go(run, self)
        elif not wait_until(run, "barrier", cells, lambda: self._state != _FILLING, limit, place) or self._state < 0:
            self._state = self._state or _BROKEN
            raise threading.BrokenBarrierError
        return index
    finally:
        _leave(self)


def _let_all_go(run: Scheduler, self: Any) -> None:
    try:
        if self._action:
            self._action()
            run.point(Operation("release", _cells(run, self), here(), enables=True))
        self._state = _DRAINING
    except BaseException:
        self._state = _BROKEN
        raise
    finally:
        wake_foreign(self._cond)


def _leave(self: Any) -> None:
    self._count -= 1
    if not self._count and self._state in {_RESETTING, _DRAINING}:
        self._state = _FILLING
        wake_foreign(self._cond)


@instead_of(Barrier, "reset")
def _reset(run: Scheduler, self: Any) -> None:
    run.point(Operation("reset", _cells(run, self), here()))
    if not self._count:
        self._state = _FILLING
    elif self._state in {_FILLING, _BROKEN}:
        self._state = _RESETTING
    wake_foreign(self._cond)


@instead_of(Barrier, "abort")
def _abort(run: Scheduler, self: Any) -> None:
    run.point(Operation("abort", _cells(run, self), here()))
    self._state = _BROKEN
    wake_foreign(self._cond)


@instead_of(Barrier, "n_waiting")
def _n_waiting(run: Scheduler, self: Any) -> int:
    run.point(Operation("n_waiting", _cells(run, self, writes=False), here()))
    return int(self._count) if self._state == _FILLING else 0


@instead_of(Barrier, "broken")
def _broken(run: Scheduler, self: Any) -> bool:
    run.point(Operation("broken", _cells(run, self, writes=False), here()))
    return bool(self._state == _BROKEN)


def _cells(run: Scheduler, self: Any, *, writes: bool = True) -> tuple[Cell, ...]:
    return ((run.number(self), None, writes),)
