"""What is said about a pattern of steps: its name, what is remarkable, why it could happen, and what to try."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from atonce.race.telling.places import line_of, lines_of, source_of
from atonce.race.telling.values import cell_name

if TYPE_CHECKING:
    from atonce.race.telling.ordering import Ordering
    from atonce.race.telling.patterns import Access, Pattern
    from atonce.race.telling.watching import Watched

__all__ = ("Case", "name_of")

_NAMES = {
    "RWW": "lost update",
    "RWR": "unrepeatable read",
    "WRW": "half-done change",
    "WWR": "overwritten value",
    "torn": "half-done change",
}


class Case:
    """A pattern that a failing run shows.

    Attributes:
        common: numbers of the locks that are held at each of its steps.
        kind: what such a bug is called.
        what: the cells that it is about, in words.
    """

    def __init__(self, watched: Watched, pattern: Pattern, ordering: Ordering) -> None:
        self._watched = watched
        self._pattern = pattern
        self._ordering = ordering
        self._one = watched.label(pattern.first.step.task)
        self._other = watched.label(pattern.between[0].step.task)
        self.common = self._held_throughout()
        self.kind = self._kind()
        self.what = self._names()

    def _held_throughout(self) -> frozenset[int]:
        if not self._pattern.last.step.happened:
            return frozenset()
        return frozenset.intersection(*(access.step.held for access in self._pattern.accesses))

    def _kind(self) -> str:
        if self.common:
            return "atomicity violation"
        looks = source_of(self._pattern.first.step.place).startswith(("if ", "elif ", "while "))
        return "check-then-act" if looks and self._pattern.shape in ("RWW", "RWR") else _NAMES[self._pattern.shape]

    def _names(self) -> str:
        names = [name_of(self._watched, access) for access in (self._pattern.first, self._pattern.last)]
        return names[0] if self._pattern.first.meets(self._pattern.last) else " and ".join(dict.fromkeys(names))

    def remarks(self) -> dict[int, str]:
        """Return what stands beside steps, by their index."""
        shape, first, last = self._pattern.shape, self._pattern.first, self._pattern.last
        middle = self._pattern.between[-1].step
        one, other, before = self._one, self._other, line_of(first.step.place)
        if not last.step.happened:
            return {middle.index: f"{one} has not done {line_of(last.step.place)} yet"}
        if shape in ("torn", "WRW") and last.writes:
            return {middle.index: f"sees {one}'s change half done"}
        words = {
            "RWW": f"overwrites {other}'s write, which {one} had not seen",
            "RWR": f"no more what {one} saw before: {other} has changed it",
            "WWR": f"not what {one} wrote at {before}: {other} has changed it",
        }
        if self.kind == "check-then-act":
            return {last.step.index: f"acts on what {one} saw at {before}: {other} has changed it since"}
        return {last.step.index: words.get(shape, f"goes on with what {other} has changed since {before}")}

    def because(self) -> str:
        """Return why it could happen, as far as the run shows it."""
        first, last, middle = self._pattern.first.step, self._pattern.last.step, self._pattern.between[0].step
        if self.common:
            name = self._watched.locks[min(self.common)]
            between = f"between {line_of(first.place)} and {line_of(last.place)}"
            return f"each of these steps holds {name}, but {self._one} lets go of it {between}"
        if self._watched.on_one_loop(first.task, middle.task):
            if not last.happened:
                return ""
            between = f"between {line_of(first.place)} and {line_of(last.place)}"
            return f"{self._one} awaits something {between}, and {self._other} runs meanwhile"
        if self._ordering.orders(first, middle) or first.held & middle.held:
            return ""
        pair = f"{line_of(first.place)} ({self._one}) and {line_of(middle.place)} ({self._other})"
        if first.held and middle.held:
            return f"nothing orders {pair}: the locks that they hold are not the same"
        return f"nothing orders {pair}: they hold no lock in common"

    def hint(self) -> str:
        """Return what to try."""
        first, last = self._pattern.first.step.place, self._pattern.last.step.place
        if first is None or last is None:
            return ""
        if first.function != last.function or first.file != last.file:
            span = f"over {line_of(first)} and {line_of(last)} together"
        elif first.line == last.line:
            span = f"around {line_of(first)}"
        else:
            span = f"from line {min(first.line, last.line)} to line {max(first.line, last.line)}"
        if self.common and self._waits_between():
            return f"look again after waiting: while instead of if at {line_of(first)}"
        if self.common:
            return f"hold the lock {span}, and do not let go of it between"
        if self._watched.on_one_loop(self._pattern.first.step.task, self._pattern.between[0].step.task):
            return f"hold one asyncio.Lock {span}, or await nothing between"
        there = [access.step.place for access in self._pattern.between if access.step.place is not None]
        if self._pattern.shape in ("torn", "WRW") and there:
            return f"hold one lock {span}, and the same one at {lines_of(there)}"
        return f"hold one lock {span}"

    def _waits_between(self) -> bool:
        """Tell whether the task waits for a condition between its two steps, which lets go of the lock."""
        first, last = self._pattern.first.step, self._pattern.last.step
        between = self._watched.steps[first.index : last.index]
        return any(step.task == first.task and step.operation.kind == "begin to wait" for step in between)


def name_of(watched: Watched, access: Access) -> str:
    """Return what people call what a step touches."""
    thing = watched.thing(access.number)
    if type(thing) is deque and access.step.operation.kind not in ("read", "write"):
        return "a queue"  # of which this is the inside
    name = cell_name(thing, access.element)
    text = access.step.place.text if access.step.place is not None else ""
    if isinstance(access.element, str) and text == access.element:
        return name if "." in name else text  # a variable
    if access.element is None and text.replace(".", "").isidentifier():
        return f"{text} ({name})"
    return name
