"""A pool: workers that stay warm between calls."""

from __future__ import annotations

import atexit
import threading
import weakref
from functools import partial

from atonce._api.mapping import Mapping
from atonce._api.opening import Workplace
from atonce._machine.clock import SYSTEM_CLOCK
from atonce._run.begin import crew_for, only_choice
from atonce._run.engines import engine_named
from atonce._run.staff import Staff
from atonce._run.trio_bell import TrioBell, trio_token
from atonce._values.job import Setup, is_coroutine_function
from atonce._values.options import Options
from atonce._values.typed import TypeVar
from atonce.errors import OptionError, PoolClosed

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if not TYPE_CHECKING:  # first, so that tools which take the last import of a name see typing's
    from atonce._values.typed import overload
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Future
    from typing import Any, ParamSpec, Self, Unpack, overload

    from atonce._run.submissions import Submissions
    from atonce._values.option_types import DefaultsDict
    from atonce._workers.base import Engine

    P = ParamSpec("P")

__all__ = ("Pool",)

R = TypeVar("R")

_NOT_FOR_SUBMIT = {
    "rate": "",
    "journal": "whose inputs are known again, and ",
    "seed": "whose items have a place in the input, and ",
}


class Pool(Mapping):
    """Keeps workers between calls, and gives each call the options that were given here, unless it says otherwise.

    Threads and processes are shared by all calls that are under way, ``max_workers`` of each kind at most. Leaving the ``with``
    block waits for what was submitted, ends streams that are still open, and lets the workers go. May be used from several
    threads, and with ``async with`` from a running event loop.

    Example:
        >>> import atonce
        >>> with atonce.Pool(engine="thread", max_workers=2) as pool:
        ...     pool.map(len, ["a", "bb"]), pool.submit(pow, 2, 5).result()
        ([1, 2], 32)
    """

    def __init__(self, **options: Unpack[DefaultsDict]) -> None:
        """Make a pool; its workers are hired when they are first needed.

        Args:
            **options: see ``Options``; defaults for all calls.

        Raises:
            OptionError: an option cannot be honoured.
        """
        self._options = Options().updated(options)
        setup = Setup(self._options.initializer, self._options.initargs)
        self._staff = Staff(self._options.name or "atonce", setup, SYSTEM_CLOCK)
        self._when_dropped = weakref.finalize(self, self._staff.close, wait=False)  # a pool that is forgotten keeps no process
        super().__init__(Workplace(self._options, self._staff))
        self._at_exit = _closer(weakref.ref(self))
        atexit.register(self._at_exit)  # what was submitted is not lost because the program forgot to wait for it
        self._lock = threading.Lock()
        self._submissions: dict[tuple[Engine, bool], Submissions] = {}  # Guarded by: _lock
        self._closed = False  # Guarded by: _lock

    @overload
    def submit(self, fn: Callable[P, Coroutine[Any, Any, R]], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]: ...
    @overload
    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]: ...
    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run one call beside the caller, on the pool's engine.

        With ``engine="auto"`` that is a thread, or an event loop for a coroutine function; but a process where the pool has a limit
        that only a process keeps, ``memory`` or a function's ``timeout``.

        Args:
            fn: any function, also a coroutine function.
            *args: its arguments.
            **kwargs: its keyword arguments.

        Returns:
            A future of the standard library: ``result()``, ``add_done_callback``, ``asyncio.wrap_future``.

        Raises:
            PoolClosed: the pool is closed.
            OptionError: the pool has a rate, a journal or a seed, which no line of calls keeps.
        """
        for name, why in _NOT_FOR_SUBMIT.items():
            if getattr(self._options, name) is not None:
                raise OptionError(
                    f"{name}= holds for map and stream, {why}not for submit: leave it out of the Pool, and give it to those calls"
                )
        is_async = is_coroutine_function(fn)
        engine = self._options.engine
        if engine == "inline" and not is_async:
            self._staff.setup.once_in_this_thread()
            return self._at_once(fn, args, kwargs)
        if (choice := only_choice(self._options, is_async=is_async)) is not None:
            engine = choice.engine
        elif engine == "auto":
            engine = "thread"
        elif engine == "inline":
            engine = "async"
        return self._line(engine_named(engine) if isinstance(engine, str) else engine, is_async=is_async).submit(fn, args, kwargs)

    def close(self, *, cancel: bool = False) -> None:
        """Wait for what was submitted, end open streams, and let the workers go. Closing twice does no harm.

        Args:
            cancel: drop submitted calls that have not begun, or have failed and wait to be started again.
        """
        if self._staff.employs(threading.current_thread()):
            raise RuntimeError("a pool cannot be closed by one of its own workers, which it would have to wait for")
        atexit.unregister(self._at_exit)
        with self._lock:
            self._closed = True
            lines = list(self._submissions.values())
        try:
            for line in lines:
                line.close(cancel=cancel)
        finally:
            self._workplace.close()
            self._staff.close()
            self._when_dropped.detach()  # the collector may drop it anywhere, also where there is no room for another call

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._leave(kind)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if (token := trio_token()) is not None:
            bell = TrioBell(token)
            with bell.shielded():
                await bell.elsewhere(lambda: self._leave(kind))
            return
        import asyncio  # noqa: PLC0415 (44 ms that only coroutines need; here it is loaded)

        await asyncio.get_running_loop().run_in_executor(None, lambda: self._leave(kind))

    def _leave(self, kind: type[BaseException] | None) -> None:
        if kind is not None and issubclass(kind, KeyboardInterrupt):  # nobody wants to wait for what is under way
            with self._lock:
                lines = list(self._submissions.values())
            for line in lines:
                line.give_up()
        self.close(cancel=kind is not None)

    def _at_once(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Future[Any]:
        """Run a call in the calling thread; the future is done when it is returned."""
        if self._closed:
            raise PoolClosed("this pool is closed: make a new one for more work")
        from concurrent.futures import Future  # noqa: PLC0415 (6 ms, for those who submit)

        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        if self._options.retry is not None:
            results = self.starmap(partial(fn, **kwargs) if kwargs else fn, [args], errors="return", deadline=None, progress=False)
            outcome: Any = results[0]
            if results.report.failed:
                future.set_exception(outcome.error)
            else:
                future.set_result(outcome)
            return future
        for left in reversed(range(1 + self._options.retries_at_once)):
            try:
                future.set_result(fn(*args, **kwargs))
                break
            except Exception as error:
                if not left:
                    future.set_exception(error)
        return future

    def _line(self, engine: Engine, *, is_async: bool) -> Submissions:
        with self._lock:
            if self._closed:
                raise PoolClosed("this pool is closed: make a new one for more work")
            line = self._submissions.get((engine, is_async))
            if line is None:
                from atonce._run.submissions import Submissions  # noqa: PLC0415 (6 ms, for those who submit)

                crew = crew_for(self._options, engine, is_async=is_async)
                line = self._submissions[engine, is_async] = Submissions(self._options, crew, self._staff, is_async=is_async)
            return line


def _closer(pool: weakref.ref[Pool]) -> Callable[[], None]:
    """Make what closes a pool at the end of the program, if it is still there."""

    def close() -> None:
        if (forgotten := pool()) is not None:
            forgotten.close()

    return close
