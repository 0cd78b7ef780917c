"""The calls that map a function over inputs: the module's own, and a pool's.

There is one implementation of each: ``atonce.map`` is the ``map`` of a workplace without workers of its own, ``Pool.map`` that of a
pool. What is long here are the types.
"""

from __future__ import annotations

from functools import partial

from atonce._api.opening import Order, Workplace
from atonce._api.results import AsyncStream, Stream, collect, collect_async
from atonce._api.single import collect_single, is_single
from atonce._values.options import Options
from atonce._values.typed import TypeVar

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if not TYPE_CHECKING:  # first, so that tools which take the last import of a name see typing's
    from atonce._values.typed import overload
if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Coroutine, Iterable
    from typing import Any, Literal, TypeAlias, Unpack, overload

    from atonce._api.results import Results
    from atonce._values.option_types import OptionsDict, PoolOptionsDict
    from atonce._values.outcome import Failure

__all__ = ("Mapping", "amap", "astream", "map", "starmap", "stream")

A = TypeVar("A")
B = TypeVar("B")
R = TypeVar("R")

if TYPE_CHECKING:
    AnyIterable: TypeAlias = Iterable[A] | AsyncIterable[A]


class Mapping:
    """Runs functions over inputs, with the workers of a workplace."""

    def __init__(self, workplace: Workplace) -> None:
        self._workplace = workplace

    @overload
    def map(
        self,
        fn: Callable[[A], Coroutine[Any, Any, R]],
        first: Iterable[A],
        /,
        *,
        errors: Literal["return"],
        **options: Unpack[PoolOptionsDict],
    ) -> Results[R | Failure]: ...
    @overload
    def map(
        self,
        fn: Callable[[A], Coroutine[Any, Any, R]],
        first: Iterable[A],
        /,
        **options: Unpack[OptionsDict],
    ) -> Results[R]: ...
    @overload
    def map(
        self,
        fn: Callable[[A, B], Coroutine[Any, Any, R]],
        first: Iterable[A],
        second: Iterable[B],
        /,
        *,
        errors: Literal["return"],
        **options: Unpack[PoolOptionsDict],
    ) -> Results[R | Failure]: ...
    @overload
    def map(
        self,
        fn: Callable[[A, B], Coroutine[Any, Any, R]],
        first: Iterable[A],
        second: Iterable[B],
        /,
        **options: Unpack[OptionsDict],
    ) -> Results[R]: ...
    @overload
    def map(
        self,
        fn: Callable[..., Coroutine[Any, Any, R]],
        first: Iterable[Any],
        second: Iterable[Any],
        third: Iterable[Any],
        /,
        *more: Iterable[Any],
        errors: Literal["return"],
        **options: Unpack[PoolOptionsDict],
    ) -> Results[R | Failure]: ...
    @overload
    def map(
        self,
        fn: Callable[..., Coroutine[Any, Any, R]],
        first: Iterable[Any],
        second: Iterable[Any],
        third: Iterable[Any],
        /,
        *more: Iterable[Any],
        **options: Unpack[OptionsDict],
    ) -> Results[R]: ...
    @overload
    def map(
        self,
        fn: Callable[[A], R],
        first: Iterable[A],
        /,
        *,
        errors: Literal["return"],
        **options: Unpack[PoolOptionsDict],
    ) -> Results[R | Failure]: ...
    @overload
    def map(
        self,
        fn: Callable[[A], R],
        first: Iterable[A],
        /,
        **options: Unpack[OptionsDict],
    ) -> Results[R]: ...
    @overload
    def map(
        self,
        fn: Callable[[A, B], R],
        first: Iterable[A],
        second: Iterable[B],
        /,
        *,
        errors: Literal["return"],
        **options: Unpack[PoolOptionsDict],
    ) -> Results[R | Failure]: ...
    @overload
    def map(
        self,
        fn: Callable[[A, B], R],
        first: Iterable[A],
        second: Iterable[B],
        /,
        **options: Unpack[OptionsDict],
    ) -> Results[R]: ...
    @overload
    def map(
        self,
        fn: Callable[..., R],
        first: Iterable[Any],
        second: Iterable[Any],
        third: Iterable[Any],
        /,
        *more: Iterable[Any],
        errors: Literal["return"],
        **options: Unpack[PoolOptionsDict],
    ) -> Results[R | Failure]: ...
    @overload
    def map(
        self,
        fn: Callable[..., R],
        first: Iterable[Any],
        second: Iterable[Any],
        third: Iterable[Any],
        /,
        *more: Iterable[Any],
        **options: Unpack[OptionsDict],
    ) -> Results[R]: ...
    def map(self, fn: Callable[..., Any], *iterables: Iterable[Any], **options: Any) -> Results[Any]:
        """Run ``fn`` over all inputs and return the list of results, in input order.

        Args:
            fn: any function, also a lambda, a closure, a method, a callable object or a coroutine function.
            *iterables: its arguments, as for the built-in ``map``: the shortest ends it. Read lazily, and in any thread.
            **options: see ``Options``.

        Returns:
            The results, with ``.report``. With ``errors="return"``, a ``Failure`` stands in the place of an item that has no
            result.

        Raises:
            OptionError: an option cannot be honoured; nothing was started.
            TasksFailed: with ``errors="group"``, if any item failed.
            BaseException: with ``errors="raise"``, the first failure, as itself, with a note that names the item. And at any time
                what the inputs or the initializer raise.

        Example:
            >>> import atonce
            >>> atonce.map(len, ["a", "bb", "ccc"])
            [1, 2, 3]
        """
        return self._collect(self._order(fn, iterables, options))

    @overload
    def starmap(
        self,
        fn: Callable[..., Coroutine[Any, Any, R]],
        inputs: Iterable[Iterable[Any]],
        /,
        *,
        errors: Literal["return"],
        **options: Unpack[PoolOptionsDict],
    ) -> Results[R | Failure]: ...
    @overload
    def starmap(
        self,
        fn: Callable[..., Coroutine[Any, Any, R]],
        inputs: Iterable[Iterable[Any]],
        /,
        **options: Unpack[OptionsDict],
    ) -> Results[R]: ...
    @overload
    def starmap(
        self,
        fn: Callable[..., R],
        inputs: Iterable[Iterable[Any]],
        /,
        *,
        errors: Literal["return"],
        **options: Unpack[PoolOptionsDict],
    ) -> Results[R | Failure]: ...
    @overload
    def starmap(
        self,
        fn: Callable[..., R],
        inputs: Iterable[Iterable[Any]],
        /,
        **options: Unpack[OptionsDict],
    ) -> Results[R]: ...
    def starmap(self, fn: Callable[..., Any], inputs: Iterable[Iterable[Any]], /, **options: Any) -> Results[Any]:
        """Run ``fn(*arguments)`` for each tuple of arguments, and return the list of results, in input order.

        Like ``map`` in everything else.

        Example:
            >>> import atonce
            >>> atonce.starmap(pow, [(2, 3), (3, 2)])
            [8, 9]
        """
        return self._collect(self._order(fn, (inputs,), options, star=True))

    @overload
    def stream(
        self,
        fn: Callable[[A], Coroutine[Any, Any, R]],
        first: Iterable[A],
        /,
        *,
        errors: Literal["return"],
        **options: Unpack[PoolOptionsDict],
    ) -> Stream[R | Failure]: ...
    @overload
    def stream(
        self,
        fn: Callable[[A], Coroutine[Any, Any, R]],
        first: Iterable[A],
        /,
        **options: Unpack[OptionsDict],
    ) -> Stream[R]: ...
    @overload
    def stream(
        self,
        fn: Callable[[A, B], Coroutine[Any, Any, R]],
        first: Iterable[A],
        second: Iterable[B],
        /,
        *,
        errors: Literal["return"],
        **options: Unpack[PoolOptionsDict],
    ) -> Stream[R | Failure]: ...
    @overload
    def stream(
        self,
        fn: Callable[[A, B], Coroutine[Any, Any, R]],
        first: Iterable[A],
        second: Iterable[B],
        /,
        **options: Unpack[OptionsDict],
    ) -> Stream[R]: ...
    @overload
    def stream(
        self,
        fn: Callable[..., Coroutine[Any, Any, R]],
        first: Iterable[Any],
        second: Iterable[Any],
        third: Iterable[Any],
        /,
        *more: Iterable[Any],
        errors: Literal["return"],
        **options: Unpack[PoolOptionsDict],
    ) -> Stream[R | Failure]: ...
    @overload
    def stream(
        self,
        fn: Callable[..., Coroutine[Any, Any, R]],
        first: Iterable[Any],
        second: Iterable[Any],
        third: Iterable[Any],
        /,
        *more: Iterable[Any],
        **options: Unpack[OptionsDict],
    ) -> Stream[R]: ...
    @overload
    def stream(
        self,
        fn: Callable[[A], R],
        first: Iterable[A],
        /,
        *,
        errors: Literal["return"],
        **options: Unpack[PoolOptionsDict],
    ) -> Stream[R | Failure]: ...
    @overload
    def stream(
        self,
        fn: Callable[[A], R],
        first: Iterable[A],
        /,
        **options: Unpack[OptionsDict],
    ) -> Stream[R]: ...
    @overload
    def stream(
        self,
        fn: Callable[[A, B], R],
        first: Iterable[A],
        second: Iterable[B],
        /,
        *,
        errors: Literal["return"],
        **options: Unpack[PoolOptionsDict],
    ) -> Stream[R | Failure]: ...
    @overload
    def stream(
        self,
        fn: Callable[[A, B], R],
        first: Iterable[A],
        second: Iterable[B],
        /,
        **options: Unpack[OptionsDict],
    ) -> Stream[R]: ...
    @overload
    def stream(
        self,
        fn: Callable[..., R],
        first: Iterable[Any],
        second: Iterable[Any],
        third: Iterable[Any],
        /,
        *more: Iterable[Any],
        errors: Literal["return"],
        **options: Unpack[PoolOptionsDict],
    ) -> Stream[R | Failure]: ...
    @overload
    def stream(
        self,
        fn: Callable[..., R],
        first: Iterable[Any],
        second: Iterable[Any],
        third: Iterable[Any],
        /,
        *more: Iterable[Any],
        **options: Unpack[OptionsDict],
    ) -> Stream[R]: ...
    def stream(self, fn: Callable[..., Any], *iterables: Iterable[Any], **options: Any) -> Stream[Any]:
        """Run ``fn`` over all inputs, and give each result when it is due.

        The inputs are read only so far ahead of the consumer as ``buffersize`` says, so they may be endless. The run begins with
        the first ``next``. A failure is raised in the place of its item, after the results before it; nothing behind it is started.
        With ``ordered=False``, results come as they finish, and the first failure when it is seen.

        Args:
            fn: as for ``map``.
            *iterables: as for ``map``.
            **options: see ``Options``.

        Returns:
            An iterator that can be closed, with ``.report``.

        Raises:
            OptionError: an option cannot be honoured; nothing was started. Everything else that ``map`` raises, the iterator
            raises.

        Example:
            >>> import atonce
            >>> for length in atonce.stream(len, ["a", "bb", "ccc"]):
            ...     print(length)
            1
            2
            3
        """
        return Stream(partial(self._workplace.open, self._order(fn, iterables, options, streamed=True)))

    @overload
    async def amap(
        self,
        fn: Callable[[A], Coroutine[Any, Any, R]],
        first: AnyIterable[A],
        /,
        *,
        errors: Literal["return"],
        **options: Unpack[PoolOptionsDict],
    ) -> Results[R | Failure]: ...
    @overload
    async def amap(
        self,
        fn: Callable[[A], Coroutine[Any, Any, R]],
        first: AnyIterable[A],
        /,
        **options: Unpack[OptionsDict],
    ) -> Results[R]: ...
    @overload
    async def amap(
        self,
        fn: Callable[[A, B], Coroutine[Any, Any, R]],
        first: AnyIterable[A],
        second: AnyIterable[B],
        /,
        *,
        errors: Literal["return"],
        **options: Unpack[PoolOptionsDict],
    ) -> Results[R | Failure]: ...
    @overload
    async def amap(
        self,
        fn: Callable[[A, B], Coroutine[Any, Any, R]],
        first: AnyIterable[A],
        second: AnyIterable[B],
        /,
        **options: Unpack[OptionsDict],
    ) -> Results[R]: ...
    @overload
    async def amap(
        self,
        fn: Callable[..., Coroutine[Any, Any, R]],
        first: AnyIterable[Any],
        second: AnyIterable[Any],
        third: AnyIterable[Any],
        /,
        *more: AnyIterable[Any],
        errors: Literal["return"],
        **options: Unpack[PoolOptionsDict],
    ) -> Results[R | Failure]: ...
    @overload
    async def amap(
        self,
        fn: Callable[..., Coroutine[Any, Any, R]],
        first: AnyIterable[Any],
        second: AnyIterable[Any],
        third: AnyIterable[Any],
        /,
        *more: AnyIterable[Any],
        **options: Unpack[OptionsDict],
    ) -> Results[R]: ...
    @overload
    async def amap(
        self,
        fn: Callable[[A], R],
        first: AnyIterable[A],
        /,
        *,
        errors: Literal["return"],
        **options: Unpack[PoolOptionsDict],
    ) -> Results[R | Failure]: ...
    @overload
    async def amap(
        self,
        fn: Callable[[A], R],
        first: AnyIterable[A],
        /,
        **options: Unpack[OptionsDict],
    ) -> Results[R]: ...
    @overload
    async def amap(
        self,
        fn: Callable[[A, B], R],
        first: AnyIterable[A],
        second: AnyIterable[B],
        /,
        *,
        errors: Literal["return"],
        **options: Unpack[PoolOptionsDict],
    ) -> Results[R | Failure]: ...
    @overload
    async def amap(
        self,
        fn: Callable[[A, B], R],
        first: AnyIterable[A],
        second: AnyIterable[B],
        /,
        **options: Unpack[OptionsDict],
    ) -> Results[R]: ...
    @overload
    async def amap(
        self,
        fn: Callable[..., R],
        first: AnyIterable[Any],
        second: AnyIterable[Any],
        third: AnyIterable[Any],
        /,
        *more: AnyIterable[Any],
        errors: Literal["return"],
        **options: Unpack[PoolOptionsDict],
    ) -> Results[R | Failure]: ...
    @overload
    async def amap(
        self,
        fn: Callable[..., R],
        first: AnyIterable[Any],
        second: AnyIterable[Any],
        third: AnyIterable[Any],
        /,
        *more: AnyIterable[Any],
        **options: Unpack[OptionsDict],
    ) -> Results[R]: ...
    async def amap(self, fn: Callable[..., Any], *iterables: AnyIterable[Any], **options: Any) -> Results[Any]:
        """Run ``fn`` over all inputs while the event loop goes on, and return the list of results, in input order.

        Coroutine functions run on the caller's own loop. Other functions run in threads or processes. Cancelling this call cancels
        the coroutines in flight and waits for them.

        Args:
            fn: as for ``map``.
            *iterables: as for ``map``; asynchronous ones, too, which are read on the caller's loop.
            **options: see ``Options``.

        Returns:
            As ``map``.

        Raises:
            BaseException: as ``map``.

        Example:
            >>> import asyncio, atonce
            >>> async def double(number):
            ...     await asyncio.sleep(0.001)
            ...     return 2 * number
            >>> asyncio.run(atonce.amap(double, [1, 2, 3]))
            [2, 4, 6]
        """
        return await collect_async(self._workplace.open_async(self._order(fn, iterables, options, awaited=True)))

    @overload
    def astream(
        self,
        fn: Callable[[A], Coroutine[Any, Any, R]],
        first: AnyIterable[A],
        /,
        *,
        errors: Literal["return"],
        **options: Unpack[PoolOptionsDict],
    ) -> AsyncStream[R | Failure]: ...
    @overload
    def astream(
        self,
        fn: Callable[[A], Coroutine[Any, Any, R]],
        first: AnyIterable[A],
        /,
        **options: Unpack[OptionsDict],
    ) -> AsyncStream[R]: ...
    @overload
    def astream(
        self,
        fn: Callable[[A, B], Coroutine[Any, Any, R]],
        first: AnyIterable[A],
        second: AnyIterable[B],
        /,
        *,
        errors: Literal["return"],
        **options: Unpack[PoolOptionsDict],
    ) -> AsyncStream[R | Failure]: ...
    @overload
    def astream(
        self,
        fn: Callable[[A, B], Coroutine[Any, Any, R]],
        first: AnyIterable[A],
        second: AnyIterable[B],
        /,
        **options: Unpack[OptionsDict],
    ) -> AsyncStream[R]: ...
    @overload
    def astream(
        self,
        fn: Callable[..., Coroutine[Any, Any, R]],
        first: AnyIterable[Any],
        second: AnyIterable[Any],
        third: AnyIterable[Any],
        /,
        *more: AnyIterable[Any],
        errors: Literal["return"],
        **options: Unpack[PoolOptionsDict],
    ) -> AsyncStream[R | Failure]: ...
    @overload
    def astream(
        self,
        fn: Callable[..., Coroutine[Any, Any, R]],
        first: AnyIterable[Any],
        second: AnyIterable[Any],
        third: AnyIterable[Any],
        /,
        *more: AnyIterable[Any],
        **options: Unpack[OptionsDict],
    ) -> AsyncStream[R]: ...
    @overload
    def astream(
        self,
        fn: Callable[[A], R],
        first: AnyIterable[A],
        /,
        *,
        errors: Literal["return"],
        **options: Unpack[PoolOptionsDict],
    ) -> AsyncStream[R | Failure]: ...
    @overload
    def astream(
        self,
        fn: Callable[[A], R],
        first: AnyIterable[A],
        /,
        **options: Unpack[OptionsDict],
    ) -> AsyncStream[R]: ...
    @overload
    def astream(
        self,
        fn: Callable[[A, B], R],
        first: AnyIterable[A],
        second: AnyIterable[B],
        /,
        *,
        errors: Literal["return"],
        **options: Unpack[PoolOptionsDict],
    ) -> AsyncStream[R | Failure]: ...
    @overload
    def astream(
        self,
        fn: Callable[[A, B], R],
        first: AnyIterable[A],
        second: AnyIterable[B],
        /,
        **options: Unpack[OptionsDict],
    ) -> AsyncStream[R]: ...
    @overload
    def astream(
        self,
        fn: Callable[..., R],
        first: AnyIterable[Any],
        second: AnyIterable[Any],
        third: AnyIterable[Any],
        /,
        *more: AnyIterable[Any],
        errors: Literal["return"],
        **options: Unpack[PoolOptionsDict],
    ) -> AsyncStream[R | Failure]: ...
    @overload
    def astream(
        self,
        fn: Callable[..., R],
        first: AnyIterable[Any],
        second: AnyIterable[Any],
        third: AnyIterable[Any],
        /,
        *more: AnyIterable[Any],
        **options: Unpack[OptionsDict],
    ) -> AsyncStream[R]: ...
    def astream(self, fn: Callable[..., Any], *iterables: AnyIterable[Any], **options: Any) -> AsyncStream[Any]:
        """Run ``fn`` over all inputs, and give each result when it is due, while the event loop goes on.

        ``stream`` for ``async for``; functions run where ``amap`` runs them.

        Example:
            >>> import asyncio, atonce
            >>> async def main():
            ...     async for length in atonce.astream(len, ["a", "bb"]):
            ...         print(length)
            >>> asyncio.run(main())
            1
            2
        """
        return AsyncStream(partial(self._workplace.open_async, self._order(fn, iterables, options, streamed=True, awaited=True)))

    def _collect(self, order: Order) -> Results[Any]:
        workplace = self._workplace
        return collect_single(order, workplace.clock) if workplace.is_plain and is_single(order) else collect(workplace.open(order))

    def _order(
        self,
        fn: Callable[..., Any],
        iterables: tuple[AnyIterable[Any], ...],
        given: dict[str, Any],
        *,
        star: bool = False,
        streamed: bool = False,
        awaited: bool = False,
    ) -> Order:
        options = self._workplace.options(given)
        return Order(fn, iterables, options, star=star, streamed=streamed, awaited=awaited, owner=self)


class _Module(Mapping):
    """The calls of the module itself: each has workers of its own, for as long as it runs."""

    def __reduce__(self) -> str:
        return "_MODULE"  # atonce.map may itself be sent to a worker


_MODULE = _Module(Workplace(Options()))

map = _MODULE.map  # noqa: A001 (the built-in's name, for the built-in's meaning)
starmap = _MODULE.starmap
stream = _MODULE.stream
amap = _MODULE.amap
astream = _MODULE.astream
