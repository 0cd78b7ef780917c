"""What a run did, in numbers, and why it did it that way."""

from __future__ import annotations

from atonce._values.plan import Plan
from atonce._values.record import Record, field
from atonce._values.words import in_bytes, in_words, plural

__all__ = ("Report",)

_GAP = "        "
_MOST_LINES = 10
_TELLING_S = 0.01  # work of less than this says nothing about speed


class Report(Record, frozen=False):
    """The account of one run. Complete once the run has ended; ``items == succeeded + failed + cancelled`` then.

    Attributes:
        name: what the work was called.
        plan: which workers ran it, and why.
        items: inputs that were read.
        succeeded: items with a value.
        failed: items with an exception.
        cancelled: items that were read and then given up, because the run was stopped.
        wall_s: seconds from the first look at the input to the last result.
        cpu_s: CPU seconds of this process and of the worker processes meanwhile, everything else that they did included.
        busy_s: seconds that workers spent on items, added up over the workers.
        one_worker_s: estimate of the seconds that one worker would have needed; ``None`` where nothing tells.
        workers_hired: workers that came to this run, warm ones of a pool included.
        workers_lost: of those, how many became useless.
        retries: attempts beyond the first, of all items together.
        recalled: items that were not run, because a journal held their outcome.
        bytes_moved: bytes that crossed to other processes and back.
        notices: what the caller should know.
    """

    name: str = ""
    plan: Plan = field(default_factory=Plan)
    items: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0
    busy_s: float = 0.0
    one_worker_s: float | None = None
    workers_hired: int = 0
    workers_lost: int = 0
    retries: int = 0
    recalled: int = 0
    bytes_moved: int = 0
    notices: list[str] = field(default_factory=list)

    @property
    def speedup(self) -> float | None:
        """How many times faster than one worker, estimated; ``None`` where nothing tells."""
        if self.one_worker_s is None or self.wall_s <= 0:
            return None
        return self.one_worker_s / self.wall_s

    def __str__(self) -> str:
        """Say it in ten lines at most."""
        counts = f"{self.items:,} item{plural('item', self.items)} in {in_words(self.wall_s)} -> {self.plan}"
        bad = [f"{number:,} {what}" for number, what in ((self.failed, "failed"), (self.cancelled, "cancelled")) if number]
        first = f"{self.name}: {counts}" + (f"  ({', '.join(bad)})" if bad else "")
        lines = [f"{first}{_GAP}{self.plan.history}" if self.plan.history else first]
        if self.speedup is not None and self.busy_s >= _TELLING_S:
            lines.append(f"  speed  {self.speedup:.2f}x one worker, {in_words(self.cpu_s)} of CPU")
        lines += self.plan.lines(None if self.one_worker_s is None else self.one_worker_s - self.wall_s)
        lines += self._incidents()
        notes = [f"  note   {notice}" for notice in self.notices]
        room = _MOST_LINES - len(lines)
        if len(notes) > max(1, room):
            notes = [*notes[: max(0, room - 1)], f"  note   {len(notes) - max(0, room - 1)} more: see .notices"]
        return "\n".join(lines + notes)

    def _incidents(self) -> list[str]:
        """Say what happened on the way; in one line, if there is much."""
        told = []
        if self.recalled:
            told.append(("kept", f"{self.recalled:,} of them were in the journal, and not run again"))
        if self.retries:
            told.append(("again", f"{self.retries:,} attempt{plural('attempt', self.retries)} after a failure"))
        if self.bytes_moved:
            told.append(("moved", f"{in_bytes(self.bytes_moved)} between processes"))
        if self.workers_lost:
            told.append(("lost", f"{self.workers_lost} worker{plural('worker', self.workers_lost)}"))
        if len(self.plan.lines()) + len(told) > _MOST_LINES - 4:  # the first line, the speed, two notes
            return [f"  also   {'   ·   '.join(f'{name} {words}' for name, words in told)}"] if told else []
        return [f"  {name:<6} {words}" for name, words in told]
