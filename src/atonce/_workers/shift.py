"""One run's work on one event loop: very many items that wait at once.

::

    place.take() ──▶ feed ──▶ pullers, up to the limit ──▶ results ──once in each turn of the loop──▶ place.deliver()
                                      ▲                        │
                                      └──── Gauge: how many ◀──┘ how long each took, where the limit is to be found

A puller takes an item from the feed, runs it, notes the result, and takes the next. The first puller starts sixteen more, and each
of these does, up to the limit, so ten thousand are there after four turns of the loop, and the first ones need not wait for it.
Everything belongs to the loop's thread.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from contextvars import copy_context
from errno import EMFILE
from itertools import chain
from operator import length_hint

from atonce._machine.descriptors import make_room, most_open
from atonce._policy.batching import Batching
from atonce._values.batch import Delivery, Misfortune
from atonce._values.typed import Protocol
from atonce._workers.awaiting import awaited
from atonce._workers.carry import begin_in_users_code
from atonce._workers.gauge import Gauge
from atonce.errors import RetryAfter

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType
    from typing import Any

    from atonce._machine.clock import Clock
    from atonce._values.batch import Batch
    from atonce._workers.base import Place, Worker
    from atonce.errors import BlockingCall

__all__ = ("Shift", "item_of")

_BATCH_S = 0.001  # coroutines that never wait give the loop back after about this long
_EACH_STARTS = 16  # pullers that a puller starts. (Measured: benchmarks/peers/connections.py, two make it a tenth slower)


class Host(Protocol):
    """The worker whose shift it is."""

    name: str
    loop: asyncio.AbstractEventLoop
    clock: Clock


class Shift:
    """See the module.

    Attributes:
        place: whose work it is.
        limit: how many pullers there are to be.
        over: done when nobody works any more.
        interrupted: whether all that is in flight was cancelled.
        notice: what the caller should know of the work.
    """

    def __init__(self, place: Place, worker: Worker, host: Host) -> None:
        self.place = place
        self.over = host.loop.create_future()
        self.interrupted = False
        self.notice = ""
        job = place.job
        self._worker = worker
        self._host = host
        self._gauge = Gauge(host.clock, self._progress, self._aim, host.loop) if job.elastic else None
        self.limit = job.in_flight if self._gauge is None else self._gauge.target
        self._pullers: set[asyncio.Task[None]] = set()
        self._active = 0  # pullers that have not decided to leave
        self._short = True  # whether there are fewer than the limit
        self._upset = False  # whether pullers should look up: let the loop turn, or leave because there are too many
        self._turned = True  # whether the loop has turned since the last batch began
        # What the place says, as far as is known: to ask before each item would be a tenth of what an item costs. Whoever stops a
        # run nudges us, and what our own items do to it shows when they are handed in.
        self._stopped = place.stopped
        self._now = host.clock.now if job.timed or self._gauge is not None else None  # where items are timed
        self._call = awaited(job, self)
        self._batching = Batching(_BATCH_S, job.chunksize)
        # What has finished and not been handed in, side by side. Emptied, and never replaced: pullers hold on to them.
        self._indexes: list[int] = []
        self._values: list[Any] = []
        self._seconds: list[float] = []  # only where measured
        self._blamed: dict[int, BlockingCall] = {}  # by index. Put there by any thread
        self._tools = (self._call, self._indexes.append, self._values.append)  # of every puller
        self._bad: dict[int, Misfortune] = {}  # by index
        self._attempts: dict[int, int] = {}  # of those that have a value, but not from their first attempt
        self._flush_due = False
        self._taken = 0  # items of all batches so far
        self._answered = 0
        self._turns: dict[int, int] = {}  # as which an item was taken, by its index, where others take some of them; for the gauge
        self._batch: Batch | None = None  # the one in the feed's hands
        self._rest: Iterator[Any] = iter(())  # of it
        self._feed = chain.from_iterable(self._batches())
        self._dry = False  # whether the feed has ended
        self._leaving = False  # whether it has ended because others are wanted instead
        self._again = False  # whether somebody nudged while all pullers were counted

    def begin(self) -> None:
        """Start the first puller."""
        make_room(self.limit)
        self._spawn()
        if self._gauge is not None:
            self._gauge.begin()

    def pullers(self) -> list[Any]:
        """List the coroutines that are at work. Any thread: to copy a set of tasks is one step."""
        return [task.get_coro() for task in list(self._pullers)]

    def blame(self, index: int, error: BlockingCall) -> BlockingCall:
        """Let an item that is under way fail when it ends, whatever it returns; return the error that it fails with. Any thread."""
        return self._blamed.setdefault(index, error)

    def nudge(self) -> None:
        """Look again whether there is something to take."""
        self._stopped = self.place.stopped
        if not self._dry or self._leaving or self.over.done() or self.interrupted:
            return
        # Race: 1. a puller finds the feed dry and says so; 2. the consumer nudges, before that puller has been counted out.
        # With all pullers counted, the nudge waits for the one that ends.
        self._again = len(self._pullers) >= self.limit
        if not self._again:
            self._dry = False
            self._feed = chain.from_iterable(self._batches())
            self._spawn()

    def interrupt(self) -> None:
        """Cancel what is in flight."""
        if self.interrupted:
            return
        self.interrupted = True
        for task in self._pullers:
            task.cancel()
        if not self._pullers:
            self._finish()

    # ---- pullers ----------------------------------------------------------------------------------------------------------------

    def _spawn(self, count: int = 1) -> None:
        # What pullers can share, they share: with one of its own, each would take a tenth more memory. (Measured: peers/memory.py)
        ended, context = self._puller_ended, copy_context()
        for _ in range(count):
            self._active += 1
            self._short = self._active < self.limit
            task = self._host.loop.create_task(self._pull())
            self._pullers.add(task)
            task.add_done_callback(ended, context=context)

    def _spawn_more(self) -> None:
        self._spawn(min(_EACH_STARTS, self.limit - self._active))

    def _batches(self) -> Iterator[Iterator[tuple[int, Any]]]:
        now, place = self._host.clock.now, self.place
        while not self.interrupted:
            if place.crowded(self._worker):
                self._dry = self._leaving = True
                return
            begun, self._turned, self._stopped = now(), False, place.stopped
            size = self._batching.size
            batch = place.take(size, size)  # all of it is for this loop, whose pullers share it
            if batch is None:
                self._dry = True
                if not place.finished:
                    place.starved(self._worker)
                return
            self._batch, self._rest = batch, iter(batch.items)
            if self._gauge is not None and batch.start != self._taken:
                for at in range(len(batch.items)):
                    self._turns[batch.start + at] = self._taken + at
            self._taken += len(batch.items)
            yield enumerate(self._rest, batch.start)
            self._batch = None
            self._batching.saw(len(batch.items), now() - begun)
            self._upset = self._upset or not self._turned

    async def _pull(self) -> None:  # noqa: C901, PLR0912 (one loop, as tight as it can be)
        # What stands between two items here is what an item costs: 0.5 µs. (Measured: benchmarks/peers/loops.py)
        # What a puller holds on to counts ten thousand times, so all have one set of tools, and what is seldom used is not in it.
        call, put_index, put_value = self._tools
        begun = 0.0
        feed = None
        while feed is not self._feed:  # after a nudge there is another one
            feed = self._feed
            for index, item in feed:
                if self._stopped and index >= self.place.barred:
                    self._give_up(index, 1)
                    self._give_up_batch()
                    continue
                if self._short:
                    self._spawn_more()
                try:
                    if self._now is not None:
                        begun = self._now()
                    value = await call(item)
                    if self._blamed or type(value) is RetryAfter:
                        self._check(index, value)
                except BaseException:
                    value = _raised_by(item)
                else:
                    put_index(index)
                    put_value(value)
                    if self._now is not None:
                        self._seconds.append(self._now() - begun)
                    if not self._flush_due:
                        self._flush_soon()
                if type(value) is Misfortune:
                    # Not within the except clause: what another attempt raises should not tell the story of the first.
                    await self._settle(index, value, begun)
                    value = None
                if self._upset and not await self._may_go_on():
                    break
            else:
                continue
            break
        self._active -= 1
        self._short = self._active < self.limit

    def _check(self, index: int, value: Any) -> None:
        """Raise what an item is blamed for, or what it returned that should have been raised."""
        if type(value) is RetryAfter:
            raise value
        if (error := self._blamed.pop(index, None)) is not None:
            raise error

    async def _may_go_on(self) -> bool:
        """Let the loop turn; tell a puller whether it may take another item."""
        if self._active > self.limit:
            return False
        self._upset = False
        await asyncio.sleep(0)
        return True

    async def _settle(self, index: int, bad: Misfortune, begun: float) -> None:
        """Run an item that has failed again, as often as the job says, and note what became of it."""
        job = self.place.job
        while True:
            if isinstance(bad.error, asyncio.CancelledError):
                if self.interrupted:
                    self._give_up(index, 1)
                    raise bad.error
                _uncancel()  # the item cancelled its own task, or raised this by itself: it fails, and the others go on
            if bad.attempts > job.retries or not _is_worth_another(bad.error):
                break
            tries = bad.attempts
            try:
                await asyncio.sleep(0)  # an item that fails without ever waiting must not keep the loop to itself
                if self.interrupted or (self.place.stopped and index >= self.place.barred):
                    self._give_up(index, 1)  # a failure that another attempt might mend must not pass for the end of the run
                    return
                tries += 1
                value = await self._call(bad.item)
                self._check(index, value)
            except BaseException as error:
                bad = bad._replace(error=error, attempts=tries)
            else:
                self._attempts[index] = tries
                self._note(index, value, begun)
                return
        begin_in_users_code(bad.error)
        if isinstance(bad.error, OSError) and bad.error.errno == EMFILE:
            self._advise(bad.error)
        self._bad[index] = bad
        self._note(index, None, begun)
        if job.ends_with(bad.error):
            self._flush()

    def _advise(self, error: OSError) -> None:
        """Say what to do about too many open files."""
        may, wanted = most_open(), self.limit
        note = (
            f"this program may have {may:,} files and connections open at once, and has up to {wanted:,} items in flight: type "
            f"'ulimit -n {2 * max(may, wanted)}' before it, or ask for fewer at once with concurrency="
        )
        with suppress(Exception):  # an exception may refuse notes
            error.add_note(note)

    def _note(self, index: int, value: Any, begun: float) -> None:
        self._indexes.append(index)
        self._values.append(value)
        if self._now is not None:
            self._seconds.append(self._now() - begun)
        if not self._flush_due:
            self._flush_soon()

    def _puller_ended(self, task: asyncio.Task[None]) -> None:
        self._pullers.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and not self.over.done():
            self._flush()
            if self._gauge is not None:
                self._gauge.end()
            self.over.set_exception(error)  # a defect of ours, or of the place: the run must hear of it
        if self._again:
            self.nudge()
        if self._pullers or self.over.done():
            return
        if self.interrupted or self._leaving or self.place.finished or task.cancelled():
            self._finish()
        elif self._dry:
            self.place.starved(self._worker)  # there was nothing more, before what was under way failed, and is to be started again

    # ---- results ----------------------------------------------------------------------------------------------------------------

    def _flush_soon(self) -> None:
        self._flush_due = True
        self._host.loop.call_soon(self._flush)

    def _flush(self) -> None:
        """Hand in what has finished, neighbours together."""
        self._flush_due, self._turned = False, True
        indexes, values, seconds = self._indexes[:], self._values[:], self._seconds[:]
        self._indexes.clear()
        self._values.clear()
        self._seconds.clear()
        self._answered += len(indexes)
        for begin, end in _runs(indexes):
            self._deliver(indexes[begin], values[begin:end], seconds[begin:end])
        self._stopped = self.place.stopped
        if self._gauge is not None and indexes:
            turns = self._turns
            self._gauge.heard([turns.pop(index, index) for index in indexes] if turns else indexes, seconds)

    def _deliver(self, start: int, values: list[Any], seconds: list[float]) -> None:
        durations = seconds if self.place.job.timed else None  # what they took together says little: they took it side by side
        delivery = Delivery(start, values, (), sum(durations or ()), 0.0, self._host.name, durations, notice=self.notice)
        self.notice = ""
        if self._bad:
            found = [(at, self._bad.pop(start + at)) for at in range(len(values)) if start + at in self._bad]
            delivery.failed = [bad._replace(position=at) for at, bad in found]
        if self._attempts:
            tries = {at: self._attempts.pop(start + at) for at in range(len(values)) if start + at in self._attempts}
            delivery.attempts = tries or None
        self.place.deliver(delivery)

    # ---- how many ---------------------------------------------------------------------------------------------------------------

    def _progress(self) -> tuple[int, int]:
        """Tell how many items have been started, and how many of these have ended."""
        return self._taken - length_hint(self._rest), self._answered + len(self._indexes)

    def _aim(self, target: int, reason: str) -> None:
        """Have so many in flight from now on."""
        if target > self.limit:
            make_room(target)
        self.limit = target
        self._short = self._active < target
        self._upset = self._upset or self._active > target
        self.place.grew(self._worker, target, reason)
        if self._short and not self._dry and not self.interrupted and not self.over.done():
            self._spawn_more()

    # ---- the end ----------------------------------------------------------------------------------------------------------------

    def _finish(self) -> None:
        if self._gauge is not None:
            self._gauge.end()
        self._give_up_batch()
        self._flush()
        if not self.over.done():
            self.over.set_result(None)

    def _give_up_batch(self) -> None:
        """Account for the items that the feed had taken and nobody started."""
        if self._batch is None:
            return
        left = sum(1 for _ in self._rest)  # used up, because the feed would give them out after all
        if left:
            self._give_up(self._batch.start + len(self._batch.items) - left, left)

    def _give_up(self, index: int, items: int) -> None:
        self.place.deliver(Delivery(index, [], (), 0.0, 0.0, self._host.name, undone=items))


_PULL = Shift._pull.__code__  # noqa: SLF001 (by its frame, an item is told from the loop's other work)


def item_of(frame: FrameType) -> tuple[Shift, int] | None:
    """Tell which item is run by a frame, with all that it calls: its shift, and its index; ``None`` if that is no puller's."""
    return (frame.f_locals["self"], frame.f_locals["index"]) if frame.f_code is _PULL else None


def _runs(indexes: list[int]) -> Iterator[tuple[int, int]]:
    """Divide a row of indexes into runs of neighbours; give where each begins and ends."""
    count = len(indexes)
    if count and indexes == [*range(indexes[0], indexes[0] + count)]:
        yield 0, count
        return
    begin = 0
    for end in range(1, count + 1):
        if end == count or indexes[end] != indexes[end - 1] + 1:
            yield begin, end
            begin = end


def _raised_by(item: Any) -> Misfortune:
    """Note what an item has just raised."""
    return Misfortune(0, sys.exception(), item)  # type: ignore[arg-type]  # called where there is one


def _is_worth_another(error: BaseException) -> bool:
    """Tell whether an item is to be started again at once: not if it has asked for an end, or for some time."""
    return isinstance(error, Exception) and not isinstance(error, RetryAfter)


def _uncancel() -> None:
    task = asyncio.current_task()
    while task is not None and task.cancelling() and task.uncancel():
        pass
