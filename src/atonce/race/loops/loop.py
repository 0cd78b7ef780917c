"""An event loop whose order the strategy decides, on virtual time. Everything that runs on it is asyncio's own code."""

from __future__ import annotations

import sys
from _thread import get_ident
from asyncio import Future, Handle, Task, TimerHandle
from asyncio import futures as _futures
from collections.abc import Callable
from contextvars import Context
from types import FrameType
from typing import TYPE_CHECKING, Any

from atonce.race.loops.ending import condemn, judge
from atonce.race.loops.heart import Heart
from atonce.race.loops.jobs import Jobs
from atonce.race.loops.record import NumberedTask, record_of
from atonce.race.loops.stand import is_library, user_place
from atonce.race.loops.turns import is_own
from atonce.race.scheduler import active
from atonce.race.tasks import Abort

if TYPE_CHECKING:
    from atonce.race.scheduler import Scheduler
    from atonce.race.tasks import Task as SchedulerTask

__all__ = ("ControlledLoop",)

_END_OF_SLEEP: object = vars(_futures)["_set_result_unless_cancelled"]


class ControlledLoop(Heart):
    """One event loop of one run.

    Attributes:
        failed: what ran on it has failed by itself.
        owner: in whose thread it runs.

    Guarded by: the baton. Threads that are not under control may call `call_soon_threadsafe` alone.
    """

    def __init__(self, run: Scheduler) -> None:
        self.failed = False
        self.owner: SchedulerTask | None = None
        super().__init__(run)
        run.no_longer_alone()
        self._jobs = Jobs(self, run)
        self._record = record_of(run)
        self._record.loops.append(self)

    # ---------------------------------------------------------------- what is asked of a loop

    def time(self) -> float:
        """Return virtual time."""
        if not sys._getframe(1).f_globals.get("__name__", "").startswith("asyncio"):
            self.run.doubt("reads the clock")
        return self.run.now_s

    def call_soon(self, callback: Callable[..., object], *args: object, context: Context | None = None) -> Handle:
        """Let a callback run. From a thread that is not the loop's own it is a mistake: the loop may sleep on, as a real one."""
        foreign = self._is_foreign()
        if foreign:
            if self._debug:
                self._check_thread()
            self._announce("call_soon")
        self._check_closed()
        handle = Handle(callback, args, self, context)
        if foreign:
            self._brought.append(handle)
        else:
            self._turns.add(handle)
        return handle

    def call_at(self, when: float, callback: Callable[..., object], *args: object, context: Context | None = None) -> TimerHandle:
        """Let a callback run at a virtual time."""
        if self._is_foreign():
            self._announce("call_at")
        if callback is not _END_OF_SLEEP and is_own(callback):
            self.run.doubt("waits with a timeout", user_place(sys._getframe(1)))
        timer: TimerHandle = super().call_at(when, callback, *args, context=context)
        return timer

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: object, context: Context | None = None) -> Handle:
        """Let a callback run, and the loop notice."""
        if get_ident() == self._thread_id:
            return self.call_soon(callback, *args, context=context)
        self._announce("call_soon_threadsafe", enables=True)
        self._check_closed()
        handle = Handle(callback, args, self, context)
        self._brought.append(handle)
        self._woken = True
        return handle

    def create_task(self, coro: Any, *, name: str | None = None, **options: Any) -> Task[Any]:
        """Make a task. Its name, unless it is given one, counts the tasks of this run."""
        if self.run.aborting:
            coro.close()
            raise Abort
        self._check_closed()
        record = self._record
        record.tasks = number = record.tasks + 1
        name = f"Task-{number}" if name is None else name
        task: Task[Any]
        if self._task_factory is None:
            task = NumberedTask(coro, number=number, loop=self, name=name, **options)
        else:
            task = super().create_task(coro, name=name, **options)
        self.all.append(task)
        return task

    def run_in_executor(self, executor: object, func: Callable[..., object], *args: object) -> Future[Any]:
        """Run a function in a task of the scheduler; in a given executor, whatever that does with it."""
        self._check_closed()
        if executor is not None or self._default_executor is not None:
            future: Future[Any] = super().run_in_executor(executor, func, *args)
            return future
        self._check_default_executor()
        return self._jobs.submit(func, args)

    async def shutdown_default_executor(self, *args: Any, **options: Any) -> None:
        """Wait until all jobs have ended."""
        self._executor_shutdown_called = True
        if self._default_executor is not None:
            await super().shutdown_default_executor(*args, **options)
        await self._jobs.finish()

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Let the run fail by an exception that nobody awaits, as by one in a thread, unless the program handles such itself."""
        error = context.get("exception")
        if self.run.aborting or isinstance(error, Abort):
            return
        if error is None or self._exception_handler is not None or active() is not self.run or "transport" in context:
            super().call_exception_handler(context)
        else:
            self.run.fail(error, self.run.running)

    def stop(self) -> None:
        """Stop after this round. From another thread it is a mistake: the loop may sleep on."""
        if self._is_foreign():
            self._announce("stop")
        super().stop()

    def is_running(self) -> bool:
        """Tell whether it runs."""
        self._looked_at(sys._getframe(1))
        return self._thread_id is not None

    def is_closed(self) -> bool:
        """Tell whether it was closed."""
        self._looked_at(sys._getframe(1))
        return bool(self._closed)

    def add_signal_handler(self, *_: object) -> None:
        """Refuse, as loops do where there are no signals."""
        self.run.doubt("uses signal handlers")
        raise NotImplementedError("signals do not reach an event loop whose order is being checked")

    async def _make_subprocess_transport(self, *_: object, **__: object) -> Any:
        self.run.doubt("starts processes")
        raise NotImplementedError("an event loop whose order is being checked starts no processes: use a stand-in")

    # ---------------------------------------------------------------- beginning and ending

    def run_forever(self) -> None:
        """Run until it is stopped.

        Raises:
            Abort: the run is over. What was still to run has been ended then.
        """
        if active() is not self.run:
            raise RuntimeError("this event loop belongs to a run that is over, or to one that does not go on in this thread")
        self._announce("run")
        self.owner = self.run.running
        try:
            super().run_forever()
        except Abort:
            self.condemn()
            raise

    def run_until_complete(self, future: Any) -> Any:
        """Run until a future is done."""
        try:
            return super().run_until_complete(future)
        except BaseException:
            self.failed = True
            raise

    def condemn(self) -> None:
        """End what has not ended, without running more of the program than its ``finally`` blocks."""
        condemn(self)

    def close(self) -> None:
        """Close the loop. What it leaves undone is ended here, and not when the garbage is collected, inside another run."""
        if not self._closed and not self.is_running():
            if not self.run.aborting and active() is self.run:
                self._announce("close")
                judge(self)
            self.condemn()
        super().close()

    def __del__(self, *_: object) -> None:
        if not self.run.aborting:
            super().__del__()  # it warns of a loop that was not closed

    def _asyncgen_finalizer_hook(self, agen: object) -> None:
        if not self.run.aborting and not self._closed:
            super()._asyncgen_finalizer_hook(agen)

    def _is_foreign(self) -> bool:
        return self._thread_id is not None and get_ident() != self._thread_id

    def _looked_at(self, caller: FrameType) -> None:
        """Let others go first when another thread looks at what the loop is doing."""
        run = self.run
        if self.owner is not None and self.owner is not run.running and not is_library(caller) and active() is run:
            self._announce("look at the loop", writes=False)
