"""Switches between opcodes: which opcodes of the user's code let others go first, beside the operations that are announced.

Operations are what the table of accesses knows. Between them a task may touch what nobody knows of, and such an access comes to
light only if others are let go right before or after it, wherever that is. So in some runs the opcodes that each task executes are
counted, as long as there is another task, and at some of them the task makes a step that touches nothing. An opcode is named by its
task and its count: the same picks, with the same switches, make the same run, on the same version of Python.
"""

from __future__ import annotations

import math
from _thread import get_ident
from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from atonce.race.operations import Operation
from atonce.race.places import here

if TYPE_CHECKING:
    from atonce.race.scheduler import Scheduler

__all__ = ("SWITCH", "Chosen", "Counter", "Switch", "Switches", "Wild", "chosen", "missed", "needed")

SWITCH = "switch"
"""The kind of the operation."""

_NEVER = 0


class Switch(NamedTuple):
    """An opcode at which others were let go first.

    Attributes:
        task: whose it is.
        opcode: how many opcodes the task had executed beside others, with this one.
        pick: index of the pick that was made there.
    """

    task: int
    opcode: int
    pick: int


class Switches:
    """Says at which opcodes a run is to be switched.

    Attributes:
        everywhere: in all code that is looked into; if not, only in code without source.
    """

    def __init__(self, *, everywhere: bool) -> None:
        self.everywhere = everywhere

    def after(self, task: int, opcode: int) -> int:
        """Return the count of the next opcode of a task, after another one of its; 0: there is none."""
        raise NotImplementedError


class Wild(Switches):
    """Any opcodes, some way apart.

    Args:
        random: the same one gives the same opcodes.
        mean: how far apart they are on average.
        most: how many there are in a run.
    """

    def __init__(self, random: Random, mean: float, most: int, *, everywhere: bool) -> None:
        super().__init__(everywhere=everywhere)
        self._random = random.random
        self._rate = -1.0 / math.log1p(-1.0 / mean)
        self._left = most

    def after(self, task: int, opcode: int) -> int:  # noqa: ARG002 (as any `Switches.after`)
        """Return any one."""
        if not self._left:
            return _NEVER
        self._left -= 1
        return opcode + 1 + int(-math.log1p(-self._random()) * self._rate)


class Chosen(Switches):
    """Exactly these, as a failing run had them.

    Args:
        points: for each task, the counts of its opcodes, rising.
    """

    def __init__(self, points: Mapping[int, tuple[int, ...]], *, everywhere: bool) -> None:
        super().__init__(everywhere=everywhere)
        self.points = {task: tuple(opcodes) for task, opcodes in sorted(points.items()) if opcodes}

    def after(self, task: int, opcode: int) -> int:
        """Return the next of them."""
        return next((other for other in self.points.get(task, ()) if other > opcode), _NEVER)


class Counter:
    """Counts the opcodes of the tasks of one run, and makes the steps. Guarded by: the baton.

    Attributes:
        switches: which opcodes.
        met: those that were come to.
    """

    def __init__(self, run: Scheduler, switches: Switches) -> None:
        self.switches = switches
        self.met: list[Switch] = []
        self._run = run
        self._live = run.live
        self._states: dict[int, list[int]] = {}  # by task: how many it has executed, and which one is the next to be switched at

    @property
    def opcodes(self) -> int:
        """How many were executed in all."""
        return sum(state[0] for state in self._states.values())

    def step(self, *_: object) -> None:
        """An opcode is executed next, in whichever thread."""
        run = self._run
        if run.ident != get_ident() or len(self._live) < 2:  # noqa: PLR2004 (one alone cannot be disturbed)
            return
        number = run.running.number
        state = self._states.get(number)
        if state is None:
            state = self._states[number] = [0, self.switches.after(number, 0)]
        state[0] += 1
        if state[0] == state[1]:
            self._switch(number, state)

    def _switch(self, number: int, state: list[int]) -> None:
        run = self._run
        if run.aborting and run.running.unwinding:
            return
        state[1] = self.switches.after(number, state[0])
        self.met.append(Switch(number, state[0], len(run.picks)))
        run.point(Operation(SWITCH, (), here()))


def chosen(run: Scheduler, switches: Iterable[Switch]) -> Chosen | None:
    """Return some of the switches of a run as those of another one; ``None``: there are none."""
    points: dict[int, tuple[int, ...]] = {}
    for switch in switches:
        points[switch.task] = (*points.get(switch.task, ()), switch.opcode)
    return Chosen(points, everywhere=run.between.switches.everywhere) if points and run.between is not None else None


def needed(run: Scheduler) -> tuple[list[int], list[Switch]]:
    """Return the picks of a run without those of switches at which the task went on at once, and the other switches.

    They make the same order.
    """
    met = [] if run.between is None else run.between.met
    idle = {switch.pick for switch in met if switch.pick >= len(run.picks) or run.picks[switch.pick] == switch.task}
    return [pick for at, pick in enumerate(run.picks) if at not in idle], [switch for switch in met if switch.pick not in idle]


def missed(run: Scheduler) -> str:
    """Say which of its chosen switches a run did not come to, in words; empty if it came to all."""
    if run.between is None or not isinstance(run.between.switches, Chosen):
        return ""
    done = {switch[:2] for switch in run.between.met}
    every = ((task, opcode) for task, opcodes in run.between.switches.points.items() for opcode in opcodes)
    return next((f"to opcode {opcode} of task {task}" for task, opcode in every if (task, opcode) not in done), "")


Around = Callable[[Callable[[], None]], Callable[[], None]]
"""Makes what a task does into what its thread does."""
