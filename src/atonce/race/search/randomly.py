"""Any task, each with the same chance, at each operation."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from atonce.race.search.strategy import Strategy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atonce.race.scheduler import Scheduler
    from atonce.race.tasks import Task

__all__ = ("RandomWalk",)


class RandomWalk(Strategy):
    """Picks uniformly among those that can go on."""

    def __init__(self, random: Random) -> None:
        self._random = random.random

    def pick(self, run: Scheduler, enabled: Sequence[Task], me: Task | None) -> Task:
        """Pick any."""
        return enabled[int(self._random() * len(enabled))]

    def choose(self, run: Scheduler, count: int) -> int:
        """Choose any."""
        return int(self._random() * count)
