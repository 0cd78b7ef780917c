"""A failing run as it is shown: with few switches, and between opcodes only where that has to be."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

from atonce.race.alike import way_of
from atonce.race.minimise import Minimal, minimise
from atonce.race.search.counting import Counting, Following
from atonce.race.switching import SWITCH, chosen, needed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from atonce.race.scheduler import Scheduler
    from atonce.race.search.strategy import Strategy
    from atonce.race.switching import Chosen, Switch, Switches
    from atonce.race.tasks import Task

__all__ = ("Shrunk", "shrink")

_ATTEMPTS = 60  # at leaving out switches, before the order is minimised
_MANY = 8  # switches that are left after that
_ALONE = 400  # attempts at making do with one of them


class _Once(Protocol):
    def __call__(
        self, strategy: Strategy, /, *, watch: Callable[[Scheduler], None] | None = None, switches: Switches | None = None
    ) -> Scheduler:
        """Run the program once."""


class Shrunk(NamedTuple):
    """What is left of a failing run.

    Attributes:
        smallest: the order.
        switches: the opcodes at which it is switched; ``None``: at none, it is an ordinary order.
    """

    smallest: Minimal
    switches: Chosen | None


def shrink(once: _Once, failing: Scheduler) -> Shrunk:
    """Look for an order that fails as a run did, with few switches.

    Switches at which the task went on at once are left out, before and after the order is minimised; and as many of the others as
    the failure can do without. Orders that switch at other opcodes are not tried, so none that needs opcodes is called minimal.

    Args:
        once: runs the program.
        failing: a run that failed.
    """
    if failing.between is None:
        return Shrunk(minimise(once, failing), None)
    run, switches = _thinned(once, _fewer(once, failing))
    smallest = minimise(partial(once, switches=switches), run)
    if switches is None or not smallest.repeats:
        return Shrunk(smallest, switches)
    run, switches = _thinned(once, smallest.run)
    return Shrunk(smallest._replace(run=run, minimal=smallest.minimal and switches is None), switches)


def _thinned(once: _Once, run: Scheduler) -> tuple[Scheduler, Chosen | None]:
    """Return a run of the same order without needless switches, and those that it has."""
    picks, switches = needed(run)
    again = once(Following(picks), switches=chosen(run, switches))
    if way_of(again.failure) == way_of(run.failure) and again.picks == picks:
        return again, chosen(run, switches)
    return run, chosen(run, run.between.met if run.between is not None else ())


def _fewer(once: _Once, failing: Scheduler) -> Scheduler:
    """Leave out switches, many at once and then fewer, as long as the failure stays; if many are left, try each alone.

    Source: Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", IEEE TSE 2002.
    """
    best, (_, switches) = failing, needed(failing)
    goes_to = {switch[:2]: failing.picks[switch.pick] for switch in switches}

    def attempt(left: Sequence[Switch]) -> bool:
        nonlocal best, switches
        run = once(_Leaving(goes_to), switches=chosen(failing, left))
        same = way_of(run.failure) == way_of(failing.failure)
        if same:
            best, switches = run, list(left)
        return same

    size, left = (len(switches) + 1) // 2, _ATTEMPTS
    while size and left:
        at = 0
        while at < len(switches) and left:
            left -= 1
            at += 0 if attempt([*switches[:at], *switches[at + size :]]) else size
        size //= 2
    if len(switches) > _MANY:
        any(attempt([switch]) for switch in switches[:_ALONE])
    return best


class _Leaving(Counting):
    """Leaves a task at the switches, for the task that a failing run went over to, and stays everywhere else."""

    def __init__(self, goes_to: dict[tuple[int, int], int]) -> None:
        super().__init__()
        self._goes_to = goes_to

    def decide(self, run: Scheduler, enabled: Sequence[Task], me: Task | None) -> Task:
        """Say who goes on."""
        if me is not None and me.pending.kind == SWITCH and run.between is not None and run.between.met:
            wanted = self._goes_to.get(run.between.met[-1][:2])
            for task in enabled:
                if task.number == wanted:
                    return task
        return super().decide(run, enabled, me)
