"""A failing run as it is shown: with few switches, and between opcodes only where that has to be."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

from atonce.race.alike import way_of
from atonce.race.minimise import Minimal, minimise
from atonce.race.search.counting import Following
from atonce.race.switching import met, needed

if TYPE_CHECKING:
    from collections.abc import Callable

    from atonce.race.scheduler import Scheduler
    from atonce.race.search.strategy import Strategy
    from atonce.race.switching import Chosen, Switches

__all__ = ("Shrunk", "shrink")


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

    Switches at which the task went on at once are left out before and after the order is minimised. Orders that switch at other
    opcodes are not tried, so none that needs opcodes is called minimal.

    Args:
        once: runs the program.
        failing: a run that failed.
    """
    if failing.between is None:
        return Shrunk(minimise(once, failing), None)
    run, switches = _thinned(once, failing)
    smallest = minimise(partial(once, switches=switches), run)
    if switches is None or not smallest.repeats:
        return Shrunk(smallest, switches)
    run, switches = _thinned(once, smallest.run)
    return Shrunk(smallest._replace(run=run, minimal=smallest.minimal and switches is None), switches)


def _thinned(once: _Once, run: Scheduler) -> tuple[Scheduler, Chosen | None]:
    """Return a run of the same order without needless switches, and those that it has."""
    picks, switches = needed(run)
    again = once(Following(picks), switches=switches)
    if way_of(again.failure) == way_of(run.failure) and again.picks == picks:
        return again, switches
    return run, met(run)
