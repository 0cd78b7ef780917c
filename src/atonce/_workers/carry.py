"""Run a batch in the thread that asks: the inner loop of the inline, thread and process workers."""

from __future__ import annotations

from contextlib import contextmanager

from atonce._values.batch import LOST, Delivery, Lent, Misfortune
from atonce._values.typed import Protocol
from atonce.errors import RetryAfter

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from atonce._machine.clock import Clock
    from atonce._values.batch import Batch
    from atonce._values.job import Job

__all__ = ("Bar", "begin_in_users_code", "call_of", "carry_out", "plain_call_of", "run_again", "with_answers")


class Bar(Protocol):
    """The part of a ``Place`` that says what may still be started."""

    @property
    def stopped(self) -> bool: ...
    @property
    def barred(self) -> int: ...


def plain_call_of(job: Job) -> Callable[[Any], Any]:
    """Return a function of one item that does the job, whose function is no coroutine function."""
    fn = job.fn
    return (lambda item: fn(*item)) if job.star else fn


@contextmanager
def call_of(job: Job) -> Iterator[Callable[[Any], Any]]:
    """Give a function of one item that does the job, coroutine functions included: those get an event loop of their own."""
    if not job.is_async:
        yield plain_call_of(job)
        return
    from asyncio import Runner  # noqa: PLC0415 (44 ms that only coroutines need)

    with Runner() as runner:
        fn, star = job.fn, job.star
        yield lambda item: runner.run(fn(*item) if star else fn(item))


def carry_out(
    call: Callable[[Any], Any],
    job: Job,
    batch: Batch | Lent,
    bar: Bar | None,
    clock: Clock,
    worker: str,
) -> Delivery:
    """Run the items of a batch one after the other.

    Args:
        call: does one item.
        job: says whether a failure ends the batch, how often an item is started again before it counts as one, and whether items
            are timed one by one.
        batch: the items.
        bar: looked at before each item; ``None`` if only this thread can stop the run.
        clock: read at the ends of the batch.
        worker: the name to sign with.

    Returns:
        A delivery of what was run. The caller accounts for what was not.
    """
    values: list[Any] = []
    failed: list[Misfortune] = []
    durations: list[float] | None = [] if job.timed else None
    attempts: dict[int, int] = {}
    rest = iter(batch.items)
    begun, cpu_begun = clock.now(), clock.thread_cpu()
    trouble: BaseException | None = None
    while True:
        try:
            bad = _up_to_a_failure(call, rest, values, durations, bar, batch.start, clock)
        except BaseException as error:
            trouble, bad = error, None
        if bad is None:
            break
        if job.retries and not isinstance(bad.error, RetryAfter):
            begun_again = clock.now()
            outcome = run_again(call, bad, job.retries, bar, batch.start + bad.position)
            if outcome is None:  # the run is stopped: this item is given up like those behind it
                durations = durations and durations[: len(values)]
                break
            if durations is not None:
                durations[-1] += clock.now() - begun_again
            value, bad, tries = outcome
            if bad is None:
                attempts[len(values)] = tries
                values.append(value)
                continue
        begin_in_users_code(bad.error)
        failed.append(bad)
        values.append(None)
        if job.ends_with(bad.error):
            break
    if RetryAfter.made:
        failed = with_answers(values, failed, batch.items)
    delivery = Delivery(batch.start, values, failed, clock.now() - begun, clock.thread_cpu() - cpu_begun, worker, durations)
    delivery.attempts = attempts or None
    delivery.trouble = trouble
    return delivery


