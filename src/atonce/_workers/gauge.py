"""How many items an event loop should have in flight, where nobody has said so: found from what comes back.

What to conclude is decided in ``_policy/concurrency.py``. This is what tells it, now and then, how things are.
"""

from __future__ import annotations

from atonce._policy.concurrency import Knee
from atonce._values.words import in_words

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from atonce._machine.clock import Clock

__all__ = ("Gauge",)

_START = 2  # items in flight, before anything is known
_MOST = 10_000  # Assumes: who wants more at once than any single service bears says so
_GROWTH = 1.5  # from one step to the next: a service that is at its knee is never asked for more than half as much again
_FIRST_S = 0.001  # between two looks, while nothing is known
_LONGEST_S = 0.02  # later
_SPAN_S = 0.02  # over which it is told how busy the loop is
_BUSY = 0.85  # part of the time: then more in flight would only wait for the loop


class Gauge:
    """Watches one shift. Everything belongs to the loop's thread.

    Attributes:
        target: how many items are to be in flight.
    """

    def __init__(
        self,
        clock: Clock,
        progress: Callable[[], tuple[int, int]],
        aim: Callable[[int, str], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """Prepare.

        Args:
            clock: where the time is read.
            progress: tells how many items have been started, and how many of these have ended.
            aim: told of another target, and, once, of the reason for it.
            loop: where looks are taken.
        """
        self.target = _START
        self._clock = clock
        self._progress = progress
        self._aim = aim
        self._loop = loop
        self._knee: Knee | None = None  # until something waits
        self._begun_s = 0.0
        self._looked_s = 0.0
        self._nap_s = _FIRST_S
        self._told = False  # whether it was said why there are so many
        self._mark = self._last = (0.0, 0.0)  # time and CPU time, at the ends of the span
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Start to look."""
        self._begun_s = self._looked_s = self._clock.now()
        self._mark = self._last = (self._begun_s, self._clock.thread_cpu())
        self._timer = self._loop.call_later(_FIRST_S, self._tick)

    def end(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def heard(self, indexes: list[int], seconds: list[float]) -> None:
        """These items have ended, after so many seconds each."""
        if self._knee is None:
            return  # nothing has ever waited
        for index, took_s in zip(indexes, seconds, strict=True):
            self._knee.heard(index, took_s)
        if self._clock.now() - self._looked_s >= _FIRST_S:
            self._look()

    def _tick(self) -> None:
        started, ended = self._progress()
        if self._knee is None and started > ended:
            spoken_of = 0 if not ended else started  # of those under way since before, it is not known when they began
            self._knee = Knee(
                _MOST,
                self._begun_s if not ended else self._clock.now(),
                start=_START,
                started=spoken_of,
                answered=ended,
                growth=_GROWTH,
            )
        self._look()
        if self._knee is None or started == ended:  # nothing is under way
            self._nap_s = min(_LONGEST_S, 2 * self._nap_s)
        else:
            self._nap_s = min(_LONGEST_S, max(_FIRST_S, self._knee.shortest_s / 8))
        self._timer = self._loop.call_later(self._nap_s, self._tick)

    def _look(self) -> None:
        self._looked_s = now_s = self._clock.now()
        if self._knee is None:
            return
        self._knee.look(now_s, self._progress()[0], room=self._has_room(now_s))
        knee, reason = self._knee, ""
        if knee.settled and not self._told:
            self._told = True
            alone = in_words(knee.shortest_s)
            reason = f"{knee.target:,} in flight bring {knee.rate:,.0f} items/s, and more bring no more; one alone takes {alone}"
        if knee.target != self.target or reason:
            self.target = knee.target
            self._aim(self.target, reason)

    def _has_room(self, now_s: float) -> bool:
        """Tell whether the loop has had time to spare lately."""
        cpu_s = self._clock.thread_cpu()
        if now_s - self._last[0] > _SPAN_S:
            self._mark, self._last = self._last, (now_s, cpu_s)
        return cpu_s - self._mark[1] < _BUSY * (now_s - self._mark[0])
