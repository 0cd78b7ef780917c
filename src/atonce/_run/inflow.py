"""Inputs that an event loop has to wait for: a task reads them, workers of every kind take them.

::

    asynchronous input ──▶ Inflow (a task on the caller's loop) ──put()──▶ FedSource ──take()──▶ workers

Read ahead is only as much as workers will soon take, and a stream's consumer allows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterable
from itertools import islice

from atonce._machine.clock import SYSTEM_CLOCK
from atonce._run.source import Source
from atonce._values.batch import Lent

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator, AsyncIterable, Callable
    from typing import Any

    from atonce._machine.clock import Clock
    from atonce._run.source import Pace

__all__ = ("FedSource", "Inflow", "together")

_AHEAD = 256  # items that wait for a worker, at most. Assumes: what takes longer to read than to take is waited for anyway


class FedSource(Source):
    """A source whose items somebody else reads, and puts there.

    Attributes:
        wanted: called by whoever takes items, in any thread: there is room for more.
    """

    def __init__(
        self,
        *,
        buffersize: int | None = None,
        consumed_at_once: bool = False,
        pace: Pace | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        super().__init__((), buffersize=buffersize, consumed_at_once=consumed_at_once, prompt=True, pace=pace, clock=clock)
        self.wanted: Callable[[], None] | None = None
        self._there: deque[Any] = deque()  # Guarded by: _lock
        self._all_there = False  # whether no more is put there. Guarded by: _lock

    @property
    def full(self) -> bool:
        """Whether no more should be read now."""
        waiting = len(self._there)
        if self._bounded and self._buffersize is not None and waiting + self.taken - self.handed >= self._buffersize:
            return True
        return waiting >= _AHEAD

    @property
    def there(self) -> int:
        """How many items wait for somebody to take them."""
        return len(self._there)

    def put(self, item: Any) -> None:
        """Put an item there, behind the others."""
        with self._lock:
            self._there.append(item)

    def end(self, error: BaseException | None = None) -> None:
        """Say that there is no more, and what the input raised, if it did."""
        with self._lock:
            self._all_there = True
            self.error = self.error or error
            self.exhausted = self.exhausted or not self._there

    def has_room(self, workers: int) -> bool:
        """Tell whether ``take`` would give something."""
        return (bool(self._there) or self.shelf.is_due) and super().has_room(workers)

    def lend(self, limit: int) -> Lent | None:
        """Lend what is there, for up to ``limit`` items."""
        with self._lock:
            if self._bounded:
                limit = min(limit, self._room(limit, 1))
            if self._pace is not None:
                limit = self._pace.allowed(limit)
            items = list(islice(self._there, max(0, limit)))
            if self.exhausted or not items or not self._may_lend:
                return None
            self._lent = True
            return Lent(self.taken, iter(items), len(items))

    def give_back(self, read: int, *, ended: bool, error: BaseException | None) -> None:  # noqa: ARG002 (what is lent has no end)
        """Hear how much of what was lent has been read."""
        with self._lock:
            self._lent = False
            self._pop(read)
            self.taken += read
            if self._pace is not None:
                self._pace.started(read)
            self.error = self.error or error
            self.exhausted = self.exhausted or error is not None or self._is_over(read, read)
        self._say_wanted()

    def _read_list(self, limit: int) -> list[Any]:
        items = self._pop(limit)
        self._say_wanted()
        return items

    def _is_over(self, items: int, limit: int) -> bool:  # noqa: ARG002 (fewer than asked for are not the last)
        return self._all_there and not self._there

    def _pop(self, count: int) -> list[Any]:
        there = self._there
        return [there.popleft() for _ in range(min(count, len(there)))]

    def _say_wanted(self) -> None:
        if self.wanted is not None:
            self.wanted()


class Inflow:
    """Reads an asynchronous input on the running event loop. Everything belongs to the loop's thread, but for ``wake``."""

    def __init__(self, inputs: AsyncIterator[Any], source: FedSource, ring: Callable[[], None]) -> None:
        """Begin to read.

        Args:
            inputs: the input.
            source: where its items go.
            ring: tells the consumer that there is something new.
        """
        import asyncio  # noqa: PLC0415 (44 ms that only coroutines need; here it is loaded)

        self._inputs = inputs
        self._source = source
        self._ring = ring
        self._loop = asyncio.get_running_loop()
        self._room = asyncio.Event()
        self._closing = False
        self._waits = False  # Written on the loop, read by any thread: spares the loop a call for what nobody waits for
        self._task: asyncio.Task[None] = self._loop.create_task(self._read(), name="atonce input")
        source.wanted = self.wake

    async def close(self) -> None:
        """Stop to read, and wait until that is so."""
        import asyncio  # noqa: PLC0415

        self.abandon()
        await asyncio.wait([self._task])

    def abandon(self) -> None:
        """Stop to read, without waiting."""
        self._closing = True
        self._source.wanted = None
        self._task.cancel()

    async def _read(self) -> None:
        source, error = self._source, None
        try:
            async for item in self._inputs:
                source.put(item)
                self._ring()
                while source.full:
                    await self._wait_for_room()
        except BaseException as raised:
            if self._closing:
                raise
            error = raised  # whatever it is, the consumer raises it: also what cancelled the input, and not us
        finally:
            source.end(error)
            self._ring()

    async def _wait_for_room(self) -> None:
        # Race: 1. we see that it is full; 2. somebody takes the last one, and sees that nobody waits; 3. we wait. So we say that we
        # wait, and then look once more.
        self._room.clear()
        self._waits = True
        try:
            if self._source.full:
                await self._room.wait()
        finally:
            self._waits = False

    def wake(self) -> None:
        """Hear that items were taken, or handed on. Any thread."""
        if not self._waits or self._source.full:
            return
        try:
            self._loop.call_soon_threadsafe(self._room.set)
        except RuntimeError:  # the loop is closed, and with it our task
            if not self._loop.is_closed():
                raise


async def together(inputs: tuple[AsyncIterable[Any] | Iterable[Any], ...]) -> AsyncGenerator[tuple[Any, ...], None]:
    """Give tuples of an item of each input, until one ends: as ``zip`` does, for inputs of which some are asynchronous."""
    iterators = [iter(some) if isinstance(some, Iterable) else aiter(some) for some in inputs]
    while True:
        items = []
        for iterator in iterators:
            try:
                items.append(await anext(iterator) if isinstance(iterator, AsyncIterator) else next(iterator))
            except (StopAsyncIteration, StopIteration):
                return
        yield tuple(items)
