"""What is to be done with each input, whoever does it."""

from __future__ import annotations

import sys
import threading
from functools import partial
from types import MethodType

from atonce.errors import RetryAfter

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ("Job", "Setup", "is_coroutine_function", "name_of")

_CO_COROUTINE = 0x80  # inspect.CO_COROUTINE, without importing inspect


class Setup:
    """What a worker does once, before its first item.

    Attributes:
        initializer: called with ``initargs``; ``None`` for nothing to do.
        initargs: its arguments.
    """

    __slots__ = ("_here", "initargs", "initializer")

    def __init__(self, initializer: Callable[..., object] | None = None, initargs: tuple[Any, ...] = ()) -> None:
        self.initializer = initializer
        self.initargs = initargs
        self._here = threading.local()

    def once_in_this_thread(self) -> None:
        """Do it, unless it was done in this thread before: a thread that calls a pool again is still the same worker."""
        if not getattr(self._here, "done", False):
            self()
            self._here.done = True

    def __call__(self) -> None:
        if self.initializer is not None:
            self.initializer(*self.initargs)


class Job:
    """A function and how to call it. Immutable, and shared by all workers of a run.

    Attributes:
        fn: the user's function.
        star: whether an item is a tuple of arguments (``fn(*item)``) or the one argument (``fn(item)``).
        name: what people call it.
        is_async: whether a call gives a coroutine that an event loop has to run.
        timed: whether each item's wall time is wanted, and not only its batch's.
        in_flight: how many items one worker may run side by side, where its kind can.
        elastic: whether ``in_flight`` is only what to begin with, and the worker finds out how many its kind of work bears.
        paced: whether an item has to be started when it is taken, because it was not to be started before.
        chunksize: how many items a worker takes at a time; ``None`` to let it measure.
        stops: whether the first failure ends the run.
        timeout_s: seconds that one attempt at an item may take; ``None`` for as long as it likes.
        retries: how often a worker starts an item again at once that raised an ``Exception``, at most.
        patient: whether the run decides on failures itself, and may have an item started again later.
        memory_bytes: memory that a worker process may have; ``None`` for all that there is.
        max_tasks: items after which a worker process is renewed; ``None`` for never.
        strict: whether an item fails that blocks an event loop.
        seeded: whether inputs are numbered, and ``fn`` takes them so: each draws random numbers of its own.
        collected: whether results are wanted all together, and not as they come.
    """

    __slots__ = (
        "chunksize",
        "collected",
        "elastic",
        "fn",
        "in_flight",
        "is_async",
        "max_tasks",
        "memory_bytes",
        "name",
        "paced",
        "patient",
        "retries",
        "seeded",
        "star",
        "stops",
        "strict",
        "timed",
        "timeout_s",
    )

    def __init__(
        self,
        fn: Callable[..., Any],
        *,
        star: bool = False,
        name: str | None = None,
        is_async: bool | None = None,
        timed: bool = False,
        in_flight: int = 1,
        chunksize: int | None = None,
        stops: bool = True,
        timeout_s: float | None = None,
        retries: int = 0,
        memory_bytes: int | None = None,
        max_tasks: int | None = None,
        collected: bool = False,
        elastic: bool = False,
        paced: bool = False,
        strict: bool = False,
        patient: bool = False,
        seeded: bool = False,
    ) -> None:
        self.fn = fn
        self.star = star
        self.name = name or name_of(fn)
        self.is_async = is_coroutine_function(fn) if is_async is None else is_async
        self.timed = timed
        self.in_flight = in_flight
        self.chunksize = chunksize
        self.stops = stops
        self.timeout_s = timeout_s
        self.retries = retries
        self.memory_bytes = memory_bytes
        self.max_tasks = max_tasks
        self.collected = collected
        self.elastic = elastic
        self.paced = paced
        self.strict = strict
        self.patient = patient
        self.seeded = seeded

    def ends_with(self, error: BaseException) -> bool:
        """Tell whether a worker begins nothing more after an item has failed with this: the run is stopped by it."""
        if isinstance(error, KeyboardInterrupt):
            return True
        return self.stops and not self.patient and not isinstance(error, RetryAfter)

    def called_with(self, item: Any) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
        """Tell what is called for an item: the function, its arguments, those by name."""
        return self.fn, tuple(item) if self.star else (item,), {}

    @property
    def together(self) -> bool:
        """Whether a worker process may have several items under way at once: coroutines, or where that was asked for."""
        return self.is_async or self.in_flight > 1

    def side_by_side(self, in_flight: int) -> Job:
        """Return the same job for workers with so many items in flight each."""
        other = Job.__new__(Job)
        for name in Job.__slots__:
            setattr(other, name, getattr(self, name))
        other.in_flight = in_flight
        return other


def name_of(fn: Callable[..., Any]) -> str:
    """Return what people call this function: ``resize`` for a function, a partial or a method of that name."""
    while isinstance(fn, partial):
        fn = fn.func
    name = getattr(fn, "__name__", None)
    return name if isinstance(name, str) else type(fn).__name__


def is_coroutine_function(fn: Callable[..., Any]) -> bool:
    """Tell whether calling ``fn`` gives a coroutine: as ``inspect.iscoroutinefunction``, and callable objects too.

    ``inspect`` is not imported for it (6 ms of a program's first result); a function can only carry its mark
    (``inspect.markcoroutinefunction``, 3.12) if somebody else has.
    """
    fn = _plain_function(fn)
    if not hasattr(fn, "__code__") and not isinstance(fn, type):
        fn = _plain_function(type(fn).__call__)
    flags = getattr(getattr(fn, "__code__", None), "co_flags", 0)
    if isinstance(flags, int) and flags & _CO_COROUTINE:
        return True
    inspect, mark = sys.modules.get("inspect"), getattr(fn, "_is_coroutine_marker", None)
    marks = (getattr(inspect, name, None) for name in ("_is_coroutine_marker", "_is_coroutine_mark"))  # until 3.13; 3.14
    return mark is not None and any(mark is known for known in marks)


def _plain_function(fn: Callable[..., Any]) -> Callable[..., Any]:
    while True:
        if isinstance(fn, partial):
            fn = fn.func
        elif isinstance(fn, MethodType | staticmethod | classmethod):
            fn = fn.__func__
        else:
            return fn
