"""Two operations that raced in one run, the other way round in the next: whoever comes to the first waits for the second.

A race that was seen is a hint where to look, never a verdict: this strategy makes the other order likely, and the program says by
itself whether it can bear it.

Source: K. Sen, Race Directed Random Testing of Concurrent Programs (PLDI 2008). Where we differ: all that come to the first
operation are held, not one.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from atonce.race.search.randomly import RandomWalk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atonce.race.operations import Operation, Place
    from atonce.race.scheduler import Scheduler
    from atonce.race.tasks import Task

__all__ = ("Directed", "Pair")

Spot = tuple[str, "Place | None"]
"""Kind and place of an operation: what is the same in all runs."""

Pair = tuple[Spot, Spot]
"""What came first when it was seen, and what came second."""


def spot(operation: Operation) -> Spot:
    """Say what of an operation is the same in all runs."""
    return operation.kind, operation.place


class Directed(RandomWalk):
    """Holds those who come to the first operation of a pair until somebody has done the second."""

    def __init__(self, random: Random, pair: Pair) -> None:
        super().__init__(random)
        self._held, self._wanted = pair
        self._met = False

    def begin(self, run: Scheduler) -> None:
        """Nobody has done the second one yet."""
        self._met = False

    def pick(self, run: Scheduler, enabled: Sequence[Task], me: Task | None) -> Task:
        """Pick any that is not held; any at all if there is none."""
        if self._met:
            return super().pick(run, enabled, me)
        free = [task for task in enabled if spot(task.pending) != self._held or self._held == self._wanted]
        chosen = super().pick(run, free or enabled, me)
        self._met = spot(chosen.pending) == self._wanted
        return chosen