def run_again(
    call: Callable[[Any], Any], bad: Misfortune, retries: int, bar: Bar | None, index: int
) -> tuple[Any, Misfortune | None, int] | None:
    """Start an item that has failed again, at once, until it gives a value or has been started ``1 + retries`` times.

    Only an ``Exception`` is worth another attempt: ``SystemExit``, ``KeyboardInterrupt`` and their like ask for an end. The loops
    below know nothing of this, and so do not pay for it.

    Args:
        call: does the item.
        bad: its first failure.
        retries: how often to start it again, at most.
        bar: looked at before each attempt; ``None`` if only this thread can stop the run.
        index: the item's place in the input.

    Returns:
        The value; the last failure, or ``None`` if there is a value; and how often the item was started in all. ``None`` if it was
        barred before its last attempt: a failure that another attempt might have mended must not pass for the end of the run.
    """
    tries = bad.attempts
    try:
        while tries <= retries and isinstance(bad.error, Exception) and not isinstance(bad.error, RetryAfter):
            if bar is not None and bar.stopped and index >= bar.barred:
                return None
            tries += 1
            try:
                return call(bad.item), None, tries
            except Exception as error:
                bad = bad._replace(error=error, attempts=tries)
    except BaseException as error:  # the item's, or that of a signal's handler between two attempts: it ends the item either way
        bad = bad._replace(error=error, attempts=tries)
    return None, bad, tries


def _up_to_a_failure(
    call: Callable[[Any], Any],
    items: Iterator[Any],
    values: list[Any],
    durations: list[float] | None,
    bar: Bar | None,
    start: int,
    clock: Clock,
) -> Misfortune | None:
    """Run items until one fails, which is returned, or there is none that may be started."""
    if durations is not None:
        return _timed(call, items, values, durations, bar, start, clock)
    if bar is not None:
        return _watched(call, items, values, bar, start)
    return _plain(call, items, values)


# The three loops differ in what they do between two items, and each is as tight as it can be: the first is the reference that
# must stay within 1.3x of a list comprehension. (Measured: benchmarks/micro/inline.py) A try block costs nothing until something
# is raised; it stands around the call alone, so that what reading the next item raises is not taken for the item's failure.


def _plain(call: Callable[[Any], Any], items: Iterator[Any], values: list[Any]) -> Misfortune | None:
    for item in items:
        try:
            values.append(call(item))
        except BaseException as error:
            return Misfortune(len(values), error, item)
    return None


def _watched(call: Callable[[Any], Any], items: Iterator[Any], values: list[Any], bar: Bar, start: int) -> Misfortune | None:
    for item in items:
        if bar.stopped and start + len(values) >= bar.barred:
            return None
        try:
            values.append(call(item))
        except BaseException as error:
            return Misfortune(len(values), error, item)
    return None


def _timed(
    call: Callable[[Any], Any],
    items: Iterator[Any],
    values: list[Any],
    durations: list[float],
    bar: Bar | None,
    start: int,
    clock: Clock,
) -> Misfortune | None:
    now = clock.now
    for item in items:
        if bar is not None and bar.stopped and start + len(values) >= bar.barred:
            return None
        begun = now()
        try:
            values.append(call(item))
        except BaseException as error:
            return Misfortune(len(values), error, item)
        finally:
            durations.append(now() - begun)
    return None


def with_answers(values: list[Any], failed: list[Misfortune], items: Any) -> list[Misfortune]:
    """Find items that have returned a ``RetryAfter``, and say of them what would be said if they had raised it.

    Args:
        values: the results, in which a placeholder takes its place.
        failed: the items that have failed, by rising position.
        items: the items; an iterator has none to give, and their place is told instead.
    """
    found = [position for position, value in enumerate(values) if type(value) is RetryAfter]
    if not found:
        return failed
    kept = hasattr(items, "__getitem__")
    answers = [Misfortune(position, values[position], items[position] if kept else LOST) for position in found]
    for position in found:
        values[position] = None
    return sorted([*failed, *answers], key=_position)


def _position(bad: Misfortune) -> int:
    return bad.position


def begin_in_users_code(error: BaseException) -> None:
    """Let the traceback begin in the user's function: the frame above it is ours.

    By ``with_traceback``, because an exception may refuse to have its attributes set (a frozen dataclass does).
    """
    traceback = error.__traceback__
    if traceback is not None and traceback.tb_next is not None:
        BaseException.with_traceback(error, traceback.tb_next)
