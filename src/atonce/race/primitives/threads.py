"""`threading.Thread` as a task. The object is a real one, and at the end in the state of a thread that has ended."""

from __future__ import annotations

import _thread
import contextvars
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from atonce.race.operations import Operation
from atonce.race.places import here
from atonce.race.primitives.locks import release_at_end
from atonce.race.primitives.memory import AT_END, Memory, memory
from atonce.race.primitives.replacing import instead_of, replace_name
from atonce.race.primitives.waiting import wait_until
from atonce.race.scheduler import Scheduler, active
from atonce.race.tasks import Task

__all__ = ("begin", "task_of")

_flags: Any = sys.flags
_threading: Any = threading  # what it keeps to itself differs from version to version
_HANDLE = "_os_thread_handle" if sys.version_info >= (3, 14) else "_handle"  # from 3.13 on


@instead_of(threading.Thread, "start")
def _start(run: Scheduler, self: Any) -> None:
    if not self._initialized:
        raise RuntimeError("thread.__init__() not called")
    if self._started._flag:
        raise RuntimeError("threads can only be started once")
    place = here()
    run.point(Operation("start", ((run.number(self), "_started", True),), place))
    if self._started._flag:
        raise RuntimeError("threads can only be started once")
    if self._target is not None:
        self._target = run.as_seen(self._target, place)
    overridden = type(self).run is not threading.Thread.run
    begin(run, self, run.as_seen(self.run, place) if overridden else None)


def begin(run: Scheduler, thread: Any, work: Callable[[], object] | None = None) -> Task:
    """Let a thread run as a task: its own `run`, or the work given. No operation by itself."""
    work = _with_context(thread, work or thread.run)

    def body() -> None:
        thread._native_id = _thread.get_native_id()
        try:
            work()
        finally:
            release_at_end(run, task)
            _finish(thread)

    task = run.spawn(body, thread._name, thread, daemon=thread._daemonic)
    run.number(thread)
    memory(run).tasks[id(thread)] = task
    thread._started._flag = True
    thread._ident = task.ident
    _threading._active[task.ident] = thread
    return task


def _with_context(thread: Any, work: Callable[[], object]) -> Callable[[], object]:
    """Let a thread inherit its context as this version does."""
    if not hasattr(thread, "_context"):  # before 3.14
        return work
    if thread._context is None:
        thread._context = contextvars.copy_context() if _flags.thread_inherit_context else contextvars.Context()
    context = thread._context
    return lambda: context.run(work)


def _finish(thread: Any) -> None:
    """Put the object in the state of a thread that has ended."""
    if _threading._active.get(thread._ident) is thread:
        del _threading._active[thread._ident]
    if sys.version_info >= (3, 13):
        handle = _threading._make_thread_handle(thread._ident)
        handle._set_done()
        setattr(thread, _HANDLE, handle)
    else:
        thread._is_stopped = True
        thread._tstate_lock = None


def task_of(run: Scheduler, thread: Any) -> Task | None:
    """Return the task of a thread object, if it is one."""
    task = memory(run).tasks.get(id(thread))
    if task is None and thread._ident == run.tasks[0].ident:
        return run.tasks[0]
    return task


@instead_of(threading.Thread, "join")
def _join(run: Scheduler, self: Any, timeout: float | None = None) -> None:
    if not self._initialized:
        raise RuntimeError("Thread.__init__() not called")
    if not self._started._flag:
        raise RuntimeError("cannot join thread before it is started")
    if self is threading.current_thread():
        raise RuntimeError("cannot join current thread")
    task = task_of(run, self)
    if task is None:
        _real_join(self, timeout)
        return
    wait_until(run, "join", ((run.number(task), None, False),), lambda: task.done, timeout, here())


_real_join = threading.Thread.join
_real_is_alive = threading.Thread.is_alive


@instead_of(threading.Thread, "is_alive")
def _is_alive(run: Scheduler, self: Any) -> bool:
    assert self._initialized, "Thread.__init__() not called"
    task = task_of(run, self)
    cells: Any = ((run.number(self), "_started", False),)
    if task is not None:
        cells = (*cells, (run.number(task), None, False))
    run.point(Operation("is_alive", cells, here()))
    task = task_of(run, self)
    if task is None:
        return _real_is_alive(self)
    if not task.done:
        run.doubt("sees a thread alive, which may have nothing left to do", here())
    return not task.done


@instead_of(threading.Thread, "__repr__")
def _repr(run: Scheduler, self: Any) -> str:
    task = task_of(run, self)
    state = "initial" if not self._started._flag else "started" if task is None or not task.done else "stopped"
    state += " daemon" if self._daemonic else ""
    return f"<{type(self).__name__}({self._name}, {state} {self._ident})>"


@instead_of(threading.Timer, "run")
def _run_timer(run: Scheduler, self: Any) -> None:
    """Fire at any time, as a task wakes from a sleep; or never, if it was cancelled first."""
    wake_s = run.now_s + max(self.interval, 0)
    run.point(Operation("timer", ((run.number(self.finished), None, False),), here(), wake_s=wake_s, yields=True))
    if not self.finished._flag:
        run.as_seen(self.function, here())(*self.args, **self.kwargs)
    self.finished.set()


def _start_new_thread(function: Any, args: Any, kwargs: Any = None, /) -> int:
    """Stands for `_thread.start_new_thread`."""
    run = active()
    if run is None:
        return int(_real_start_new_thread(function, args, kwargs or {}))
    if not callable(function):
        raise TypeError("first arg must be callable")
    if not isinstance(args, tuple):
        raise TypeError("2nd arg must be a tuple")
    place = here()
    run.point(Operation("start", (), place))
    seen = run.as_seen(function, place)

    def body() -> None:
        try:
            seen(*args, **(kwargs or {}))
        finally:
            release_at_end(run, task)
            _threading._active.pop(_thread.get_ident(), None)  # what stands for a thread that threading has not started

    task = run.spawn(body, f"thread {len(run.tasks)}", None, daemon=True)
    return task.ident


_real_start_new_thread: Any = _thread.start_new_thread


def _number_thread() -> int:
    run = active()
    return int(_real_counter()) if run is None else memory(run).count("Thread", 1)


_real_counter: Any = _threading._counter

replace_name(_thread, "start_new_thread", _start_new_thread)
replace_name(_thread, "start_new", _start_new_thread)
replace_name(threading, "_start_new_thread", _start_new_thread)
replace_name(threading, "_counter", _number_thread)


def _finish_all(run: Scheduler, kept: Memory, _: bool) -> None:  # noqa: FBT001
    """Finish also the threads that were started, and never began."""
    for task in run.tasks:
        if task.subject is not None and id(task.subject) in kept.tasks:
            with suppress(AttributeError):
                _finish(task.subject)


AT_END.append(_finish_all)
