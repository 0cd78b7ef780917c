"""In which order results are handed on: input order, or as they finish."""

from __future__ import annotations

from collections import deque

from atonce._values.batch import Delivery
from atonce._values.typed import Protocol

__all__ = ("AsFinished", "InOrder", "Ordering")


class Ordering(Protocol):
    """Takes deliveries as they come and gives them back as they are due."""

    def add(self, delivery: Delivery) -> None:
        """Take a delivery."""

    def pop(self) -> Delivery | None:
        """Give the next delivery that is due; ``None`` if none is."""

    def waiting(self) -> list[Delivery]:
        """Give up all deliveries that are not due yet, in input order: the run has ended."""


class InOrder:
    """Input order. Deliveries are runs of neighbours, so the cost is per delivery and not per item."""

    __slots__ = ("_early", "_next")

    def __init__(self) -> None:
        self._next = 0  # the index that is due
        self._early: dict[int, Delivery] = {}  # by their first index

    def add(self, delivery: Delivery) -> None:
        """Take a delivery; its items may not overlap those of another."""
        if delivery.values:
            self._early[delivery.start] = delivery

    def pop(self) -> Delivery | None:
        """Give the delivery that begins at the index that is due."""
        delivery = self._early.get(self._next)
        if delivery is not None:
            count = len(delivery.values)  # before it is taken out: Ctrl-C strikes behind calls, and must not lose it
            del self._early[self._next]
            self._next += count
        return delivery

    def waiting(self) -> list[Delivery]:
        """Give up the early ones, in input order, over the gaps between them."""
        rest = [self._early[start] for start in sorted(self._early)]
        self._early.clear()
        return rest


class AsFinished:
    """First come, first served."""

    __slots__ = ("_line",)

    def __init__(self) -> None:
        self._line: deque[Delivery] = deque()

    def add(self, delivery: Delivery) -> None:
        """Take a delivery."""
        if delivery.values:
            self._line.append(delivery)

    def pop(self) -> Delivery | None:
        """Give the oldest."""
        return self._line.popleft() if self._line else None

    def waiting(self) -> list[Delivery]:
        """Give up nothing: all that is here is due."""
        return []
