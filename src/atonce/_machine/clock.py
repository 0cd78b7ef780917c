"""The clock that everything here reads, and that a test may hold in its hand."""

from __future__ import annotations

import time

from atonce._values.typed import Protocol

__all__ = ("SYSTEM_CLOCK", "Clock", "SystemClock")


class Clock(Protocol):
    """A source of time. Nobody in atonce reads the time in any other way."""

    def now(self) -> float:
        """Return monotonic seconds, from an arbitrary start."""

    def thread_cpu(self) -> float:
        """Return the CPU seconds that the calling thread has used."""

    def process_cpu(self) -> float:
        """Return the CPU seconds that all threads of this process have used."""


class SystemClock:
    """The computer's own clocks."""

    now = staticmethod(time.perf_counter)
    thread_cpu = staticmethod(time.thread_time)
    process_cpu = staticmethod(time.process_time)


SYSTEM_CLOCK = SystemClock()
