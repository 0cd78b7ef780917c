"""A run with its consumer: takes the deliveries, waits on the bell, ends the run whichever way the consumer ends."""

from __future__ import annotations

from contextlib import suppress

from atonce._run.bell import Bell, LoopBell, ThreadBell
from atonce._values.typed import Generic, TypeVar

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from atonce._run.driver import Run
    from atonce._run.staff import Staff
    from atonce._values.batch import Delivery
    from atonce._values.option_types import ErrorsMode

__all__ = ("AsyncSession", "Session", "SyncSession")

B = TypeVar("B", bound=Bell)


class Session(Generic[B]):
    """What the two kinds of consumer have in common.

    Attributes:
        run: the run.
        bell: what the run rings.
        errors: what is done about failures.
    """

    def __init__(self, run: Run, bell: B, staff: Staff, errors: ErrorsMode, *, owns_staff: bool) -> None:
        self.run = run
        self.bell = bell
        self.errors = errors
        self._staff = staff
        self._owns_staff = owns_staff

    def abandon(self) -> None:
        """End the run without waiting for anybody."""
        self.run.abandon()
        if self._owns_staff:
            self._staff.close(wait=False)

    def verdict(self) -> None:
        """Raise what ended the run, unless that was the end of its input.

        Raises:
            BaseException: why no worker could work; the failure of the item that stopped the run; or what the input raised.
        """
        run = self.run
        if run.fault is not None:
            raise run.fault
        run.account.verdict()
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
            while True:
                delivery = run.poll()
                if delivery is not None:
                    yield delivery
                elif run.failing or run.over:
                    break
                else:
                    bell.wait()
        except GeneratorExit:
            self.abandon()
            raise
        except KeyboardInterrupt:
            self.close(patient=False)
            raise
        except BaseException:
            self.close()
            raise
        self.close()
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


class AsyncSession(Session[LoopBell]):
    """The consumer is a coroutine, whose loop must go on."""

    async def deliveries(self) -> AsyncGenerator[Delivery, None]:
        """Give the deliveries as they are due, and then the verdict."""
        run, bell = self.run, self.bell
        try:
            while True:
                delivery = run.poll()
                if delivery is not None:
                    yield delivery
                    if run.caller_helps:
                        await bell.pause()  # the loop has other things to do than to be our worker
                elif run.failing or run.over:
                    break
                else:
                    await bell.wait()
        except BaseException:
            await self.close()
            raise
        await self.close()
        self.verdict()

    async def close(self) -> None:
        """End the run and wait until everybody has left."""
        try:
            for left in self.run.closing():
                await self.bell.wait(left)
            if self._owns_staff and self._staff.has_idle():
                await self.bell.elsewhere(self._staff.close)  # a process takes some milliseconds to end
        except BaseException:  # cancelled once more, while waiting
            self.abandon()
            raise
        if self._owns_staff:
            self._staff.close(wait=False)
