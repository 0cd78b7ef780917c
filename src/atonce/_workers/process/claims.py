"""The child's side of the hand-over: which items of a batch are still its own. The protocol is in ``protocol.py``."""

from __future__ import annotations

from time import monotonic_ns

from atonce._workers.process.protocol import BARRED, CLAIM, DEPTH, LIMIT, MARK, NOTHING_BARRED, SINCE

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 10 ms at the start of a worker

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ("Claims",)


class Claims:
    """Claims items before they are run.

    Attributes:
        exact: whether each item's beginning is noted, for its time limit.
    """

    def __init__(self, words: memoryview, locked: Callable[[Callable[[], int]], int] | None = None) -> None:
        """Make the claims of one worker.

        Args:
            words: shared with the parent.
            locked: calls a function under the lock that the parent takes, too, where there is no fence.
        """
        self._words = words
        self._locked = locked
        self._barred = NOTHING_BARRED  # by a failure of this worker's own, which the parent has not heard of yet
        self.exact = False

    def claim(self, serial: int, start: int, at: int, end: int) -> int:
        """Claim the items from ``at`` to ``end`` of a batch, the first of which is in hand next.

        Returns:
            Up to where they may be run: ``at`` or less if nothing more may be started.
        """
        words = self._words
        if self.exact:
            words[SINCE] = monotonic_ns()  # before the mark, so that nobody is blamed for another one's time
        words[MARK] = at + 1
        return self.reserve(serial, start, at, end)

    def reserve(self, serial: int, start: int, at: int, end: int) -> int:
        """Claim items, and let it be seen later what is in hand. As ``claim``."""
        words = self._words
        if words[BARRED] < start + end or self._barred < start + end:
            end = self.barred - start
            if end <= at:
                return at
        if self._locked is not None:
            return self._locked(lambda: self._claim(serial, end))
        return self._claim(serial, end)

    def _claim(self, serial: int, end: int) -> int:
        words = self._words
        words[CLAIM] = serial << 32 | end
        limit = words[LIMIT + serial % DEPTH]
        if limit >> 32 == serial and limit & 0xFFFFFFFF < end:
            return limit & 0xFFFFFFFF
        return end

    def is_taken(self, serial: int) -> bool:
        """Tell whether all items of a batch have been given to others, so that it need not even be read."""
        return self._words[LIMIT + serial % DEPTH] == serial << 32

    def bar(self, index: int) -> None:
        """Start nothing from this index on: an item before it has failed, and that stops the run."""
        self._barred = min(self._barred, index)

    @property
    def barred(self) -> int:
        """The index from which on nothing may be started any more."""
        return min(self._words[BARRED], self._barred)

    def forget(self) -> None:
        """Begin anew, for another job."""
        self._barred = NOTHING_BARRED
