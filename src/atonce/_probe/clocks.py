"""Clocks of a thread that can be read from outside it."""

__all__ = ("queued_s",)

_SCHEDSTAT = "/proc/self/task/{}/schedstat"


def queued_s(native_id: int, path: str = _SCHEDSTAT) -> float:
    """Return for how many seconds a thread was ready to run and had no CPU to run on; 0 where the system does not tell.

    On a busy machine, work that computes has little CPU time in much wall time, as work that waits has. This tells them apart.

    Source:
        https://docs.kernel.org/scheduler/sched-stats.html (second field: nanoseconds spent waiting on a runqueue).
    """
    try:
        with open(path.format(native_id), encoding="ascii") as file:  # noqa: PTH123 (pathlib takes 3.5 ms of a program's first result)
            return int(file.read().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0
