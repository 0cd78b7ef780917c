"""Where a call may stand: inside another, in several threads, on a running event loop, in a pool."""

import asyncio
import functools
import itertools
import threading
from typing import Any

import atonce
from atonce.testing.conformance.kit import Kit, cases_of

__all__ = ("CASES",)

_MANY = 5_000_000


def table_row(number: int, *, options: dict[str, Any]) -> list[int]:
    """Call atonce from inside an item."""
    return list(atonce.map(functools.partial(int.__mul__, number), range(3), **options))


def a_worker_may_call_again(kit: Kit) -> None:
    """An item that is itself a call of ``map``."""
    inner = {"engine": "thread" if kit.kind == "async" else kit.engine, "max_workers": 2}
    fn = kit.fn(functools.partial(table_row, options=inner))
    assert atonce.map(fn, range(4), **kit.options) == [[0, 0, 0], [0, 1, 2], [0, 2, 4], [0, 3, 6]]


def several_threads_may_call_at_once(kit: Kit) -> None:
    """Calls from different threads do not know each other."""
    results: dict[int, list[int]] = {}

    def call(start: int) -> None:
        results[start] = atonce.map(kit.fn(abs), range(-start, 0), **kit.options)

    threads = [threading.Thread(target=call, args=(start,)) for start in (1, 50, 200, 400)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {start: list(range(start, 0, -1)) for start in (1, 50, 200, 400)}


def a_pool_serves_several_threads(kit: Kit) -> None:
    """One pool, used from several threads at once, while a stream of it stands open."""
    results: dict[int, list[int]] = {}
    with atonce.Pool(**kit.options) as pool:
        stream = pool.stream(kit.fn(abs), itertools.count(), buffersize=2)
        assert next(stream) == 0

        def call(start: int) -> None:
            results[start] = pool.map(kit.fn(abs), range(-start, 0))

        threads = [threading.Thread(target=call, args=(start,)) for start in (1, 50, 200)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert next(stream) == 1
        stream.close()
    assert results == {start: list(range(start, 0, -1)) for start in (1, 50, 200)}


def a_pool_keeps_working_after_a_failure(kit: Kit) -> None:
    """A failed call leaves nothing in a pool that the next call would notice."""
    with atonce.Pool(**kit.options) as pool:
        for _ in range(3):
            try:
                pool.map(kit.fn(functools.partial(int.__floordiv__, 1)), [1, 0, 1])
            except ZeroDivisionError:
                pass
            else:
                raise AssertionError("1 // 0 was not noticed")
            assert pool.map(kit.fn(abs), range(100)) == list(range(100))


def submitted_calls_have_futures(kit: Kit) -> None:
    """``submit`` gives results, exceptions and order of arrival, with positional and keyword arguments."""
    with atonce.Pool(**kit.options) as pool:
        futures = [pool.submit(kit.fn(pow), 2, exponent) for exponent in range(20)]
        assert [future.result(30) for future in futures] == [2**exponent for exponent in range(20)]
        assert isinstance(pool.submit(kit.fn(functools.partial(int, base=2)), "xyz").exception(30), ValueError)
        assert pool.submit(int, "ff", base=16).result(30) == 255  # noqa: PLR2004


def map_works_on_a_running_loop(kit: Kit) -> None:
    """``map`` called from a coroutine blocks its loop, as any function would, and works."""

    async def main() -> list[int]:
        return atonce.map(kit.fn(abs), range(50), **kit.options)

    assert asyncio.run(main()) == list(range(50))


def amap_lets_the_loop_go_on(kit: Kit) -> None:
    """``amap`` gives what ``map`` gives, and other tasks run meanwhile."""
    turns = 0

    async def tick() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def main() -> list[int]:
        ticking = asyncio.create_task(tick())
        results: list[int] = await atonce.amap(kit.fn(abs), range(300), **kit.options)
        ticking.cancel()
        return results

    assert asyncio.run(main()) == list(range(300))
    assert turns > 1


def amap_can_be_cancelled(kit: Kit) -> None:
    """Cancelling the caller ends the run, of an endless input too, and everybody has left when the cancellation arrives."""

    async def main() -> None:
        begun = asyncio.Event()
        loop = asyncio.get_running_loop()

        def inputs() -> Any:
            loop.call_soon_threadsafe(begun.set)
            yield from itertools.count()

        call = asyncio.create_task(_consume(kit, inputs()))
        await begun.wait()
        call.cancel()
        try:
            await call
        except asyncio.CancelledError:
            return
        raise AssertionError("the cancellation was swallowed")

    asyncio.run(main())


async def _consume(kit: Kit, inputs: Any) -> None:
    async for _ in atonce.astream(kit.fn(abs), inputs, **kit.options):
        await asyncio.sleep(0)


def astream_is_lazy_and_ordered(kit: Kit) -> None:
    """``astream`` reads ahead no further than ``stream`` does, and can be left early."""
    read = 0

    def inputs() -> Any:
        nonlocal read
        while read < _MANY:
            yield read
            read += 1

    async def main() -> list[int]:
        numbers: list[int] = []
        async with atonce.astream(kit.fn(abs), inputs(), buffersize=20, **kit.options) as stream:
            async for number in stream:
                numbers.append(number)
                assert read <= len(numbers) + 20 + kit.in_flight
                if len(numbers) == 200:  # noqa: PLR2004
                    break
        return numbers

    assert asyncio.run(main()) == list(range(200))


CASES = cases_of(
    "surroundings",
    a_worker_may_call_again,
    several_threads_may_call_at_once,
    a_pool_serves_several_threads,
    a_pool_keeps_working_after_a_failure,
    submitted_calls_have_futures,
    map_works_on_a_running_loop,
    amap_lets_the_loop_go_on,
    amap_can_be_cancelled,
    astream_is_lazy_and_ordered,
)
