"""The caller's own trio program, as a worker: coroutines that use trio, or anyio on it, run where they can.

Everything belongs to the thread of trio, but for what is said otherwise. Pullers are children of a system task: the caller waits
for them when a run ends, and not for them alone.
"""

from __future__ import annotations

from contextlib import suppress
from inspect import isawaitable
from math import inf

import trio

from atonce._values.batch import Delivery, Misfortune
from atonce._workers.base import DEFAULT_IN_FLIGHT
from atonce._workers.carry import begin_in_users_code
from atonce.errors import RetryAfter, TaskTimeout

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from atonce._workers.base import Place, WorkerContext

__all__ = ("TrioEngine", "TrioWorker")


class TrioWorker:
    """Runs items as tasks of the caller's trio program."""

    def __init__(self, context: WorkerContext, token: Any) -> None:
        self.name = context.name
        self.usable = True
        self._clock = context.clock
        self._setup = context.setup
        self._token = token
        self._ready = False
        self._place: Place | None = None
        self._nursery: Any = None
        self._interrupted = False
        self._active = 0  # pullers
        self._news = trio.Event()  # set when it is worth to look again

    def assign(self, place: Place) -> None:
        """Go and work at this place. Any thread, as what follows."""
        self._leave_word(self._begin, place)

    def nudge(self, place: Place) -> None:
        """Look again: there is something to take."""
        self._leave_word(self._nudge, place)

    def interrupt(self, place: Place, *, force: bool) -> None:  # noqa: ARG002 (a coroutine cannot be forced)
        """Cancel what is in flight."""
        self._leave_word(self._interrupt, place)

    def pullers(self) -> list[Any]:
        """List the coroutines that are at work here, each with an item, or between two. Any thread."""
        nursery = self._nursery
        return [] if nursery is None else [task.coro for task in nursery.child_tasks]

    def close(self, *, wait: bool) -> None:
        """Nothing of it is left once it has left its place."""

    def _leave_word(self, what: Callable[..., None], place: Place) -> None:
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(what, place)

    def _begin(self, place: Place) -> None:
        self._place = place
        trio.lowlevel.spawn_system_task(self._serve, place, name=self.name, context=place.context.copy())

    def _nudge(self, place: Place) -> None:
        if self._place is place:
            news, self._news = self._news, trio.Event()
            news.set()

    def _interrupt(self, place: Place) -> None:
        if self._place is place:
            self._interrupted = True
            if self._nursery is not None:
                self._nursery.cancel_scope.cancel()

    async def _serve(self, place: Place) -> None:
        fault: BaseException | None = None
        self._interrupted = False
        try:
            await self._get_ready()
            async with trio.open_nursery() as self._nursery:
                self._spawn(place)
        except BaseException as error:
            if _is_cancellation(error):  # the program ends under us
                raise
            fault = error
        finally:
            self._nursery = self._place = None
            place.leave(self, fault)

    async def _get_ready(self) -> None:
        if self._ready:
            return
        if self._setup.initializer is not None:
            self.usable = False
            done = self._setup.initializer(*self._setup.initargs)
            if isawaitable(done):
                await done
            self.usable = True
        self._ready = True

    def _spawn(self, place: Place) -> None:
        self._active += 1
        self._nursery.start_soon(self._pull, place)

    async def _pull(self, place: Place) -> None:
        try:
            while not self._interrupted:
                news = self._news
                batch = place.take(1)
                if batch is not None:
                    if self._active < place.job.in_flight:
                        self._spawn(place)
                    await self._run(place, batch.start, batch.items[0])
                elif place.finished:
                    return
                else:
                    place.starved(self)
                    await news.wait()
        finally:
            self._active -= 1

    async def _run(self, place: Place, index: int, item: Any) -> None:
        """Run an item, as often as the job says, and hand in what becomes of it."""
        job, attempts, begun = place.job, 0, self._clock.now()
        while True:
            attempts += 1
            try:
                value = await self._attempt(place, item)
                break
            except BaseException as error:
                if _is_cancellation(error):
                    self._give_up(place, index)
                    raise
                if attempts <= job.retries and isinstance(error, Exception) and not isinstance(error, RetryAfter):
                    if place.stopped and index >= place.barred:
                        self._give_up(place, index)
                        return
                    continue
                begin_in_users_code(error)
                self._deliver(place, index, None, [Misfortune(0, error, item, attempts)], begun)
                return
        self._deliver(place, index, value, [], begun, {0: attempts} if attempts > 1 else None)

    @staticmethod
    async def _attempt(place: Place, item: Any) -> Any:
        job = place.job
        await trio.lowlevel.checkpoint_if_cancelled()
        with trio.move_on_after(inf if job.timeout_s is None else job.timeout_s) as limit:
            value = job.fn(*item) if job.star else job.fn(item)
            if isawaitable(value):
                value = await value
        if limit.cancelled_caught:
            raise TaskTimeout(f"it took longer than its timeout of {job.timeout_s:g} s, so it was cancelled")
        if type(value) is RetryAfter:
            raise value
        return value

    def _deliver(
        self,
        place: Place,
        index: int,
        value: Any,
        failed: list[Misfortune],
        begun: float,
        attempts: dict[int, int] | None = None,
    ) -> None:
        durations = [self._clock.now() - begun] if place.job.timed else None
        delivery = Delivery(index, [value], failed, sum(durations or ()), 0.0, self.name, durations)
        delivery.attempts = attempts
        place.deliver(delivery)

    def _give_up(self, place: Place, index: int) -> None:
        place.deliver(Delivery(index, [], (), 0.0, 0.0, self.name, undone=1))


def _is_cancellation(error: BaseException) -> bool:
    """Tell whether it is trio's sign that a task is to end, alone or from a nursery of the task's own."""
    if isinstance(error, BaseExceptionGroup):
        return error.split(trio.Cancelled)[1] is None
    return isinstance(error, trio.Cancelled)


class TrioEngine:
    """The caller's own trio program."""

    kind = "async"
    pumped = False
    shared = False
    guest = True

    def __init__(self, token: Any) -> None:
        self._token = token

    def crew(self, max_workers: int | None, concurrency: int | None) -> tuple[int, int]:  # noqa: ARG002 (one program)
        """One worker, with ``concurrency`` items in flight."""
        return 1, concurrency or DEFAULT_IN_FLIGHT

    def worker(self, context: WorkerContext) -> TrioWorker:
        """Work in the caller's program, as its guest."""
        return TrioWorker(context, self._token)
