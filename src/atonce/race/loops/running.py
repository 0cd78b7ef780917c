"""A coroutine function as the program of a run."""

from __future__ import annotations

import asyncio
from asyncio import events, tasks
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from atonce.race.loops.loop import ControlledLoop
from atonce.race.loops.record import record_of
from atonce.race.scheduler import active

if TYPE_CHECKING:
    from atonce.race.scheduler import Scheduler

__all__ = ("run_coroutine_function", "settle")

_swap_current_task = getattr(tasks, "_swap_current_task", None)  # 3.12


def run_coroutine_function(function: Callable[[], Awaitable[object]]) -> None:
    """Run a coroutine function to its end on a controlled loop, as ``asyncio.run`` would. Called in a task of a run.

    Raises:
        BaseException: what the function raises.
        Abort: the run is over.
    """
    run = active()
    assert run is not None
    with _apart():
        loop = ControlledLoop(run)
        try:
            main = function()
            loop.run_until_complete(main if asyncio.iscoroutine(main) else _awaited(main))
        finally:
            _wind_up(loop)


def settle(run: Scheduler) -> None:
    """End what the loops of a run have left that nobody has closed. Called when the run is over, and by its own thread."""
    for loop in record_of(run).loops:
        if not loop.is_closed() and not loop.is_running():
            loop.condemn()


async def _awaited(thing: Awaitable[object]) -> object:
    return await thing


def _wind_up(loop: ControlledLoop) -> None:
    """Do what ``asyncio.run`` does at its end, where there is anything to do."""
    try:
        if not loop.run.aborting:
            _cancel_rest(loop)
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()


def _cancel_rest(loop: ControlledLoop) -> None:
    rest = [task for task in loop.all if not task.done()]
    if not rest:
        return
    for task in rest:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
    for task in rest:
        if not task.cancelled() and task.exception() is not None:
            loop.call_exception_handler(
                {"message": "a task failed while it was cancelled", "exception": task.exception(), "task": task}
            )


@contextmanager
def _apart() -> Iterator[None]:
    """Let asyncio forget the loop that may be running in this thread already: a notebook's, or an async test's."""
    outer = events._get_running_loop()
    if outer is None:
        yield
        return
    task = None if _swap_current_task is None else _swap_current_task(outer, None)
    events._set_running_loop(None)
    try:
        yield
    finally:
        events._set_running_loop(outer)
        if _swap_current_task is not None:
            _swap_current_task(outer, task)
