"""Single calls handed to a pool (``submit``): a place like a run, whose items come one by one and have a future each."""

from __future__ import annotations

import sys
import threading
from collections import Counter, deque
from concurrent.futures import Future
from contextlib import suppress
from contextvars import copy_context

from atonce._machine.clock import SYSTEM_CLOCK
from atonce._run.item_notes import add_note
from atonce._run.shelf import Shelf
from atonce._values.batch import Batch, Delivery
from atonce._values.job import Job, name_of
from atonce._wire.byvalue import look_at
from atonce.errors import PoolClosed

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    from atonce._machine.clock import Clock
    from atonce._run.again import Again
    from atonce._run.alarm import Alarm
    from atonce._run.driver import Crew
    from atonce._run.staff import Staff
    from atonce._values.options import Options
    from atonce._workers.base import Engine, Worker

    Task: TypeAlias = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]

__all__ = ("Submissions",)

_STOPPING_S = 0.5  # for processes to be killed and coroutines to be cancelled


def _call(task: Task) -> Any:
    fn, args, kwargs = task
    return fn(*args, **kwargs)


async def _call_async(task: Task) -> Any:
    fn, args, kwargs = task
    return await fn(*args, **kwargs)


class _Aside:
    """What is to be started again, as ``Again`` wants to know it of a run's source.

    Attributes:
        shelf: the calls.
        barred: the number of a call from which on nothing is put there any more; only ever lowered.
    """

    def __init__(self, clock: Clock) -> None:
        self.shelf = Shelf(clock)
        self.barred = sys.maxsize

    @property
    def stopped(self) -> bool:
        """Whether anything is barred."""
        return self.barred < sys.maxsize

    def item(self, index: int) -> Any:
        """Nothing is read here that could be read twice: workers bring back what has failed."""
        raise LookupError(index)

    def drop(self) -> list[int]:
        """Give up what is there, and let nothing be put there any more; return the numbers."""
        self.barred = 0  # first: whoever puts something there meanwhile looks at it afterwards
        return self.shelf.drop_from(0)


