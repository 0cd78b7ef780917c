# pyright: strict, reportUnnecessaryTypeIgnoreComment=true
"""What type checkers make of the public calls: read by mypy and by pyright, never run.

A line with ``type: ignore`` has to be an error for both of them: each one reports an ignore that it does not need.
"""

import asyncio
import math
import operator
from collections.abc import AsyncIterator, Awaitable, Coroutine, Iterable, Iterator
from concurrent.futures import Future
from contextlib import aclosing, closing
from functools import partial
from typing import Any, assert_type

import tenacity

import atonce
from atonce import AsyncStream, Failure, Plan, Pool, Report, Results, Stream

# ---- functions of all kinds -----------------------------------------------------------------------------------------------------


def length(text: str) -> int:
    return len(text)


def repeat(text: str, times: int) -> bytes:
    return (text * times).encode()


def weigh(text: str, times: int, weight: float) -> float:
    return len(text) * times * weight


def shout(text: str, times: int = 1, *, upper: bool = True) -> str:
    return (text.upper() if upper else text) * times


def add_up(*numbers: int) -> int:
    return sum(numbers)


def maybe(text: str) -> int | None:
    return len(text) or None


def anything(text: str) -> Any:
    return text


def later(text: str) -> Awaitable[int]:
    raise NotImplementedError(text)


async def fetch(url: str) -> bytes:
    return url.encode()


async def fetch_part(url: str, size: int) -> bytes:
    return url.encode()[:size]


async def fetch_slowly(url: str, size: int, seconds: float) -> bytes:
    await asyncio.sleep(seconds)
    return url.encode()[:size]


async def fetch_or_not(url: str) -> bytes | None:
    return url.encode() or None


def makes_coroutine(url: str) -> Coroutine[Any, Any, bytes]:
    return fetch(url)


class Counter:
    def __init__(self, word: str) -> None:
        self.word = word

    def __call__(self, text: str) -> int:
        return text.count(self.word)

    def method(self, text: str) -> int:
        return text.count(self.word)

    async def async_method(self, text: str) -> int:
        return text.count(self.word)

    @classmethod
    def of_class(cls, text: str) -> int:
        return len(text)

    @staticmethod
    def static(text: str) -> int:
        return len(text)


class Fetcher:
    async def __call__(self, url: str) -> bytes:
        return url.encode()


def prepare(path: str, level: int) -> None:
    raise NotImplementedError(path, level)


def lines() -> Iterator[str]:
    yield "a"


# ---- map ------------------------------------------------------------------------------------------------------------------------


def map_over_one(urls: list[str]) -> None:
    assert_type(atonce.map(length, urls), Results[int])
    assert_type(atonce.map(maybe, urls), Results[int | None])
    assert_type(atonce.map(anything, urls), Results[Any])
    assert_type(atonce.map(length, lines()), Results[int])
    assert_type(atonce.map(length, {"a": 1}), Results[int])
    assert_type(atonce.map(length, "abc"), Results[int])
    assert_type(atonce.map(shout, urls), Results[str])
    assert_type(atonce.map(fetch, urls), Results[bytes])
    assert_type(atonce.map(fetch_or_not, urls), Results[bytes | None])
    assert_type(atonce.map(makes_coroutine, urls), Results[bytes])
    assert_type(atonce.map(later, urls), Results[Awaitable[int]])  # no coroutine: nobody awaits it


def map_over_several(urls: list[str], sizes: Iterable[int], weights: tuple[float, ...]) -> None:
    assert_type(atonce.map(repeat, urls, sizes), Results[bytes])
    assert_type(atonce.map(weigh, urls, sizes, weights), Results[float])
    assert_type(atonce.map(add_up, sizes, sizes, sizes, sizes), Results[int])
    assert_type(atonce.map(fetch_part, urls, sizes), Results[bytes])
    assert_type(atonce.map(fetch_slowly, urls, sizes, weights), Results[bytes])


