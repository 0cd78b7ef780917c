"""A pause of the work in this program's threads, so that their manager gets on with its own.

Where the work holds the GIL in C code for milliseconds at a time, whoever lets the GIL go waits as long to have it again: at each
file that is opened, and every import opens some. To look at the code then takes the manager 110 ms, which is 4 ms of work; to start
worker processes, 235 ms (measured: ``json.loads`` of 2.7 ms an item). Beside sixteen threads that compute, each in its turn, it is
530 ms (measured: 10 ms of waiting and as much computing an item). Only one of them can have the GIL, so that little is lost if the
others begin no item meanwhile.
"""

from __future__ import annotations

import threading
from math import inf

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from atonce._machine.clock import Clock
    from atonce._run.driver import Run

__all__ = ("Pause", "Pausing")

_STEP_S = 0.005
_SHORT_LINE_S = 0.011  # Assumes: two that compute, a switch interval each


class Pausing:
    """One pause, for those who rest in it. A few may go on: as many as keep the GIL busy, without a line before it.

    Attributes:
        begun: whether it has begun.
    """

    def __init__(self, clock: Clock, from_s: float, *, but: int, working: int) -> None:
        """Prepare it.

        Args:
            clock: where the time is read.
            from_s: when it begins.
            but: how many may go on.
            working: how many there are.
        """
        self._clock = clock
        self._from_s = from_s
        self._but = but
        self._wanted = working - but
        self._going_on: set[object] = set()  # Guarded by: _lock
        self._resting = 0  # Guarded by: _lock
        self._lock = threading.Lock()
        self._quiet = threading.Event()
        self._ended = threading.Event()

    @property
    def begun(self) -> bool:
        return self._clock.now() >= self._from_s

    def rest(self, worker: object) -> None:
        """Wait for the end, if it has begun and this worker is not one of the few. Any thread."""
        if not self.begun:
            return
        with self._lock:
            if len(self._going_on) < self._but:
                self._going_on.add(worker)
            if worker in self._going_on:
                return
            self._resting += 1
            if self._resting >= self._wanted:
                self._quiet.set()
        self._ended.wait()

    def settle(self, timeout_s: float) -> None:
        """Wait until only those few go on, or until the line for the GIL is short, or so long. The manager."""
        now = self._clock.now
        until_s = now() + timeout_s
        while self._wanted > 0 and (begun_s := now()) < until_s:
            if self._quiet.wait(_STEP_S) or now() - begun_s < _STEP_S + _SHORT_LINE_S:
                return

    def end(self) -> None:
        """Let all go on. Any thread."""
        self._ended.set()


class Pause:
    """The pauses of a run, for its manager, to whose thread everything belongs. They do not nest: there is one, or none."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._run: Run | None = None  # which pauses, while there is a pause
        self._pausing: Pausing | None = None
        self._begun_s = 0.0
        self._until_s = inf
        self._ended_s = 0.0  # all that have ended, together

    def begin(self, run: Run, limit_s: float = inf) -> None:
        """Let nobody begin a further batch, until the end, or the first look after so many seconds from now."""
        now_s = self._clock.now()
        self._until_s = now_s + limit_s
        if self._run is None:
            self._set(run, now_s, but=0, working=0)

    def clear_the_way(self, run: Run, after_s: float, but: int, working: int) -> None:
        """Let only a few of those who work go on, after so many seconds, until the end."""
        self._until_s = inf
        if self._run is None:
            self._set(run, self._clock.now() + after_s, but=but, working=working)

    def settle(self, timeout_s: float) -> None:
        """Wait until all those rest who are to, or so long."""
        if self._pausing is not None:
            self._pausing.settle(timeout_s)

    def _set(self, run: Run, from_s: float, *, but: int, working: int) -> None:
        self._run, self._begun_s = run, inf if but else from_s  # while some go on, time counts
        self._pausing = Pausing(self._clock, from_s, but=but, working=working)
        run.pause(self._pausing)

    def look(self) -> None:
        """End it if its time is up."""
        if self._run is not None and self._clock.now() >= self._until_s:
            self.end()

    def end(self) -> None:
        """Let the threads go on, if they pause."""
        if self._run is not None:
            self._ended_s = self.total_s
            self._run.resume()
            self._run = self._pausing = None

    @property
    def goes_on(self) -> bool:
        """Whether there is a pause now, or will be."""
        return self._run is not None

    @property
    def is_limited(self) -> bool:
        """Whether there is a pause that ends by itself, if nobody ends it before."""
        return self._run is not None and self._until_s < inf

    @property
    def total_s(self) -> float:
        """How long nobody has worked so far."""
        return self._ended_s + (0.0 if self._run is None else max(0.0, self._clock.now() - self._begun_s))
