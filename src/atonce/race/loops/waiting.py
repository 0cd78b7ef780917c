"""What each task of an event loop waits for, in words."""

from __future__ import annotations

from asyncio import Lock, Task
from typing import TYPE_CHECKING, Any

from atonce.race.loops.record import record_of
from atonce.race.loops.stand import frames_of_task, place_of_task

if TYPE_CHECKING:
    from atonce.race.loops.loop import ControlledLoop
    from atonce.race.loops.record import Record
    from atonce.race.scheduler import Scheduler

__all__ = ("current", "lines_of", "waiting")


def waiting(run: Scheduler) -> list[str]:
    """Return a line for each task of an event loop that had not ended when the run failed, or has not ended now.

    Each says where the task waits, for what, and, for an ``asyncio.Lock``, who holds it and where it was taken.
    """
    record = record_of(run)
    if record.lines or run.aborting:
        return list(record.lines)
    return [line for loop in record.loops for line in lines_of(loop)]


def current(run: Scheduler) -> str | None:
    """Return the name of the event loop's task that is running, if one is."""
    from asyncio import current_task  # noqa: PLC0415 (a name that is patched must not be kept)

    for loop in record_of(run).loops:
        if loop.is_running() and loop.owner is run.running:
            task = current_task(loop)
            return None if task is None else task.get_name()
    return None


def lines_of(loop: ControlledLoop) -> list[str]:
    """Return a line for each task of a loop that has not ended."""
    record = record_of(loop.run)
    return [_line(task, record) for task in loop.all if not task.done()]


def _line(task: Task[Any], record: Record) -> str:
    coroutine = task.get_coro()
    who = f"{task.get_name()} ({getattr(coroutine, '__qualname__', type(coroutine).__qualname__)})"
    frames = frames_of_task(task)
    if len(frames) == 1 and frames[0].f_lasti <= 0:
        return f"{who} has not begun"
    place = place_of_task(task)
    where = f" at {place}" if place is not None else ""
    return f"{who} waits{where}{_what(task, record)}"


def _what(task: Task[Any], record: Record) -> str:
    awaited = task._fut_waiter  # type: ignore[attr-defined]
    if isinstance(awaited, Task):
        return f" for {awaited.get_name()}"
    children = [child.get_name() for child in getattr(awaited, "_children", ()) if isinstance(child, Task) and not child.done()]
    if children:
        return f" for {', '.join(children)}"
    for frame in reversed(frames_of_task(task)):
        if frame.f_globals.get("__name__", "").startswith("asyncio."):
            subject = frame.f_locals.get("self")
            held = _holder(subject, record) if isinstance(subject, Lock) else ""
            return f" in asyncio.{frame.f_code.co_qualname}{held}"
    return ""


def _holder(lock: Lock, record: Record) -> str:
    holder = record.holders.get(id(lock))
    if holder is None or not lock.locked():
        return ""
    who = "nobody's task" if holder.task is None else holder.task.get_name()
    since = "" if holder.place is None else f", which took it at {holder.place}"
    return f", held by {who}{since}"
