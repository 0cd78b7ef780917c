"""Who waits for what, when nobody can go on any more: the cycle, and everybody else."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from atonce.race.tasks import Stuck, Task
from atonce.race.telling.places import line_of, source_of
from atonce.race.telling.values import cell_name
from atonce.race.telling.watching import plain

if TYPE_CHECKING:
    from atonce.race.operations import Place
    from atonce.race.telling.watching import Watched

__all__ = ("Waiting", "waiting_of")

_IDLE = "select"  # what an event loop does when none of its tasks can go on


class Waiting(NamedTuple):
    """What is said about tasks that wait for ever.

    Attributes:
        headline: who waits, in a few words.
        lines: for each task, what it waits for, who holds that, and what it holds itself.
        numbers: of the objects that are waited for.
        hint: what to try.
    """

    headline: str
    lines: tuple[str, ...]
    numbers: frozenset[int]
    hint: str


def waiting_of(watched: Watched) -> Waiting:
    """Draw who waits for whom."""
    failure = watched.run.failure
    stuck = list(failure.stuck) if failure is not None else []
    cycle = _cycle(watched, stuck)
    inside = [one for number in cycle for one in stuck if one.number == number]
    others = [one for one in stuck if one.number not in cycle]
    others.sort(key=lambda one: _blocker(watched, one, stuck) is not None)  # whom nobody keeps from going on comes first
    lines: list[str] = []
    for one in [*inside, *others]:
        lines += _lines(watched, one, stuck)
    lines += _loops_wait(watched)
    if cycle:
        lines.append(f"cycle: {' -> '.join(watched.label(number) for number in [*cycle, cycle[0]])}")
    waited_for = {cell[0] for one in stuck for cell in one.operation.cells[:1]} | {
        number for one in stuck for _, number, _ in one.held
    }
    return Waiting(_headline(watched, cycle, stuck), tuple(lines), frozenset(waited_for), _hint(watched, cycle, inside, stuck))


def _loops_wait(watched: Watched) -> list[str]:
    """Return what the tasks of event loops wait for. Who has no event loop has not loaded what knows that."""
    loops = sys.modules.get("atonce.race.loops")
    here = f"{Path.cwd()}{os.sep}"
    return [f"  {line.replace(here, '')}" for line in loops.waiting(watched.run)] if loops is not None else []


def _cycle(watched: Watched, stuck: list[Stuck]) -> list[int]:
    """Return tasks each of which waits for the next one, and the last one for the first."""
    for one in stuck:
        path: list[int] = []
        at: int | None = one.number
        while at is not None and at not in path:
            path.append(at)
            at = _blocker(watched, next((other for other in stuck if other.number == at), None), stuck)
        if at is not None:
            return _from_smallest(path[path.index(at) :])
    return []


def _from_smallest(cycle: list[int]) -> list[int]:
    first = cycle.index(min(cycle))
    return cycle[first:] + cycle[:first]


def _blocker(watched: Watched, one: Stuck | None, stuck: list[Stuck]) -> int | None:
    """Return the task that another one waits for, if it is one that can be named."""
    if one is None or not one.operation.cells:
        return None
    number = one.operation.cells[0][0]
    thing = watched.thing(number)
    if isinstance(thing, Task):
        return thing.number if not thing.done or any(other.number == thing.number for other in stuck) else None
    return next((other.number for other in stuck for _, held, _ in other.held if held == number), None)


def _lines(watched: Watched, one: Stuck, stuck: list[Stuck]) -> list[str]:
    name = _full(one)
    lines = [f"{name} {_for_what(watched, one, stuck)}"]
    lines += [f"{' ' * len(name)} holds {watched.locks[number]}, taken at {_at(place)}" for _, number, place in one.held]
    return lines


def _for_what(watched: Watched, one: Stuck, stuck: list[Stuck]) -> str:
    operation = one.operation
    at = f" at {_at(operation.place)}" if operation.place is not None else ""
    if not operation.cells:
        return f"waits ({operation.kind}){at}"
    number = operation.cells[0][0]
    thing = watched.thing(number)
    if isinstance(thing, Task):
        return f"waits for {_name(thing.number, thing.name)} to end{at}"
    if operation.kind == _IDLE:
        return f"runs an event loop that has nothing to do{at}"
    what = watched.locks.get(number) or cell_name(thing, None)
    for other in stuck:
        for _, held, place in other.held:
            if held == number:
                whom = "itself" if other.number == one.number else watched.label(other.number)
                return f"waits for {what}{at}: held by {whom}, which took it at {_at(place)}"
    return f"waits for {what} ({operation.kind}){at}: nobody is left to {_waker(operation.kind)}"


def _waker(kind: str) -> str:
    return {"acquire": "release it", "get": "put anything in", "put": "take anything out", "result": "set it"}.get(
        kind, "signal it"
    )


def _at(place: Place | None) -> str:
    text = source_of(place)
    return f"{line_of(place)}{f' ({text})' if text else ''}"


def _full(one: Stuck) -> str:
    return _name(one.number, one.name)


def _name(number: int, name: str) -> str:
    return f"T{number} {plain(name)}".rstrip() if number else "main"


def _headline(watched: Watched, cycle: list[int], stuck: list[Stuck]) -> str:
    if len(cycle) == 1:
        return f"{watched.label(cycle[0])} waits for itself"
    if cycle:
        return f"{_listed([watched.label(number) for number in cycle])} wait for each other"
    if any(one.operation.kind == _IDLE for one in stuck):
        return "the tasks of an event loop wait for what nobody will do"
    names = [watched.label(one.number) for one in stuck if one.number] or ["main"]
    return f"{_listed(names)} {'waits' if len(names) == 1 else 'wait'} for what nobody will do"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _hint(watched: Watched, cycle: list[int], inside: list[Stuck], stuck: list[Stuck]) -> str:
    if len(cycle) == 1:
        return "use a lock that its holder may take again (RLock), or take it once"
    if cycle and all(one.held and one.operation.kind == "acquire" for one in inside):
        return "take these locks in the same order everywhere"
    for one in stuck:
        number = one.operation.cells[0][0] if one.operation.cells else -1
        early = [step for step in watched.steps if step.operation.enables and any(cell[0] == number for cell in step.cells)]
        if one.operation.kind in ("wait", "wakeup") and any(step.operation.kind.startswith("notify") for step in early):
            return "look at what is waited for before waiting, in a loop: while not ready: condition.wait()"
    return ""
