"""Ctrl-C, kept out of the few moments in which it would cost a record."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ("CtrlC",)


class CtrlC:
    """Raises ``KeyboardInterrupt`` as Python does, but lets a block that must not be cut end first.

    Everything belongs to the main thread, which is where Python runs signal handlers.
    """

    def __init__(self) -> None:
        self._held = False
        self._came = False  # whether it came while it was held

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Take over from Python's own handler. Where Ctrl-C is ignored, or is somebody else's, it is left alone."""
        before = signal.getsignal(signal.SIGINT)
        if before is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
            yield
            return
        signal.signal(signal.SIGINT, self._handle)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let the block end before a Ctrl-C is raised; a second one does not wait.

        Raises:
            KeyboardInterrupt: behind the block, if it came inside.
        """
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._came:
            self._came = False
            raise KeyboardInterrupt

    def _handle(self, _signal: int, _frame: object) -> None:
        if self._held and not self._came:
            self._came = True
        else:
            raise KeyboardInterrupt
