"""Event loops: for very many items that wait at once."""

import asyncio
import threading
from collections.abc import Iterator
from inspect import isawaitable
from typing import Any

from atonce._policy.batching import Batching
from atonce._values.batch import Batch, Delivery, Misfortune
from atonce._values.job import Job
from atonce._workers.base import Place, WorkerContext
from atonce._workers.carry import begin_in_users_code
from atonce.errors import TaskTimeout

__all__ = ("AsyncEngine", "GuestEngine", "LoopWorker")

# Assumes: a service that nobody has measured yet bears a hundred requests at once; it is also where aiohttp's connector stops.
DEFAULT_IN_FLIGHT = 100
_BATCH_S = 0.001  # coroutines that never wait give the loop back after about this long


class Shift:
    """One run's work on one loop: pullers that share a feed. Everything here belongs to the loop's thread.

    A puller takes an item from the feed, runs it, notes the result, and takes the next. The first puller starts the second, that
    one the third, up to the limit, so there are never more than there is work for. Results are handed in once in each turn of
    the loop.
    """

    def __init__(self, place: Place, worker: "LoopWorker") -> None:
        self.place = place
        self.worker = worker
        self.limit = place.job.in_flight
        self.pullers: set[asyncio.Task[None]] = set()
        self.over = worker.loop.create_future()
        self.interrupted = False
        self._call = _awaited(place.job, self)
        self._batching = Batching(_BATCH_S, place.job.chunksize)
        self._pause = False  # whether a puller should let the loop turn
        self._results: list[tuple[int, Any, Misfortune | None, float]] = []
        self._attempts: dict[int, int] = {}  # of those among the results that have a value, but not from their first attempt
        self._flush_due = False
        self._batch: Batch | None = None  # the one in the feed's hands, for the items never started
        self._fed = 0  # how many of it the feed has given out
        self._feed = self._items()
        self._dry = False  # whether the feed has ended
        self._again = False  # whether somebody nudged while all pullers were counted
        self.notice = ""

    def spawn(self) -> None:
        """Start one more puller."""
        task = self.worker.loop.create_task(self._pull(), name=f"{self.worker.name} puller")
        self.pullers.add(task)
        task.add_done_callback(self._puller_ended)

    def nudge(self) -> None:
        """Look again whether there is something to take."""
        if not self._dry or self.over.done() or self.interrupted:
            return
        # Race: 1. a puller finds the feed dry and says so; 2. the consumer nudges, before that puller has been counted out.
        # With all pullers counted, the nudge waits for the one that ends.
        self._again = len(self.pullers) >= self.limit
        if not self._again:
            self._dry = False
            self._feed = self._items()  # those who hold the old, empty feed end by themselves
            self.spawn()

    def interrupt(self) -> None:
        """Cancel what is in flight."""
        if self.interrupted:
            return
        self.interrupted = True
        for task in self.pullers:
            task.cancel()
        if not self.pullers:
            self._finish()

    def _items(self) -> Iterator[tuple[int, Any]]:
        now = self.worker.clock.now
        while not self.interrupted:
            begun = now()
            batch = self.place.take(self._batching.size)
            if batch is None:
                self._dry = True
                if not self.place.finished:
                    self.place.starved(self.worker)
                return
            self._batch, self._fed = batch, 0
            for index, item in enumerate(batch.items, batch.start):
                if self.place.stopped and index >= self.place.barred:
                    self._give_up_batch()
                    return
                self._fed += 1
                yield index, item
            self._batch = None
            self._batching.saw(len(batch.items), now() - begun)
            self._pause = True

    async def _pull(self) -> None:
        call, now, timed = self._call, self.worker.clock.now, self.place.job.timed
        begun = 0.0
        bad: Misfortune | None = None
        for index, item in self._feed:
            if len(self.pullers) < self.limit:
                self.spawn()
            try:
                if timed:
                    begun = now()
                value = await call(item)
            except BaseException as error:
                bad = Misfortune(0, error, item)
            else:
                self._note(index, value, None, now() - begun if timed else 0.0)
            if bad is not None:  # not within the except clause: what another attempt raises should not tell the story of the first
                await self._settle(index, bad, begun)
                bad = None
            if self._pause:
                self._pause = False
                await asyncio.sleep(0)

    async def _settle(self, index: int, bad: Misfortune, begun: float) -> None:
        """Run an item that has failed again, as often as the job says, and note what became of it."""
        job, now = self.place.job, self.worker.clock.now
        while True:
            if isinstance(bad.error, asyncio.CancelledError):
                if self.interrupted:
                    self._give_up(index)
                    raise bad.error
                _uncancel()  # the item cancelled its own task, or raised this by itself: it fails, and the others go on
            if bad.attempts > job.retries or not isinstance(bad.error, Exception):
                break
            tries = bad.attempts
            try:
                await asyncio.sleep(0)  # an item that fails without ever waiting must not keep the loop to itself
                if self.interrupted or (self.place.stopped and index >= self.place.barred):
                    self._give_up(index)  # a failure that another attempt might have mended must not pass for the end of the run
                    return
                tries += 1
                value = await self._call(bad.item)
            except BaseException as error:
                bad = bad._replace(error=error, attempts=tries)
            else:
                self._attempts[index] = tries
                self._note(index, value, None, now() - begun if job.timed else 0.0)
                return
        begin_in_users_code(bad.error)
        self._note(index, None, bad, now() - begun if job.timed else 0.0)
        if job.stops or isinstance(bad.error, KeyboardInterrupt):
            self._flush()

    def _give_up(self, index: int) -> None:
        self.place.deliver(Delivery(index, [], (), 0.0, 0.0, self.worker.name, undone=1))

    def _note(self, index: int, value: Any, bad: Misfortune | None, seconds: float) -> None:
        self._results.append((index, value, bad, seconds))
        if not self._flush_due:
            self._flush_due = True
            self.worker.loop.call_soon(self._flush)

    def _flush(self) -> None:
        """Hand in what has finished, neighbours together."""
        self._flush_due = False
        results, self._results = self._results, []
        timed = self.place.job.timed
        attempts, self._attempts = self._attempts, {}
        delivery: Delivery | None = None
        for index, value, bad, seconds in results:
            if delivery is None or index != delivery.start + len(delivery.values):
                if delivery is not None:
                    self.place.deliver(delivery)
                delivery = Delivery(index, [], [], 0.0, 0.0, self.worker.name, [] if timed else None, notice=self.notice)
                self.notice = ""
            if bad is not None:
                assert isinstance(delivery.failed, list)
                delivery.failed.append(bad._replace(position=len(delivery.values)))
            elif attempts and index in attempts:
                delivery.attempts = delivery.attempts or {}
                delivery.attempts[len(delivery.values)] = attempts[index]
            delivery.values.append(value)
            delivery.seconds += seconds
            if delivery.durations is not None:
                delivery.durations.append(seconds)
        if delivery is not None:
            self.place.deliver(delivery)

    def _puller_ended(self, task: "asyncio.Task[None]") -> None:
        self.pullers.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and not self.over.done():
            self._flush()
            self.over.set_exception(error)  # a defect of ours, or of the place: the run must hear of it
        if self._again:
            self.nudge()
        if self.pullers or self.over.done():
            return
        if self.interrupted or self.place.finished or task.cancelled():
            self._finish()

    def _finish(self) -> None:
        self._give_up_batch()
        self._flush()
        if not self.over.done():
            self.over.set_result(None)

    def _give_up_batch(self) -> None:
        """Account for the items that the feed had taken and nobody started."""
        batch, self._batch = self._batch, None
        if batch is not None and (unstarted := len(batch.items) - self._fed):
            self.place.deliver(Delivery(batch.start + self._fed, [], (), 0.0, 0.0, self.worker.name, undone=unstarted))