def map_with_failures_in_place(urls: list[str], sizes: list[int], weights: list[float]) -> None:
    assert_type(atonce.map(length, urls, errors="return"), Results[int | Failure])
    assert_type(atonce.map(fetch, urls, errors="return"), Results[bytes | Failure])
    assert_type(atonce.map(repeat, urls, sizes, errors="return"), Results[bytes | Failure])
    assert_type(atonce.map(fetch_part, urls, sizes, errors="return"), Results[bytes | Failure])
    assert_type(atonce.map(weigh, urls, sizes, weights, errors="return"), Results[float | Failure])
    assert_type(atonce.map(fetch_slowly, urls, sizes, weights, errors="return"), Results[bytes | Failure])
    assert_type(atonce.map(length, urls, errors="return", engine="thread", max_workers=2), Results[int | Failure])
    for value in atonce.map(length, urls, errors="return"):
        if isinstance(value, Failure):
            assert_type(value, Failure)
            assert_type(value.error, BaseException)
        else:
            assert_type(value, int)


def map_with_other_options(urls: list[str]) -> None:
    assert_type(atonce.map(length, urls, errors="raise"), Results[int])
    assert_type(atonce.map(length, urls, errors="group"), Results[int])
    assert_type(atonce.map(length, urls, engine="process", max_workers=4, concurrency=8, chunksize=2), Results[int])
    assert_type(atonce.map(length, urls, buffersize=10, progress=True, name="lengths"), Results[int])
    assert_type(atonce.map(length, urls, progress="lengths", max_workers=None), Results[int])
    assert_type(atonce.map(length, urls, retries=tenacity.Retrying(stop=tenacity.stop_after_attempt(3))), Results[int])
    assert_type(atonce.map(length, urls, retries=tenacity.AsyncRetrying(wait=tenacity.wait_random_exponential())), Results[int])
    assert_type(atonce.map(length, urls, timeout=3, retries=2, memory="2 GiB", max_tasks_per_child=100, seed=7), Results[int])
    assert_type(atonce.map(length, urls, timeout=0.5, memory=1 << 30), Results[int])
    assert_type(atonce.map(length, urls, journal="run.db", durable=True, retry_failed=True, rerun_changed=True), Results[int])
    assert_type(atonce.map(length, urls, timeout=None, memory=None, max_tasks_per_child=None, seed=None), Results[int])
    assert_type(atonce.map(length, urls, initializer=prepare, initargs=("a", 1)), Results[int])


def map_of_lambdas(urls: list[str], sizes: list[int]) -> None:
    assert_type(atonce.map(lambda url: url.upper(), urls), Results[str])
    assert_type(atonce.map(lambda url: len(url) + 1, urls, errors="return"), Results[int | Failure])
    assert_type(atonce.map(lambda url, size: url * size, urls, sizes), Results[str])
    assert_type(atonce.map(lambda url: fetch(url.upper()), urls), Results[bytes])


def map_of_builtins(urls: list[str], sizes: list[int], weights: list[float]) -> None:
    assert_type(atonce.map(abs, sizes), Results[int])
    assert_type(atonce.map(abs, weights), Results[float])
    assert_type(atonce.map(abs, sizes, errors="return"), Results[int | Failure])
    assert_type(atonce.map(len, urls), Results[int])
    assert_type(atonce.map(pow, sizes, sizes), Results[Any])
    assert_type(atonce.map(max, sizes, sizes), Results[int])
    assert_type(atonce.map(print, urls), Results[None])
    assert_type(atonce.map(sorted, [sizes]), Results[list[int]])
    assert_type(atonce.map(str, sizes), Results[str])
    assert_type(atonce.map(int, urls), Results[int])
    assert_type(atonce.map(str.upper, urls), Results[str])
    assert_type(atonce.map(math.sqrt, weights), Results[float])
    atonce.map(sum, [sizes])
    atonce.map(operator.add, sizes, sizes)


