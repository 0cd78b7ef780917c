"""Partial order sampling: at each moment the operation with the highest random priority goes on.

Orders that differ are drawn more evenly than by a random walk, which prefers those in which the tasks keep abreast.

Source: X. Yuan, J. Yang, R. Gu, Partial Order Aware Concurrency Sampling (CAV 2018), algorithm POS.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from atonce.race.operations import Operation, conflict
from atonce.race.search.strategy import Strategy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atonce.race.scheduler import Scheduler
    from atonce.race.tasks import Task

__all__ = ("PartialOrderSampling",)


class PartialOrderSampling(Strategy):
    """Gives each pending operation a priority, and a new one to those that conflict with what is done."""

    def __init__(self, random: Random) -> None:
        self._random = random.random
        self._priorities: dict[int, tuple[Operation, float]] = {}

    def begin(self, run: Scheduler) -> None:
        """Forget the priorities of the run before."""
        self._priorities = {}

    def pick(self, run: Scheduler, enabled: Sequence[Task], me: Task | None) -> Task:
        """Pick the highest."""
        priorities, random = self._priorities, self._random
        for task in run.live:
            known = priorities.get(task.number)
            if known is None or known[0] is not task.pending:
                priorities[task.number] = (task.pending, random())
        best = max(enabled, key=lambda task: priorities[task.number][1])
        for task in run.live:
            if task is not best and conflict(task.pending, best.pending):
                priorities[task.number] = (task.pending, random())
        del priorities[best.number]
        return best

    def choose(self, run: Scheduler, count: int) -> int:
        """Choose any."""
        return int(self._random() * count)
