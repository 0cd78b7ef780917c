"""What the calls give back: a list, a stream, an asynchronous stream, each with the report of its run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

from atonce._api.session import Session
from atonce._values.outcome import Failure, Success
from atonce._values.report import Report
from atonce._values.typed import Generic, TypeVar
from atonce.errors import DeadlineExceeded, RemoteError, TasksFailed

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Sequence
    from typing import Any, Self

    from atonce._api.session import AsyncSession, SyncSession
    from atonce._values.batch import Delivery
    from atonce._values.outcome import AnyOutcome

__all__ = ("AsyncStream", "Results", "Stream", "collect", "collect_async", "finish", "outcomes_of")

R = TypeVar("R")
S = TypeVar("S", bound="Session[Any]")


class Results(list[R]):
    """A list of results in input order.

    Attributes:
        report: what ran, how, and why.
    """

    report: Report


class Opening(Generic[S]):
    """A run that begins when the first result is asked for. Shared by a stream and its generator, so that neither holds the other:
    a stream that is dropped ends at once, without waiting for the garbage collector.
    """  # noqa: D205

    def __init__(self, opened: Callable[[], S]) -> None:
        self._opened = opened
        self._waiting = Report()
        self.session: S | None = None

    def begin(self) -> S:
        """Open the run."""
        self.session = self._opened()
        return self.session

    @property
    def report(self) -> Report:
        """The report of the run; an empty one before it begins."""
        return self._waiting if self.session is None else self.session.run.report


class Stream(Iterator[R], Generic[R]):
    """Results as they are due. The run begins with the first ``next``, and reads its input only as far ahead as it is allowed to.

    ``close()``, or the end of a ``with`` block, ends the run early. So does dropping the stream, but without waiting for threads to
    finish the items that they are in.
    """

    def __init__(self, opened: Callable[[], SyncSession]) -> None:
        self._opening = Opening(opened)
        self._values: Generator[R, None, None] = _generate(self._opening)

    @property
    def report(self) -> Report:
        """What ran, how, and why: complete once the stream has ended."""
        return self._opening.report

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> R:
        return next(self._values)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the run: nothing new is started; what is under way is given up, or waited for where it is a thread's.

        Closing twice does no harm.
        """
        if self._opening.session is not None:
            self._opening.session.close()
        with suppress(ValueError):  # another thread is in it, and finds its end by itself
            self._values.close()


