"""Whether anything in the program orders two steps of a run: not the scheduler, and not which task happened to get a lock first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atonce.race.operations import conflict

if TYPE_CHECKING:
    from atonce.race.telling.watching import Seen, Watched

__all__ = ("Ordering",)


class Ordering:
    """What happens before what, by what tasks start, end, wait for and signal.

    The order of two sections of one lock is left out: it could have been the other one.
    """

    def __init__(self, watched: Watched) -> None:
        self._clocks: list[dict[int, int]] = []
        self._watched = watched
        self._walk()

    def orders(self, one: Seen, other: Seen) -> bool:
        """Tell whether the first one of two steps had to come first."""
        first, second = sorted((one, other), key=lambda step: step.index)
        if not second.happened:
            return False
        return self._clocks[second.index].get(first.task, -1) >= first.index

    def _walk(self) -> None:
        steps = self._watched.steps
        last: dict[int, dict[int, int]] = {}
        signals: list[Seen] = []
        for step in steps:
            clock = last.get(step.task)
            if clock is None:
                clock = self._birth(step.task)
            clock = dict(clock)
            if step.operation.waits:
                for signal in signals:
                    if signal.task != step.task and conflict(signal.operation, step.operation):
                        _join(clock, self._clocks[signal.index])
            clock[step.task] = step.index
            self._clocks.append(clock)
            last[step.task] = clock
            if step.operation.enables and not all(number in self._watched.locks for number, _, _ in step.cells):
                signals.append(step)

    def _birth(self, task: int) -> dict[int, int]:
        if task in self._watched.coroutines:
            return {}  # nobody knows when it was made
        born = self._watched.run.tasks[task].born
        trace = self._watched.run.trace
        known: dict[int, int] = {}
        for index in range(len(self._clocks)):
            if born < 0 and trace[index].pick >= 0:
                break  # it was started before there was anything to decide
            if trace[index].pick == born:
                known = self._clocks[index]
                if born >= 0:
                    break
        return known


def _join(clock: dict[int, int], other: dict[int, int]) -> None:
    for task, index in other.items():
        if clock.get(task, -1) < index:
            clock[task] = index
