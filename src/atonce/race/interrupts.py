"""Ctrl-C while a check is on: it ends the run at the next step, whichever thread is running then.

Python raises KeyboardInterrupt in the main thread, which is parked most of the time, or in the middle of handing on a baton, or of
putting back what was replaced. So while a check is on the signal is only noted, and raised where it does no harm: at the end of the
run, between two runs, or when everything has been put back. A second one is raised at once where a run is on, for a program that
comes to no step any more.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import TYPE_CHECKING

from atonce.race import carriers, scheduler

if TYPE_CHECKING:
    from atonce.race.scheduler import Scheduler

__all__ = ("Interrupts",)

_main = threading.main_thread()
_current = threading.current_thread
_MACHINERY = (str(carriers.__file__), str(scheduler.__file__))
_PARKED = ("point", "_wait_for_all")  # where the calling thread may be for long
_MOST = 5  # that are noted: whoever presses it once more is right that something hangs


class Interrupts:
    """Takes Python's own handler of Ctrl-C's place, in the main thread. Whoever has set another one keeps it.

    Attributes:
        run: the run that is on.
    """

    def __init__(self) -> None:
        self.run: Scheduler | None = None
        self._replaced = False
        self._noted = 0

    def __enter__(self) -> None:
        if _current() is _main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._replaced = True
            signal.signal(signal.SIGINT, self._note)

    def __exit__(self, *exc_info: object) -> None:
        if self._replaced:
            self._replaced = False
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if not (exc_info and isinstance(exc_info[1], KeyboardInterrupt)):
            self.raise_noted()

    def raise_noted(self) -> None:
        """Raise what was noted while no run was on.

        Raises:
            KeyboardInterrupt: there was something.
        """
        noted, self._noted = self._noted, 0
        if noted:
            raise KeyboardInterrupt

    def _note(self, number: int, frame: FrameType | None) -> None:
        run = self.run
        if run is None:
            self._noted += 1
            if self._noted > _MOST:
                signal.default_int_handler(number, frame)
        elif run.interrupt is None:
            run.stop(KeyboardInterrupt())
        elif not _in_between(frame):
            run.forced = True
            signal.default_int_handler(number, frame)


def _in_between(frame: FrameType | None) -> bool:
    """Tell whether the calling thread is handing on the baton: to be torn out there would leave threads parked for good."""
    code = None if frame is None else frame.f_code
    return code is not None and code.co_filename in _MACHINERY and code.co_name not in _PARKED
