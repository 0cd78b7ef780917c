"""Whoever holds the fewest locks goes on: all take their first lock before any takes its second, which is how rings close."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from atonce.race.search.randomly import RandomWalk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atonce.race.scheduler import Scheduler
    from atonce.race.tasks import Task

__all__ = ("Hoarding",)


class Hoarding(RandomWalk):
    """Picks among those with the fewest locks."""

    def __init__(self, random: Random) -> None:
        super().__init__(random)

    def pick(self, run: Scheduler, enabled: Sequence[Task], me: Task | None) -> Task:
        """Pick any of those with the fewest locks."""
        fewest = min([len(task.held) for task in enabled])
        return super().pick(run, [task for task in enabled if len(task.held) == fewest], me)
