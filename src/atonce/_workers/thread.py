"""Threads: for work that waits, and for work that lets go of the GIL."""

from __future__ import annotations

from atonce._workers.carry import call_of, carry_out
from atonce._workers.puller import Puller

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from atonce._values.batch import Batch, Delivery
    from atonce._workers.base import Place, WorkerContext

__all__ = ("ThreadEngine", "ThreadWorker")

# Assumes: threads are asked for because the work waits, so that more of them than CPUs pay. 32 is also where the standard library's
# ThreadPoolExecutor stops; whoever knows the service says more with max_workers= or concurrency=.
DEFAULT_THREADS = 32


class ThreadWorker(Puller):
    """A thread that runs the items itself."""

    batch_s = 0.001  # Measured: benchmarks/micro/overhead.py, above 0.5 ms the pulls no longer show; below 5 ms nobody waits

    def hire(self) -> None:
        """Run the initializer, in this thread."""
        self.setup()

    def arrive(self, place: Place) -> None:
        """Make the call ready: an event loop of this thread's own, if the function is a coroutine function."""
        self._calls: Any = call_of(place.job)
        self._call: Callable[[Any], Any] = self._calls.__enter__()

    def carry(self, place: Place, batch: Batch) -> Delivery:
        """Run the items, one after the other."""
        delivery = carry_out(self._call, place.job, batch, place, self.clock, self.name)
        delivery.undone = len(batch.items) - len(delivery.values)
        return delivery

    def depart(self) -> None:
        """Close the event loop, if there was one, and let go of the function."""
        calls = self._calls
        del self._calls, self._call
        calls.__exit__(None, None, None)

    def dismiss(self) -> None:
        """Nothing is left to do."""


class ThreadEngine:
    """A thread for each item in flight."""

    kind = "thread"
    pumped = False
    shared = True
    guest = False

    def crew(self, max_workers: int | None, concurrency: int | None) -> tuple[int, int]:
        """As many threads as the smaller of the two limits, each with one item in flight."""
        limits = [limit for limit in (max_workers, concurrency) if limit is not None]
        return min(limits, default=DEFAULT_THREADS), 1

    def worker(self, context: WorkerContext) -> ThreadWorker:
        """Start a thread: 0.1 ms."""
        return ThreadWorker(context)
