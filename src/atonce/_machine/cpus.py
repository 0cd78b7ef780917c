"""How many CPUs this process may really use."""

import os

__all__ = ("gil_is_held", "usable_cpus")

_CGROUP_V2 = "/sys/fs/cgroup/cpu.max"
_CGROUP_V1 = "/sys/fs/cgroup/cpu"


def usable_cpus() -> int:
    """Count the CPUs that this process may use: affinity and cgroup quota, not what the host has.

    Returns:
        At least 1. A quota of 1.5 CPUs counts as 2, so that the half is not left lying.

    Source:
        https://docs.kernel.org/admin-guide/cgroup-v2.html (cpu.max: quota and period in microseconds).
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota(_CGROUP_V2, _CGROUP_V1)
    return max(1, allowed if quota is None else min(allowed, -int(-quota // 1)))


def gil_is_held() -> bool:
    """Tell whether this interpreter runs one thread of Python at a time."""
    import sys  # noqa: PLC0415 (read at call time: a test may swap it)

    return bool(getattr(sys, "_is_gil_enabled", lambda: True)())


def _quota(v2: str, v1: str) -> float | None:
    """Read the CPU quota of this control group, in CPUs; ``None`` where there is no limit, or nothing that can be understood."""
    words = _words(v2) or [*_words(f"{v1}/cpu.cfs_quota_us"), *_words(f"{v1}/cpu.cfs_period_us")]
    try:
        cpus = int(words[0]) / int(words[1])
    except (IndexError, ValueError, ZeroDivisionError, OverflowError):
        return None  # "max", or -1: no limit
    return cpus if cpus > 0 else None


def _words(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 (pathlib takes 3.5 ms of a program's first result)
            return file.read().split()
    except (OSError, ValueError):
        return []
