"""Event loops: for very many items that wait at once."""

import asyncio
import threading
from inspect import isawaitable
from typing import Any

from atonce._probe.clocks import Clocks, own_clocks
from atonce._workers.base import DEFAULT_IN_FLIGHT, Place, WorkerContext
from atonce._workers.shift import Shift

__all__ = ("AsyncEngine", "GuestEngine", "LoopWorker")


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
        self.thread_id = 0  # of the loop's thread; 0 until it is there
        self.clocks: Clocks | None = None  # of that thread. Written by it
        self._closing = False  # Written by close(): the loop bears being stopped once
        if loop is not None:
            self.loop = loop
            self._look_at_clocks()
            return
        self.loop = _new_loop()
        self._thread = threading.Thread(target=self._run_loop, name=self.name, daemon=True)
        try:
            self._thread.start()
        except BaseException:  # Ctrl-C, while the thread is waited for: it may be there, and nobody will know of it
            self.close(wait=False)
            raise

    def assign(self, place: Place) -> None:
        """Go and work at this place."""
        self._leave_word(self._begin, place)

    def nudge(self, place: Place) -> None:
        """Look again: there is something to take."""
        self._leave_word(self._nudge, place)

    def interrupt(self, place: Place, *, force: bool) -> None:  # noqa: ARG002 (a coroutine cannot be forced)
        """Cancel what is in flight."""
        self._leave_word(self._interrupt, place)

    def pullers(self) -> list[Any]:
        """List the coroutines that are at work here, each with an item, or between two. Any thread."""
        shift = self._shift
        return [] if shift is None else shift.pullers()

    def close(self, *, wait: bool) -> None:
        """Stop the loop, if it is our own; with ``wait``, return when its thread has ended."""
        if self._thread is None:
            return
        if not self._closing:
            self._closing = True
            self._leave_word(self.loop.stop)
        if wait and self._thread is not threading.current_thread():
            self._thread.join()

    def _look_at_clocks(self) -> None:
        self.clocks, self.thread_id = own_clocks(), threading.get_ident()

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
            shift = self._shift = Shift(place, self, self)
            shift.begin()
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
        self._look_at_clocks()
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


def _new_loop() -> asyncio.AbstractEventLoop:
    """Make a loop: uvloop's where it is installed (10,000 connections open in half the time)."""
    try:
        import uvloop  # noqa: PLC0415 (an extra)
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


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
