"""Ask a worker something beside a run, before the run gives it work."""

from __future__ import annotations

from atonce._policy.ordering import InOrder
from atonce._run.driver import Run
from atonce._run.source import Source
from atonce._values.job import Job

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from atonce._machine.clock import Clock
    from atonce._run.bell import ThreadBell
    from atonce._run.driver import Crew
    from atonce._run.staff import Staff

__all__ = ("ask",)


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
    """Have workers call a function, once each. They stay on the bench of their staff, and are there when the run wants them.

    Args:
        staff: whose workers.
        crew: which kind, and how many.
        fn: the function.
        arguments: its arguments.
        bell: rung by the workers, and by whoever gives it up.
        clock: where the time is read.
        given_up: whether nobody wants the answers any more.

    Returns:
        The answers; none if it was given up.

    Raises:
        BaseException: what the function raises, or why no worker can work.
    """
    source = Source([arguments] * crew.workers, length=crew.workers, consumed_at_once=True, prompt=True)
    job = Job(fn, star=True, name="atonce", chunksize=1)
    run = Run(job, source, ordering=InOrder(), in_place=False, collected=False, staff=staff, bell=bell, clock=clock)
    answers: list[Any] = []
    try:
        run.hire(crew)
        while not (run.over or run.failing or given_up()):
            delivery = run.poll()
            if delivery is not None:
                answers += delivery.values
            elif (
                not given_up()
            ):  # Race: 1. nobody has given up; 2. somebody does, and rings; 3. poll resets the bell; 4. nobody rings
                bell.wait()
    finally:
        for left in run.closing(patient=not given_up()):
            bell.wait(left)
    if run.fault is not None:
        raise run.fault
    if (failure := run.account.first_failure()) is not None:
        raise failure.error
    return [] if given_up() else answers