def map_of_objects(urls: list[str]) -> None:
    assert_type(atonce.map(Counter, urls), Results[Counter])
    assert_type(atonce.map(Counter("a"), urls), Results[int])
    assert_type(atonce.map(Counter("a").method, urls), Results[int])
    assert_type(atonce.map(Counter("a").async_method, urls), Results[int])
    assert_type(atonce.map(Counter.of_class, urls), Results[int])
    assert_type(atonce.map(Counter.static, urls), Results[int])
    assert_type(atonce.map(Fetcher(), urls), Results[bytes])
    assert_type(atonce.map(Fetcher(), urls, errors="return"), Results[bytes | Failure])
    assert_type(atonce.map(partial(repeat, times=3), urls), Results[bytes])
    assert_type(atonce.map(partial(fetch_part, size=3), urls), Results[bytes])
    assert_type(atonce.map(partial(fetch_part, size=3), urls, errors="return"), Results[bytes | Failure])


def results_are_a_list(urls: list[str]) -> None:
    results = atonce.map(length, urls)
    as_list: list[int] = results
    assert_type(as_list[0], int)
    assert_type(results[0], int)
    assert_type([number + 1 for number in results], list[int])
    assert_type(results.report, Report)
    assert_type(results.report.plan, Plan)
    assert_type(results.report.plan.reasons, list[str])
    assert_type(results.report.speedup, float | None)
    assert_type(results.report.items, int)


def map_refuses(urls: list[str], sizes: list[int]) -> None:
    atonce.map(length)  # type: ignore[call-overload]
    atonce.map(length, sizes)  # type: ignore[arg-type]
    atonce.map(fetch, sizes)  # type: ignore[arg-type]
    atonce.map(length, urls, sizes)  # type: ignore[arg-type]
    atonce.map(repeat, urls)  # type: ignore[arg-type]
    atonce.map(repeat, sizes, urls)  # type: ignore[arg-type]
    atonce.map(length, 3)  # type: ignore[call-overload]
    atonce.map(3, urls)  # type: ignore[call-overload]
    atonce.map(length, urls, max_worker=2)  # type: ignore[call-overload]
    atonce.map(length, urls, errors="ignore")  # type: ignore[call-overload]
    atonce.map(length, urls, max_workers="2")  # type: ignore[call-overload]
    atonce.map(length, urls, chunksize=1.5)  # type: ignore[call-overload]
    atonce.map(length, urls, ordered=None)  # type: ignore[call-overload]
    atonce.map(length, urls, initializer=prepare, initargs="ab")  # type: ignore[call-overload]
    atonce.map(length, urls, initializer=3)  # type: ignore[call-overload]
    atonce.map(length, urls, progress=3)  # type: ignore[call-overload]
    atonce.map(length, urls, name=3)  # type: ignore[call-overload]
    atonce.map(length, urls, timeout="3")  # type: ignore[call-overload]
    atonce.map(length, urls, retries=1.5)  # type: ignore[call-overload]
    atonce.map(length, urls, retries=tenacity.stop_after_attempt(3))  # type: ignore[call-overload]
    atonce.map(length, urls, memory=1.5)  # type: ignore[call-overload]
    atonce.map(length, urls, max_tasks_per_child="9")  # type: ignore[call-overload]
    atonce.map(length, urls, seed="9")  # type: ignore[call-overload]
    atonce.map(length, urls, deadline="3")  # type: ignore[call-overload]
    atonce.map(length, urls, journal=3)  # type: ignore[call-overload]
    atonce.map(length, urls, errors="return", max_worker=2)  # type: ignore[call-overload]


# ---- starmap --------------------------------------------------------------------------------------------------------------------


def starmap_over_tuples(pairs: list[tuple[str, int]], sizes: list[int]) -> None:
    assert_type(atonce.starmap(repeat, pairs), Results[bytes])
    assert_type(atonce.starmap(fetch_part, pairs), Results[bytes])
    assert_type(atonce.starmap(repeat, pairs, errors="return"), Results[bytes | Failure])
    assert_type(atonce.starmap(fetch_part, pairs, errors="return"), Results[bytes | Failure])
    assert_type(atonce.starmap(repeat, zip(["a"], [1], strict=True), max_workers=2), Results[bytes])
    assert_type(atonce.starmap(pow, [(2, 3)]), Results[Any])
    atonce.starmap(repeat, sizes)  # type: ignore[arg-type]
    atonce.starmap(repeat, pairs, pairs)  # type: ignore[call-overload]
    atonce.starmap(repeat, pairs, worker=1)  # type: ignore[call-overload]


