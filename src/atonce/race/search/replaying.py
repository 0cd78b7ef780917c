"""Exactly the order that a list of picks says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atonce.race.search.strategy import Strategy, stay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atonce.race.scheduler import Scheduler
    from atonce.race.tasks import Task

__all__ = ("Replaying",)


class Replaying(Strategy):
    """Follows picks for one run, and stays with the running task when they are used up, or do not fit.

    Attributes:
        diverged: where the picks and the program did not fit, in words for people; empty while they do.
    """

    every_pick = True

    def __init__(self, picks: Sequence[int]) -> None:
        self._picks = picks
        self.diverged = ""

    def begin(self, run: Scheduler) -> None:
        """Begin at the first pick."""
        self.diverged = ""

    def pick(self, run: Scheduler, enabled: Sequence[Task], me: Task | None) -> Task:
        """Pick the task that the list names."""
        wanted = self._wanted(run)
        if wanted is None:
            return stay(run, enabled, me)
        for task in enabled:
            if task.number == wanted:
                return task
        self._part(run, _why_not(run, wanted))
        return stay(run, enabled, me)

    def choose(self, run: Scheduler, count: int) -> int:
        """Choose what the list names."""
        wanted = self._wanted(run)
        if wanted is None:
            return 0
        if wanted >= 0:
            self._part(run, f"task {wanted} was to go on, but an event loop chooses between {count} callbacks")
        elif ~wanted >= count:
            self._part(run, f"callback {~wanted} was to be called, but there are {count}, counted from 0")
        else:
            return ~wanted
        return 0

    def end(self, run: Scheduler) -> None:
        """See whether picks are left."""
        if not self.diverged and len(run.picks) < len(self._picks):
            self._part(run, "the program has ended")

    def _wanted(self, run: Scheduler) -> int | None:
        done = len(run.picks)
        return None if self.diverged or done >= len(self._picks) else self._picks[done]

    def _part(self, run: Scheduler, why: str) -> None:
        self.diverged = f"at step {len(run.picks) + 1} of {len(self._picks)}: {why}"


def _why_not(run: Scheduler, wanted: int) -> str:
    if wanted < 0:
        return f"callback {~wanted} of an event loop was to be called, but it is between tasks"
    if wanted >= len(run.tasks):
        return f"task {wanted} was to go on, but only tasks 0 to {len(run.tasks) - 1} were started by then"
    task = run.tasks[wanted]
    if task.done:
        return f"task {wanted} ({task.name}) was to go on, but it has ended"
    pending = task.pending
    at = f" at {pending.place}" if pending.place is not None else ""
    return f"task {wanted} ({task.name}) was to go on, but it cannot: its next step is to {pending.kind}{at}"
