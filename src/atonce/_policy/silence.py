"""When to say that nothing finishes any more: never for what is usual, and seldom.

::

    finished ── finished ──────── finished ─────────────────────────▶ time
             gap         longest            ├── silence ──▶ due?
                                            │       1st      2nd                 3rd
                                            0        t        2t                  4t

What is usual shows in the gaps between the ends of items: a gap is never longer than the item that ended it took, and where many
items are under way, it is what the caller sees. So nobody has to time items for this.
"""

from __future__ import annotations

from atonce._values.typed import NamedTuple

__all__ = ("LIMITS", "Limits", "Silence")


class Limits(NamedTuple):
    """What counts as a silence.

    Attributes:
        soonest_s: a silence is never shorter.
        first_s: how long the first item may take that ends at all.
        times: a silence is so many times as long as the longest gap before, at least.
        growth: the next word in the same silence comes when it is so many times as long.
    """

    # Assumes: people who wait begin to wonder after half a minute; loading a large model, before the first item, takes longer.
    soonest_s: float = 30.0
    first_s: float = 60.0
    times: float = 10.0
    growth: float = 2.0


LIMITS = Limits()


class Silence:
    """Decides for one run. Everything is told the time, in seconds from any start; it never goes back.

    Attributes:
        longest_s: the longest gap between two ends of items so far, the one before the first included.
        finished: whether any item has ended.

    Example:
        >>> silence = Silence(0.0)
        >>> silence.heard(4.0)
        >>> silence.is_due(43.0), silence.is_due(44.0)
        (False, True)
        >>> silence.spoke(44.0)
        >>> silence.is_due(83.0), silence.is_due(84.0)
        (False, True)
    """

    def __init__(self, now_s: float, *, finished: bool = False, limits: Limits = LIMITS) -> None:
        """Begin to listen.

        Args:
            now_s: the time.
            finished: whether items have ended before.
            limits: what counts.
        """
        self.longest_s = 0.0
        self.finished = finished
        self._limits = limits
        self._since_s = now_s
        self._said_s = 0.0  # how long this silence was when it was last spoken of

    def heard(self, now_s: float) -> None:
        """Hear that an item has ended."""
        self.longest_s = max(self.longest_s, self.lasts_s(now_s))
        self.finished = True
        self._begin_anew(now_s)

    def rested(self, now_s: float) -> None:
        """Hear that there is nothing that could end: that is no silence, and says nothing about what is usual."""
        self._begin_anew(now_s)

    def _begin_anew(self, now_s: float) -> None:
        self._since_s, self._said_s = now_s, 0.0

    def lasts_s(self, now_s: float) -> float:
        """Tell how long nothing has ended."""
        return max(0.0, now_s - self._since_s)

    def is_due(self, now_s: float) -> bool:
        """Tell whether it is time to speak of it."""
        limits = self._limits
        usual_s = max(limits.soonest_s, limits.times * self.longest_s) if self.finished else max(limits.soonest_s, limits.first_s)
        return self.lasts_s(now_s) >= max(usual_s, limits.growth * self._said_s)

    def spoke(self, now_s: float) -> None:
        """Hear that it was spoken of."""
        self._said_s = self.lasts_s(now_s)
