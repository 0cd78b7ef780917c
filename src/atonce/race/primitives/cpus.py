"""How many CPUs the program may use: as many as without a check, which holds its threads on one."""

from __future__ import annotations

import os
from typing import Any

from atonce.race.one_cpu import allowed_cpus
from atonce.race.primitives.replacing import replace_name
from atonce.race.scheduler import active

__all__ = ()


def _affinity(pid: int, /) -> set[int]:
    """Stands for `os.sched_getaffinity`."""
    allowed = allowed_cpus()
    if allowed is not None and pid in (0, os.getpid()) and active() is not None:
        return set(allowed)
    return set(_real_affinity(pid))


_real_affinity: Any = getattr(os, "sched_getaffinity", None)

replace_name(os, "sched_getaffinity", _affinity)
