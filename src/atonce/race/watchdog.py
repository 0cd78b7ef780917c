"""Notice a task that hangs where no step is: in a real lock, in a system call. Such a run can only be given up.

A thread of its own looks, now and then, whether the run has come further. If it has not for a while, and the thread of the running
task has used no processor time meanwhile, then that thread waits for something that nobody decides over here. That is no deadlock
of the program's: whoever should let it go on may be parked.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from _thread import allocate_lock
from types import FrameType
from typing import TYPE_CHECKING

from atonce.errors import RaceError
from atonce.race.carriers import started
from atonce.race.places import place_of_frame

if TYPE_CHECKING:
    from collections.abc import Callable

    from atonce.race.scheduler import Scheduler
    from atonce.race.tasks import Task

__all__ = ("Watchdog",)

_PATIENCE_S = 2.0
_LOOKS = 4  # in that time
_LOOKS_AT_END = 16  # at a run that is being wound up: it has failed, and that is to be reported, not this
_DEBUGGERS = ("pdb", "bdb", "code", "debugpy", "pydevd")
_clock_of = getattr(time, "pthread_getcpuclockid", None)  # not on every system: without it nothing tells hanging from working
_read_clock = getattr(time, "clock_gettime", None)
_main_ident = threading.main_thread().ident


class Watchdog:
    """Watches the runs of one check. A context manager.

    Attributes:
        run: the run that is on. Guarded by: the thread that checks, which sets it before the run and clears it after.
    """

    def __init__(self, patience_s: float = _PATIENCE_S) -> None:
        self.run: Scheduler | None = None
        self._interval_s = patience_s / _LOOKS
        self._stop = allocate_lock()
        self._join: Callable[[], object] | None = None

    def __enter__(self) -> None:
        if _clock_of is not None and _read_clock is not None:
            self._stop.acquire()
            self._join = started(self._watch)

    def __exit__(self, *exc_info: object) -> None:
        if self._join is not None:
            self._stop.release()
            self._join()
            self._join = None

    def _watch(self) -> None:
        before: object = None
        looks = 0
        asleep_since = _now_s()
        while not self._stop.acquire(timeout=self._interval_s):
            run = self.run
            since, asleep_since = asleep_since, _now_s()
            if run is None or asleep_since - since > 2 * self._interval_s:  # where this thread is late, that one may be, too
                before = None
                continue
            task = run.running
            now = (run, len(run.trace), task, task.caught, _used_s(task))
            looks = looks + 1 if now == before else 0
            before = now
            if looks >= (_LOOKS_AT_END if run.aborting else _LOOKS):
                looks = 0
                _give_up(run, task)


def _now_s() -> float:
    assert _read_clock is not None
    return float(_read_clock(time.CLOCK_MONOTONIC))


def _used_s(task: Task) -> float:
    """Return how much processor time the thread of a task has used."""
    assert _clock_of is not None
    assert _read_clock is not None
    try:
        return float(_read_clock(_clock_of(task.ident)))
    except (OSError, OverflowError):
        return -1.0


def _give_up(run: Scheduler, task: Task) -> None:
    frame = sys._current_frames().get(task.ident)  # noqa: SLF001 (there is no public way to look at another thread)
    if frame is None or _is_debugged(frame):
        return
    place = place_of_frame(frame)
    at = f" at {place!r}" if place is not None else ""
    text = f" ({place.text})" if place is not None and place.text else ""
    name = f"T{task.number} {task.name}" if task.number else "main"
    why = RaceError(
        f"uncontrolled blocking{at}{text}: {name} waits there for something that is not decided over here. "
        f"Make what it waits for inside the function under test, or let the module that waits be looked into (include=)"
    )
    run.abandon(task, why)
    if task.number == 0:
        _rouse(task)


def _rouse(task: Task) -> None:
    """Get the calling thread out of where it hangs, if it is the main thread: nothing else hears a signal."""
    if task.ident == _main_ident and hasattr(signal, "pthread_kill"):
        signal.pthread_kill(task.ident, signal.SIGINT)


def _is_debugged(frame: FrameType | None) -> bool:
    """Tell whether somebody stands at a breakpoint."""
    while frame is not None:
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] in _DEBUGGERS:
            return True
        frame = frame.f_back
    return False