# ---- stream ---------------------------------------------------------------------------------------------------------------------


def streams(urls: list[str], sizes: list[int], weights: list[float]) -> None:
    assert_type(atonce.stream(length, urls), Stream[int])
    assert_type(atonce.stream(fetch, urls), Stream[bytes])
    assert_type(atonce.stream(length, lines(), ordered=False, buffersize=4), Stream[int])
    assert_type(atonce.stream(repeat, urls, sizes), Stream[bytes])
    assert_type(atonce.stream(fetch_part, urls, sizes), Stream[bytes])
    assert_type(atonce.stream(weigh, urls, sizes, weights), Stream[float])
    assert_type(atonce.stream(fetch_slowly, urls, sizes, weights), Stream[bytes])
    assert_type(atonce.stream(length, urls, errors="return"), Stream[int | Failure])
    assert_type(atonce.stream(fetch, urls, errors="return"), Stream[bytes | Failure])
    assert_type(atonce.stream(repeat, urls, sizes, errors="return"), Stream[bytes | Failure])
    assert_type(atonce.stream(fetch_part, urls, sizes, errors="return"), Stream[bytes | Failure])
    assert_type(atonce.stream(weigh, urls, sizes, weights, errors="return"), Stream[float | Failure])
    assert_type(atonce.stream(fetch_slowly, urls, sizes, weights, errors="return"), Stream[bytes | Failure])
    assert_type(atonce.stream(abs, sizes), Stream[int])
    assert_type(atonce.stream(lambda url: url.upper(), urls), Stream[str])


def streams_are_iterators(urls: list[str]) -> None:
    stream = atonce.stream(length, urls)
    iterator: Iterator[int] = stream
    assert_type(next(iterator), int)
    assert_type(next(stream), int)
    assert_type(iter(stream), Stream[int])
    assert_type(list(stream), list[int])
    assert_type(stream.report, Report)
    for number in stream:
        assert_type(number, int)
    with atonce.stream(length, urls) as opened:
        assert_type(opened, Stream[int])
    with closing(atonce.stream(fetch, urls)) as closed_later:
        assert_type(next(closed_later), bytes)
    for value in atonce.stream(length, urls, errors="return"):
        assert_type(value, int | Failure)


def stream_refuses(urls: list[str], sizes: list[int]) -> None:
    atonce.stream(length, sizes)  # type: ignore[arg-type]
    atonce.stream(length, urls, sizes)  # type: ignore[arg-type]
    atonce.stream(length, urls, order=False)  # type: ignore[call-overload]
    atonce.stream(length, urls, buffersize="10")  # type: ignore[call-overload]
    atonce.stream(length, urls)[0]  # type: ignore[index]


# ---- amap, astream --------------------------------------------------------------------------------------------------------------


async def asynchronous_inputs(urls: AsyncIterator[str], sizes: list[int]) -> None:
    assert_type(await atonce.amap(length, urls), Results[int])
    assert_type(await atonce.amap(fetch, urls, errors="return"), Results[bytes | Failure])
    assert_type(await atonce.amap(fetch_part, urls, sizes), Results[bytes])
    assert_type(atonce.astream(fetch, urls), AsyncStream[bytes])
    atonce.map(length, urls)  # type: ignore[call-overload]


