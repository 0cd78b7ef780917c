"""How a consumer that has nothing to do waits until somebody has something for it."""

from __future__ import annotations

from _thread import LockType, allocate_lock
from collections import deque
from contextlib import nullcontext, suppress
from math import inf

from atonce._values.typed import Protocol

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from typing import Any

__all__ = ("AwaitedBell", "Bell", "LoopBell", "ThreadBell")

_LONGEST_NAP_S = 0.05  # how late a signal may be; to wake up so often takes no time that could be measured


class Bell(Protocol):
    """Rung by workers, heard by the one consumer.

    The consumer resets the bell, then looks whether there is something, then waits: what comes after its look rings again.
    """

    def ring(self) -> None:
        """Wake the consumer, from any thread. Cheap if it is awake."""

    def reset(self) -> None:
        """Forget the ringing so far. Consumer only, before it looks."""


class AwaitedBell(Bell, Protocol):
    """A bell for a consumer that is a coroutine."""

    async def wait(self, timeout_s: float | None = None) -> None:
        """Wait until rung, for so many seconds at most."""

    async def pause(self) -> None:
        """Let others have a turn."""

    async def elsewhere(self, wait: Callable[[], object]) -> None:
        """Let another thread do something that blocks."""

    def shielded(self) -> AbstractContextManager[Any]:
        """Make that what is waited for in this context is waited for although the consumer has been cancelled."""


class ThreadBell:
    """For consumers that may block their threads: mostly one, and whoever closes its stream.

    Not a ``threading.Event``: that guards itself with a lock, in Python, and what a signal's handler raises at the wrong moment,
    Ctrl-C for one, would leave it locked for good. Here each step is a single one of C, and a waiter that was interrupted leaves
    nothing but a lock that nobody waits for.
    """

    def __init__(self) -> None:
        self._rung = False
        self._waiting: deque[LockType] = deque()  # held locks, one for each who waits; whoever rings releases them

    def ring(self) -> None:
        """Wake whoever waits."""
        # Race: 1. a waiter sees that nobody has rung; 2. we look for waiters; 3. he waits. So he appears first, and then looks.
        self._rung = True
        while self._waiting:
            try:
                waiting = self._waiting.popleft()
            except IndexError:
                return  # somebody else rings
            waiting.release()

    def reset(self) -> None:
        """Forget the ringing so far."""
        self._rung = False

    def wait(self, timeout_s: float | None = None) -> None:
        """Block until rung."""
        mine = allocate_lock()
        mine.acquire()
        self._waiting.append(mine)
        left_s = inf if timeout_s is None else timeout_s
        # Race: 1. a signal comes, and Python notes that its handler has to run between two steps of this thread; 2. this thread, in
        # the middle of a step, goes to sleep; 3. nobody wakes it. So it never sleeps for long, or Ctrl-C may be lost.
        while not self._rung and left_s > 0:
            nap_s = min(left_s, _LONGEST_NAP_S)
            if mine.acquire(timeout=nap_s):
                return
            left_s -= nap_s
        with suppress(ValueError):  # somebody rings just now
            self._waiting.remove(mine)


class LoopBell:
    """For a consumer on a running event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        import asyncio  # noqa: PLC0415 (44 ms that a blocking caller does not need)

        self._loop = loop
        self._event = asyncio.Event()
        self._rung = False  # Written by any thread: set to spare the loop a second call for the same news

    def ring(self) -> None:
        """Wake the consumer."""
        if self._rung:
            return
        self._rung = True
        try:
            self._loop.call_soon_threadsafe(self._event.set)
        except RuntimeError:  # the loop is closed, and nobody listens any more
            if not self._loop.is_closed():
                raise

    def reset(self) -> None:
        """Forget the ringing so far."""
        # Race: 1. ring sets _rung and schedules the event; 2. reset clears both; 3. the scheduled call sets the event.
        # The consumer wakes once for nothing. The other way round nothing is lost: _rung is cleared before the consumer looks.
        self._event.clear()
        self._rung = False

    async def wait(self, timeout_s: float | None = None) -> None:
        """Wait until rung, while the loop goes on."""
        import asyncio  # noqa: PLC0415

        if timeout_s is None:
            await self._event.wait()
            return
        try:
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        except TimeoutError:
            return

    async def pause(self) -> None:
        """Let the loop turn once."""
        import asyncio  # noqa: PLC0415

        await asyncio.sleep(0)

    async def elsewhere(self, wait: Callable[[], object]) -> None:
        """Let another thread do something that blocks."""
        await self._loop.run_in_executor(None, wait)

    def shielded(self) -> AbstractContextManager[None]:
        """Wait on: asyncio cancels once, and what is waited for after that is waited for."""
        return nullcontext()
