"""What goes to a worker and what comes back: inputs that follow one another, and their results."""

from __future__ import annotations

from atonce._values.typed import NamedTuple

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

__all__ = ("LOST", "Batch", "Delivery", "Lent", "Misfortune")


class _Lost:
    """Stands for an item that the worker has not kept."""

    def __repr__(self) -> str:
        return "an item that was not kept"


LOST = _Lost()


class Batch:
    """Inputs that stand next to each other: item ``start + i`` is ``items[i]``. They are a list, or a piece of a range.

    Owned by one worker at a time: the one that took it.
    """

    __slots__ = ("items", "start")

    def __init__(self, start: int, items: Sequence[Any]) -> None:
        self.start = start
        self.items = items


class Lent:
    """Inputs that are still to be read, ``limit`` at most, by the only worker of a run, each when its turn comes."""

    __slots__ = ("items", "limit", "start")

    def __init__(self, start: int, items: Iterator[Any], limit: int) -> None:
        self.start = start
        self.items = items
        self.limit = limit


class Misfortune(NamedTuple):
    """One item of a batch that has no value: where in the batch, why, which item, and how often it was started."""

    position: int
    error: BaseException
    item: Any
    attempts: int = 1


class Delivery:
    """The results of a batch, or of its first part where the run was stopped.

    Attributes:
        start: index of the first item.
        values: one entry an item; at the positions of ``failed``, a placeholder that nobody reads.
        failed: the items without a value, by rising position.
        seconds: wall time of all items together.
        cpu_s: CPU time of the thread or process that ran them, in seconds; 0 where it cannot be told apart.
        worker: name of the worker, as notes and outcomes show it.
        durations: wall time of each item in seconds, where the job is timed.
        undone: items of the same batch that were given up unstarted, because the run had been stopped.
        moved_bytes: what crossed to another process and back.
        trouble: what was raised between two items: by reading the next one, or by a signal's handler.
        notice: something that the caller should read in the report, said once for each distinct text.
        attempts: how often an item was started, by its position: of those that took more than one attempt; ``None`` if none did.
        recalled: whether these are results of an earlier run, out of a journal.
    """

    __slots__ = (
        "attempts",
        "cpu_s",
        "durations",
        "failed",
        "moved_bytes",
        "notice",
        "recalled",
        "seconds",
        "start",
        "trouble",
        "undone",
        "values",
        "worker",
    )

    def __init__(
        self,
        start: int,
        values: list[Any],
        failed: list[Misfortune] | tuple[()],
        seconds: float,
        cpu_s: float,
        worker: str,
        durations: list[float] | None = None,
        undone: int = 0,
        notice: str = "",
        attempts: dict[int, int] | None = None,
    ) -> None:
        self.start = start
        self.values = values
        self.failed = failed
        self.seconds = seconds
        self.cpu_s = cpu_s
        self.worker = worker
        self.durations = durations
        self.undone = undone
        self.moved_bytes = 0
        self.trouble: BaseException | None = None
        self.notice = notice
        self.attempts = attempts
        self.recalled = False
