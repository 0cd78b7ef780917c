"""The books of one run: what came of each item, and the report that says so."""

from __future__ import annotations

from types import CoroutineType

from atonce._run.item_notes import add_note
from atonce._values.outcome import Failure
from atonce._values.report import Report

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from typing import Any

    from atonce._machine.clock import Clock
    from atonce._values.batch import Delivery
    from atonce._values.job import Job

__all__ = ("Account",)

_SAMPLE = 16  # values
_SHARED_GIL = 0.8  # CPU seconds of all threads over wall seconds, from which on they are taken to hinder each other


class Account:
    """Counts, and makes ``Failure`` objects of what failed. Everything belongs to the consumer.

    Attributes:
        report: complete after ``close``.
        begun_s: when the run began.
        accounted: items that have been heard of again, run or given up.
        failures: those that stop the run.
        mistake: a mistake of the caller's that makes all results worthless.
        sample: some of the newest values, for those who want to know what they are like.
    """

    def __init__(self, job: Job, clock: Clock) -> None:
        self.report = Report(name=job.name)
        self.accounted = 0
        self.failures: list[Failure] = []
        self.sample: tuple[Any, ...] = ()
        self.mistake: TypeError | None = None
        self._job = job
        self._clock = clock
        self.begun_s = clock.now()
        self._cpu_begun = clock.process_cpu()
        self._worker_cpu_s = 0.0  # of all workers
        self._process_cpu_s = 0.0  # of those in other processes

    def enter(self, delivery: Delivery) -> None:
        """Take a delivery into the books; a ``Failure`` is put where a value is missing."""
        report = self.report
        done = len(delivery.values)
        self.accounted += done + delivery.undone
        report.succeeded += done - len(delivery.failed)
        report.busy_s += delivery.seconds
        report.bytes_moved += delivery.moved_bytes
        report.recalled += done if delivery.recalled else 0
        self._worker_cpu_s += delivery.cpu_s
        if delivery.moved_bytes:
            self._process_cpu_s += delivery.cpu_s
        if delivery.notice and delivery.notice not in report.notices:
            report.notices.append(delivery.notice)
        if delivery.values and not delivery.failed:
            self.sample = tuple(delivery.values[-_SAMPLE:])
        if delivery.values and type(delivery.values[0]) is CoroutineType:
            self._refuse_coroutines(delivery.values)
        if delivery.failed:
            self._enter_failures(delivery)
        if (delivery.failed or delivery.attempts) and not delivery.recalled:
            report.retries += _retries(delivery)

    def is_fatal(self, error: BaseException) -> bool:
        """Tell whether an item's failure stops the run. Ctrl-C always does, whatever the caller wants done about failures."""
        return self._job.stops or isinstance(error, KeyboardInterrupt)

    def first_failure(self) -> Failure | None:
        """Return the failure to raise: of those that are known, the one that stands first in the input."""
        return min(self.failures, key=_index, default=None)

    def verdict(self) -> None:
        """Raise the failure that ends the run, or the mistake, if there is one."""
        if self.mistake is not None:
            raise self.mistake
        failure = self.first_failure()
        if failure is None:
            return
        if isinstance(failure.error, StopIteration | StopAsyncIteration):  # would silently end the caller's own loop (PEP 479)
            what = type(failure.error).__name__
            raise RuntimeError(f"{self._job.name} raised {what} for item {failure.index}") from failure.error  # noqa: TRY004
        raise failure.error

    def close(self, items: int) -> None:
        """Close the books, for so many items that were read."""
        report = self.report
        report.items = items
        report.cancelled = items - report.succeeded - report.failed
        report.wall_s = self._clock.now() - self.begun_s
        report.cpu_s = self._clock.process_cpu() - self._cpu_begun + self._process_cpu_s
        report.one_worker_s = self._one_worker_s()

    def _refuse_coroutines(self, values: list[Any]) -> None:
        """Notice that a function, which is no coroutine function, only makes coroutines: nobody would ever await them."""
        for value in values:
            if type(value) is CoroutineType:
                value.close()
        self.mistake = TypeError(
            f"{self._job.name} returned a coroutine, and is no coroutine function itself: nobody awaits what it returns.\n"
            f"Write it with async def and await; or engine='async', which awaits whatever a function returns."
        )

    def _enter_failures(self, delivery: Delivery) -> None:
        mean_s = delivery.seconds / len(delivery.values)
        for bad in delivery.failed:
            index = delivery.start + bad.position
            add_note(bad.error, index, bad.item, bad.attempts, delivery.worker)
            seconds = mean_s if delivery.durations is None else delivery.durations[bad.position]
            failure = Failure(index, bad.error, bad.attempts, seconds, delivery.worker)
            delivery.values[bad.position] = failure
            self.report.failed += 1
            if self.is_fatal(bad.error):
                self.failures.append(failure)

    def _one_worker_s(self) -> float | None:
        """Estimate what one worker would have needed.

        Workers that are alone on their CPU, or wait, take as long together as one would. Threads that share the GIL also wait for
        each other, which one would not: their CPU time is what it would have needed.
        """
        report = self.report
        if report.plan.engine == "async":
            return report.busy_s if self._job.timed else None
        sharing = report.plan.engine == "thread" and self._worker_cpu_s > _SHARED_GIL * report.wall_s
        return self._worker_cpu_s if sharing else report.busy_s


def _retries(delivery: Delivery) -> int:
    """Count the times that an item was started again."""
    attempts = dict(delivery.attempts or ())
    attempts.update((bad.position, bad.attempts) for bad in delivery.failed)
    return sum(number - 1 for number in attempts.values() if number > 1)


def _index(failure: Failure) -> int:
    return failure.index
