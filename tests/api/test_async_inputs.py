"""Asynchronous inputs: read on the caller's loop, lazily, for workers of every kind."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any

import pytest

import atonce

ENGINES = ("auto", "inline", "thread", "async", "process")


def square(number: int) -> int:
    return number * number


async def doubled(number: int) -> int:
    await asyncio.sleep(0)
    return 2 * number


async def numbers(count: int, read: list[int] | None = None) -> AsyncIterator[int]:
    for number in range(count):
        await asyncio.sleep(0)
        if read is not None:
            read.append(number)
        yield number


async def others() -> set[asyncio.Task[Any]]:
    return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_function_gets_each_item_once_in_order(engine):
    results = await atonce.amap(square, numbers(500), engine=engine)
    assert results == [number * number for number in range(500)]
    assert results.report.items == results.report.succeeded == 500
    assert not await others()


@pytest.mark.parametrize("engine", ["auto", "inline", "thread", "async"])
async def test_a_coroutine_function_gets_each_item_once_in_order(engine):
    assert await atonce.amap(doubled, numbers(500), engine=engine) == list(range(0, 1000, 2))
    assert not await others()


@pytest.mark.parametrize("engine", ENGINES)
async def test_an_input_without_items_gives_no_results(engine):
    assert await atonce.amap(square, numbers(0), engine=engine) == []


async def test_several_inputs_are_zipped_asynchronous_ones_and_others():
    assert await atonce.amap(lambda one, two: (one, two), numbers(100), "abc") == [(0, "a"), (1, "b"), (2, "c")]
    assert await atonce.amap(lambda one, two: (one, two), "abcd", numbers(2)) == [("a", 0), ("b", 1)]


@pytest.mark.parametrize("engine", ["inline", "thread", "async"])
async def test_a_stream_reads_no_further_ahead_than_it_may(engine):
    read: list[int] = []
    async with aclosing(atonce.astream(square, numbers(10**9, read), engine=engine, buffersize=4)) as stream:
        seen = 0
        async for value in stream:
            assert value == seen * seen
            seen += 1
            assert len(read) <= seen + 4 + 1  # and one that the input had in hand
            if seen == 200:
                break
    assert not await others()


async def test_a_call_reads_no_further_ahead_than_workers_take():
    read: list[int] = []
    gate = asyncio.Event()

    async def waits(number: int) -> int:
        await gate.wait()
        return number

    call = asyncio.ensure_future(atonce.amap(waits, numbers(10_000, read), concurrency=10))
    before = -1
    while len(read) > before or not read:  # until nothing more is read
        before = len(read)
        for _ in range(50):
            await asyncio.sleep(0)
    assert len(read) < 1_000
    gate.set()
    assert await call == list(range(10_000))


@pytest.mark.parametrize("engine", ["inline", "thread", "async"])
async def test_what_the_input_raises_is_raised_after_its_items(engine):
    async def broken() -> AsyncIterator[int]:
        yield 1
        yield 2
        raise KeyError("lost")

    got = []
    with pytest.raises(KeyError, match="lost") as raised:
        async for value in atonce.astream(square, broken(), engine=engine):
            got.append(value)  # noqa: PERF401 (what came before the error is wanted, too)
    assert got == [1, 4]
    assert "item 2 should have come from" in raised.value.__notes__[0]
    assert not await others()


async def test_an_input_that_cancels_itself_is_no_end_of_the_input():
    async def cancelled() -> AsyncIterator[int]:
        yield 1
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await atonce.amap(doubled, cancelled())


async def test_a_failure_ends_the_reading():
    read: list[int] = []

    async def fails(number: int) -> int:
        raise ValueError(number)

    with pytest.raises(ValueError, match="0"):
        await atonce.amap(fails, numbers(10**9, read))
    assert len(read) < 1_000
    assert not await others()


async def test_cancelling_the_call_ends_the_reading_and_closes_the_input():
    closed = []

    async def endless() -> AsyncIterator[int]:
        try:
            while True:
                yield 0
                await asyncio.sleep(0)
        finally:
            closed.append(True)

    call = asyncio.ensure_future(atonce.amap(doubled, endless()))
    for _ in range(10):
        await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert not await others()


async def test_an_input_that_never_comes_can_be_cancelled():
    async def silent() -> AsyncIterator[int]:
        await asyncio.Event().wait()
        yield 0

    call = asyncio.ensure_future(atonce.amap(doubled, silent()))
    for _ in range(10):
        await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert not await others()


@pytest.mark.parametrize("call", [atonce.map, atonce.stream, atonce.starmap])
def test_a_call_that_blocks_says_who_takes_them(call):
    with pytest.raises(TypeError, match="only amap and astream take asynchronous inputs: async_generator"):
        call(square, numbers(3))


async def test_an_input_that_is_both_is_read_as_an_ordinary_one():
    class Both:
        def __iter__(self) -> Iterator[int]:
            return iter([1, 2])

        def __aiter__(self) -> AsyncIterator[int]:
            raise AssertionError

    assert await atonce.amap(square, Both()) == [1, 4]
    assert atonce.map(square, Both()) == [1, 4]
