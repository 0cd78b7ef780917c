"""Clocks of threads and processes that can be read from outside them."""

from __future__ import annotations

import sys
import time
from _thread import get_ident, get_native_id

__all__ = ("Clocks", "own_clocks", "process_clocks")

_PROC = "/proc"


class Clocks:
    """What the system knows of how a thread, or the main thread of a process, spends its time. Read it from any thread.

    Args:
        clock: number of the clock of its CPU time; ``None`` where there is none.
        folder: where the kernel tells of it.
    """

    __slots__ = ("_clock", "_folder")

    def __init__(self, clock: int | None, folder: str) -> None:
        self._clock = clock
        self._folder = folder

    def cpu_s(self) -> float | None:
        """Return the CPU seconds that it has used; ``None`` if that cannot be told, or it has ended."""
        if self._clock is None:
            return None
        try:
            return time.clock_gettime(self._clock)
        except OSError:
            return None

    def queued_s(self) -> float:
        """Return for how many seconds it was ready to run and had no CPU to run on; 0 where the system does not tell.

        On a busy machine, work that computes has little CPU time in much wall time, as work that waits has. This tells them apart.

        Source:
            https://docs.kernel.org/scheduler/sched-stats.html (second field: nanoseconds spent waiting on a runqueue).
        """
        try:
            return int(self._read("schedstat").split()[1]) / 1e9
        except (OSError, ValueError, IndexError):
            return 0.0

    def is_ready(self) -> bool:
        """Tell whether it runs, or would if it had a CPU; ``False`` if it waits for something else, or the system does not tell.

        The time that it spends in the queue for a CPU is only told when it has ended; this is how it is seen meanwhile.

        Source:
            proc_pid_stat(5): the state is the first field behind the name, which stands in parentheses.
        """
        try:
            return self._read("stat").rpartition(b")")[2].split()[0] == b"R"
        except (OSError, IndexError):
            return False

    def _read(self, name: str) -> bytes:
        with open(f"{self._folder}/{name}", "rb") as file:  # noqa: PTH123 (pathlib takes 3.5 ms of a program's first result)
            return file.read()


def own_clocks() -> Clocks:
    """Return the clocks of the calling thread.

    A thread has to ask for itself: to ask for those of one that has ended is undefined behaviour. To read them then is not.
    """
    find = getattr(time, "pthread_getcpuclockid", None)  # not on macOS and Windows
    return Clocks(None if find is None else int(find(get_ident())), f"{_PROC}/self/task/{get_native_id()}")


def process_clocks(pid: int) -> Clocks:
    """Return the clocks of a process; what is told of its queueing is that of its main thread.

    Source:
        clock_getres(2), "dynamic clocks": how the kernel numbers the clocks of processes; clock_getcpuclockid(3) returns the same.
    """
    return Clocks((~pid << 3) | 2 if sys.platform == "linux" else None, f"{_PROC}/{pid}")
