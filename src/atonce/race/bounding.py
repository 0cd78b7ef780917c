"""Orders by the number of their switches: those without one, those with one, and so on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from atonce.race.operations import WHOLE
from atonce.race.search.counting import Counting, Decision, Following

if TYPE_CHECKING:
    from atonce.race.operations import Operation
    from atonce.race.scheduler import Scheduler

__all__ = ("Bounding",)

_LONGEST = 5_000  # decisions of a run that are looked at for other ones
_MOST_WAITING = 50_000  # beginnings that are remembered


class Bounding:
    """A heap of beginnings that have not been run. Each run adds those that differ from it in one more decision.

    First come those that take the fewest decisions of their own, and not those with the fewest switches: among many tasks, the
    orders without any switch are too many to run them all before the first one with a switch.

    Attributes:
        complete: nothing was left out for its length.
    """

    def __init__(self, attempt: Callable[[Counting], Scheduler], places: set[int], failed: int) -> None:
        self.complete = True
        self._attempt = attempt
        self._first = places  # identities of places where the failing order was switched: they come before others
        self._failed = failed  # the task that failed: to switch to it comes before others, too
        self._seen: set[tuple[int, ...]] = set()
        self._count = 0
        self._heap: list[tuple[int, int, int, int, list[int], int, int]] = [(0, 0, 0, 0, [], 0, -1)]

    def more(self, switches: int) -> bool:
        """Tell whether beginnings with fewer switches than that are left."""
        while self._heap and self._heap[0][1] >= switches:
            heappop(self._heap)
        return bool(self._heap)

    def step(self, switches: int) -> None:
        """Run the next beginning to its end, and look at what else could have been decided, with fewer switches than that."""
        turns, _, _, _, picks, at, pick = heappop(self._heap)
        beginning = [*picks[:at], pick] if at or picks else []
        strategy = Following(beginning)
        run = self._attempt(strategy)
        key = tuple(run.picks)
        if key in self._seen or run.picks[: len(beginning)] != beginning:
            return
        self._seen.add(key)
        if len(strategy.decisions) > _LONGEST:
            self.complete = False
        touched = _Touched(run)
        for at in range(len(beginning), min(len(strategy.decisions), _LONGEST)):
            decision = strategy.decisions[at]
            if decision.free or touched.conflicts(decision.operation, decision.me):
                self._add(decision, run.picks, at, turns, switches)

    def _add(self, decision: Decision, picks: list[int], at: int, turns: int, switches: int) -> None:
        if len(self._heap) > _MOST_WAITING:
            self.complete = False
            return
        far = int(decision.operation is None or id(decision.operation.place) not in self._first)
        for pick in decision.others:
            cost = decision.switches + decision.cost(pick)
            if pick != picks[at] and cost < switches:
                self._count += 1
                heappush(self._heap, (turns + 1, cost, far + (pick != self._failed), self._count, picks, at, pick))


class _Touched:
    """Who touched what in a run."""

    def __init__(self, run: Scheduler) -> None:
        self._by_number: dict[int, set[tuple[int, Hashable, bool]]] = defaultdict(set)
        for step in run.trace:
            self._add(step.task, step.operation)
        for task in run.tasks:
            if task.begun:
                self._add(task.number, task.pending)  # what it would have done next, had the run not ended

    def conflicts(self, operation: Operation | None, task: int) -> bool:
        """Tell whether an operation conflicts with one of another task."""
        for number, element, writes in operation.cells if operation is not None else ():
            for other, touched, other_writes in self._by_number[number]:
                if other != task and (writes or other_writes) and (element is WHOLE or touched is WHOLE or element == touched):
                    return True
        return False

    def _add(self, task: int, operation: Operation) -> None:
        for number, element, writes in operation.cells:
            self._by_number[number].add((task, element, writes))