class AsyncStream(AsyncIterator[R], Generic[R]):
    """Results as they are due, for ``async for``. Like ``Stream``, but waiting lets the event loop go on.

    To end it early use ``aclose()``, or ``contextlib.aclosing``: leaving the loop alone leaves the end to the garbage collector.
    """

    def __init__(self, opened: Callable[[], AsyncSession]) -> None:
        self._opening = Opening(opened)
        self._values: AsyncGenerator[R, None] = _generate_async(self._opening)

    @property
    def report(self) -> Report:
        """What ran, how, and why: complete once the stream has ended."""
        return self._opening.report

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> R:
        return await anext(self._values)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End the run: nothing new is started; coroutines under way are cancelled and waited for. Closing twice does no harm."""
        if self._opening.session is not None:
            await self._opening.session.close()
        await self._values.aclose()


def _generate(opening: Opening[SyncSession]) -> Generator[Any, None, None]:
    session = opening.begin()
    source = session.run.source
    sieve = Sieve(session)
    try:
        for delivery in session.deliveries():
            for value in sieve.values(delivery):
                source.handed += 1
                yield value
            source.handed += sieve.skipped
            if sieve.stopping:
                session.close()
                session.verdict()
    except DeadlineExceeded as error:
        _tell_what_had_ended(error, session)
        raise
    sieve.verdict()


async def _generate_async(opening: Opening[AsyncSession]) -> AsyncGenerator[Any, None]:
    session = opening.begin()
    source = session.run.source
    sieve = Sieve(session)
    deliveries = session.deliveries()
    try:
        async for delivery in deliveries:
            for value in sieve.values(delivery):
                source.handed += 1
                yield value
            source.handed += sieve.skipped
            if sieve.stopping:
                await session.close()
                session.verdict()
    except DeadlineExceeded as error:
        _tell_what_had_ended(error, session)
        raise
    finally:
        await deliveries.aclose()
    sieve.verdict()


class Sieve:
    """Keeps from a stream's consumer what is not a result, as ``errors`` says.

    Attributes:
        skipped: how many items of the last delivery have no result for the consumer.
        stopping: whether the last delivery held the failure that ends the run.
    """

    def __init__(self, session: Session[Any]) -> None:
        self.skipped = 0
        self.stopping = False
        self._run = session.run
        self._group = session.errors == "group"
        self._failures: list[Failure] = []

    def values(self, delivery: Delivery) -> list[Any]:
        """Return what the consumer is to see of a delivery."""
        self.skipped = 0
        if not delivery.failed:
            return delivery.values
        fatal = self._run.account.failures
        if fatal:
            ends = {failure.index for failure in fatal}
            for bad in delivery.failed:
                if delivery.start + bad.position in ends:
                    self.stopping = True
                    return delivery.values[: bad.position]
        if not self._group:
            return delivery.values
        positions = {bad.position for bad in delivery.failed}
        self.skipped = len(positions)
        self._failures += [delivery.values[position] for position in sorted(positions)]
        return [value for position, value in enumerate(delivery.values) if position not in positions]

    def verdict(self) -> None:
        """Raise the failures that were kept back."""
        if self._failures:
            self._failures.sort(key=_index)
            raise _group(self._run.job.name, self._run.report, self._failures, tuple(self._failures))


def collect(session: SyncSession) -> Results[Any]:
    """Run to the end and return the list."""
    collected = Collected(session)
    try:
        for delivery in session.deliveries():
            collected.add(delivery)
    except DeadlineExceeded as error:
        collected.tell(error)
        raise
    return collected.finish()


async def collect_async(session: AsyncSession) -> Results[Any]:
    """Run to the end, while the event loop goes on, and return the list."""
    collected = Collected(session)
    try:
        async for delivery in session.deliveries():
            collected.add(delivery)
    except DeadlineExceeded as error:
        collected.tell(error)
        raise
    return collected.finish()


class Collected:
    """What a call that returns all has been given so far. Remembers the outcomes, if anybody may ask for them."""

    def __init__(self, session: Session[Any]) -> None:
        self._session = session
        self._results: Results[Any] = Results()
        self._remembers = session.errors == "group" or session.has_deadline
        self._deliveries: list[Delivery] = []

    def add(self, delivery: Delivery) -> None:
        """Take what is due."""
        self._results += delivery.values
        if self._remembers:
            self._deliveries.append(delivery)

    def finish(self) -> Results[Any]:
        """Return all results; raise the failures, if that is wanted together."""
        run = self._session.run
        outcomes = None
        if self._session.errors == "group":
            outcomes = [outcome for delivery in self._deliveries for outcome in outcomes_of(delivery)]
        return finish(self._results, run.job.name, run.report, outcomes)

    def tell(self, error: DeadlineExceeded) -> None:
        """Put the outcomes that there are to what says that it is too late."""
        _tell_what_had_ended(error, self._session, self._deliveries)


def _tell_what_had_ended(error: DeadlineExceeded, session: Session[Any], taken: Sequence[Delivery] = ()) -> None:
    """Put outcomes to what says that it is too late, beside those of what was taken. An item's own error is another one."""
    if error is session.too_late:
        there = [*taken, *session.run.left_over()]
        error.outcomes = tuple(outcome for delivery in there for outcome in outcomes_of(delivery))


def finish(results: Results[Any], name: str, report: Report, outcomes: list[AnyOutcome] | None) -> Results[Any]:
    """Put the report to the results of the work of this name; raise the failures, if outcomes are collected for that."""
    results.report = report
    if outcomes is not None:
        failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
        if failures:
            raise _group(name, report, failures, tuple(outcomes))
    return results


def outcomes_of(delivery: Delivery) -> Iterator[AnyOutcome]:
    """Give the outcome of each item of a delivery."""
    bad = {misfortune.position for misfortune in delivery.failed}
    attempts = delivery.attempts or {}
    mean_s = delivery.seconds / max(1, len(delivery.values))
    for position, value in enumerate(delivery.values):
        if position in bad:
            yield value
        else:
            seconds = mean_s if delivery.durations is None else delivery.durations[position]
            yield Success(delivery.start + position, value, attempts.get(position, 1), seconds, delivery.worker)


def _group(name: str, report: Report, failures: list[Failure], outcomes: tuple[AnyOutcome, ...]) -> TasksFailed:
    group = TasksFailed(f"{len(failures)} of {report.items} items of {name} failed", [_as_exception(bad) for bad in failures])
    group.outcomes = outcomes
    return group


def _as_exception(failure: Failure) -> Exception:
    error = failure.error
    if isinstance(error, Exception):
        return error
    stand_in = RemoteError(type(error).__name__, str(error), "")
    stand_in.__cause__ = error
    return stand_in


def _index(failure: Failure) -> int:
    return failure.index
