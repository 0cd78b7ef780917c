"""What a loop's default executor does: functions that run in threads of their own, each a task of the scheduler.

A job begins when the scheduler picks its task, and its result comes back to the loop by ``call_soon_threadsafe``, as from a real
executor. A job that was cancelled before it began never does.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from atonce.race.operations import WHOLE, Operation
from atonce.race.places import here
from atonce.race.tasks import Abort

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Callable

    from atonce.race.loops.loop import ControlledLoop
    from atonce.race.scheduler import Scheduler

__all__ = ("Jobs",)

_LIMIT = 32  # how many run at the same time: the executor's own limit, on a computer with many CPUs; the same number everywhere


class Jobs:
    """The jobs of one loop.

    Guarded by: the baton.
    """

    def __init__(self, loop: ControlledLoop, run: Scheduler) -> None:
        self._loop = loop
        self._run = run
        self._undelivered = 0
        self._taken = 0  # threads, of those that the executor may have
        self._late: deque[_Job] = deque()  # beyond the limit: they begin in this order, as others end
        self._finished: Future[None] | None = None

    def submit(self, function: Callable[..., object], args: tuple[object, ...]) -> Future[Any]:
        """Start a job, and return what its result will be in."""
        job = _Job(self, self._run.as_seen(function, here()), args, self._loop.create_future())
        job.number = self._run.number(job)
        job.future.add_done_callback(job.drop)
        if self._undelivered >= _LIMIT:
            self._late.append(job)
            job.late = True
        else:
            self._taken += 1
        self._undelivered += 1
        self._run.spawn(job.do, f"job {getattr(function, '__qualname__', type(function).__qualname__)}", None, daemon=False)
        return job.future

    async def finish(self) -> None:
        """Wait until all jobs have ended."""
        while self._undelivered:
            self._finished = self._loop.create_future()
            await self._finished

    def begin(self, job: _Job) -> None:
        """Return when a job may begin. Called in its task."""
        cells = [(job.number, WHOLE, True)]
        if job.late:
            cells.append((self._run.number(self), WHOLE, True))
        ready = (lambda: self._taken < _LIMIT and self._late[0] is job) if job.late else None
        self._run.point(Operation("begin a job", tuple(cells), None, ready, waits=job.late))
        if job.late:
            self._late.popleft()
            self._taken += 1

    def end(self, job: _Job) -> None:
        """Hand the result to the loop. Called in the job's task."""
        self._taken -= 1
        if self._late:
            self._run.note(Operation("end a job", ((self._run.number(self), WHOLE, True),), enables=True))
        try:
            self._loop.call_soon_threadsafe(self._deliver, job)
        except RuntimeError:  # it was closed meanwhile: nobody waits for the result
            if not self._loop.is_closed():
                raise

    def cancelled(self, job: _Job) -> None:
        """Take note that a job need not begin."""
        self._run.note(Operation("cancel", ((job.number, WHOLE, True),)))

    def _deliver(self, job: _Job) -> None:
        self._undelivered -= 1
        if not self._undelivered and self._finished is not None and not self._finished.done():
            self._finished.set_result(None)
        if not job.future.done():
            if job.error is not None:
                job.future.set_exception(job.error)
            else:
                job.future.set_result(job.result)


class _Job:
    def __init__(self, jobs: Jobs, function: Callable[..., object], args: tuple[object, ...], future: Future[Any]) -> None:
        self._jobs = jobs
        self._function = function
        self._args = args
        self._dropped = False
        self.number = 0
        self.late = False
        self.future = future
        self.result: object = None
        self.error: BaseException | None = None

    def do(self) -> None:
        self._jobs.begin(self)
        if not self._dropped:
            try:
                self.result = self._function(*self._args)
            except Abort:
                raise
            except BaseException as error:
                self.error = error
        self._jobs.end(self)

    def drop(self, future: Future[Any]) -> None:
        if future.cancelled():
            self._dropped = True
            self._jobs.cancelled(self)
