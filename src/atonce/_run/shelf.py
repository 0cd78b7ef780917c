"""Items that are to be started again, later: nobody waits for them meanwhile, and no worker is held by them."""

from __future__ import annotations

import threading
from _heapq import heapify, heappop, heappush  # heapq, around it, costs 0.5 ms

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from typing import Any

    from atonce._machine.clock import Clock

__all__ = ("Shelf",)


class Shelf:
    """Keeps items until they are due. Any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()  # re-entrant: the garbage collector may abandon a run anywhere
        self._items: list[tuple[float, int, Any]] = []  # when it is due, index, item: a heap. Guarded by: _lock
        self._held_until_s = 0.0  # before, nothing at all is to be started

    def __len__(self) -> int:
        return len(self._items)

    def put(self, index: int, item: Any, due_s: float) -> None:
        """Keep an item until then. No two have the same index."""
        with self._lock:
            heappush(self._items, (due_s, index, item))

    def hold(self, until_s: float) -> None:
        """Let nothing be started before then."""
        self._held_until_s = max(self._held_until_s, until_s)

    @property
    def holds(self) -> bool:
        """Whether nothing may be started now."""
        return self._held_until_s > 0.0 and self._clock.now() < self._held_until_s

    @property
    def is_due(self) -> bool:
        """Whether there is an item to be started now."""
        items = self._items
        return bool(items) and items[0][0] <= self._clock.now() and not self.holds

    def take(self) -> tuple[int, Any] | None:
        """Take an item that is due: its index, and the item; ``None`` if there is none."""
        with self._lock:
            if not self.is_due:
                return None
            _, index, item = heappop(self._items)
            return index, item

    def held_for_s(self) -> float:
        """Tell for how many seconds nothing may be started; 0 if something may."""
        return max(0.0, self._held_until_s - self._clock.now()) if self._held_until_s else 0.0

    def due_in_s(self) -> float | None:
        """Tell after how many seconds the first item is due; ``None`` if there is none."""
        with self._lock:
            if not self._items:
                return None
            return max(0.0, self._items[0][0] - self._clock.now(), self.held_for_s())

    def drop_from(self, index: int) -> list[int]:
        """Forget all items from this index on; return whose they were."""
        with self._lock:
            dropped = [entry[1] for entry in self._items if entry[1] >= index]
            self._items = [entry for entry in self._items if entry[1] < index]
            heapify(self._items)
            return dropped
