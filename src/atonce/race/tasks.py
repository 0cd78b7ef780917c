"""What a run is made of: tasks, the steps that they did, and why it failed."""

from __future__ import annotations

from _thread import allocate_lock
from collections.abc import Sequence
from typing import NamedTuple

from atonce.race.operations import Operation, Place

__all__ = ("Abort", "Failure", "Step", "Stuck", "Task")


class Abort(BaseException):
    """Unwinds a task whose run is over. Not an Exception, and raised again at the next operation if it was caught."""


class Stuck(NamedTuple):
    """A task that could not go on when the run failed: what it was about to do, and which locks it held."""

    number: int
    name: str
    operation: Operation
    held: tuple[tuple[str, int, Place | None], ...]

    @classmethod
    def of(cls, task: Task) -> Stuck:
        """Take down how a task stands."""
        return cls(task.number, task.name, task.pending, tuple(task.held))


class Failure(NamedTuple):
    """Why a run failed.

    Attributes:
        kind: ``"exception"``, ``"deadlock"``, ``"livelock"`` (more steps than a run may take) or ``"left alive"`` (the program has
            ended, and a thread that is no daemon waits for ever).
        error: the user's exception, if it was one.
        task: in which task it was raised.
        stuck: otherwise, the tasks that had not ended.
    """

    kind: str
    error: BaseException | None = None
    task: Task | None = None
    stuck: Sequence[Stuck] = ()


class Step(NamedTuple):
    """One operation that was done."""

    task: int
    operation: Operation
    pick: int
    """Index of the pick that let it happen. What is done without a pick of its own (a release, an end) carries -1."""


class Task:
    """What the scheduler knows of one thread of the program under test. Number 0 is the one that called."""

    __slots__ = (
        "abandoned",
        "baton",
        "begun",
        "born",
        "caught",
        "daemon",
        "done",
        "held",
        "ident",
        "name",
        "number",
        "pending",
        "subject",
        "unwinding",
    )

    def __init__(self, number: int, name: str, pending: Operation, subject: object = None, *, daemon: bool = False) -> None:
        self.number = number
        self.name = name
        self.pending = pending
        self.subject = subject  # the threading.Thread, if it is one
        self.daemon = daemon
        self.baton = allocate_lock()  # released by whoever lets it go on; its carrier brings one of its own
        self.baton.acquire()
        self.ident = 0  # of the thread that carries it
        self.done = False
        self.begun = False
        self.born = -1  # the pick that let it be started
        self.held: list[tuple[str, int, Place | None]] = []  # locks that it holds: name, number, where it took them
        self.caught = 0  # how many times it has gone on although it was being unwound
        self.unwinding = False
        self.abandoned = False  # its thread hangs where no step is

    def __repr__(self) -> str:
        return f"<task {self.number} {self.name}>"