class Submissions:
    """The line of submitted calls for one engine of a pool. Workers take them one at a time, in the order they came.

    Where the pool has a ``Retry``, a call that fails is put aside, and its future is under way until its last attempt has ended.
    There is no consumer who could look at the clock, so an alarm calls workers when something is due.
    """

    prompt = True

    def __init__(self, options: Options, crew: Crew, staff: Staff, *, is_async: bool, clock: Clock = SYSTEM_CLOCK) -> None:
        self.stopped = False  # Only ever set, under _lock
        self.barred = sys.maxsize  # Only ever lowered, under _lock
        self.job = Job(
            _call_async if is_async else _call,
            name=options.name or "submit",
            in_flight=crew.in_flight,
            chunksize=1,
            stops=False,
            timeout_s=options.timeout,
            retries=options.retries_at_once,
            patient=options.retry is not None,
            timed=options.timed,
            memory_bytes=options.memory_bytes,
            max_tasks=options.max_tasks_per_child,
            strict=options.blocking == "error",
        )
        self.context = copy_context()
        self._crew = crew
        self._staff = staff
        self._lock = threading.RLock()
        self._line: deque[tuple[Task, Future[Any]]] = deque()  # Guarded by: _lock
        self._running: dict[int, tuple[Task, Future[Any]]] = {}  # Guarded by: _lock
        self._taken = 0  # Guarded by: _lock
        self._out: Counter[Worker] = Counter()  # how often each has come and not left. Guarded by: _lock
        self._queued = 0  # Guarded by: _lock. Workers asked for and not come yet
        self._starved: set[Worker] = set()  # Guarded by: _lock
        self._closed = False  # Guarded by: _lock
        self._idle = threading.Condition(self._lock)  # notified when nothing is in line or running, and nobody is out
        self._aside = _Aside(clock)
        self._again, self._alarm = self._patience(options, clock)

    def _patience(self, options: Options, clock: Clock) -> tuple[Again | None, Alarm | None]:
        if options.retry is None:
            return None, None
        from atonce._run.again import Again  # noqa: PLC0415 (for those who have a Retry)
        from atonce._run.alarm import Alarm  # noqa: PLC0415

        alarm = Alarm(self._aside.shelf.due_in_s, self._ring, f"atonce {self.job.name} alarm")
        return Again(self._aside, clock, options.retry, lambda task: task), alarm

    def submit(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Future[Any]:
        """Put a call in the line.

        Raises:
            PoolClosed: the pool takes no more.
        """
        look_at(fn)
        future: Future[Any] = Future()
        with self._lock:
            if self._closed:
                raise PoolClosed("this pool is closed: make a new one for more work")
            self._line.append(((fn, args, kwargs), future))
        self._call_workers()
        return future

    def close(self, *, cancel: bool) -> None:
        """Take no more calls, and wait until those in line are done; with ``cancel``, drop those that nobody is at now."""
        with self._lock:
            self._closed = True
            if cancel:
                while self._line:
                    self._line.popleft()[1].cancel()
        if cancel:
            self._drop_aside()
        self._release()
        with self._idle:
            self._idle.wait_for(self._is_idle, _STOPPING_S if self.stopped else None)
        self._staff.withdraw(self)
        if self._alarm is not None:
            self._alarm.close()

    def give_up(self) -> None:
        """Take no more calls, drop those in line, and stop those under way that can be stopped, for Ctrl-C.

        Threads are not waited for.
        """
        with self._lock:
            self._closed = self.stopped = True
            self.barred = 0
            while self._line:
                self._line.popleft()[1].cancel()
            out = list(self._out)
        self._drop_aside()
        self._staff.withdraw(self)
        for worker in out:
            worker.nudge(self)
            worker.interrupt(self, force=True)
        with self._idle:
            self._idle.wait_for(self._is_idle, _STOPPING_S)

    def _drop_aside(self) -> None:
        """Give up what waits to be started again, and put nothing aside any more."""
        for index in self._aside.drop():
            self._settle_all(Delivery(index, [], (), 0.0, 0.0, "", undone=1))
        if self._alarm is not None:
            self._alarm.look()

    def _ring(self) -> None:
        """Something is due. Nobody comes for it if the pool was forgotten, and not closed."""
        if self._staff.closed:
            self._drop_aside()
        else:
            self._call_workers()

    def _release(self) -> None:
        """Wake those who wait for calls: there is one, or there will be none."""
        with self._lock:
            starved, self._starved = self._starved, set()
        for worker in starved:
            worker.nudge(self)

    def _has_room(self) -> bool:
        """Tell whether ``take`` would give something."""
        return not self._aside.shelf.holds and (bool(self._line) or self._aside.shelf.is_due)

    def _is_idle(self) -> bool:
        return not self._line and not self._running and not self._out

    def _call_workers(self) -> None:
        with self._lock:
            if not self._has_room():
                return  # the alarm calls again
            starved, self._starved = self._starved, set()
            wanted = len(self._line) + (len(self._aside.shelf) if self._aside.shelf.is_due else 0)
            missing = 0 if starved else min(wanted, self._crew.workers - len(self._out)) - self._queued
            self._queued += max(0, missing)
        for worker in starved:
            worker.nudge(self)
        if missing > 0:
            asked = 0
            try:
                asked = self._staff.request(self, self._crew.engine, missing, self._crew.workers)
            finally:
                with self._lock:
                    self._queued -= missing - asked

    # ---- the Place, for workers --------------------------------------------------------------------------------------------------

    @property
    def finished(self) -> bool:
        """Whether there will never be a call again."""
        return self._closed and not self._line and not self._aside.shelf

    def take(self, limit: int, least: int = 1) -> Batch | None:  # noqa: ARG002 (one call at a time: the next one is for whoever is free)
        """Take a call that is to be started again, or else the next one that nobody has cancelled."""
        if self._alarm is not None and (found := self._aside.shelf.take()) is not None:
            self._alarm.look()
            index, again = found
            return Batch(index, [again])
        with self._lock:
            while self._line and not self._aside.shelf.holds:
                task, future = self._line.popleft()
                if future.set_running_or_notify_cancel():
                    index = self._taken
                    self._taken += 1
                    self._running[index] = task, future
                    return Batch(index, [task])
        return None

    def deliver(self, delivery: Delivery) -> None:
        """Settle the futures, but for those of calls that are to be started again."""
        parts = [delivery] if self._again is None else self._again.sort_out(delivery)
        for part in parts:
            self._settle_all(part)
        if self._alarm is not None and parts[0] is not delivery:
            self._alarm.look()
        if self.finished:
            self._release()

    def _settle_all(self, delivery: Delivery) -> None:
        bad = {misfortune.position: misfortune for misfortune in delivery.failed}
        for position in range(len(delivery.values) + delivery.undone):
            index = delivery.start + position
            with self._lock:
                task, future = self._running.pop(index)
            if position >= len(delivery.values):
                from asyncio import CancelledError  # noqa: PLC0415 (20 ms that few need)

                _settle(future, None, CancelledError("the pool was closed before this call had ended"))
            elif (misfortune := bad.get(position)) is not None:
                add_note(misfortune.error, index, (name_of(task[0]), *task[1]), misfortune.attempts, delivery.worker)
                _settle(future, None, misfortune.error)
            else:
                _settle(future, delivery.values[position], None)

    def rest(self, worker: Worker) -> None:
        """Go on: there is no pause."""

    def grew(self, worker: Worker, in_flight: int, reason: str) -> None:
        """Nobody finds out here: how many there are in flight was said."""

    def crowded(self, worker: Worker) -> bool:  # noqa: ARG002 (one is as good as another)
        """Whether a run waits for a worker of this kind."""
        return self._staff.crowded(self._crew.engine)

    def starved(self, worker: Worker) -> None:
        """Remember to nudge this worker when a call comes."""
        with self._lock:
            if not self._has_room() and not self.finished:
                self._starved.add(worker)
                return
        worker.nudge(self)

    def leave(self, worker: Worker, fault: BaseException | None = None) -> None:
        """Let a worker go; if no worker can work, the calls in line fail with the reason."""
        with self._lock:
            self._starved.discard(worker)
            failing = list(self._line) if fault is not None else []
            if failing:
                self._line.clear()
        for _, future in failing:
            if future.set_running_or_notify_cancel():
                _settle(future, None, fault)
        for index in self._aside.shelf.drop_from(0) if fault is not None else ():
            with self._lock:
                _, future = self._running.pop(index)
            _settle(future, None, fault)
        self._staff.back(worker)
        with self._lock:
            self._out[worker] -= 1
            if not self._out[worker]:
                del self._out[worker]
        if self._has_room():
            self._call_workers()
        with self._idle:
            if self._is_idle():
                self._idle.notify_all()

    def joined(self, worker: Worker, engine: Engine) -> None:  # noqa: ARG002 (there is one kind)
        """Hear that a worker that was asked for comes now."""
        with self._lock:
            self._out[worker] += 1
            self._queued -= 1


def _settle(future: Future[Any], value: Any, error: BaseException | None) -> None:
    """Settle a future. What its callbacks raise is theirs: futures log exceptions, and the rest must not end a worker."""
    with suppress(BaseException):
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)
