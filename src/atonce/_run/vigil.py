"""Who stays awake while runs go on, and calls somebody for those that have lasted for a while: see ``watchman.py``.

The calling thread may be in the middle of its first item, so there has to be another thread. It is one for all runs, below what
``threading`` does for a thread (13 µs instead of 60 to 170), sleeps nearly all of the time, and serves the next runs, too.
"""

from __future__ import annotations

import os
import threading
from _thread import allocate_lock, start_new_thread
from _weakref import ref
from collections import deque
from contextlib import suppress

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from atonce._machine.clock import Clock
    from atonce._run.driver import Run

__all__ = ("VIGIL", "Vigil")

YOUNG_S = 5.0  # for so long, nobody looks: most runs are over then
_NAP_S = 0.5  # how long the thread may outlive the last run


class Vigil:
    """Calls a watchman for each run that has lasted for a while."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # re-entrant: the garbage collector may end a run anywhere
        self._runs: deque[tuple[float, ref[Run], Clock]] = deque()  # when somebody is called. Guarded by: _lock, as what follows
        self._awake = False  # whether there is a thread

    def keep(self, run: Run, clock: Clock) -> None:
        """Have somebody called for a run, unless it ends before. Any thread."""
        with self._lock:
            self._runs.append((clock.now() + YOUNG_S, ref(run), clock))
            if not self._awake:
                with suppress(RuntimeError, MemoryError):  # there is no room for another thread; the run needs none
                    start_new_thread(self._stay_awake, ())
                    self._awake = True

    def _stay_awake(self) -> None:
        sleep = allocate_lock()
        sleep.acquire()
        while True:
            sleep.acquire(timeout=min(_NAP_S, YOUNG_S))
            with self._lock:
                due = self._due()
                if not self._runs and not due:
                    self._awake = False
                    return
            for run, clock in due:
                _call_for(run, clock)
            due = run = None  # type: ignore[assignment]  # a run that nobody wants any more must not live on in a nap

    def _due(self) -> list[tuple[Run, Clock]]:
        """Take those out that have lasted for long enough, or have ended."""
        due, left = [], deque[tuple[float, "ref[Run]", "Clock"]]()
        for at_s, kept, clock in self._runs:
            run = kept()
            if run is None or run.closed:
                continue
            if clock.now() >= at_s:
                due.append((run, clock))
            else:
                left.append((at_s, kept, clock))
        self._runs = left
        return due

    def forget(self) -> None:
        """In a process that was forked from this one: the thread is not here."""
        self.__init__()  # type: ignore[misc]


def _call_for(run: Run, clock: Clock) -> None:
    with suppress(Exception):  # a run goes on without a watchman
        from atonce._run.watchman import Watchman  # noqa: PLC0415 (for those that last)

        Watchman(run, clock).begin()


VIGIL = Vigil()

os.register_at_fork(after_in_child=VIGIL.forget)
