"""How an item is awaited: as a function of one item, within its time."""

import asyncio
from inspect import isawaitable
from typing import Any

from atonce._values.job import Job
from atonce._values.typed import Protocol
from atonce._workers.carry import begin_in_users_code
from atonce.errors import TaskTimeout

__all__ = ("awaited",)


class Notices(Protocol):
    """Where what the caller should know is left."""

    notice: str


def awaited(job: Job, notices: Notices) -> Any:
    """Give a function of one item whose result can be awaited, and takes no longer than it may."""
    call = _unlimited(job, notices)
    return call if job.timeout_s is None else _limited(call, job.timeout_s)


def _limited(call: Any, limit_s: float) -> Any:
    """Cancel an item after its time.

    A coroutine that does not let itself be cancelled, and returns a value after all, has done its work: the value counts, however
    late. What it raises in answer is its own failure, and so is a ``TimeoutError`` that it raises before its time is up.
    """

    async def call_in_time(item: Any) -> Any:
        try:
            async with asyncio.timeout(limit_s) as deadline:
                return await call(item)
        except TimeoutError as error:
            if not (deadline.expired() and isinstance(error.__cause__, asyncio.CancelledError)):
                begin_in_users_code(error)
                raise
            begin_in_users_code(error.__cause__)  # it shows where the item was waiting
            raise TaskTimeout(f"it took longer than its timeout of {limit_s:g} s, so it was cancelled") from error.__cause__
        except BaseException as error:
            begin_in_users_code(error)
            raise

    return call_in_time


def _unlimited(job: Job, notices: Notices) -> Any:
    fn = job.fn
    if job.is_async:
        return (lambda item: fn(*item)) if job.star else fn

    async def call(item: Any) -> Any:
        value = fn(*item) if job.star else fn(item)
        if isawaitable(value):
            return await value
        notices.notice = (
            f"{job.name} returned without anything to await: on an event loop such calls run one after the other. "
            f"engine='thread' runs them side by side."
        )
        if job.timeout_s is not None:
            notices.notice += " timeout= can only stop a call that awaits something; engine='process' stops any."
        return value

    return call
