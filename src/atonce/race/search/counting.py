"""Strategies that take down what they decide between, and count the switches.

A *switch* is counted where a task is left although it could go on, and where a task that was so left is gone back to. Leaving a
task that waits, sleeps or has ended costs nothing: there, somebody else has to go on in any case. A callback of an event loop that
is called before its turn counts as a switch too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from atonce.race.search.strategy import Strategy, stay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atonce.race.operations import Operation
    from atonce.race.scheduler import Scheduler
    from atonce.race.tasks import Task

__all__ = ("Counting", "Decision", "Following", "Gathered")

_FIRST = ~0  # the callback whose turn it is


class Decision(NamedTuple):
    """What one pick was made between.

    Attributes:
        me: the task that ran; -1 if it had ended, or if it is an event loop that chooses.
        operation: what that task was about to do.
        free: leaving it is no switch.
        others: the tasks, or ``~k`` for callbacks, that could go on.
        left: the tasks that were left although they could go on, and wait to be gone back to.
        switches: how many there were before.
    """

    me: int
    operation: Operation | None
    free: bool
    others: tuple[int, ...]
    left: frozenset[int]
    switches: int

    def cost(self, pick: int) -> int:
        """Return how many switches a pick adds."""
        if self.operation is None and self.others[0] < 0:
            return int(pick != _FIRST)
        return int(pick != self.me and (not self.free or pick in self.left))


class Counting(Strategy):
    """Stays with the running task, goes back to a task that was left only when nobody else can go on, and takes down everything.

    Attributes:
        decisions: one for each pick of the run.
        switches: how many switches the run had.
        ever_left: the tasks that were left although they could go on.
    """

    every_pick = True

    def __init__(self) -> None:
        self.decisions: list[Decision] = []
        self.switches = 0
        self.ever_left: frozenset[int] = frozenset()
        self._left: frozenset[int] = frozenset()

    def begin(self, run: Scheduler) -> None:
        """Begin to count."""
        self.decisions = []
        self.switches = 0
        self.ever_left = self._left = frozenset()

    def pick(self, run: Scheduler, enabled: Sequence[Task], me: Task | None) -> Task:
        """Pick as `decide` says."""
        chosen = self.decide(run, enabled, me)
        others = tuple([task.number for task in enabled])
        if me is None:
            decision = Decision(-1, None, True, others, self._left, self.switches)
        else:
            free = me.number not in others or me.pending.yields
            decision = Decision(me.number, me.pending, free, others, self._left, self.switches)
        self._take_down(decision, chosen.number)
        return chosen

    def choose(self, run: Scheduler, count: int) -> int:
        """Choose as `prefer` says."""
        choice = self.prefer(run, count)
        others = tuple([~k for k in range(count)])
        self._take_down(Decision(-1, None, True, others, self._left, self.switches), ~choice)
        return choice

    def decide(self, run: Scheduler, enabled: Sequence[Task], me: Task | None) -> Task:
        """Say who goes on."""
        if me is not None and me in enabled and not me.pending.yields:
            return stay(run, enabled, me)
        fresh = [task for task in enabled if task.number not in self._left]
        if not fresh or fresh == [me]:  # who only sleeps, on and on, may be waiting for one that was left
            fresh = list(enabled)
        return stay(run, fresh, me)

    def prefer(self, run: Scheduler, count: int) -> int:
        """Say which callback comes next."""
        return 0

    def _take_down(self, decision: Decision, pick: int) -> None:
        self.decisions.append(decision)
        self.switches += decision.cost(pick)
        if pick < 0 or pick == decision.me:
            return
        if decision.me >= 0 and not decision.free:
            self._left |= {decision.me}
            self.ever_left |= {decision.me}
        if pick in self._left:
            self._left -= {pick}


class Following(Counting):
    """Follows picks to their end, as far as they fit, and then stays."""

    def __init__(self, picks: Sequence[int]) -> None:
        super().__init__()
        self._picks = picks

    def decide(self, run: Scheduler, enabled: Sequence[Task], me: Task | None) -> Task:
        """Pick what the list names, if it can go on."""
        done = len(run.picks)
        if done < len(self._picks):
            wanted = self._picks[done]
            for task in enabled:
                if task.number == wanted:
                    return task
        return super().decide(run, enabled, me)

    def prefer(self, run: Scheduler, count: int) -> int:
        """Choose what the list names, if it is there."""
        done = len(run.picks)
        wanted = self._picks[done] if done < len(self._picks) else ~0
        return ~wanted if wanted < 0 and ~wanted < count else 0


class Gathered(Counting):
    """Lets tasks do pieces of their work: a task, and how many steps it does. What cannot be begun or ended is passed over."""

    def __init__(self, pieces: Sequence[tuple[int, int]], choices: Sequence[int]) -> None:
        super().__init__()
        self._pieces = pieces
        self._choices = choices
        self._piece = self._done = self._chosen = 0

    def begin(self, run: Scheduler) -> None:
        """Begin with the first piece."""
        super().begin(run)
        self._piece = self._done = self._chosen = 0

    def decide(self, run: Scheduler, enabled: Sequence[Task], me: Task | None) -> Task:
        """Pick the task whose piece it is."""
        while self._piece < len(self._pieces):
            number, steps = self._pieces[self._piece]
            if self._done < steps:
                for task in enabled:
                    if task.number == number:
                        self._done += 1
                        return task
            self._piece += 1
            self._done = 0
        return super().decide(run, enabled, me)

    def prefer(self, run: Scheduler, count: int) -> int:
        """Choose what was chosen at that choice before."""
        at = self._chosen
        self._chosen += 1
        wanted = self._choices[at] if at < len(self._choices) else 0
        return wanted if wanted < count else 0
