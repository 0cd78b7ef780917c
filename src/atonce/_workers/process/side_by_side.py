"""Several items at once within one worker process: threads for functions, an event loop for coroutine functions.

A batch is begun as a whole and ends with its slowest item.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from atonce._machine.clock import Clock
from atonce._values.batch import Batch, Delivery, Misfortune
from atonce._values.job import Job
from atonce._workers.carry import Bar

__all__ = ("carry_side_by_side",)


def carry_side_by_side(job: Job, batch: Batch, unreadable: dict[int, BaseException], bar: Bar, clock: Clock) -> Delivery:
    """Run up to ``job.in_flight`` items of a batch at a time.

    Args:
        job: what to do.
        batch: the items.
        unreadable: what reading an item raised, by its position.
        bar: looked at before each item.
        clock: times the items.

    Returns:
        A delivery; the items from the first one on that was not started are ``undone``.
    """
    begun, cpu_begun = clock.now(), clock.thread_cpu()
    slots = _Slots(job, batch, unreadable, bar, clock)
    if job.is_async:
        slots.run_in_loop()
    else:
        slots.run_in_threads()
    return slots.delivery(clock.now() - begun, clock.thread_cpu() - cpu_begun)


class _Slots:
    """A place for the result of each item. Each place is written once, by whoever took the item."""

    def __init__(self, job: Job, batch: Batch, unreadable: dict[int, BaseException], bar: Bar, clock: Clock) -> None:
        self._job = job
        self._batch = batch
        self._unreadable = unreadable
        self._bar = bar
        self._clock = clock
        self._positions = iter(range(len(batch.items)))  # shared: taking the next number is one step of C
        self._values: dict[int, Any] = {}
        self._errors: dict[int, BaseException] = {}
        self._durations: dict[int, float] = {}
        self._failed = False
        fn = job.fn
        self._call: Callable[[Any], Any] = (lambda item: fn(*item)) if job.star else fn

    def run_in_threads(self) -> None:
        """Run the batch in threads; this one is the first."""
        threads = [threading.Thread(target=self._work) for _ in range(min(self._job.in_flight, len(self._batch.items)) - 1)]
        for thread in threads:
            thread.start()
        self._work()
        for thread in threads:
            thread.join()

    def run_in_loop(self) -> None:
        """Run the batch in an event loop of this thread."""
        import asyncio  # noqa: PLC0415 (44 ms that only coroutines need)

        async def main() -> None:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._job.in_flight, len(self._batch.items))):
                    group.create_task(self._pull())

        asyncio.run(main())

    def delivery(self, seconds: float, cpu_s: float) -> Delivery:
        """Put the results in a row, up to the first item that was not run.

        Results behind such an item are dropped: it was barred, so all behind it are, and nobody waits for them.
        """
        count = next(position for position in range(len(self._batch.items) + 1) if position not in self._values)
        failed = [Misfortune(position, self._errors[position], None) for position in sorted(self._errors) if position < count]
        durations = [self._durations[position] for position in range(count)] if self._job.timed else None
        values = [self._values[position] for position in range(count)]
        return Delivery(self._batch.start, values, failed, seconds, cpu_s, "", durations, len(self._batch.items) - count)

    def _startable(self) -> Iterator[int]:
        while not (self._failed and self._job.stops):
            position = next(self._positions, None)
            if position is None or (self._bar.stopped and self._batch.start + position >= self._bar.barred):
                return
            yield position

    def _work(self) -> None:
        for position in self._startable():
            with self._slot(position) as item:
                self._values[position] = self._call(item)

    async def _pull(self) -> None:
        for position in self._startable():
            with self._slot(position) as item:
                self._values[position] = await self._call(item)

    @contextmanager
    def _slot(self, position: int) -> Iterator[Any]:
        """Give the item, and see to it that this place is filled: by the value, or by what was raised."""
        begun = self._clock.now()
        try:
            if position in self._unreadable:
                raise self._unreadable[position]  # noqa: TRY301 (treated like one that the function raises)
            yield self._batch.items[position]
        except BaseException as error:
            self._failed = True
            self._errors[position] = error
            self._values[position] = None
        self._durations[position] = self._clock.now() - begun
