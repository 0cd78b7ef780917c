"""How long the items took that were started one after the other, while so many were in flight.

Times are compared by the order in which items were *started*. Those that come back first are the short ones, and whoever looks at
them alone takes a mixture of short and long items for a service that gets slower the longer one looks.
"""

from __future__ import annotations

from math import inf, sqrt

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ("Window", "error_of", "slowdown")

_LATE = 1 / 8  # part of a window that is not waited for
_INSTANT_S = 1e-9  # as long as nothing takes on a clock that is not fine enough to tell


class Window:
    """So many items that were started one after the other while ``level`` were in flight.

    Attributes:
        first: the first of them, by the order of the starts.
        size: how many they are.
        level: how many were in flight.
        full_s: when the last of them had been started; ``None`` before.
        latencies: of those that are back, in seconds.
        latency_s: their mean, once it has been told, or is known to be at least so long; 0 before.
        spread: their standard deviation, in means; 0 before.
    """

    __slots__ = ("first", "full_s", "latencies", "latency_s", "level", "size", "spread")

    def __init__(self, first: int, size: int, level: int) -> None:
        self.first = first
        self.size = size
        self.level = level
        self.full_s: float | None = None
        self.latencies: list[float] = []
        self.latency_s = 0.0
        self.spread = 0.0

    @property
    def rate(self) -> float:
        """Items a second, by Little's law."""
        return self.level / self.latency_s

    def heard(self, index: int, seconds: float) -> None:
        """An item is back; perhaps it is one of these."""
        if self.first <= index < self.first + self.size:
            self.latencies.append(seconds)

    def tell(self, now_s: float) -> bool:
        """Tell mean and spread once nearly all are back, those that are not counted as if they came now; ``False`` before.

        The mean, because that is what Little's law speaks of; not of all, because one in twenty may take a hundred times as long.
        """
        late = self.size - len(self.latencies)
        if late > self.size * _LATE:
            return False
        latencies = self.latencies
        if late and self.full_s is not None:
            latencies = latencies + [max(now_s - self.full_s, *latencies)] * late
        self.latency_s = mean = max(_INSTANT_S, sum(latencies) / len(latencies))
        self.spread = sqrt(sum((seconds - mean) ** 2 for seconds in latencies) / len(latencies)) / mean
        return True

    def known(self, age_s: float) -> tuple[int, float]:
        """Tell how many took no longer than this, and how long all of them took up to this age. All have to be as old."""
        back = [seconds for seconds in self.latencies if seconds <= age_s]
        return len(back), sum(back) + (self.size - len(back)) * age_s


def slowdown(window: Window, before: Sequence[Window], age_s: float) -> tuple[float, float]:
    """Compare what is known of items while many are under way still: both at the age that the younger ones have reached.

    Returns:
        How many times as long the items of the window take, and the standard error of that, in parts of it.

    Source:
        The maximum likelihood of a mean where some are censored: the time of all, over the number of those that have ended (Cox and
        Oakes, Analysis of Survival Data, 1984, for exponential times). For others it is no mean, but a ratio of 1 is one still,
        since both are cut off at the same age.
    """
    ended, spent_s = window.known(age_s)
    ended_before = spent_before_s = 0.0
    for other in before:
        some, some_s = other.known(age_s)
        ended_before += some
        spent_before_s += some_s
    if not ended or not ended_before:
        return 1.0, inf
    mean_s, mean_before_s = max(_INSTANT_S, spent_s / ended), max(_INSTANT_S, spent_before_s / ended_before)
    return mean_s / mean_before_s, sqrt(1 / ended + 1 / ended_before)


def error_of(spread: float, items: int) -> float:
    """Return the standard error of a mean, in parts of it."""
    return spread / sqrt(items)
