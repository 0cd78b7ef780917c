"""What a task does that another task could notice: one operation, on one or several cells, at a place in the source.

Two operations of different tasks *conflict* where swapping them could make a difference: they touch a common cell, and one of them
writes. The whole search rests on this relation. A cell that is missing from an operation hides orders, and with them failures; a
cell too many only costs schedules. Whoever makes an operation therefore names too much when in doubt, never too little.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

__all__ = ("WHOLE", "Cell", "Operation", "Place", "conflict")

WHOLE = None
"""In place of an element: all of an object, its size and order included."""

Cell = tuple[int, Hashable, bool]
"""(number of the object in this run, element or WHOLE, does it write). An attribute's element is its name, as in ``__dict__``."""


class Place:
    """Where in the user's source something happens. One for each rewritten expression, so places are compared by identity.

    Attributes:
        file: the source file.
        line: from 1.
        column: from 0.
        function: the qualified name of the function around it.
        text: the source of the expression, or of the line where nothing better is known.
    """

    __slots__ = ("column", "file", "function", "line", "text")

    def __init__(self, file: str, line: int, column: int = 0, function: str = "", text: str = "") -> None:
        self.file = file
        self.line = line
        self.column = column
        self.function = function
        self.text = text

    def __repr__(self) -> str:
        return f"{self.file}:{self.line}"


class Operation:
    """One step of a task, announced before it is done, so that the scheduler may let others go first.

    Attributes:
        kind: a word for people: ``"read"``, ``"write"``, ``"acquire"``, ``"release"``, ``"wait"``, ``"sleep"``, and so on.
        cells: what it touches.
        place: where it stands in the source, if known.
        ready: whether it can be done now; ``None``: always. It is asked between steps, by whichever task runs.
        wake_s: virtual time at which it becomes ready by itself: the end of a timeout.
        waits: it waits until others let it go on, without a limit. What enables it (``enables``) never races with it: the two
            either cannot be swapped, or it makes no difference.
        enables: it is what ``waits`` waits for: a release, a put, a notification, a thread's end.
        yields: nothing is lost if others go first: sleeping, yielding.
    """

    __slots__ = ("cells", "enables", "kind", "place", "ready", "waits", "wake_s", "yields")

    def __init__(
        self,
        kind: str,
        cells: tuple[Cell, ...] = (),
        place: Place | None = None,
        ready: Callable[[], bool] | None = None,
        *,
        wake_s: float | None = None,
        waits: bool = False,
        enables: bool = False,
        yields: bool = False,
    ) -> None:
        self.kind = kind
        self.cells = cells
        self.place = place
        self.ready = ready
        self.wake_s = wake_s
        self.waits = waits
        self.enables = enables
        self.yields = yields

    def __repr__(self) -> str:
        return f"<{self.kind} {self.cells} at {self.place}>"


def conflict(one: Operation, other: Operation) -> bool:
    """Tell whether it can make a difference which of two operations of different tasks comes first."""
    for number, element, writes in one.cells:
        for other_number, other_element, other_writes in other.cells:
            if (
                number == other_number
                and (writes or other_writes)
                and (element is WHOLE or other_element is WHOLE or element == other_element)
            ):
                return True
    return False
