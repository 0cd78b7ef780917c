"""What is known of all event loops of one run."""

from __future__ import annotations

from asyncio import Task
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from atonce.race.loops.loop import ControlledLoop
    from atonce.race.operations import Place
    from atonce.race.scheduler import Scheduler

__all__ = ("Holder", "NumberedTask", "Record", "record_of")


class NumberedTask(Task[Any]):
    """A task whose hash is its number: sets of tasks (``all_tasks``, what ``wait`` returns) have the same order in each run."""

    def __init__(self, coro: Any, *, number: int, **options: Any) -> None:
        self._number = number  # before asyncio puts it into a set
        super().__init__(coro, **options)

    def __hash__(self) -> int:
        return self._number


NumberedTask.__name__ = NumberedTask.__qualname__ = "Task"  # what its repr shows


class Holder(NamedTuple):
    """Who holds an ``asyncio.Lock``, and where it was taken."""

    task: Task[Any] | None
    place: Place | None


class Record:
    """The loops of one run, in the order in which they were made.

    Attributes:
        loops: all of them.
        current: the loop that was set for a thread, by the number of the scheduler's task.
        holders: who holds which lock, by the lock's address: the run keeps the lock alive.
        tasks: how many tasks were made so far.
        lines: how the tasks stood when the run failed, for `waiting`.
    """

    def __init__(self) -> None:
        self.loops: list[ControlledLoop] = []
        self.current: dict[int, ControlledLoop | None] = {}
        self.holders: dict[int, Holder] = {}
        self.tasks = 0
        self.lines: list[str] = []


def record_of(run: Scheduler) -> Record:
    """Return the record of a run; it lives as long as the run does."""
    record = vars(run).get("loops")
    if record is None:
        record = vars(run)["loops"] = Record()
    assert isinstance(record, Record)
    return record
