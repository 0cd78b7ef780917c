"""The workers of one pool: who is out at a run, who sits on the bench, and which run waits for one."""

from __future__ import annotations

import threading
from collections import deque
from itertools import count

from atonce._values.typed import Protocol, cast
from atonce._workers.base import Place, WorkerContext
from atonce.errors import PoolClosed

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from typing import Any

    from atonce._machine.clock import Clock
    from atonce._values.job import Setup
    from atonce._workers.base import Engine, Worker

__all__ = ("Staff",)


class Customer(Place, Protocol):
    """A place that asks the staff for workers."""

    def joined(self, worker: Worker, engine: Engine) -> None:
        """Hear that a worker of this kind comes, before it does. Called under the staff's lock."""


class Roster:
    """The workers of one engine. Guarded by: the staff's lock."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.bench: list[Worker] = []
        self.out: dict[Worker, Customer] = {}
        self.waiting: deque[Customer] = deque()  # one entry for each worker that is waited for
        self.limit = 0  # how many there may be, as the last request said

    def size(self) -> int:
        """Count all that have not been let go."""
        return len(self.bench) + len(self.out)


class Staff:
    """Lends workers to runs, and takes them back.

    Of a shared engine there are never more than ``limits`` allows, for all runs together: a run that gets none stands in line, and
    ``crowded`` makes the others give one up after their next batch. So a stream that nobody drains cannot starve another call.
    """

    def __init__(self, name: str, setup: Setup, clock: Clock) -> None:
        self._name = name
        self.setup = setup
        self._clock = clock
        self._lock = threading.RLock()  # re-entrant: the garbage collector may abandon a run anywhere
        self._rosters: dict[Any, Roster] = {}  # Guarded by: _lock
        self._homes: dict[Worker, Roster] = {}  # of all who are out. Guarded by: _lock
        self._numbers = count(1)
        self._closed = False  # Guarded by: _lock

    def request(self, place: Customer, engine: Engine, workers: int, limit: int) -> int:
        """Send workers to a place.

        Args:
            place: where they are wanted.
            engine: which kind.
            workers: how many are wanted.
            limit: how many of this kind there may be in the pool.

        Returns:
            How many were asked for: those that went at once, and those for which the place stands in line. Fewer than wanted if
            the place is finished before all are there.

        Raises:
            PoolClosed: this staff has been let go.
        """
        with self._lock:
            if self._closed:
                raise PoolClosed("this pool is closed: make a new one for more work")
            roster = self._rosters.setdefault(engine, Roster(engine))
            roster.limit = limit
            for asked in range(workers):
                if place.finished:
                    return asked  # the first ones have done it all
                try:
                    worker = self._find(roster)
                except (RuntimeError, MemoryError):  # there is no room for another thread: those that there are have to do
                    if not roster.out:
                        raise
                    return asked
                if worker is None:
                    roster.waiting.append(place)
                else:
                    self._send(worker, place, roster)
        return workers

    def withdraw(self, place: Customer) -> int:
        """Take a place out of every line; return how many workers it had stood in line for."""
        withdrawn = 0
        with self._lock:
            for roster in self._rosters.values():
                if stood := roster.waiting.count(place):
                    roster.waiting = deque(other for other in roster.waiting if other is not place)
                    withdrawn += stood
        return withdrawn

    def crowded(self, engine: Engine) -> bool:
        """Tell whether a run waits for a worker of this kind."""
        roster = self._rosters.get(engine)
        return roster is not None and bool(roster.waiting)

    def back(self, worker: Worker) -> None:
        """Take a worker back, and send it, or its successor, on to whoever waits for one."""
        with self._lock:
            roster = self._homes.pop(worker)
            roster.out.pop(worker, None)
            keep = worker.usable and not roster.engine.guest
            if keep:
                roster.bench.append(worker)
            while roster.waiting and not self._closed and (successor := self._find(roster)) is not None:
                self._send(successor, roster.waiting.popleft(), roster)
            if not roster.size():
                self._rosters.pop(roster.engine, None)
            if keep and not self._closed:
                return
        worker.close(wait=False)

    def _send(self, worker: Worker, place: Customer, roster: Roster) -> None:
        roster.out[worker] = place
        self._homes[worker] = roster
        place.joined(worker, roster.engine)
        worker.assign(place)

    @property
    def closed(self) -> bool:
        """Whether everybody has been, or is being, let go."""
        return self._closed

    def has_idle(self) -> bool:
        """Tell whether there is anybody to be let go."""
        return any(roster.bench for roster in self._rosters.values())

    def employs(self, thread: threading.Thread) -> bool:
        """Tell whether this thread is one of the workers."""
        with self._lock:
            return any(getattr(worker, "thread", None) is thread for roster in self._rosters.values() for worker in roster.out)

    def close(self, *, wait: bool = True) -> None:
        """Let everybody go; with ``wait``, return when they have gone. Those who are out go when they come back."""
        with self._lock:
            self._closed = True
            rosters = list(self._rosters.values())
            idle = [worker for roster in rosters for worker in roster.bench]
            for roster in rosters:
                roster.bench.clear()
                roster.waiting.clear()
        for worker in idle:
            worker.close(wait=False)  # all begin to end before the first is waited for
        if wait:
            for worker in idle:
                worker.close(wait=True)

    def __del__(self) -> None:
        # Race: 1. workers are hired; 2. Ctrl-C comes before anybody is there who would let them go again.
        if not self._closed:
            self.close(wait=False)

    def _find(self, roster: Roster) -> Worker | None:
        """Find a worker on the bench, or hire one if there may be another."""
        if roster.bench:
            return roster.bench.pop()
        if roster.engine.shared and roster.size() >= roster.limit:
            return None
        number = next(self._numbers)
        context = WorkerContext(f"{self._name}-{roster.engine.kind}-{number}", self.setup, self._clock, roster.limit)
        return cast("Worker", roster.engine.worker(context))  # pumped workers are nobody's staff
