"""`concurrent.futures.ThreadPoolExecutor` in a task: workers are tasks, and take what was submitted first.

A worker is started by a submission that finds none idle, up to the executor's limit. So whether a worker has become idle before a
submission is a difference, and its becoming so a step.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, _base
from concurrent.futures import thread as _thread_module
from functools import partial
from itertools import islice
from typing import Any

from atonce.race.operations import Cell, Operation
from atonce.race.places import here
from atonce.race.primitives.flows import flow_of
from atonce.race.primitives.futures import settle_future
from atonce.race.primitives.memory import AT_END, Memory, memory
from atonce.race.primitives.replacing import REPLACEMENTS, Replacement, instead_of
from atonce.race.primitives.threads import begin
from atonce.race.primitives.waiting import wait_until
from atonce.race.scheduler import Scheduler, active
from atonce.race.tasks import Abort, Task

__all__ = ()

_module: Any = _thread_module
_BROKEN = "A thread initializer failed, the thread pool is not usable anymore"


class _Item:
    __slots__ = ("call", "future")

    def __init__(self, future: Any, call: Callable[[], Any]) -> None:
        self.future = future
        self.call = call


class _Pool:
    """What a run knows of an executor. Guarded by: the baton."""

    __slots__ = ("executor", "idle", "items", "workers")

    def __init__(self, executor: Any) -> None:
        self.executor = executor
        self.items: deque[_Item] = deque()
        self.workers: list[Task] = []
        self.idle: list[Task] = []  # workers that run no item

    def tell_idle(self) -> None:
        """Let the program end without those who wait for work, if there is none."""
        for worker in self.idle:
            worker.daemon = not self.items

    def cells(self, run: Scheduler, element: int | str, *, writes: bool = True) -> tuple[Cell, ...]:
        if element == "items":
            return ((run.number(self.items), None, writes),)
        return ((run.number(self.executor), ("pool", element), writes),)


def _pool_of(run: Scheduler, executor: Any) -> _Pool:
    pools = memory(run).pools
    pool = pools.get(id(executor))
    if pool is None:
        run.number(executor)
        pool = pools[id(executor)] = _Pool(executor)
    assert isinstance(pool, _Pool)
    return pool


@instead_of(ThreadPoolExecutor, "submit")
def _submit(run: Scheduler, self: Any, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    pool = _pool_of(run, self)
    idle = [cell for worker in pool.workers for cell in pool.cells(run, worker.number, writes=False)]
    others = (*pool.cells(run, "state", writes=False), *idle)
    place = here()
    run.point(Operation("submit", (*pool.cells(run, "items"), *others), place, enables=True))
    if self._broken:
        raise _module.BrokenThreadPool(self._broken)
    if self._shutdown:
        raise RuntimeError("cannot schedule new futures after shutdown")
    future: Any = Future()
    run.number(future)
    flow = flow_of(run, pool.items, len(pool.items))
    run.replace(Operation("submit", (*flow.give((run.number(pool.items),)), *others), place, enables=True))
    pool.items.append(_Item(future, partial(run.as_seen(fn, place), *args, **kwargs)))
    if len(pool.idle) < len(pool.items) and len(pool.workers) < self._max_workers:
        _hire(run, pool)
    pool.tell_idle()
    return future


def _hire(run: Scheduler, pool: _Pool) -> None:
    executor = pool.executor
    name = f"{executor._thread_name_prefix or executor}_{len(pool.workers)}"
    thread = threading.Thread(name=name, daemon=False)
    worker = begin(run, thread, lambda: _work(run, pool))
    pool.workers.append(worker)
    pool.idle.append(worker)
    executor._threads.add(thread)


def _work(run: Scheduler, pool: _Pool) -> None:
    me = run.running
    if not _initialized(run, pool):
        return
    while True:
        pool.tell_idle()
        wait_until(run, "take", pool.cells(run, "items"), lambda: bool(pool.items) or pool.executor._shutdown, None, None)
        if not pool.items:
            return
        flow = flow_of(run, pool.items, len(pool.items))
        run.replace(Operation("take", flow.take((run.number(pool.items),)), waits=True))
        pool.idle.remove(me)
        me.daemon = False
        item = pool.items.popleft()
        pool.tell_idle()
        _do(run, item)
        del item
        run.point(Operation("idle", pool.cells(run, me.number)))
        pool.idle.append(me)


def _do(run: Scheduler, item: _Item) -> None:
    future = item.future
    if not future.set_running_or_notify_cancel():
        return
    error: BaseException | None = None
    result = None
    try:
        result = item.call()
    except Abort:
        raise
    except BaseException as raised:
        error = raised
    if run.aborting:
        raise Abort  # the user's own code may have caught it
    run.point(Operation("finish", ((run.number(future), None, True),), enables=True))
    try:
        settle_future(run, future, result, error)
    finally:
        error = None


def _initialized(run: Scheduler, pool: _Pool) -> bool:
    try:
        _initialize(pool.executor)
    except Abort:
        raise
    except BaseException:
        if run.aborting:
            raise
        _base.LOGGER.critical("Exception in initializer:", exc_info=True)
        run.point(Operation("broken", (*pool.cells(run, "state"), *pool.cells(run, "items"))))
        pool.executor._broken = _BROKEN
        while pool.items:
            pool.items.popleft().future.set_exception(_module.BrokenThreadPool(_BROKEN))
        return False
    return True


def _initialize(executor: Any) -> None:
    if hasattr(executor, "_create_worker_context"):  # 3.14
        executor._create_worker_context().initialize()
    elif executor._initializer is not None:
        executor._initializer(*executor._initargs)


@instead_of(ThreadPoolExecutor, "shutdown")
def _shutdown(run: Scheduler, self: Any, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002
    pool = _pool_of(run, self)
    run.point(Operation("shutdown", (*pool.cells(run, "state"), *pool.cells(run, "items")), here(), enables=True))
    self._shutdown = True
    if cancel_futures:
        _cancel_items(run, pool)
    if wait:
        cells = tuple([(run.number(worker), None, False) for worker in pool.workers])
        wait_until(run, "join", cells, lambda: all(worker.done for worker in pool.workers), None, here())


def _cancel_items(run: Scheduler, pool: _Pool) -> None:
    run.point(Operation("cancel", pool.cells(run, "items"), here()))
    items = list(pool.items)
    pool.items.clear()
    for item in items:
        item.future.cancel()


@instead_of(_base.Executor, "map")
def _map(
    run: Scheduler,
    self: Any,
    fn: Callable[..., Any],
    *iterables: Any,
    timeout: float | None = None,
    chunksize: int = 1,
    buffersize: int | None = None,
) -> Iterator[Any]:
    if not isinstance(self, ThreadPoolExecutor):
        return iter(_real_map(self, fn, *iterables, timeout=timeout, chunksize=chunksize))
    if buffersize is not None and buffersize < 1:
        raise ValueError("buffersize must be None or > 0")
    end = None if timeout is None else run.now_s + timeout
    arguments = zip(*iterables, strict=False)
    futures = deque([self.submit(fn, *each) for each in islice(arguments, buffersize)])

    def results() -> Iterator[Any]:
        try:
            while futures:
                if buffersize is not None:
                    futures.extend([self.submit(fn, *each) for each in islice(arguments, 1)])
                yield _result_or_cancel(futures.popleft(), None if end is None else end - run.now_s)
        finally:
            for future in futures:
                future.cancel()

    return results()


def _result_or_cancel(future: Any, timeout: float | None) -> Any:
    try:
        return future.result(timeout)
    except TimeoutError:
        future.cancel()
        raise


_real_map: Any = _base.Executor.map
_real_counter: Any = vars(ThreadPoolExecutor)["_counter"]


def _number_pool() -> int:
    run = active()
    return int(_real_counter()) if run is None else memory(run).count("ThreadPoolExecutor")


REPLACEMENTS.append(Replacement(ThreadPoolExecutor, "_counter", _real_counter, staticmethod(_number_pool)))


def _forget_workers(_: Scheduler, kept: Memory, __: bool) -> None:  # noqa: FBT001
    """Let an executor that lives on find its threads as they were."""
    for pool in kept.pools.values():
        for worker in pool.workers:
            pool.executor._threads.discard(worker.subject)


AT_END.append(_forget_workers)
