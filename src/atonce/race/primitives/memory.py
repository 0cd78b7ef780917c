"""What the primitives remember for the time of one run, and how the run's end is cleaned up after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from atonce.race.scheduler import Scheduler
from atonce.race.tasks import Task

__all__ = ("AT_END", "Memory", "memory", "settle")


AT_END: list[Callable[[Scheduler, Memory, bool], None]] = []
"""What the primitives do when a run is over. They are told whether it was cut short."""


class Memory:
    """Of one run. Everything is kept by the address of an object that the run keeps alive.

    Guarded by: the baton.

    Attributes:
        shadows: what stands for an object written in C that was made before the run.
        waiting: for a condition, one ``[notified]`` for each task that waits, in order.
        tasks: for a thread that was started in the run, its task.
        finished: for a future, the how-manieth it was to finish.
        users: for a barrier, the tasks that have come to it.
        flows: for a queue or a semaphore, what went in and out.
        pools: for an executor, what we know of it.
    """

    __slots__ = ("_counts", "finished", "flows", "pools", "shadows", "tasks", "users", "waiting")

    def __init__(self) -> None:
        self.shadows: dict[int, Any] = {}
        self.waiting: dict[int, list[list[bool]]] = {}
        self.tasks: dict[int, Task] = {}
        self.finished: dict[int, int] = {}
        self.users: dict[int, set[int]] = {}
        self.flows: dict[int, Any] = {}
        self.pools: dict[int, Any] = {}
        self._counts: dict[str, int] = {}

    def count(self, what: str, first: int = 0) -> int:
        """Return the next number for something that programs number as they go: equal runs get equal numbers."""
        number = self._counts.get(what, first)
        self._counts[what] = number + 1
        return number


_current: tuple[Scheduler, Memory] | None = None


def memory(run: Scheduler) -> Memory:
    """Return what the primitives remember of this run."""
    global _current  # noqa: PLW0603 (one run at a time in a process)
    current = _current
    if current is None or current[0] is not run:
        settle()
        current = _current = (run, Memory())
    return current[1]


def settle() -> None:
    """Clean up after the latest run, once it has ended: threads are finished, locks are what they were if it was cut short."""
    global _current  # noqa: PLW0603
    if _current is not None:
        run, kept = _current
        for at_end in AT_END:
            at_end(run, kept, run.failure is not None or run.interrupt is not None)
        _current = None
