"""How long it takes to get the GIL: by how much those who only wanted to sleep wake too late."""

from __future__ import annotations

from collections import deque

from atonce._policy.observation import HELD_S, median

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from atonce._policy.observation import Seen

__all__ = ("Lateness",)

_WITNESSES = 3  # looks
_WITNESSES_HELD = 2
_SURELY_HELD_S = 0.0025  # Assumes: half of the switch interval is no chance
_CAME_LATE_S = 0.004  # Assumes: to wake a thread, or to start one, takes less


class Lateness:
    """Remembers the last naps."""

    def __init__(self, seen: Seen, *, gil: bool) -> None:
        self._gil = gil
        self._naps: deque[float] = deque(maxlen=_WITNESSES)
        self._came_late = seen.late_s > _CAME_LATE_S  # already to the first look

    def note(self, seen: Seen) -> None:
        """Take a nap into account."""
        if seen.late_s > 0:  # else it is the same look, asked again, and no second witness
            self._naps.append(seen.late_s)

    def forget(self) -> None:
        """Begin anew, because the work is done by others now."""
        self._naps.clear()

    @property
    def usual_s(self) -> float:
        """The median; 0 before the first nap."""
        return median(self._naps)

    @property
    def longest_s(self) -> float:
        """The longest; 0 before the first nap."""
        return max(self._naps, default=0.0)

    @property
    def was_free(self) -> bool:
        """Whether it was free at most of the last naps: what holds it at others lets go of it between.

        Work that never does keeps everybody waiting for as long as the switch interval.
        """
        return self.usual_s < HELD_S

    def is_held(self) -> bool | None:
        """Tell whether the work holds the GIL; ``None`` while there are too few witnesses."""
        late, looks = sum(late_s > HELD_S for late_s in self._naps) + self._came_late, len(self._naps) + self._came_late
        held = self._gil and (2 * late > looks or self.longest_s > _SURELY_HELD_S)
        if not self._naps or looks < (_WITNESSES_HELD if held else _WITNESSES):
            return None
        return held