async def maps_from_a_loop(urls: list[str], sizes: list[int], weights: list[float]) -> None:
    assert_type(await atonce.amap(length, urls), Results[int])
    assert_type(await atonce.amap(fetch, urls), Results[bytes])
    assert_type(await atonce.amap(repeat, urls, sizes), Results[bytes])
    assert_type(await atonce.amap(fetch_part, urls, sizes), Results[bytes])
    assert_type(await atonce.amap(weigh, urls, sizes, weights), Results[float])
    assert_type(await atonce.amap(fetch_slowly, urls, sizes, weights), Results[bytes])
    assert_type(await atonce.amap(length, urls, errors="return"), Results[int | Failure])
    assert_type(await atonce.amap(fetch, urls, errors="return", concurrency=10), Results[bytes | Failure])
    assert_type(await atonce.amap(fetch_part, urls, sizes, errors="return"), Results[bytes | Failure])
    assert_type(await atonce.amap(fetch_slowly, urls, sizes, weights, errors="return"), Results[bytes | Failure])
    assert_type(await atonce.amap(abs, sizes), Results[int])
    assert_type(await atonce.amap(lambda url: fetch(url.upper()), urls), Results[bytes])
    assert_type((await atonce.amap(fetch, urls)).report, Report)
    both = await asyncio.gather(atonce.amap(fetch, urls), atonce.amap(length, urls))
    assert_type(both, tuple[Results[bytes], Results[int]])
    await atonce.amap(fetch, sizes)  # type: ignore[arg-type]
    await atonce.amap(fetch, urls, workers=3)  # type: ignore[call-overload]


async def streams_from_a_loop(urls: list[str], sizes: list[int], weights: list[float]) -> None:
    assert_type(atonce.astream(length, urls), AsyncStream[int])
    assert_type(atonce.astream(fetch, urls), AsyncStream[bytes])
    assert_type(atonce.astream(repeat, urls, sizes), AsyncStream[bytes])
    assert_type(atonce.astream(fetch_part, urls, sizes), AsyncStream[bytes])
    assert_type(atonce.astream(weigh, urls, sizes, weights), AsyncStream[float])
    assert_type(atonce.astream(fetch_slowly, urls, sizes, weights), AsyncStream[bytes])
    assert_type(atonce.astream(fetch, urls, errors="return"), AsyncStream[bytes | Failure])
    assert_type(atonce.astream(repeat, urls, sizes, errors="return"), AsyncStream[bytes | Failure])
    stream = atonce.astream(fetch, urls, ordered=False)
    iterator: AsyncIterator[bytes] = stream
    assert_type(await anext(iterator), bytes)
    assert_type(await anext(stream), bytes)
    assert_type(stream.report, Report)
    async for page in stream:
        assert_type(page, bytes)
    async with aclosing(atonce.astream(fetch, urls)) as closed_later, atonce.astream(length, urls) as opened:
        assert_type(closed_later, AsyncStream[bytes])
        assert_type(opened, AsyncStream[int])
    async for value in atonce.astream(fetch, urls, errors="return"):
        assert_type(value, bytes | Failure)
    iter(atonce.astream(fetch, urls))  # type: ignore[call-overload]
    aiter(atonce.stream(fetch, urls))  # type: ignore[arg-type]


# ---- a pool ---------------------------------------------------------------------------------------------------------------------


def pool_maps(urls: list[str], sizes: list[int], weights: list[float]) -> None:
    with Pool(engine="thread", max_workers=2) as pool:
        assert_type(pool, Pool)
        assert_type(pool.map(length, urls), Results[int])
        assert_type(pool.map(fetch, urls), Results[bytes])
        assert_type(pool.map(repeat, urls, sizes), Results[bytes])
        assert_type(pool.map(weigh, urls, sizes, weights), Results[float])
        assert_type(pool.map(length, urls, errors="return"), Results[int | Failure])
        assert_type(pool.map(lambda url: url.upper(), urls), Results[str])
        assert_type(pool.starmap(repeat, zip(urls, sizes, strict=True)), Results[bytes])
        assert_type(pool.stream(length, urls), Stream[int])
        assert_type(pool.stream(fetch, urls, ordered=False), Stream[bytes])
        assert_type(pool.stream(fetch_part, urls, sizes, errors="return"), Stream[bytes | Failure])
        pool.map(length, sizes)  # type: ignore[arg-type]
        pool.map(length, urls, max_worker=2)  # type: ignore[call-overload]
        pool.close(cancel=True)


