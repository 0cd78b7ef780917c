"""Ctrl-C while a run is on: it ends the run at the next step, whichever thread is running then.

Python raises KeyboardInterrupt in the main thread, which is parked most of the time, or in the middle of handing on a baton. So
while a run is on, the signal is only noted; a second one is raised at once, for a program that comes to no step any more.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from atonce.race.scheduler import Scheduler

__all__ = ("Interrupts",)

_main = threading.main_thread()
_current = threading.current_thread


class Interrupts:
    """Takes Python's own handler of Ctrl-C's place, in the main thread. Whoever has set another one keeps it.

    Attributes:
        run: the run that is on.
    """

    def __init__(self) -> None:
        self.run: Scheduler | None = None
        self._replaced = False

    def __enter__(self) -> None:
        if _current() is _main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._note)
            self._replaced = True

    def __exit__(self, *exc_info: object) -> None:
        if self._replaced:
            self._replaced = False
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        run = self.run
        if run is None or run.interrupt is not None:
            signal.default_int_handler(number, frame)
        else:
            run.stop(KeyboardInterrupt())
