"""From an order that fails to one that fails in the same way with the fewest switches.

Two ways take turns. *Gathering* takes the failing order apart into pieces of one task's work each, and pulls pieces of the same
task together, as long as the failure stays. *Bounding* begins from nothing: the order without a switch, then those with one, then
with two, and so on; a task is left only where its next operation conflicts with another task's, since elsewhere it makes no
difference whether it is left a step later. When bounding has run all orders with fewer switches than the best one, that one is
minimal.

Source: Musuvathi and Qadeer, "Iterative context bounding for systematic testing of multithreaded programs", PLDI 2007; Jalbert and
Sen, "A trace simplification technique for effective debugging of concurrent programs", FSE 2010. Different here: both are run on
real failing orders with the same budget, and a place where the running task cannot go on is a choice that costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from atonce.race.alike import way_of
from atonce.race.bounding import Bounding
from atonce.race.search.counting import Counting, Following, Gathered

if TYPE_CHECKING:
    from atonce.race.scheduler import Scheduler
    from atonce.race.search.strategy import Strategy

__all__ = ("Minimal", "minimise")

_FIRST_LOOK = 30  # attempts at bounding before anything is gathered: most failures need one switch, and that is soon found
_THINNED_BY = 4  # pieces at once: fewer are as well gathered one by one


class Minimal(NamedTuple):
    """The failing order that is shown to people.

    Attributes:
        run: the run that followed it.
        switches: how many switches it has.
        minimal: whether all orders with fewer were tried.
        repeats: whether the failing order failed again. If not, `run` is the one that was given: the program depends on something
            that is not decided here.
        attempts: how many runs this took.
        left: the tasks that are left in it although they could go on.
    """

    run: Scheduler
    switches: int
    minimal: bool
    repeats: bool
    attempts: int
    left: frozenset[int] = frozenset()

    @property
    def picks(self) -> list[int]:
        """What was decided in it."""
        return self.run.picks


def minimise(
    attempt: Callable[[Strategy], Scheduler],
    failing: Scheduler,
    *,
    attempts: int = 150,
    seconds: float = 5.0,
    clock: Callable[[], float] = perf_counter,
) -> Minimal:
    """Look for an order that fails as a run did, with as few switches as possible.

    Args:
        attempt: runs the program once under a strategy.
        failing: a run that failed.
        attempts: runs that may be spent.
        seconds: time that may be spent. It is ample, so that the same failure gives the same order on every computer.
        clock: tells the time.
    """
    hunt = _Hunt(attempt, failing, attempts, clock() + seconds, clock)
    if not hunt.begin():
        return Minimal(failing, hunt.switches, minimal=False, repeats=False, attempts=hunt.attempts)
    failed = failing.failure.task.number if failing.failure is not None and failing.failure.task is not None else -1
    bounding = Bounding(hunt.attempt, hunt.places, failed)
    _bound(hunt, bounding, _FIRST_LOOK)
    _thin(hunt)
    _gather(hunt)
    minimal = _bound(hunt, bounding, attempts)
    return Minimal(hunt.best, hunt.switches, minimal=minimal, repeats=True, attempts=hunt.attempts, left=hunt.left)


class _Hunt:
    """The best order so far, and what may still be spent."""

    def __init__(
        self, run: Callable[[Strategy], Scheduler], failing: Scheduler, most: int, end_s: float, clock: Callable[[], float]
    ) -> None:
        self.best = failing
        self.switches = 0
        self.left: frozenset[int] = frozenset()
        self.places: set[int] = set()
        self.attempts = 0
        self._run = run
        self._way = way_of(failing.failure)
        self._most = most
        self._end_s = end_s
        self._clock = clock

    def spent(self) -> bool:
        """Tell whether no more may be spent."""
        return self.attempts >= self._most or self._clock() >= self._end_s

    def begin(self) -> bool:
        """Run the failing order again, and count its switches. Return whether it has failed again."""
        strategy = Following(self.best.picks)
        run = self._one(strategy)
        self.switches = strategy.switches
        if way_of(run.failure) != self._way or run.picks != self.best.picks:
            return False
        self.best, self.left = run, strategy.ever_left
        for decision, pick in zip(strategy.decisions, run.picks, strict=True):
            if decision.cost(pick) and decision.operation is not None:
                self.places.add(id(decision.operation.place))
        return True

    def attempt(self, strategy: Counting) -> Scheduler:
        """Run an order, and keep it if it is better."""
        run = self._one(strategy)
        if way_of(run.failure) == self._way and (strategy.switches, _turns(run)) < (self.switches, _turns(self.best)):
            self.best, self.switches, self.left = run, strategy.switches, strategy.ever_left
        return run

    def _one(self, strategy: Counting) -> Scheduler:
        self.attempts += 1
        return self._run(strategy)


def _turns(run: Scheduler) -> int:
    """Return how often another task goes on, for whatever reason."""
    return sum(1 for _ in groupby(run.picks))


def _bound(hunt: _Hunt, bounding: Bounding, attempts: int) -> bool:
    """Try orders with fewer switches than the best one, and return whether there are none left to try."""
    end = hunt.attempts + attempts
    while bounding.more(hunt.switches):
        if hunt.spent() or hunt.attempts >= end:
            return False
        bounding.step(hunt.switches)
    return bounding.complete


def _thin(hunt: _Hunt) -> None:
    """Let many pieces go at once, half of them, then a quarter, and so on: what they did is done whenever it has to be.

    Source: Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", IEEE TSE 2002.
    """
    pieces, choices = _apart(hunt.best.picks)
    size = len(pieces) // 2
    while size >= _THINNED_BY:
        at = 0
        while at < len(pieces) and not hunt.spent():
            before = hunt.best
            hunt.attempt(Gathered([*pieces[:at], *pieces[at + size :]], choices))
            if hunt.best is before:
                at += size
            else:
                pieces, choices = _apart(hunt.best.picks)
        size = min(size, len(pieces)) // 2


def _apart(picks: list[int]) -> tuple[list[tuple[int, int]], list[int]]:
    """Return the pieces of an order, a task and how many steps it does; and its choices."""
    pieces = [(number, sum(1 for _ in steps)) for number, steps in groupby([pick for pick in picks if pick >= 0])]
    return pieces, [~pick for pick in picks if pick < 0]


def _gather(hunt: _Hunt) -> None:
    """Pull pieces of the same task together until that makes nothing better."""
    improved = True
    while improved and hunt.switches and not hunt.spent():
        improved = False
        before = hunt.best
        for pieces, choices in _closer(before.picks):
            if hunt.spent():
                return
            hunt.attempt(Gathered(pieces, choices))
            if hunt.best is not before:
                improved = True
                break


def _closer(picks: list[int]) -> Iterator[tuple[list[tuple[int, int]], list[int]]]:
    """Yield the order's pieces, each time with two of one task made one; and its choices, each time with some set to the first."""
    pieces, choices = _apart(picks)
    for first in range(len(pieces)):
        number, steps = pieces[first]
        second = next((at for at in range(first + 1, len(pieces)) if pieces[at][0] == number), None)
        if second is None:
            continue
        whole = (number, steps + pieces[second][1])
        yield [*pieces[:first], whole, *pieces[first + 1 : second], *pieces[second + 1 :]], choices
        yield [*pieces[:first], *pieces[first + 1 : second], whole, *pieces[second + 1 :]], choices
    size = len(choices)
    while size:
        for at in range(0, len(choices), size):
            if any(choices[at : at + size]):
                yield pieces, [*choices[:at], *[0] * len(choices[at : at + size]), *choices[at + size :]]
        size //= 2