async def pool_maps_from_a_loop(urls: list[str], sizes: list[int]) -> None:
    async with Pool() as pool:
        assert_type(pool, Pool)
        assert_type(await pool.amap(length, urls), Results[int])
        assert_type(await pool.amap(fetch, urls), Results[bytes])
        assert_type(await pool.amap(repeat, urls, sizes), Results[bytes])
        assert_type(await pool.amap(fetch, urls, errors="return"), Results[bytes | Failure])
        assert_type(pool.astream(length, urls), AsyncStream[int])
        assert_type(pool.astream(fetch, urls, errors="return"), AsyncStream[bytes | Failure])
        assert_type(await asyncio.wrap_future(pool.submit(fetch, "a")), bytes)


def pool_submits(pool: Pool) -> None:
    assert_type(pool.submit(length, "a"), Future[int])
    assert_type(pool.submit(length, text="a"), Future[int])
    assert_type(pool.submit(length, "a").result(), int)
    assert_type(pool.submit(fetch, "a"), Future[bytes])
    assert_type(pool.submit(fetch_slowly, "a", 1, seconds=0.5), Future[bytes])
    assert_type(pool.submit(shout, "a", 2, upper=False), Future[str])
    assert_type(pool.submit(partial(repeat, times=3), "a"), Future[bytes])
    assert_type(pool.submit(Counter, "a"), Future[Counter])
    assert_type(pool.submit(Counter("a"), "abc"), Future[int])
    assert_type(pool.submit(Fetcher(), "a"), Future[bytes])
    assert_type(pool.submit(Counter("a").async_method, "abc"), Future[int])
    assert_type(pool.submit(lambda: 3), Future[int])
    assert_type(pool.submit(math.sqrt, 2.0), Future[float])
    assert_type(pool.submit(len, "abc"), Future[int])
    pool.submit(pow, 2, 3)
    pool.submit(abs, -3)


def submit_refuses(pool: Pool) -> None:
    pool.submit(length, 3)  # type: ignore[call-overload]
    pool.submit(length)  # type: ignore[call-overload]
    pool.submit(length, "a", "b")  # type: ignore[call-overload]
    pool.submit(shout, "a", lower=True)  # type: ignore[arg-type, call-arg]
    pool.submit(shout, "a", upper="no")  # type: ignore[arg-type]
    pool.submit(fetch, 3)  # type: ignore[call-overload]
    pool.submit(3)  # type: ignore[call-overload]


def pool_options() -> None:
    Pool()
    Pool(engine="process", max_workers=4, initializer=prepare, initargs=("a", 1), errors="return", name="mine")
    Pool(workers=4)  # type: ignore[call-arg]
    Pool(max_workers="4")  # type: ignore[arg-type]
    Pool(errors="ignore")  # type: ignore[arg-type]
    Pool(initargs=["a"])  # type: ignore[arg-type]


# ---- outcomes and errors --------------------------------------------------------------------------------------------------------


def outcomes(failed: atonce.TasksFailed, outcome: atonce.Outcome[int]) -> None:
    for each in failed.outcomes:
        assert_type(each, atonce.Outcome[Any])
    if isinstance(outcome, atonce.Success):
        assert_type(outcome, atonce.Success[int])
        assert_type(outcome.value, int)
    else:
        assert_type(outcome, Failure)
    assert_type(outcome.ok, bool)
    assert_type(outcome.index, int)
    outcome.index = 3  # type: ignore[misc]
    failed.exceptions[0].add_note("each is an Exception, or a group of them")
    tree: list[type[atonce.AtonceError]] = [atonce.OptionError, atonce.TasksFailed, atonce.WorkerCrashed, atonce.RemoteError]
    assert_type(atonce.errors.PoolClosed, type[atonce.PoolClosed])
    tree.append(atonce.PoolClosed)
    tree.append(ValueError)  # type: ignore[arg-type]
