"""What a run did, in numbers, and why it did it that way."""

from __future__ import annotations

from atonce._values.record import Record, field

__all__ = ("Plan", "Report", "in_words")


_TELLING_S = 0.01  # work of less than this says nothing about speed


class Plan(Record, frozen=False):
    """Which workers ran the items, and on what grounds.

    Attributes:
        engine: the kind of worker that the run ended with.
        workers: how many of them were wanted.
        in_flight: items that each may have in flight.
        reasons: one sentence a decision, in the order they were taken.
    """

    engine: str = "inline"
    workers: int = 1
    in_flight: int = 1
    reasons: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        what = {"inline": "the calling thread", "async": "event loop"}.get(self.engine, self.engine)
        many = what if self.workers == 1 and self.engine == "inline" else f"{self.workers} {what}{_plural(what, self.workers)}"
        return f"{many} x {self.in_flight} in flight" if self.in_flight > 1 else many


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
    bytes_moved: int = 0
    notices: list[str] = field(default_factory=list)

    @property
    def speedup(self) -> float | None:
        """How many times faster than one worker, estimated; ``None`` where nothing tells."""
        if self.one_worker_s is None or self.wall_s <= 0:
            return None
        return self.one_worker_s / self.wall_s

    def __str__(self) -> str:
        """Say it in a few lines."""
        counts = f"{self.items:,} item{_plural('item', self.items)} in {in_words(self.wall_s)} -> {self.plan}"
        bad = [f"{number:,} {what}" for number, what in ((self.failed, "failed"), (self.cancelled, "cancelled")) if number]
        lines = [f"{self.name}: {counts}" + (f"  ({', '.join(bad)})" if bad else "")]
        if self.speedup is not None and self.busy_s >= _TELLING_S:
            lines.append(f"  speed  {self.speedup:.2f}x one worker, {in_words(self.cpu_s)} of CPU")
        lines += [f"  why    {reason}" for reason in self.plan.reasons]
        if self.retries:
            lines.append(f"  again  {self.retries:,} attempt{_plural('attempt', self.retries)} after a failure")
        if self.bytes_moved:
            lines.append(f"  moved  {_bytes(self.bytes_moved)} between processes")
        if self.workers_lost:
            lines.append(f"  lost   {self.workers_lost} worker{_plural('worker', self.workers_lost)}")
        lines += [f"  note   {notice}" for notice in self.notices]
        return "\n".join(lines)


def _plural(word: str, number: int) -> str:
    if number == 1:
        return ""
    return "es" if word.endswith("s") else "s"


def in_words(seconds: float) -> str:
    """Write a duration with its unit: ``1.38 s``, ``86 ms``, ``9.35 µs``, ``520 ns``."""
    if seconds >= 1000:  # noqa: PLR2004 (from here on, three digits are fewer than the whole number)
        return f"{seconds:,.0f} s"
    for scale, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")):
        if seconds >= 0.9995 * scale:  # what rounds to 1,000 of a unit is 1 of the next
            return f"{seconds / scale:.3g} {unit}"
    return "0 s"


def _bytes(number: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if number < 1024:  # noqa: PLR2004
            return f"{number:,.0f} {unit}" if number >= 100 else f"{number:.3g} {unit}"  # noqa: PLR2004
        number /= 1024
    return f"{number:,.0f} GiB" if number >= 100 else f"{number:.3g} GiB"  # noqa: PLR2004
