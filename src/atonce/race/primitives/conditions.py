"""`threading.Condition` in a task: who waits is kept in a list of our own, in order."""

from __future__ import annotations

from collections.abc import Callable
from threading import Condition
from typing import Any

from atonce.race.operations import Operation
from atonce.race.places import here
from atonce.race.primitives.locks import Controlled
from atonce.race.primitives.memory import memory
from atonce.race.primitives.replacing import instead_of
from atonce.race.primitives.shadows import control
from atonce.race.primitives.waiting import wait_until, wake_foreign
from atonce.race.scheduler import Scheduler

__all__ = ()


@instead_of(Condition, "__enter__")
def _enter(run: Scheduler, self: Any) -> Any:
    return control(run, self._lock).__enter__()


@instead_of(Condition, "__exit__")
def _exit(run: Scheduler, self: Any, *details: Any) -> Any:
    return control(run, self._lock).__exit__(*details)


@instead_of(Condition, "wait")
def _wait(run: Scheduler, self: Any, timeout: float | None = None) -> bool:
    lock = control(run, self._lock)
    if not _is_owned(self, lock):
        raise RuntimeError("cannot wait on un-acquired lock")
    place = here()
    cells = ((run.number(self), None, True), (run.number(self._lock), None, True))
    token = [False]
    waiting = memory(run).waiting.setdefault(id(self), [])
    waiting.append(token)
    run.note(Operation("begin to wait", cells[:1], place))
    ours = isinstance(lock, Controlled)
    saved = lock.save(run) if ours else self._release_save()
    notified = wait_until(run, "wait", cells, lambda: token[0], timeout, place, lock.free if ours else None)
    if ours:
        lock.restore(run, saved, place)
    else:
        self._acquire_restore(saved)
    if not notified:
        waiting.remove(token)
    return notified


@instead_of(Condition, "wait_for")
def _wait_for(run: Scheduler, self: Any, predicate: Callable[[], Any], timeout: float | None = None) -> Any:
    end = None
    left = timeout
    result = predicate()
    while not result:
        if left is not None:
            if end is None:
                end = run.now_s + left
            else:
                left = end - run.now_s
                if left <= 0:
                    break
        self.wait(left)
        result = predicate()
    return result


@instead_of(Condition, "notify")
def _notify(run: Scheduler, self: Any, n: int = 1) -> None:
    _notify_some(run, self, n)


@instead_of(Condition, "notify_all")
def _notify_all(run: Scheduler, self: Any) -> None:
    _notify_some(run, self, None)


def _notify_some(run: Scheduler, condition: Any, count: int | None) -> None:
    if not _is_owned(condition, control(run, condition._lock)):
        raise RuntimeError("cannot notify on un-acquired lock")
    run.point(
        Operation("notify" if count is not None else "notify_all", ((run.number(condition), None, True),), here(), enables=True)
    )
    waiting = memory(run).waiting.get(id(condition), [])
    woken = waiting[:count]
    del waiting[:count]
    for token in woken:
        token[0] = True
    wake_foreign(condition, None if count is None else count - len(woken))


def _is_owned(condition: Any, lock: Any) -> bool:
    if isinstance(lock, Controlled):
        return lock.owned()
    return bool(condition._is_owned())
