"""The search itself: run after run until something fails, everything is proved, or the budget is spent."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from atonce.race.search.strategy import Strategy

if TYPE_CHECKING:
    from atonce.race.running import Runner
    from atonce.race.scheduler import Scheduler
    from atonce.race.search.plan import Plan

__all__ = ("Search", "search")


class Search(NamedTuple):
    """How a search ended.

    Attributes:
        failing: the run that failed, if one did.
        runs: how many there were.
        steps: of the longest.
        proved: every order that could make a difference was run, and none failed.
        why_not: why that is not known, in words.
    """

    failing: Scheduler | None
    runs: int
    steps: int
    proved: bool
    why_not: tuple[str, ...]


def search(runner: Runner, plan: Plan, *, seconds: float, runs: int | None) -> Search:
    """Run the program in one order after the other.

    The first run is as the program would go by itself. It also warms up: what a program sets up once (imports, caches) would make
    the second run differ from the first, and the tree of all orders needs equal runs.

    Args:
        runner: runs the program.
        plan: says in which orders.
        seconds: how long, of real time.
        runs: how often at most.
    """
    ends = perf_counter() + seconds
    strategy = Strategy()
    done = steps = 0
    while True:
        switches = plan.switches
        run = runner.once(strategy, switches=switches)
        done += 1
        steps = steps if switches else max(steps, len(run.picks))
        if run.failure is not None:
            return Search(run, done, steps, proved=False, why_not=())
        if runner.looks_at_locks(run):
            plan.start_again()
        else:
            plan.learn(strategy, run)
        if plan.finished or (runs is not None and done >= runs) or perf_counter() >= ends:
            return Search(None, done, steps, proved=plan.proved, why_not=plan.why_not_proved())
        strategy = plan.next()
