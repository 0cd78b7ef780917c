"""All orders that differ, each once: dynamic partial-order reduction, with source sets and sleep sets.

Runs form a tree: a node is a pick. Of each finished run, every race says that there is another order, in which its second block
comes before its first; the tree gets a branch for it, at the pick of the first, unless one of the branches there leads to it
already. When no node has a branch left that was not walked, every order that could make a difference has been run.

Source: P. Abdulla, S. Aronis, B. Jonsson, K. Sagonas, Optimal Dynamic Partial Order Reduction (POPL 2014): Source-DPOR, algorithm
1. Where we differ:

* A sleeping task is judged by what it is about to do in this run, since objects have numbers of this run only.
* A pick between things that are no tasks (`Scheduler.choose`) gets all branches: nothing is known of what they touch.
* Where none of the tasks that could begin the other order can go on at that pick, all that can are tried.
* A sleeping task is woken by what conflicts with the operation that it is about to do. What it notes after that, without a pick,
  cannot be known. So where somebody was seen to notice what was noted, who did it does not fall asleep.
* A run in which all that could go on is asleep is run to its end all the same: it might fail. Its races are not looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from atonce.race.operations import Operation, Place, conflict
from atonce.race.search.happens_before import Block, Race, blocks_of, races_of
from atonce.race.search.strategy import Strategy, stay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atonce.race.scheduler import Scheduler
    from atonce.race.tasks import Task

__all__ = ("Dpor",)

_TOO_LONG = 4_000  # steps of a run above which its races are not looked at any more: the tree would never be walked to its end


class _Node:
    """One pick of the run that the tree is walked along at the moment."""

    __slots__ = ("branches", "chosen", "done", "enabled", "kind", "place", "restless", "sleep")

    def __init__(self, chosen: int, enabled: frozenset[int], sleep: frozenset[int]) -> None:
        self.chosen = chosen
        self.enabled = enabled
        self.sleep = sleep
        self.branches = {chosen}
        self.done: set[int] = set()
        self.restless: set[int] = set()  # those that must not sleep: more of what they do here is noticed than what they announce
        self.kind: str | None = None  # what the chosen one did here: the next run has to do the same
        self.place: Place | None = None

    def next_branch(self) -> bool:
        """Go over to a branch that was not walked, if there is one."""
        self.done.add(self.chosen)
        left = self.branches - self.done - self.sleep
        if not left:
            return False
        self.chosen = min(left)
        self.kind = None
        return True


class Dpor(Strategy):
    """Walks the tree, one run after the other.

    Attributes:
        exhausted: every order that could make a difference has been run.
        doubt: why that would prove nothing, in words; empty if it would.
        races: the races of the last run: hints for other strategies.
    """

    every_pick = True

    def __init__(self) -> None:
        self.exhausted = False
        self.doubt = ""
        self.races: list[Race] = []
        self._nodes: list[_Node] = []
        self._sleep: frozenset[int] = frozenset()
        self._seen = 0  # steps of the trace that sleeping tasks have been compared with
        self._blocked = False

    def begin(self, run: Scheduler) -> None:
        """Start at the root."""
        self._sleep = frozenset()
        self._seen = 0
        self._blocked = False

    def pick(self, run: Scheduler, enabled: Sequence[Task], me: Task | None) -> Task:
        """Follow the tree, and then go on as the program would by itself."""
        depth = len(run.picks)
        if depth < len(self._nodes):
            node = self._nodes[depth]
            task = self._follow(node, run, enabled)
        else:
            self._wake(run)
            task = self._explore(run, enabled, me)
            node = _Node(task.number, frozenset([task.number for task in enabled]), self._sleep)
            node.kind, node.place = task.pending.kind, task.pending.place
            self._nodes.append(node)
        self._seen = len(run.trace)
        asleep = node.sleep | (node.done - node.restless) if node.done else node.sleep
        self._sleep = asleep - {task.number} if task.number in asleep else asleep
        return task

    def choose(self, run: Scheduler, count: int) -> int:
        """Take the first; the tree gets a branch for each of the others."""
        depth = len(run.picks)
        if depth == len(self._nodes):
            self._wake(run)
            node = _Node(0, frozenset(range(count)), frozenset())
            node.branches = set(range(count))
            node.kind, node.sleep = "choose", frozenset()
            self._nodes.append(node)
        node = self._nodes[depth]
        if len(node.enabled) != count:
            self.doubt = "the same order did not lead to the same steps"
        self._sleep = frozenset()
        self._seen = len(run.trace)
        node.kind = "choose"
        return min(node.chosen, count - 1)

    def end(self, run: Scheduler) -> None:
        """Look for races, and go over to the next branch."""
        del self._nodes[len(run.picks) :]
        if len(run.trace) > _TOO_LONG:
            self.doubt = self.doubt or f"a run has more than {_TOO_LONG:,} steps"
        elif not self._blocked:
            self._branch(run)
        while self._nodes and not self._nodes[-1].next_branch():
            self._nodes.pop()
        self.exhausted = not self._nodes

    # ---------------------------------------------------------------- one run

    def _follow(self, node: _Node, run: Scheduler, enabled: Sequence[Task]) -> Task:
        """Go on as the run before did. Scenario in the README: what outlives a run."""
        task = next((task for task in enabled if task.number == node.chosen), None)
        if task is None:
            self.doubt = "the same order did not lead to the same steps"
            task = enabled[0]
            node.chosen = task.number
            node.branches.add(task.number)
        if node.kind is None:
            node.kind, node.place = task.pending.kind, task.pending.place
        elif node.kind != task.pending.kind or node.place is not task.pending.place:
            self.doubt = "the same order did not lead to the same steps"
        return task

    def _explore(self, run: Scheduler, enabled: Sequence[Task], me: Task | None) -> Task:
        awake = [task for task in enabled if task.number not in self._sleep] if self._sleep else enabled
        if not awake:
            self._blocked = True  # scenario in the README: all asleep
            awake = enabled
        return stay(run, awake, me)

    def _wake(self, run: Scheduler) -> None:
        """Wake those whose next operation conflicts with what was done since they fell asleep."""
        if self._sleep:
            done = [step.operation for step in run.trace[self._seen :]]
            self._sleep = frozenset([number for number in self._sleep if not _meets(run.tasks[number].pending, done)])

    # ---------------------------------------------------------------- between runs

    def _branch(self, run: Scheduler) -> None:
        blocks = blocks_of(run)
        self.races = []
        for race in races_of(run, blocks):
            self.races.append(race)
            first = blocks[race.first]
            if race.ours is not first.steps[0]:
                self._nodes[first.pick].restless.add(first.task)
            self._reverse(race, blocks)

    def _reverse(self, race: Race, blocks: Sequence[Block]) -> None:
        """See to it that the tree has a branch in which the second block of a race comes before the first."""
        node = self._nodes[blocks[race.first].pick]
        initials = _initials(race, blocks)
        if not initials.isdisjoint(node.branches):
            return
        possible = initials & node.enabled
        task = blocks[race.second].task
        if task in possible:
            node.branches.add(task)
        elif possible:
            node.branches.add(min(possible))
        else:
            node.branches |= node.enabled


def _meets(operation: Operation, done: Sequence[Operation]) -> bool:
    return any(conflict(operation, other) for other in done)


def _initials(race: Race, blocks: Sequence[Block]) -> set[int]:
    """Say which tasks can begin the part of the run that does not need the first block of the race, and ends with the second."""
    first = blocks[race.first]
    between = [block for block in blocks[race.first + 1 : race.second] if not first.before(block.clock)]
    initials: set[int] = set()
    seen: set[int] = set()
    for index, block in enumerate(between):
        if block.task not in seen:
            seen.add(block.task)
            if not any(other.task != block.task and other.before(block.clock) for other in between[:index]):
                initials.add(block.task)
    task = blocks[race.second].task
    if task not in seen and not any(other.before(race.clock) for other in between):
        initials.add(task)
    return initials
