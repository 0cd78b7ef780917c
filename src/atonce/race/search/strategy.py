"""What a strategy is: who goes on, asked at each operation of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atonce.race.scheduler import Scheduler
    from atonce.race.tasks import Task

__all__ = ("Strategy", "stay")

_PATIENCE = 200  # steps of one task in a row, after which the others get their turn: it may be waiting for them in a loop


class Strategy:
    """Decides one run after the other. This one never leaves a task that can go on, and is the base of all others.

    Attributes:
        every_pick: ask also where only one task can go on.
    """

    every_pick = False

    def begin(self, run: Scheduler) -> None:
        """A run begins."""

    def pick(self, run: Scheduler, enabled: Sequence[Task], me: Task | None) -> Task:
        """Say who goes on.

        Args:
            run: the run so far: `run.trace`, `run.picks`, and all tasks that are `run.live`, with what each is about to do.
            enabled: the tasks that can go on, by number; never empty.
            me: the task that ran until now; `None` if it has ended.
        """
        return stay(run, enabled, me)

    def choose(self, run: Scheduler, count: int) -> int:
        """Decide between `count` things that are not tasks: callbacks of an event loop. Return which, from 0."""
        return 0

    def end(self, run: Scheduler) -> None:
        """The run has ended: `run.failure` says how."""


def stay(run: Scheduler, enabled: Sequence[Task], me: Task | None) -> Task:
    """Go on with the task that runs; with the one after it where it cannot go on, only sleeps, or has gone on for long."""
    if me is None or me not in enabled:
        return _after(enabled, run.picks[-1] if run.picks else 0) if me is None else _after(enabled, me.number)
    if len(enabled) > 1 and (me.pending.yields or _alone_for_long(run, me)):
        return _after([task for task in enabled if task is not me], me.number)
    return me


def _after(enabled: Sequence[Task], number: int) -> Task:
    return next((task for task in enabled if task.number > number), enabled[0])


def _alone_for_long(run: Scheduler, me: Task) -> bool:
    picks = run.picks
    if len(picks) < _PATIENCE or picks[-1] != me.number or picks[-_PATIENCE] != me.number:
        return False
    return all(pick == me.number for pick in picks[-_PATIENCE:])
