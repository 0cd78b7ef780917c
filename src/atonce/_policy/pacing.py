"""How many items may be started now, so that there are never more in a second than was said."""

from __future__ import annotations

from math import floor

__all__ = ("Pacer",)

_EARLY_S = 0.01  # that a start may be before its time: clocks, and those who wake others, are no more exact than that


class Pacer:
    """Spaces starts evenly, by the generic cell rate algorithm. Pure: it is told the time.

    It keeps the time at which the next start would be due if all before it had been evenly spaced. A start may be 10 ms
    before that: so one that came late does not make all that follow late, and nobody need be woken for each of thousands in a
    second. In any ``t`` seconds there are no more than ``per_s * (t + 0.01) + 1`` starts.

    Source:
        ITU-T I.371, "virtual scheduling algorithm". Ours does not reject what comes too early: it tells when to come again.

    Example:
        >>> pacer = Pacer(per_s=10)
        >>> pacer.available(100.0)
        1
        >>> pacer.started(1, 100.0)
        >>> pacer.available(100.05), round(pacer.due_in_s(100.05), 3)
        (0, 0.04)
        >>> pacer.available(100.095)
        1
    """

    __slots__ = ("_due_s", "_interval_s")

    def __init__(self, per_s: float) -> None:
        self._interval_s = 1 / per_s
        self._due_s = float("-inf")  # when the next start would be due

    def available(self, now_s: float) -> int:
        """Tell how many may be started now."""
        ahead_s = now_s + _EARLY_S - max(self._due_s, now_s)
        return floor(ahead_s / self._interval_s) + 1 if ahead_s >= 0 else 0

    def started(self, items: int, now_s: float) -> None:
        """Hear that so many are started now."""
        self._due_s = max(self._due_s, now_s) + items * self._interval_s

    def due_in_s(self, now_s: float) -> float:
        """Tell after how many seconds another may be started; 0 if that is now."""
        return max(0.0, self._due_s - _EARLY_S - now_s)
