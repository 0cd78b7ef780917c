"""Several items at once within one worker process: threads for functions, an event loop for coroutine functions.

A batch is begun as a whole and ends with its slowest item.
"""

from __future__ import annotations

import threading
from contextvars import copy_context
from time import monotonic_ns, perf_counter, process_time

from atonce._values.batch import Delivery, Misfortune
from atonce._workers.process.protocol import MARK, SINCE
from atonce.errors import TaskTimeout

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from atonce._workers.process.claims import Claims

__all__ = ("run_side_by_side",)


def run_side_by_side(
    job: dict[str, Any], start: int, items: Sequence[Any], claims: Claims, words: memoryview, first: int
) -> Delivery:
    """Run up to ``job["in_flight"]`` items of a batch at a time.

    Args:
        job: what to do, as in ``Child.take_job``.
        start: index of the first item.
        items: the items.
        claims: says what has been barred.
        words: where the oldest item under way, and its beginning, are noted, for its time limit.
        first: position of the first item in the batch that the parent knows.

    Returns:
        A delivery; the items from the first one on that was not started are ``undone``.
    """
    begun, cpu_begun = perf_counter(), process_time()
    slots = _Slots(job, start, items, claims, words, first)
    if job["is_async"]:
        slots.run_in_loop()
    else:
        slots.run_in_threads()
    return slots.delivery(perf_counter() - begun, process_time() - cpu_begun)


class _Slots:
    """A place for the result of each item. Each place is written once, by whoever took the item."""

    def __init__(
        self, job: dict[str, Any], start: int, items: Sequence[Any], claims: Claims, words: memoryview, first: int
    ) -> None:
        self._job = job
        self._start = start
        self._items = items
        self._claims = claims
        self._words = words
        self._first = first
        self._positions = iter(range(len(items)))  # shared: taking the next number is one step of C
        self._values: dict[int, Any] = {}
        self._errors: dict[int, BaseException] = {}
        self._durations: dict[int, float] = {}
        self._attempts: dict[int, int] = {}
        self._failed = False
        self._begun_ns: dict[int, int] = {}  # of those under way. Guarded by: _lock
        self._lock = threading.Lock()
        fn, star = job["fn"], job["star"]
        self._call: Callable[[Any], Any] = (lambda item: fn(*item)) if star else fn

    def run_in_threads(self) -> None:
        """Run the batch in threads; this one is the first."""
        threads: list[threading.Thread] = []
        for _ in range(min(self._job["in_flight"], len(self._items)) - 1):
            thread = threading.Thread(target=copy_context().run, args=(self._work,))
            try:
                thread.start()
            except (RuntimeError, MemoryError):  # there is no room for another one: these have to do
                break
            threads.append(thread)
        self._work()
        for thread in threads:
            thread.join()

    def run_in_loop(self) -> None:
        """Run the batch in an event loop of this thread."""
        import asyncio  # noqa: PLC0415 (44 ms that only coroutines need)

        async def main() -> None:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._job["in_flight"], len(self._items))):
                    group.create_task(self._pull())

        asyncio.run(main())

    def delivery(self, seconds: float, cpu_s: float) -> Delivery:
        """Put the results in a row, up to the first item that was not run.

        Results behind such an item are dropped: it was barred, so all behind it are, and nobody waits for them.
        """
        count = next(position for position in range(len(self._items) + 1) if position not in self._values)
        failed = [
            Misfortune(position, self._errors[position], None, self._attempts[position])
            for position in sorted(self._errors)
            if position < count
        ]
        durations = [self._durations[position] for position in range(count)] if self._job["timed"] else None
        values = [self._values[position] for position in range(count)]
        delivery = Delivery(self._start, values, failed, seconds, cpu_s, "", durations, len(self._items) - count)
        delivery.attempts = {
            position: tries for position, tries in self._attempts.items() if tries > 1 and position < count
        } or None
        return delivery

    def _startable(self) -> Iterator[int]:
        while not (self._failed and self._job["stops"]):
            position = next(self._positions, None)
            if position is None or self._claims.bars(self._start + position):
                return
            yield position

    def _work(self) -> None:
        call, items = self._call, self._items
        for position in self._startable():
            begun = self._begin(position)
            while self._attempts[position] > 0:
                try:
                    self._values[position] = call(items[position])
                except BaseException as error:
                    if self._is_tried_again(position, error):
                        continue
                break
            self._end(position, begun)

    async def _pull(self) -> None:
        import asyncio  # noqa: PLC0415 (loaded long since)

        call, items, timeout_s = self._call, self._items, self._job["timeout_s"]
        for position in self._startable():
            begun = self._begin(position)
            while self._attempts[position] > 0:
                clock = asyncio.timeout(timeout_s)
                try:
                    async with clock:
                        self._values[position] = await call(items[position])
                except BaseException as error:
                    if clock.expired() and isinstance(error, TimeoutError):
                        error = TaskTimeout(f"it took longer than its timeout of {timeout_s:g} s, so it was cancelled")
                    if self._is_tried_again(position, error):
                        continue
                break
            self._end(position, begun)

    def _begin(self, position: int) -> float:
        self._attempts[position] = 1
        self._note(position, monotonic_ns())
        return perf_counter()

    def _end(self, position: int, begun: float) -> None:
        self._note(position, None)
        self._durations[position] = perf_counter() - begun

    def _is_tried_again(self, position: int, error: BaseException) -> bool:
        """Fill the place of an item that failed, unless it is to be tried again, or would be if the run had not been stopped."""
        if self._attempts[position] <= self._job["retries"] and isinstance(error, Exception):
            if self._claims.bars(self._start + position):
                return False
            self._attempts[position] += 1
            self._note(position, monotonic_ns())
            return True
        self._failed = True
        self._errors[position] = error
        self._values[position] = None
        return False

    def _note(self, position: int, begun_ns: int | None) -> None:
        """Let the parent know which item has been under way for the longest, and since when. Coroutines end by themselves."""
        if self._job["timeout_s"] is None:
            return
        with self._lock:
            if begun_ns is None:
                self._begun_ns.pop(position, None)
            else:
                self._begun_ns[position] = begun_ns
            oldest = min(self._begun_ns, key=self._begun_ns.__getitem__, default=None)
            if self._job["is_async"] or oldest is None:
                self._words[SINCE] = monotonic_ns()
            else:
                self._words[MARK] = self._first + oldest + 1
                self._words[SINCE] = self._begun_ns[oldest]
