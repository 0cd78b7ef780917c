"""`queue.Queue` and its kind in a task: each method is one operation, also of queues that were made before the run.

What is in a queue is where it always is, and the mutex is what it always was: who holds it keeps others out. A method of a subclass
that does the storing (`_put`, `_get`) is called with the mutex held, as it expects.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from atonce.race.operations import Cell, Operation
from atonce.race.places import here
from atonce.race.primitives.flows import HEAD, TAIL, flow_of
from atonce.race.primitives.locks import raw
from atonce.race.primitives.replacing import instead_of
from atonce.race.primitives.waiting import wait_until, wake_foreign
from atonce.race.scheduler import Scheduler

__all__ = ()

_OWN_SIZES = frozenset(vars(kind).get("_qsize") for kind in (queue.Queue, queue.LifoQueue, queue.PriorityQueue))
_PLAIN: Any = (queue.Queue._put, queue.Queue._get, queue.Queue._init)
_ShutDown: Any = getattr(queue, "ShutDown", None)  # 3.13


@instead_of(queue.Queue, "put")
def _put(run: Scheduler, self: Any, item: Any, block: bool = True, timeout: float | None = None) -> None:  # noqa: FBT001, FBT002
    def room() -> bool:
        there = self.maxsize <= 0 or _size(run, self) < self.maxsize or _is_shut(self)
        if not there:
            run.doubt("waits for room in a queue")  # who is let in first is not looked into
        return there

    endless = block and (timeout is None or self.maxsize <= 0)  # as the real one: where there is always room, nobody asks how long
    if not endless and block and timeout is not None and timeout < 0:
        raise ValueError("'timeout' must be a non-negative number")
    limit = None if endless else timeout if block else 0
    place = here()
    fifo = _is_fifo(self)
    cells = _cells(run, self, HEAD, TAIL, writes=True)
    there = wait_until(run, "put", cells, room, limit, place, _free(run, self), waits=False, enables=fifo)
    if not there or _is_shut(self):
        run.replace(Operation("put", _cells(run, self, HEAD, TAIL, writes=False), place))
        raise _ShutDown if _is_shut(self) else queue.Full
    if fifo:
        flow = flow_of(run, self, len(self.queue))
        cells = flow.give((run.number(self), run.number(self.queue)), room=max(0, self.maxsize))
        run.replace(Operation("put", (*cells, (run.number(self.mutex), None, False)), place, enables=True))
    with _mutex_held(run, self):
        self._put(item)
        self.unfinished_tasks += 1
    # A put lets a get go on, and keeps a join from it: the first never races, the second does, so these are two operations.
    run.note(Operation("count", _counted(run, self, writes=True), place))
    wake_foreign(self.not_empty, 1)


@instead_of(queue.Queue, "get")
def _get(run: Scheduler, self: Any, block: bool = True, timeout: float | None = None) -> Any:  # noqa: FBT001, FBT002
    def filled() -> bool:
        there = _size(run, self) > 0 or _is_shut(self)
        if not there and not _is_fifo(self):
            run.doubt("waits for an item of a queue that is not first in, first out")
        return there

    if block and timeout is not None and timeout < 0:
        raise ValueError("'timeout' must be a non-negative number")
    place = here()
    cells = _cells(run, self, HEAD, TAIL, writes=True)
    wait_until(run, "get", cells, filled, timeout if block else 0, place, _free(run, self))
    if not _size(run, self):
        run.replace(Operation("get", _cells(run, self, HEAD, TAIL, writes=False), place))
        raise _ShutDown if _is_shut(self) else queue.Empty
    if _is_fifo(self):
        cells = flow_of(run, self, len(self.queue)).take((run.number(self), run.number(self.queue)))
        run.replace(Operation("get", (*cells, (run.number(self.mutex), None, False)), place, waits=block and timeout is None))
    with _mutex_held(run, self):
        item = self._get()
    wake_foreign(self.not_full, 1)
    return item


@instead_of(queue.Queue, "task_done")
def _task_done(run: Scheduler, self: Any) -> None:
    run.point(Operation("task_done", _counted(run, self, writes=True), here(), _free(run, self), enables=True))
    if self.unfinished_tasks <= 0:
        raise ValueError("task_done() called too many times")
    self.unfinished_tasks -= 1
    if not self.unfinished_tasks:
        wake_foreign(self.all_tasks_done)


@instead_of(queue.Queue, "join")
def _join(run: Scheduler, self: Any) -> None:
    wait_until(run, "join", _counted(run, self, writes=False), lambda: not self.unfinished_tasks, None, here(), _free(run, self))


@instead_of(queue.Queue, "qsize")
def _qsize(run: Scheduler, self: Any) -> int:
    _look(run, self, "qsize")
    return _size(run, self)


@instead_of(queue.Queue, "empty")
def _empty(run: Scheduler, self: Any) -> bool:
    _look(run, self, "empty")
    return not _size(run, self)


@instead_of(queue.Queue, "full")
def _full(run: Scheduler, self: Any) -> bool:
    _look(run, self, "full")
    return 0 < int(self.maxsize) <= _size(run, self)


@instead_of(queue.Queue, "shutdown")
def _shutdown(run: Scheduler, self: Any, immediate: bool = False) -> None:  # noqa: FBT001, FBT002
    run.point(Operation("shutdown", _cells(run, self, None, writes=True), here(), _free(run, self)))
    self.is_shutdown = True
    if immediate:
        with _mutex_held(run, self):
            while _size(run, self):
                self._get()
                self.unfinished_tasks = max(0, self.unfinished_tasks - 1)
    for condition in (self.all_tasks_done, self.not_empty, self.not_full):
        wake_foreign(condition)


def _is_shut(self: Any) -> bool:
    return bool(getattr(self, "is_shutdown", False))


def _size(run: Scheduler, self: Any) -> int:
    """Ask for the size, also between steps: a subclass that knows better is asked in silence, as if nobody was watching."""
    if type(self)._qsize in _OWN_SIZES:
        return len(self.queue)
    ident, run.ident = run.ident, 0
    try:
        return int(self._qsize())
    finally:
        run.ident = ident


def _is_fifo(self: Any) -> bool:
    """Tell whether a put changes nothing for those who find an item without it."""
    kind = type(self)
    return kind._put is _PLAIN[0] and kind._get is _PLAIN[1] and kind._init is _PLAIN[2]


def _free(run: Scheduler, self: Any) -> Callable[[], bool]:
    mutex = raw(self.mutex)

    def free() -> bool:
        if mutex.locked():
            run.doubt("a queue's mutex is held for longer than a step")
            return False
        return True

    return free


def _cells(run: Scheduler, self: Any, *elements: object, writes: bool) -> tuple[Cell, ...]:
    """Name what a method touches: the queue, what it keeps its items in, and the mutex, which somebody may hold meanwhile."""
    number = run.number(self)
    inside = run.number(self.queue) if hasattr(self, "queue") else number
    return (*[(number, element, writes) for element in elements], (inside, None, writes), (run.number(self.mutex), None, False))


def _counted(run: Scheduler, self: Any, *, writes: bool) -> tuple[Cell, ...]:
    """Name what the count of unfinished tasks is."""
    done, mutex = run.number(self.all_tasks_done), run.number(self.mutex)
    return ((run.number(self), "unfinished_tasks", writes), (done, None, writes), (mutex, None, False))


def _look(run: Scheduler, self: Any, kind: str) -> None:
    run.point(Operation(kind, _cells(run, self, HEAD, TAIL, writes=False), here(), _free(run, self)))


@contextmanager
def _mutex_held(run: Scheduler, self: Any) -> Iterator[None]:
    """Hold the mutex while a subclass, or an item that compares itself with others, does its work: it may take several steps."""
    mutex = raw(self.mutex)
    mutex.acquire(blocking=False)
    steps = len(run.picks)
    try:
        yield
    finally:
        mutex.release()
        if len(run.picks) != steps:
            run.note(Operation("release", ((run.number(self.mutex), None, True),), None, enables=True))
