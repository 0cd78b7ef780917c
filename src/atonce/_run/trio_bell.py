"""The bell of a consumer on trio, as ``LoopBell`` is that of one on asyncio."""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from math import inf

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from typing import Any

__all__ = ("TrioBell", "trio_token")


def trio_token() -> Any:
    """Return the token of the trio program that the caller is a task of; ``None`` if that is none. Without importing trio."""
    trio = sys.modules.get("trio")
    return trio.lowlevel.current_trio_token() if trio is not None and trio.lowlevel.in_trio_task() else None


class TrioBell:
    """For a consumer that is a task of trio."""

    def __init__(self, token: Any) -> None:
        import trio  # noqa: PLC0415 (an extra; here it is loaded)

        self._trio = trio
        self._token = token
        self._event = trio.Event()
        self._rung = False  # Written by any thread: set to spare trio a second call for the same news

    def ring(self) -> None:
        """Wake the consumer. Any thread."""
        if self._rung:
            return
        self._rung = True
        with suppress(self._trio.RunFinishedError):  # nobody listens any more
            self._token.run_sync_soon(self._set)

    def _set(self) -> None:
        self._event.set()

    def reset(self) -> None:
        """Forget the ringing so far."""
        # Race: as in LoopBell.reset: the consumer may wake once for nothing.
        self._event = self._trio.Event()
        self._rung = False

    async def wait(self, timeout_s: float | None = None) -> None:
        """Wait until rung."""
        with self._trio.move_on_after(inf if timeout_s is None else timeout_s):
            await self._event.wait()

    async def pause(self) -> None:
        """Let others have a turn."""
        await self._trio.lowlevel.checkpoint()

    async def elsewhere(self, wait: Callable[[], object]) -> None:
        """Let another thread do something that blocks: a new one, because trio keeps its own for ten seconds more."""
        done, raised = self._trio.Event(), []

        def work() -> None:
            try:
                wait()
            except BaseException as error:  # for who waits
                raised.append(error)
            with suppress(self._trio.RunFinishedError):
                self._token.run_sync_soon(done.set)

        thread = threading.Thread(target=work, name="atonce-elsewhere", daemon=True)
        thread.start()
        await done.wait()
        thread.join()
        if raised:
            raise raised[0]

    def shielded(self) -> AbstractContextManager[Any]:
        """Wait on in spite of being cancelled: trio cancels whatever a cancelled task waits for, also while it clears up."""
        scope: AbstractContextManager[Any] = self._trio.CancelScope(shield=True)
        return scope
