"""A pause of the calling thread's work, so that its manager gets on with its own.

Where the work holds the GIL in C code for milliseconds at a time, whoever lets the GIL go waits as long to have it again: at each
file that is opened, and every import opens some. To look at the code then takes the manager 110 ms, which is 4 ms of work; to start
worker processes, 235 ms (measured: ``json.loads`` of 2.7 ms an item). Only one of the two can have the GIL, so that little is lost
if the other one begins no item meanwhile.
"""

from __future__ import annotations

from math import inf

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from atonce._machine.clock import Clock
    from atonce._run.driver import Run

__all__ = ("Pause",)


class Pause:
    """Everything belongs to the manager's thread. Pauses do not nest: each ends the one before."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._run: Run | None = None  # whose caller pauses, while there is a pause
        self._begun_s = 0.0
        self._until_s = inf
        self._ended_s = 0.0  # all that have ended, together

    def begin(self, run: Run, limit_s: float = inf) -> None:
        """Let the calling thread begin no further batch, until the end, or the first look after so many seconds."""
        self.end()
        self._run = run
        self._begun_s = self._clock.now()
        self._until_s = self._begun_s + limit_s
        run.pause_caller()

    def look(self) -> None:
        """End it if its time is up."""
        if self._run is not None and self._clock.now() >= self._until_s:
            self.end()

    def end(self) -> None:
        """Let the calling thread go on, if it pauses."""
        if self._run is not None:
            self._ended_s += self._clock.now() - self._begun_s
            self._run.resume_caller()
            self._run = None

    @property
    def total_s(self) -> float:
        """How long the calling thread has paused so far."""
        return self._ended_s + (0.0 if self._run is None else self._clock.now() - self._begun_s)
