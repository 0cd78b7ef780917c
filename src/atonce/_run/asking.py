"""Ask a worker something beside a run, before the run gives it work."""

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

__all__ = ("ask",)

_LOOK_S = 0.01  # how soon it is seen that there is an answer, or that nobody wants it any more


def ask(
    staff: Staff,
    crew: Crew,
    fn: Callable[..., Any],
    arguments: tuple[Any, ...],
    *,
    bell: ThreadBell,
    clock: Clock,
    given_up: Callable[[], bool],
) -> list[Any]:
    """Have each of some workers call a function. They stay on the bench of their staff, and are there when the run wants them.

    Each gets the question in a run of its own: of several questions in one run, the first worker to be there would take them all.

    Args:
        staff: whose workers.
        crew: which kind, and how many.
        fn: the function.
        arguments: its arguments.
        bell: rung by the workers.
        clock: where the time is read.
        given_up: whether nobody wants the answers any more.

    Returns:
        The answers; none if it was given up.

    Raises:
        BaseException: what the function raises, or why no worker can work.
    """
    runs = [_question(staff, fn, arguments, bell, clock) for _ in range(crew.workers)]
    answers: list[Any] = []
    try:
        for run in runs:
            run.hire(Crew(crew.engine, 1, 1, crew.limit))
        waiting = list(runs)
        while waiting and not given_up():
            waiting = [run for run in waiting if not _answered(run, answers)]
            if waiting:
                bell.wait(_LOOK_S)  # each of the runs resets the bell, so that it may have been rung for another one
    finally:
        patient = not given_up()
        for run in runs:
            for left in run.closing(patient=patient):
                bell.wait(min(left, _LOOK_S))
    return [] if given_up() else answers


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
