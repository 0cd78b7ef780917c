"""A run with its consumer: takes the deliveries, waits on the bell, ends the run whichever way the consumer ends."""

from __future__ import annotations

from contextlib import suppress

from atonce._run.bell import AwaitedBell, Bell, ThreadBell
from atonce._values.typed import Generic, TypeVar
from atonce.errors import DeadlineExceeded, JournalError

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Generator
    from typing import Any, NoReturn

    from atonce._machine.clock import Clock
    from atonce._run.driver import Run
    from atonce._run.inflow import Inflow
    from atonce._run.staff import Staff
    from atonce._values.batch import Delivery
    from atonce._values.options import Options

__all__ = ("AsyncSession", "Session", "SyncSession")

B = TypeVar("B", bound=Bell)


class Session(Generic[B]):
    """What the two kinds of consumer have in common.

    Attributes:
        run: the run.
        bell: what the run rings.
        errors: what is done about failures.
        too_late: what is raised if the call takes too long; ``None`` as long as nothing was.
    """

    too_late: DeadlineExceeded | None = None

    def __init__(self, run: Run, bell: B, staff: Staff, options: Options, clock: Clock, *, owns_staff: bool) -> None:
        self.run = run
        self.bell = bell
        self.errors = options.errors
        self._staff = staff
        self._owns_staff = owns_staff
        self._clock = clock
        self._deadline_s = options.deadline
        self._until_s = None if options.deadline is None else clock.now() + options.deadline

    def abandon(self) -> None:
        """End the run without waiting for anybody."""
        self.run.abandon()
        if self._owns_staff:
            self._staff.close(wait=False)

    def _left_s(self) -> float | None:
        """Tell how many seconds the call may still take: 0 or less if it is too late, ``None`` if there is no deadline."""
        return None if self._until_s is None else self._until_s - self._clock.now()

    def _is_too_late(self) -> bool:
        left_s = self._left_s()
        return left_s is not None and left_s <= 0 and not self.run.over

    def _nap_s(self) -> float | None:
        """Tell for how many seconds to wait for the bell, at most."""
        return min((nap_s for nap_s in (self._left_s(), self.run.again_in_s()) if nap_s is not None), default=None)

    @property
    def has_deadline(self) -> bool:
        """Whether the call may end with ``too_late``."""
        return self._deadline_s is not None

    def _say_too_late(self) -> NoReturn:
        """Raise what a call raises that took too long. It has ended, so that the counts are known."""
        run, report = self.run, self.run.report
        if isinstance(run.fault, JournalError):  # what it could not keep is not handed on, not even in an error
            raise run.fault
        of = f"{run.source.length:,} items" if run.source.length is not None else f"the {report.items:,} items begun"
        failed = f", {report.failed:,} failed" if report.failed else ""
        fact = f"{run.job.name} did not end within its deadline of {self._deadline_s:g} s"
        self.too_late = DeadlineExceeded(f"{fact}: of {of}, {report.succeeded:,} succeeded{failed}")
        raise self.too_late

    def verdict(self) -> None:
        """Raise what ended the run, unless that was the end of its input.

        Raises:
            BaseException: why no worker could work; the failure of the item that stopped the run; or what the input raised.
        """
        run = self.run
        if run.fault is not None:
            raise run.fault
        failure = run.account.first_failure()
        if failure is not None and run.journal is not None and run.journal.has_told_of(failure.worker):
            with suppress(Exception):  # the user's exception may refuse attributes
                failure.error.add_note(f"it is kept in {run.journal.path}: retry_failed=True (--retry-failed) runs it again")
        run.account.verdict()
        if isinstance(run.source.error, JournalError):
            raise run.source.error
        if (error := run.source.error) is not None:
            where = f"raised by the input of {run.job.name}, where item {run.source.taken} should have come from"
            hint = "" if run.alone else "; workers read the input in their own threads: if it minds, give list(...) of it"
            with suppress(Exception):  # the user's exception may refuse attributes
                error.add_note(where + hint)
            raise error


class SyncSession(Session[ThreadBell]):
    """The consumer is a thread, which may be blocked."""

    def deliveries(self) -> Generator[Delivery, None, None]:
        """Give the deliveries as they are due, and then the verdict.

        The run ends with this generator: by itself, after what it raises, or abandoned if the generator is dropped.
        """
        run, bell = self.run, self.bell
        try:
            while not (late := self._is_too_late()):
                delivery = run.poll(self._until_s)
                if delivery is not None:
                    yield delivery
                elif run.failing or run.over:
                    break
                else:
                    bell.wait(self._nap_s())
        except GeneratorExit:
            self.abandon()
            raise
        except KeyboardInterrupt:
            self.close(patient=False)
            raise
        except BaseException:
            self.close()
            raise
        self.close(patient=not late or run.stoppable)
        if late:
            self._say_too_late()
        self.verdict()

    def close(self, *, patient: bool = True) -> None:
        """End the run and wait until everybody has left; with less patience, until everybody has who can be made to."""
        try:
            for left in self.run.closing(patient=patient):
                self.bell.wait(left)
            if self._owns_staff:
                self._staff.close(wait=patient)
        except BaseException:  # Ctrl-C, while waiting
            self.abandon()
            raise


class AsyncSession(Session[AwaitedBell]):
    """The consumer is a coroutine, whose loop must go on."""

    _inflow: Inflow | None = None

    def read(self, inputs: AsyncIterator[Any]) -> None:
        """Begin to read an asynchronous input, for a run whose source is fed."""
        from atonce._run.inflow import FedSource, Inflow  # noqa: PLC0415 (for those who have such inputs)

        assert isinstance(self.run.source, FedSource)
        self._inflow = Inflow(inputs, self.run.source, self.bell.ring)

    async def deliveries(self) -> AsyncGenerator[Delivery, None]:
        """Give the deliveries as they are due, and then the verdict."""
        run, bell = self.run, self.bell
        try:
            while not (late := self._is_too_late()):
                if run.keeps_slowly:
                    await self.bell.elsewhere(run.keep)  # the loop does not wait for it
                delivery = run.poll(self._until_s)
                if delivery is not None:
                    yield delivery
                    if self._inflow is not None:
                        self._inflow.wake()  # there is room for what the consumer has taken
                    if run.caller_helps:
                        await bell.pause()  # the loop has other things to do than to be our worker
                elif run.failing or run.over:
                    break
                else:
                    await bell.wait(self._nap_s())
        except BaseException:
            await self.close()
            raise
        await self.close(patient=not late or run.stoppable)
        if late:
            self._say_too_late()
        self.verdict()

    async def close(self, *, patient: bool = True) -> None:
        """End the run and wait until everybody has left; with less patience, until everybody has who can be made to."""
        with self.bell.shielded():
            await self._close(patient=patient)

    async def _close(self, *, patient: bool) -> None:
        try:
            if self._inflow is not None:
                await self._inflow.close()
            for left in self.run.closing(patient=patient):
                await self.bell.wait(left)
            if self._owns_staff and self._staff.has_idle():
                await self.bell.elsewhere(self._staff.close)  # a process takes some milliseconds to end
        except BaseException:  # cancelled once more, while waiting
            if self._inflow is not None:
                self._inflow.abandon()
            self.abandon()
            raise
        if self._owns_staff:
            self._staff.close(wait=False)
