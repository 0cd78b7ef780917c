"""Reads an input that may keep its reader waiting, in a thread of its own, so that nobody else waits with it."""

from __future__ import annotations

import threading
from _queue import SimpleQueue

from atonce._values.batch import Batch, Delivery
from atonce._workers.base import Place

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ("InputReader",)


class InputReader:
    """Takes batches from a place, one ahead, and tells when one has come.

    ``take`` and ``close`` belong to the supervisor's thread.
    """

    def __init__(self, place: Place, arrived: Callable[[], None]) -> None:
        self.busy = False  # whether a batch has been asked for and has not come. Set by the taker, cleared by it
        self._place = place
        self._tell = arrived
        self._wishes: SimpleQueue[tuple[int, int] | None] = SimpleQueue()
        self._come: SimpleQueue[Batch | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._closed = False  # Guarded by: _lock

    def take(self, limit: int, least: int, *, ask: bool = True) -> Batch | None:
        """Give the batch that has come, and ask for the next one, if wanted.

        Returns:
            ``None`` if there is none now: ``busy`` says whether one is being waited for.
        """
        batch = None
        if self.busy:
            if self._come.empty():
                return None
            batch = self._come.get()
            self.busy = False
            if batch is None:
                return None
        if not ask:
            return batch
        if self._thread is None:
            self._thread = threading.Thread(target=self._read, name=f"{self._place.job.name}-input", daemon=True)
            self._thread.start()
        self.busy = True
        self._wishes.put((limit, least))
        return batch

    def close(self) -> None:
        """End the thread, once it comes back from the input, and account for what it has read in vain."""
        with self._lock:
            self._closed = True
        self._wishes.put(None)
        while not self._come.empty():
            self._give_up(self._come.get())

    def _read(self) -> None:
        place, wishes = self._place, self._wishes
        while (wish := wishes.get()) is not None:
            batch = place.context.copy().run(place.take, *wish)
            with self._lock:
                closed = self._closed
                if not closed:
                    self._come.put(batch)
            if closed:
                self._give_up(batch)
                return
            self._tell()

    def _give_up(self, batch: Batch | None) -> None:
        if batch is not None:
            self._place.deliver(Delivery(batch.start, [], (), 0.0, 0.0, "", undone=len(batch.items)))
