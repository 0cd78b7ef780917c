"""Which put lets which get go on: what goes in one after the other, and comes out in the same order.

The n-th get waits for the n-th put, and for no other: a put that comes before it and is not needed may as well come after it.
Whoever took them for ordered would hide all that the one task did before its put from what the other does after its get. So a put
and a get touch an end each, and a cell for the one thing that is handed over. Places of a semaphore are handed over likewise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from atonce.race.operations import Cell
from atonce.race.primitives.memory import memory
from atonce.race.scheduler import Scheduler

__all__ = ("HEAD", "TAIL", "Flow", "flow_of")


class _End:
    """An element of a sequence: one of its ends. Whoever looks at any index touches it."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __eq__(self, other: object) -> bool:
        return self is other or isinstance(other, int)

    def __ne__(self, other: object) -> bool:
        return self is not other

    def __hash__(self) -> int:
        return hash(self._name)

    def __repr__(self) -> str:
        return self._name


HEAD = _End("head")
TAIL = _End("tail")


class Flow:
    """Of one queue or semaphore in one run. Guarded by: the baton.

    Attributes:
        given: how many things went in, those included that were there at first.
        taken: how many came out.
    """

    __slots__ = ("_at_first", "_number", "given", "taken")

    def __init__(self, number: int, present: int) -> None:
        self._number = number
        self._at_first = self.given = present
        self.taken = 0

    def give(self, things: Sequence[int], count: int = 1, room: int = 0) -> tuple[Cell, ...]:
        """Count what goes in, and name what that touches.

        Args:
            things: numbers of the objects whose tail it is.
            count: how many go in at once.
            room: how many there may be at a time, if that is limited: then it needs what came out before.
        """
        first = self.given
        self.given += count
        cells: list[Cell] = [(number, TAIL, True) for number in things]
        cells += [(self._number, ("item", index), True) for index in range(first, self.given)]
        if room:
            cells += [(self._number, ("room", index - room), False) for index in range(first, self.given) if index >= room]
        return tuple(cells)

    def take(self, things: Sequence[int]) -> tuple[Cell, ...]:
        """Count what comes out, and name what that touches."""
        index = self.taken
        self.taken += 1
        cells: list[Cell] = [(number, HEAD, True) for number in things]
        cells.append((self._number, ("room", index), True))
        if index >= self._at_first:
            cells.append((self._number, ("item", index), False))
        return tuple(cells)


def flow_of(run: Scheduler, thing: Any, present: int) -> Flow:
    """Return what has flowed through a queue or semaphore so far. `present`: how many things are in it now."""
    flows = memory(run).flows
    flow = flows.get(id(thing))
    if flow is None:
        flow = flows[id(thing)] = Flow(run.number(thing), present)
    elif flow.given - flow.taken != present:
        run.doubt("somebody reaches into a queue or a semaphore")
        flow.given = flow.taken + present
    return flow
