"""One CPU for the threads of a check: only one of them runs at any moment.

To wake a thread on another CPU, which has gone to sleep meanwhile, takes several times as long as on the same one: on a machine of
two, a search runs 2.0 to 2.6 times as many orders a second. (Measured: benchmarks/race/)

It is the CPU on which the calling thread finds itself. Others may come to work there, and leave another one idle; so every now and
then a run is free to go where the system puts it, and from then on all stay there. Linux only: elsewhere nothing is done.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Self

__all__ = ("OneCpu", "allowed_cpus")

_FREE_EVERY = 256  # runs
_allowed: frozenset[int] | None = None  # the CPUs that the calling thread was allowed before; one check at a time in a process


def allowed_cpus() -> frozenset[int] | None:
    """Return the CPUs on which the program may run, as it would find them without a check; ``None`` while nothing is held."""
    return _allowed


class OneCpu:
    """Holds the calling thread, and others, on one CPU. A context manager: at its end, the calling thread may go anywhere it could.

    Args:
        others: tells the other threads, by the system's numbers.
    """

    def __init__(self, others: Callable[[], Iterable[int]]) -> None:
        self._others = others
        self._all: frozenset[int] = frozenset()
        self._cpu = -1
        self._free = False

    def __enter__(self) -> Self:
        global _allowed  # noqa: PLW0603 (see there)
        allowed = frozenset(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else frozenset[int]()
        if len(allowed) > 1:
            _allowed = self._all = allowed
            self._stay_here()
        return self

    def __exit__(self, *exc_info: object) -> None:
        global _allowed  # noqa: PLW0603
        if self._all:
            if self._free or os.sched_getaffinity(0) == {self._cpu}:  # else the program has decided otherwise
                os.sched_setaffinity(0, self._all)
            _allowed = None

    def before_run(self, number: int) -> None:
        """Let a run go anywhere now and then, and stay where it went. Called in the calling thread, between two runs."""
        if not self._all:
            return
        if self._free:
            self._stay_here()
        elif number % _FREE_EVERY == _FREE_EVERY - 1:
            self._free = True
            self._hold(self._all)

    def _stay_here(self) -> None:
        self._free = False
        cpu = _current_cpu()
        if cpu in self._all:
            self._cpu = cpu
            self._hold(frozenset({cpu}))

    def _hold(self, cpus: frozenset[int]) -> None:
        for thread in (0, *self._others()):
            with suppress(OSError):  # it has ended
                os.sched_setaffinity(thread, cpus)


def _current_cpu() -> int:
    """Return the CPU on which the calling thread runs; -1 if nobody knows."""
    try:
        return int(Path("/proc/thread-self/stat").read_bytes().rpartition(b")")[2].split()[36])
    except (OSError, ValueError, IndexError):
        return -1
