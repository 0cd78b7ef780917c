"""Run a batch in the thread that asks: the inner loop of the inline, thread and process workers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from atonce._machine.clock import Clock
from atonce._values.batch import Batch, Delivery, Lent, Misfortune
from atonce._values.job import Job

__all__ = ("Bar", "begin_in_users_code", "call_of", "carry_out")


class Bar(Protocol):
    """The part of a ``Place`` that says what may still be started."""

    @property
    def stopped(self) -> bool: ...
    @property
    def barred(self) -> int: ...


@contextmanager
def call_of(job: Job) -> Iterator[Callable[[Any], Any]]:
    """Give a function of one item that does the job, coroutine functions included: those get an event loop of their own."""
    fn = job.fn
    if not job.is_async:
        yield (lambda item: fn(*item)) if job.star else fn
        return
    from asyncio import Runner  # noqa: PLC0415 (44 ms that only coroutines need)

    with Runner() as runner:
        star = job.star
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
        job: says whether a failure ends the batch and whether items are timed one by one.
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
    rest = iter(batch.items)
    begun, cpu_begun = clock.now(), clock.thread_cpu()
    trouble: BaseException | None = None
    while True:
        try:
            if durations is not None:
                bad = _timed(call, rest, values, durations, bar, batch.start, clock)
            elif bar is not None:
                bad = _watched(call, rest, values, bar, batch.start)
            else:
                bad = _plain(call, rest, values)
        except BaseException as error:
            trouble, bad = error, None
        if bad is None:
            break
        begin_in_users_code(bad.error)
        failed.append(bad)
        values.append(None)
        if job.stops or isinstance(bad.error, KeyboardInterrupt):
            break
    delivery = Delivery(batch.start, values, failed, clock.now() - begun, clock.thread_cpu() - cpu_begun, worker, durations)
    delivery.trouble = trouble
    return delivery


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


def begin_in_users_code(error: BaseException) -> None:
    """Let the traceback begin in the user's function: the frame above it is ours.

    By ``with_traceback``, because an exception may refuse to have its attributes set (a frozen dataclass does).
    """
    traceback = error.__traceback__
    if traceback is not None and traceback.tb_next is not None:
        BaseException.with_traceback(error, traceback.tb_next)
