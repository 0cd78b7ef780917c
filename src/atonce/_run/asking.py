"""Ask a worker something beside a run, before the run gives it work."""

from __future__ import annotations

from atonce._policy.ordering import InOrder
from atonce._run.bell import ThreadBell
from atonce._run.driver import Crew, Run
from atonce._run.source import Source
from atonce._values.job import Job

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from atonce._machine.clock import Clock
    from atonce._run.staff import Staff
    from atonce._workers.base import Engine

__all__ = ("ask",)

_LOOK_S = 0.005  # how soon it is seen that nobody wants the answer any more


def ask(
    staff: Staff, engine: Engine, limit: int, fn: Callable[..., Any], *arguments: Any, clock: Clock, given_up: Callable[[], bool]
) -> Any:
    """Have one worker call a function. It stays on the bench of its staff, and is there when the run wants it.

    Args:
        staff: whose worker.
        engine: which kind.
        limit: how many of this kind there may be in the pool.
        fn: the function.
        *arguments: its arguments.
        clock: where the time is read.
        given_up: whether nobody wants the answer any more.

    Returns:
        The answer; ``None`` if it was given up.

    Raises:
        BaseException: what the function raises, or why no worker can work.
    """
    bell = ThreadBell()
    source = Source([arguments], length=1, consumed_at_once=True, prompt=True)
    job = Job(fn, star=True, name="atonce", chunksize=1)
    run = Run(job, source, ordering=InOrder(), in_place=False, collected=True, staff=staff, bell=bell, clock=clock)
    answer = None
    try:
        run.hire(Crew(engine, 1, 1, limit))
        while (answer := run.poll()) is None and not (run.over or run.failing or given_up()):
            bell.wait(_LOOK_S)
    finally:
        for left in run.closing(patient=False):
            bell.wait(left)
    if run.fault is not None:
        raise run.fault
    if (failure := run.account.first_failure()) is not None:
        raise failure.error
    return None if answer is None else answer.values[0]
