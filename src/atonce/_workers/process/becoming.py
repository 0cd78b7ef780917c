"""How a worker becomes like its parent, and keeps within its share of the machine."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 10 ms at the start of a worker

if TYPE_CHECKING:
    from typing import Any

__all__ = ("become", "limit_memory", "limit_native_threads")

_usual: list[int] = []  # the limit that this process began with, once it has been looked at


def become(settings: dict[str, Any]) -> None:
    """Take over the path, the environment and the folder of the parent. See ``Child.set_up`` for the settings."""
    sys.path[:], sys.argv[:] = settings["path"], settings["argv"]
    sys.setrecursionlimit(settings["recursion_limit"])
    sys.prefix, sys.exec_prefix = settings["prefixes"]
    if settings["environ"] != dict(os.environ):
        os.environ.clear()
        os.environ.update(settings["environ"])
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
        os.environ.setdefault(name, str(settings["threads"]))  # for what is loaded from now on
    if settings["cwd"] is not None:
        os.chdir(settings["cwd"])


def limit_native_threads(threads: int) -> None:
    """Keep BLAS and OpenMP, where loaded, to this worker's share of the CPUs."""
    if "numpy" in sys.modules or "scipy" in sys.modules or "torch" in sys.modules:
        try:
            from threadpoolctl import threadpool_info, threadpool_limits  # noqa: PLC0415 (for those who have such a library)
        except ImportError:
            return
        if any(pool["num_threads"] > threads for pool in threadpool_info()):
            threadpool_limits(threads)


def limit_memory(limit_bytes: int | None) -> None:
    """Let this process have so much memory of its own: beyond it, Python raises MemoryError.

    ``RLIMIT_DATA`` counts what is reserved, also if it was never touched; what is untouched now is not held against it.
    """
    import resource  # noqa: PLC0415

    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if not _usual:
        _usual.append(soft)
    if limit_bytes is None:
        resource.setrlimit(resource.RLIMIT_DATA, (_usual[0], hard))
        return
    with open("/proc/self/status", encoding="ascii", errors="replace") as status:  # noqa: PTH123 (pathlib costs 5 ms)
        sizes = dict(line.split(":", 1) for line in status if line.startswith(("VmData", "RssAnon")))
    reserved, resident = (int(sizes[name].split()[0]) << 10 for name in ("VmData", "RssAnon"))
    limit = limit_bytes + max(0, reserved - resident)
    limits = [limit, *(other for other in (_usual[0], hard) if other >= 0)]  # -1: there is none
    resource.setrlimit(resource.RLIMIT_DATA, (min(limits), hard))
