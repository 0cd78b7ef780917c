"""Clocks and sleeping in a task: time is virtual. Other threads see the real one."""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from atonce.race.operations import Operation
from atonce.race.places import here
from atonce.race.primitives.replacing import replace_name
from atonce.race.scheduler import active

__all__ = ()

_EPOCH_S = 1_700_000_000  # of time.time, when virtual time is 0: any date will do, but always the same
_TICK_S = 1e-6  # a clock goes on a little each time it is read: a loop that waits for it comes to an end
_real_sleep: Any = time.sleep


def _sleep(seconds: Any, /) -> None:
    """Stands for `time.sleep`."""
    run = active()
    if run is None:
        _real_sleep(seconds)
        return
    if not seconds > 0:
        _real_sleep(seconds)  # takes no time; raises what is to be raised
    elif not isinstance(seconds, (int, float)):
        seconds = float(seconds)
    run.point(Operation("sleep", (), here(), wake_s=run.now_s + seconds, yields=True))


def _clock(name: str, since_s: int, *, in_ns: bool) -> Callable[[], Any]:
    real: Callable[[], Any] = getattr(time, name)

    def clock() -> Any:
        run = active()
        if run is None:
            return real()
        if sys._getframe(1).f_globals.get("__name__") != "logging":
            run.doubt("reads the clock", here())
            run.now_s += _TICK_S
        return round((since_s + run.now_s) * 1e9) if in_ns else since_s + run.now_s

    clock.__name__ = clock.__qualname__ = name
    clock.__doc__ = f"Stands for `time.{name}`."
    return clock


def _replace_clocks() -> None:
    for name, since_s in (("time", _EPOCH_S), ("monotonic", 0), ("perf_counter", 0), ("process_time", 0), ("thread_time", 0)):
        if not hasattr(time, name):
            continue
        replacement = _clock(name, since_s, in_ns=False)
        replace_name(time, name, replacement)
        replace_name(time, f"{name}_ns", _clock(f"{name}_ns", since_s, in_ns=True))
        if name == "monotonic":
            replace_name(threading, "_time", replacement)
            replace_name(queue, "time", replacement)


replace_name(time, "sleep", _sleep)
_replace_clocks()
