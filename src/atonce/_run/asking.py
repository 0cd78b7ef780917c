"""Ask workers something beside a run, before the run gives them work."""

from __future__ import annotations

from atonce._policy.ordering import InOrder
from atonce._run.driver import Crew, Run
from atonce._run.source import Source
from atonce._values.job import Job

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from atonce._machine.clock import Clock
    from atonce._run.bell import ThreadBell
    from atonce._run.staff import Staff

__all__ = ("Enquiry",)

_LOOK_S = 0.01  # how soon it is seen that somebody has left


class Enquiry:
    """Has each of some workers call a function. They stay on the bench of their staff, and are there when the run wants them.

    Each gets the question in a run of its own: of several questions in one run, the first worker to be there would take them all.

    Attributes:
        answers: what they have returned so far.
    """

    def __init__(
        self, staff: Staff, crew: Crew, fn: Callable[..., Any], arguments: tuple[Any, ...], *, bell: ThreadBell, clock: Clock
    ) -> None:
        """Prepare to ask; ``ask`` begins.

        Args:
            staff: whose workers.
            crew: which kind, and how many.
            fn: the function.
            arguments: its arguments.
            bell: rung by the workers.
            clock: where the time is read.
        """
        self.answers: list[Any] = []
        self._crew = crew
        self._bell = bell
        self._runs = [_question(staff, fn, arguments, bell, clock) for _ in range(crew.workers)]
        self._waiting = list(self._runs)

    def ask(self) -> None:
        """Ask."""
        for run in self._runs:
            run.hire(Crew(self._crew.engine, 1, 1, self._crew.limit))

    def answered(self) -> bool:
        """Take the answers that there are; tell whether there is nothing more to wait for. Each look resets the bell.

        Raises:
            BaseException: what the function raises, or why no worker can work.
        """
        self._waiting = [run for run in self._waiting if not _answered(run, self.answers)]
        return not self._waiting

    def close(self, *, patient: bool) -> None:
        """Let the workers go back to their bench; without patience, give up what they do."""
        for run in self._runs:
            for left in run.closing(patient=patient):
                self._bell.wait(min(left, _LOOK_S))


def _question(staff: Staff, fn: Callable[..., Any], arguments: tuple[Any, ...], bell: ThreadBell, clock: Clock) -> Run:
    source = Source([arguments], length=1, consumed_at_once=True, prompt=True)
    job = Job(fn, star=True, name="atonce", chunksize=1)
    return Run(job, source, ordering=InOrder(), in_place=False, collected=False, staff=staff, bell=bell, clock=clock)


def _answered(run: Run, answers: list[Any]) -> bool:
    """Take an answer, if there is one; tell whether none is to be waited for any more."""
    delivery = run.poll()
    if run.fault is not None:
        raise run.fault
    if (failure := run.account.first_failure()) is not None:
        raise failure.error
    if delivery is not None:
        answers += delivery.values
    return delivery is not None or run.over
