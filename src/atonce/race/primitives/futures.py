"""`concurrent.futures.Future` in a task: each method is one operation. What it knows is in its own fields."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import _base
from typing import Any

from atonce.race.operations import Cell, Operation
from atonce.race.places import here
from atonce.race.primitives.memory import memory
from atonce.race.primitives.replacing import instead_of
from atonce.race.primitives.waiting import wait_until, wake_foreign
from atonce.race.scheduler import Scheduler

__all__ = ("settle_future",)

_base_: Any = _base
Future = _base.Future
_PENDING, _RUNNING, _CANCELLED = _base_.PENDING, _base_.RUNNING, _base_.CANCELLED
_NOTIFIED, _FINISHED = _base_.CANCELLED_AND_NOTIFIED, _base_.FINISHED
_ENDED = frozenset((_CANCELLED, _NOTIFIED, _FINISHED))


def _cells(run: Scheduler, *futures: Any, writes: bool) -> tuple[Cell, ...]:
    return tuple([(run.number(future), None, writes) for future in futures])


def _look(run: Scheduler, future: Any, kind: str) -> str:
    run.point(Operation(kind, _cells(run, future, writes=False), here()))
    return str(future._state)


@instead_of(Future, "done")
def _done(run: Scheduler, self: Any) -> bool:
    return _look(run, self, "done") in _ENDED


@instead_of(Future, "cancelled")
def _cancelled(run: Scheduler, self: Any) -> bool:
    return _look(run, self, "cancelled") in {_CANCELLED, _NOTIFIED}


@instead_of(Future, "running")
def _running(run: Scheduler, self: Any) -> bool:
    return _look(run, self, "running") == str(_RUNNING)


@instead_of(Future, "__repr__")
def _repr(_: Scheduler, self: Any) -> str:
    return f"<{type(self).__name__} at {id(self):#x} state={self._state.lower()}>"


@instead_of(Future, "cancel")
def _cancel(run: Scheduler, self: Any) -> bool:
    run.point(Operation("cancel", _cells(run, self, writes=True), here()))
    if self._state in {_RUNNING, _FINISHED}:
        return False
    if self._state == _PENDING:
        self._state = _CANCELLED
        _tell(run, self)
    return True


@instead_of(Future, "set_running_or_notify_cancel")
def _set_running(run: Scheduler, self: Any) -> bool:
    run.point(Operation("set_running", _cells(run, self, writes=True), here()))
    if self._state == _CANCELLED:
        self._state = _NOTIFIED
        for waiter in self._waiters:
            waiter.add_cancelled(self)
        return False
    if self._state == _PENDING:
        self._state = _RUNNING
        return True
    _base_.LOGGER.critical("Future %s in unexpected state: %s", id(self), self._state)
    raise RuntimeError("Future in unexpected state")


@instead_of(Future, "set_result")
def _set_result(run: Scheduler, self: Any, result: Any) -> None:
    _finish(run, self, result, None, "set_result")


@instead_of(Future, "set_exception")
def _set_exception(run: Scheduler, self: Any, exception: BaseException | None) -> None:
    _finish(run, self, None, exception, "set_exception")


def _finish(run: Scheduler, future: Any, result: Any, error: BaseException | None, kind: str) -> None:
    run.point(Operation(kind, _cells(run, future, writes=True), here(), enables=True))
    settle_future(run, future, result, error)


def settle_future(run: Scheduler, future: Any, result: Any, error: BaseException | None) -> None:
    """Let a future end, and call what waits for it. No operation by itself."""
    if future._state in _ENDED:
        last = run.trace[-1].operation
        run.replace(Operation(last.kind, _cells(run, future, writes=False), last.place))  # nobody waited for this one
        raise _base_.InvalidStateError(f"{future._state}: {future!r}")
    future._result = result
    future._exception = error
    future._state = _FINISHED
    for waiter in future._waiters:
        (waiter.add_result if error is None else waiter.add_exception)(future)
    _tell(run, future)


def _tell(run: Scheduler, future: Any) -> None:
    memory(run).finished[id(future)] = memory(run).count("finished")
    wake_foreign(future._condition)
    for callback in future._done_callbacks:
        _call(future, callback)


def _call(future: Any, callback: Callable[[Any], object]) -> None:
    try:
        callback(future)
    except Exception:
        _base_.LOGGER.exception("exception calling callback for %r", future)


@instead_of(Future, "add_done_callback")
def _add_done_callback(run: Scheduler, self: Any, fn: Callable[[Any], object]) -> None:
    run.point(Operation("add_done_callback", _cells(run, self, writes=True), here()))
    if self._state in _ENDED:
        _call(self, fn)
    else:
        self._done_callbacks.append(fn)


@instead_of(Future, "result")
def _result(run: Scheduler, self: Any, timeout: float | None = None) -> Any:
    try:
        error = _wait_for(run, self, "result", timeout)
        if error is not None:
            raise error
        return self._result
    finally:
        self = None  # as the real one: the error's traceback does not hold the future that holds the error


@instead_of(Future, "exception")
def _exception(run: Scheduler, self: Any, timeout: float | None = None) -> BaseException | None:
    return _wait_for(run, self, "exception", timeout)


def _wait_for(run: Scheduler, future: Any, kind: str, timeout: float | None) -> BaseException | None:
    if not wait_until(run, kind, _cells(run, future, writes=False), lambda: future._state in _ENDED, timeout, here()):
        raise TimeoutError
    if future._state != _FINISHED:
        raise _base_.CancelledError
    error: BaseException | None = future._exception
    return error
