"""Waiting in a task: until others let it go on, or until a time that passes only when nobody else can go on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from atonce.race.operations import Cell, Operation, Place
from atonce.race.scheduler import Scheduler

__all__ = ("wait_until", "wake_foreign")


def wait_until(
    run: Scheduler,
    kind: str,
    cells: tuple[Cell, ...],
    ready: Callable[[], bool],
    timeout: float | None,
    place: Place | None,
    free: Callable[[], bool] | None = None,
    *,
    waits: bool = True,
    enables: bool = False,
) -> bool:
    """Let the running task wait, as one operation.

    Args:
        run: the run.
        kind: a word for the operation.
        cells: what it touches.
        ready: what it waits for.
        timeout: in seconds of virtual time; ``None``: without a limit.
        place: where it was called.
        free: what it needs in any case, also when its time is up: a lock that it takes back.
        waits: without a limit, what lets it go on never races with it. Not so where it also matters how much of that there is.
        enables: others may wait for it.

    Returns:
        Whether what it waited for is there.
    """
    if timeout is None:
        both = ready if free is None else lambda: ready() and free()
        run.point(Operation(kind, cells, place, both, waits=waits, enables=enables))
        return True
    if timeout <= 0:
        run.point(Operation(kind, cells, place, free, enables=enables))
        return ready()
    deadline = run.now_s + timeout
    run.doubt(f"{kind} with a timeout", place)

    def may_go_on() -> bool:
        return (ready() or run.now_s >= deadline) and (free is None or free())

    run.point(Operation(kind, cells, place, may_go_on, wake_s=deadline, enables=enables))
    return ready()


def wake_foreign(condition: Any, count: int | None = None) -> None:
    """Wake threads that are no tasks and wait on a real condition for what a task has just done."""
    waiters = condition._waiters
    while waiters and (count is None or count > 0):
        with suppress(IndexError, RuntimeError):
            waiters.popleft().release()
        count = None if count is None else count - 1
