"""Pairs of steps of one task between which another task did something that cannot be explained by any order without switches.

Source: the four unserializable cases of Lu, Tucek, Qin and Zhou, "AVIO: detecting atomicity violations via access interleaving
invariants", ASPLOS 2006; and, for two cells that belong together, Lu et al., "MUVI", SOSP 2007. Where we differ: they guess from
many runs which pairs ought to be atomic; here the run has failed, and the question is only what to show of it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from atonce.race.operations import WHOLE

if TYPE_CHECKING:
    from atonce.race.telling.ordering import Ordering
    from atonce.race.telling.watching import Seen, Watched

__all__ = ("Access", "Pattern", "accesses_of", "patterns_of")

_SYNCHRONISING = frozenset(  # and what an executor does with its own threads and items
    (
        "submit",
        "take",
        "idle",
        "finish",
        "broken",
        "shutdown",
        "acquire",
        "release",
        "start",
        "begin",
        "join",
        "end",
        "sleep",
        "yield",
        "begin to wait",
        "notify",
        "notify_all",
        "turn",
        "select",
    )
)
_UNSERIALIZABLE = {"RWW": 4, "RWR": 3, "WRW": 2, "WWR": 1}  # and how much each explains
_MOST_TORN = 30  # accesses that are looked at for cells that belong together, the last ones: it takes the square of their pairs


class Access(NamedTuple):
    """One step that touches a cell with the user's data in it."""

    step: Seen
    number: int
    element: Hashable
    writes: bool

    def meets(self, other: Access) -> bool:
        """Tell whether two accesses are of the same cell."""
        return self.number == other.number and (self.element is WHOLE or other.element is WHOLE or self.element == other.element)

    def conflicts(self, other: Access) -> bool:
        """Tell whether the order of two accesses can make a difference."""
        return (self.writes or other.writes) and self.step.task != other.step.task and self.meets(other)


class Pattern(NamedTuple):
    """What one task did at two steps, and another one between them.

    Attributes:
        shape: ``"RWW"`` and so on: whether the steps read or write; ``"torn"`` for two cells.
        first, last: the two steps of one task. The last one need not have happened.
        between: the steps of another task; two of them if two cells are torn.
    """

    shape: str
    first: Access
    last: Access
    between: tuple[Access, ...]

    @property
    def of_data(self) -> bool:
        """Whether all steps touch what the user's own code has written, and not the inside of an event, a queue or a future."""
        return all(access.step.operation.kind in ("read", "write") for access in self.accesses)

    @property
    def accesses(self) -> tuple[Access, ...]:
        """All of them, in time order."""
        return (self.first, *self.between, self.last)


def accesses_of(watched: Watched, ordering: Ordering) -> list[Access]:
    """Return the accesses of a run that could have come the other way round with one of another task; then those not done any more.

    What a program does before it starts its threads, and when they have ended, is none of them.
    """
    found = [
        Access(step, number, element, writes)
        for step in [*watched.steps, *watched.next]
        if step.operation.kind not in _SYNCHRONISING and not step.operation.waits
        for number, element, writes in step.cells
        if number not in watched.locks
    ]
    by_number: dict[int, list[Access]] = {}
    for access in found:
        by_number.setdefault(access.number, []).append(access)
    return [access for access in found if any(_races(access, other, ordering) for other in by_number[access.number])]


def _races(one: Access, other: Access, ordering: Ordering) -> bool:
    return one.conflicts(other) and not ordering.orders(one.step, other.step)


def patterns_of(accesses: list[Access]) -> Iterator[tuple[int, Pattern]]:
    """Yield what cannot be explained by an order without switches, each with how much it explains of itself."""
    for at, between in enumerate(accesses):
        if not between.step.happened:
            continue
        for task in {access.step.task for access in accesses} - {between.step.task}:
            first = _nearest(accesses[:at][::-1], task, between)
            last = _nearest(accesses[at + 1 :], task, between)
            if first is not None and last is not None and first.step is not last.step:
                shape = "".join("W" if access.writes else "R" for access in (first, between, last))
                if shape in _UNSERIALIZABLE and first.meets(last):
                    yield _UNSERIALIZABLE[shape], Pattern(shape, first, last, (between,))
    yield from ((2, pattern) for pattern in _torn(accesses))


def _nearest(accesses: list[Access], task: int, met: Access) -> Access | None:
    """Return the task's nearest access of a cell; where that step reads and writes it, what it writes with."""
    found = next((access for access in accesses if access.step.task == task and access.meets(met)), None)
    if found is None or found.writes:
        return found
    same = [access for access in accesses if access.step is found.step and access.meets(met) and access.writes]
    return same[0] if same else found


def _torn(accesses: list[Access]) -> Iterator[Pattern]:
    """Yield what one task saw of two cells while another was between changing the one and the other."""
    some = accesses[-_MOST_TORN:]
    pairs = [(one, other) for at, other in enumerate(some) for one in some[:at] if one.step.happened and one.conflicts(other)]
    for first, before in pairs:
        for after, last in pairs:
            if (
                first.step.task == last.step.task
                and before.step.task == after.step.task
                and before.step.happened
                and first.step.index < last.step.index
                and not first.meets(last)
            ):
                between = (before, after) if before.step.index <= after.step.index else (after, before)
                yield Pattern("torn", first, last, between)