class LoopWorker:
    """An event loop that runs many items side by side: in a thread of its own, or the caller's own loop as a guest.

    Attributes:
        loop: the loop. What happens on it belongs to its thread; ``assign``, ``nudge`` and ``interrupt`` only leave word there.
    """

    def __init__(self, context: WorkerContext, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.name = context.name
        self.usable = True  # Written on the loop, before it leaves its first place
        self.clock = context.clock
        self._setup = context.setup
        self._ready = False
        self._shift: Shift | None = None
        self._task: asyncio.Task[None] | None = None
        self._place: Place | None = None
        self._thread: threading.Thread | None = None
        self._closing = False  # Written by close(): the loop bears being stopped once
        if loop is not None:
            self.loop = loop
            return
        self.loop = _new_loop()
        self._thread = threading.Thread(target=self._run_loop, name=self.name, daemon=True)
        self._thread.start()

    def assign(self, place: Place) -> None:
        """Go and work at this place."""
        self._leave_word(self._begin, place)

    def nudge(self, place: Place) -> None:
        """Look again: there is something to take."""
        self._leave_word(self._nudge, place)

    def interrupt(self, place: Place, *, force: bool) -> None:  # noqa: ARG002 (a coroutine cannot be forced)
        """Cancel what is in flight."""
        self._leave_word(self._interrupt, place)

    def close(self, *, wait: bool) -> None:
        """Stop the loop, if it is our own; with ``wait``, return when its thread has ended."""
        if self._thread is None:
            return
        if not self._closing:
            self._closing = True
            self._leave_word(self.loop.stop)
        if wait and self._thread is not threading.current_thread():
            self._thread.join()

    def _leave_word(self, what: Any, *args: Any) -> None:
        try:
            self.loop.call_soon_threadsafe(what, *args)
        except RuntimeError:  # the loop is closed: nothing runs on it any more
            if not self.loop.is_closed():
                raise

    def _begin(self, place: Place) -> None:
        self._place = place
        self._task = self.loop.create_task(self._serve(place), name=self.name)

    def _nudge(self, place: Place) -> None:
        if self._shift is not None and self._shift.place is place:
            self._shift.nudge()

    def _interrupt(self, place: Place) -> None:
        if self._shift is not None:
            if self._shift.place is place:
                self._shift.interrupt()
        elif self._task is not None and self._place is place:
            self._task.cancel()  # it is still getting ready

    async def _serve(self, place: Place) -> None:
        fault: BaseException | None = None
        try:
            await self._get_ready()
            shift = self._shift = Shift(place, self)
            shift.spawn()
            try:
                await asyncio.shield(shift.over)
            except asyncio.CancelledError:  # the loop is being shut down under us
                shift.interrupt()
                await shift.over
        except BaseException as error:
            fault = error
        finally:
            self._shift = self._task = self._place = None
            place.leave(self, fault)

    async def _get_ready(self) -> None:
        if self._ready:
            return
        initializer, initargs = self._setup.initializer, self._setup.initargs
        if initializer is not None:
            self.usable = False
            done = initializer(*initargs)
            if isawaitable(done):
                await done
            self.usable = True
        self._ready = True

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
            leftovers = asyncio.all_tasks(self.loop)
            for task in leftovers:
                task.cancel()
            self.loop.run_until_complete(asyncio.gather(*leftovers, return_exceptions=True))
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
        finally:
            asyncio.set_event_loop(None)
            self.loop.close()


def _uncancel() -> None:
    task = asyncio.current_task()
    while task is not None and task.cancelling() and task.uncancel():
        pass


def _new_loop() -> asyncio.AbstractEventLoop:
    """Make a loop: uvloop's where it is installed (10,000 connections open in half the time)."""
    try:
        import uvloop  # noqa: PLC0415 (an extra)
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


def _awaited(job: Job, shift: Shift) -> Any:
    """Give a function of one item whose result can be awaited, and takes no longer than it may."""
    call = _unlimited(job, shift)
    return call if job.timeout_s is None else _limited(call, job.timeout_s)


def _limited(call: Any, limit_s: float) -> Any:
    """Cancel an item after its time.

    A coroutine that does not let itself be cancelled, and returns a value after all, has done its work: the value counts, however
    late. What it raises in answer is its own failure, and so is a ``TimeoutError`` that it raises before its time is up.
    """

    async def call_in_time(item: Any) -> Any:
        try:
            async with asyncio.timeout(limit_s) as deadline:
                return await call(item)
        except TimeoutError as error:
            if not (deadline.expired() and isinstance(error.__cause__, asyncio.CancelledError)):
                begin_in_users_code(error)
                raise
            begin_in_users_code(error.__cause__)  # it shows where the item was waiting
            raise TaskTimeout(f"it took longer than its timeout of {limit_s:g} s, so it was cancelled") from error.__cause__
        except BaseException as error:
            begin_in_users_code(error)
            raise

    return call_in_time


def _unlimited(job: Job, shift: Shift) -> Any:
    fn = job.fn
    if job.is_async:
        return (lambda item: fn(*item)) if job.star else fn

    async def call(item: Any) -> Any:
        value = fn(*item) if job.star else fn(item)
        if isawaitable(value):
            return await value
        shift.notice = (
            f"{job.name} returned without anything to await: on an event loop such calls run one after the other. "
            f"engine='thread' runs them side by side."
        )
        if job.timeout_s is not None:
            shift.notice += " timeout= can only stop a call that awaits something; engine='process' stops any."
        return value

    return call


class AsyncEngine:
    """One event loop in a thread of its own, with many items in flight."""

    kind = "async"
    pumped = False
    shared = False
    guest = False

    def crew(self, max_workers: int | None, concurrency: int | None) -> tuple[int, int]:  # noqa: ARG002 (one loop)
        """One loop, with ``concurrency`` items in flight."""
        return 1, concurrency or DEFAULT_IN_FLIGHT

    def worker(self, context: WorkerContext) -> LoopWorker:
        """Start a loop in a thread."""
        return LoopWorker(context)


class GuestEngine(AsyncEngine):
    """The caller's own running loop: coroutines may use what belongs to it, a session or a connection pool."""

    guest = True

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop

    def worker(self, context: WorkerContext) -> LoopWorker:
        """Work on the caller's loop, as its guest."""
        return LoopWorker(context, self.loop)
