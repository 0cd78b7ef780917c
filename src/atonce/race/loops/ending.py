"""The end of an event loop: what is made of exceptions that nobody awaited, and of tasks that have not ended."""

from __future__ import annotations

import warnings
from asyncio import events
from typing import TYPE_CHECKING, Any

from atonce.race.loops.record import record_of
from atonce.race.loops.waiting import lines_of

if TYPE_CHECKING:
    from atonce.race.loops.loop import ControlledLoop

__all__ = ("condemn", "judge")

_TRIES = 100  # how often a coroutine may await in its `finally` blocks while it is being closed

_undying: list[object] = []  # coroutines that go on for ever: nobody may close them later, inside another run


def judge(loop: ControlledLoop) -> None:
    """Report the exceptions of tasks that nobody awaited, unless the program has failed by itself."""
    tasks: list[Any] = loop.all
    for task in tasks:
        if not loop.failed and task.done() and task._log_traceback:
            error = task.exception()
            loop.call_exception_handler({"message": "Task exception was never retrieved", "exception": error, "task": task})


def condemn(loop: ControlledLoop) -> None:
    """End all tasks of a loop that have not ended, silently, and let nothing run any more."""
    tasks: list[Any] = loop.all
    for task in tasks:
        if task.done():
            task._log_traceback = False
    if loop.has_something_to_run or any(not task.done() for task in tasks):
        _take_down(loop)
        _close_all(loop, tasks)
    tasks.clear()


def _close_all(loop: ControlledLoop, tasks: list[Any]) -> None:
    outer = events._get_running_loop()
    events._set_running_loop(loop)  # without one, what a coroutine awaits in a `finally` block would raise instead
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of what was to be awaited by something that never began
            for task in tasks:  # they may grow meanwhile
                task._log_destroy_pending = False
                _close(task.get_coro())
            loop.forget()
    finally:
        events._set_running_loop(outer)


def _take_down(loop: ControlledLoop) -> None:
    """Write down how the tasks stand, as long as they do."""
    run = loop.run
    if run.failure is not None and run.failure.kind != "exception":
        record_of(run).lines += lines_of(loop)


def _close(coroutine: Any) -> None:
    if coroutine is None:  # it ended eagerly
        return
    for _ in range(_TRIES):
        try:
            coroutine.close()
        except RuntimeError as error:
            if "ignored GeneratorExit" in str(error):
                continue
        except BaseException:  # noqa: S110 (its run is over: nobody wants to know)
            pass
        return
    _undying.append(coroutine)
