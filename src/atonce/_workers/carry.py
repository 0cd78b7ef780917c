"""Run a batch in the thread that asks: the inner loop of the inline, thread and process workers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, Protocol

from atonce._machine.clock import Clock
from atonce._values.batch import Batch, Delivery, Misfortune
from atonce._values.job import Job

__all__ = ("Bar", "call_of", "carry_out")


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
    batch: Batch,
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
        A delivery that accounts for every item of the batch.
    """
    items, start = batch.items, batch.start
    values: list[Any] = []
    failed: list[Misfortune] = []
    durations: list[float] | None = [] if job.timed else None
    begun, cpu_begun = clock.now(), clock.thread_cpu()
    while True:
        rest = islice(items, len(values), None) if values else items
        try:
            if durations is not None:
                _timed(call, rest, values, durations, bar, start, clock)
            elif bar is not None:
                _watched(call, rest, values, bar, start)
            else:
                _plain(call, rest, values)
            break
        except BaseException as error:
            _forget_our_frames(error)
            failed.append(Misfortune(len(values), error, items[len(values)]))
            values.append(None)
            if durations is not None and len(durations) < len(values):
                durations.append(0.0)
            if job.stops or isinstance(error, KeyboardInterrupt):
                break
    return Delivery(
        start,
        values,
        failed,
        clock.now() - begun,
        clock.thread_cpu() - cpu_begun,
        worker,
        durations,
        len(items) - len(values),
    )


# The three loops differ in what they do between two items, and each is as tight as it can be: the first is the reference that
# must stay within 1.3x of a list comprehension. (Measured: benchmarks/micro/inline.py)


def _plain(call: Callable[[Any], Any], items: Any, values: list[Any]) -> None:
    for item in items:
        values.append(call(item))  # noqa: PERF401 (what was done before a failure has to stay)


def _watched(call: Callable[[Any], Any], items: Any, values: list[Any], bar: Bar, start: int) -> None:
    for item in items:
        if bar.stopped and start + len(values) >= bar.barred:
            return
        values.append(call(item))


def _timed(
    call: Callable[[Any], Any],
    items: Any,
    values: list[Any],
    durations: list[float],
    bar: Bar | None,
    start: int,
    clock: Clock,
) -> None:
    now = clock.now
    for item in items:
        if bar is not None and bar.stopped and start + len(values) >= bar.barred:
            return
        begun = now()
        try:
            values.append(call(item))
        finally:
            durations.append(now() - begun)


def _forget_our_frames(error: BaseException) -> None:
    """Let the traceback begin in the user's function: the two frames above it are ours."""
    traceback = error.__traceback__
    for _ in range(2):
        if traceback is not None and traceback.tb_next is not None:
            traceback = traceback.tb_next
    error.__traceback__ = traceback
