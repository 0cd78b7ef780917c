"""``amap`` and ``astream`` in a trio program, and through anyio on either."""

import os
import time

import pytest

import atonce
from atonce import Retry

trio = pytest.importorskip("trio")
anyio = pytest.importorskip("anyio")

PATIENCE_S = 60.0


def run(fn, *arguments):
    """Run a coroutine function with trio, and not for ever."""

    async def main():
        with trio.fail_after(PATIENCE_S):
            return await fn(*arguments)

    return trio.run(main)


async def naps(number):
    await trio.sleep(0.001)
    return number * 2


def plain(number):
    return number * 2, os.getpid()


class Crowd:
    """Counts how many there are at once."""

    def __init__(self):
        self.now = self.most = 0

    async def __call__(self, number):
        self.now += 1
        self.most = max(self.most, self.now)
        await trio.sleep(0.002)
        self.now -= 1
        return number


@pytest.mark.parametrize("items", [0, 1, 500])
def test_coroutines_run_in_the_callers_program(items):
    async def call():
        results = await atonce.amap(naps, range(items))
        assert results.report.succeeded == items
        return results

    assert run(call) == [2 * number for number in range(items)]


@pytest.mark.parametrize("concurrency", [1, 3, 50])
def test_there_are_as_many_at_once_as_was_said(concurrency):
    async def call():
        crowd = Crowd()
        assert await atonce.amap(crowd, range(200), concurrency=concurrency) == list(range(200))
        return crowd.most

    assert run(call) == concurrency


@pytest.mark.parametrize("engine", ["auto", "thread", "process"])
def test_plain_functions_run_elsewhere(engine):
    async def call():
        return await atonce.amap(plain, range(30), engine=engine, max_workers=2)

    results = run(call)
    assert [value for value, _ in results] == [2 * number for number in range(30)]
    assert (os.getpid() in {pid for _, pid in results}) == (engine != "process")


def test_a_stream_is_in_order_and_may_be_left():
    async def call():
        whole = [value async for value in atonce.astream(naps, range(100))]
        stream = atonce.astream(naps, iter(int, 1))
        async with stream:
            first = [await anext(stream) for _ in range(5)]
        return whole, first

    assert run(call) == ([2 * number for number in range(100)], [0] * 5)


def test_a_failure_ends_it_and_cancels_the_others():
    cancelled = []

    async def fails(number):
        if number == 3:
            raise ValueError("three")
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            cancelled.append(number)
            raise

    async def call():
        with pytest.raises(ValueError, match="three") as caught:
            await atonce.amap(fails, range(10))
        assert caught.value.__notes__[0].startswith("item 3: ")

    run(call)
    assert 3 not in cancelled
    assert {0, 1, 2} <= set(cancelled)


def test_what_is_cancelled_in_a_nursery_of_its_own_has_not_failed():
    async def fails(number):
        if number == 1:
            await trio.sleep(0.01)
            raise ValueError("real")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            await trio.sleep_forever()

    async def call():
        with pytest.raises(ValueError, match="real"):
            await atonce.amap(fails, range(2))

    run(call)


def test_a_cancelled_caller_waits_until_all_have_been_cancelled():
    ended = []

    async def clears_up(number):
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(0.01)
            ended.append(number)

    async def call():
        with trio.move_on_after(0.05) as scope:
            await atonce.amap(clears_up, range(20))
        assert scope.cancelled_caught
        assert sorted(ended) == list(range(len(ended)))
        return len(ended)

    assert run(call) == 20


def test_one_that_takes_too_long_is_cancelled_alone():
    async def hangs(number):
        if number == 2:
            await trio.sleep_forever()
        return number

    async def call():
        return await atonce.amap(hangs, range(5), timeout=0.1, errors="return")

    results = run(call)
    assert isinstance(results[2].error, atonce.TaskTimeout)
    assert results[:2] + results[3:] == [0, 1, 3, 4]


def test_the_deadline_of_the_call():
    async def call():
        with pytest.raises(atonce.DeadlineExceeded):
            await atonce.amap(lambda _number: trio.sleep_forever(), range(3), engine="async", deadline=0.1)

    run(call)


@pytest.mark.parametrize("retries", [2, Retry(2, backoff=0.0), Retry(2, backoff=0.01)], ids=str)
def test_what_fails_is_started_again(retries):
    tries: dict[int, int] = {}

    async def fails(number):
        tries[number] = tries.get(number, 0) + 1
        await trio.lowlevel.checkpoint()
        if tries[number] < 3:
            raise OSError("not yet")
        return number

    async def call():
        return await atonce.amap(fails, range(20), retries=retries)

    results = run(call)
    assert results == list(range(20))
    assert results.report.retries == 40


def test_a_pool():
    async def call():
        async with atonce.Pool(engine="thread", max_workers=2) as pool:
            first = await pool.amap(plain, range(5))
            second = await pool.amap(naps, range(5), engine="async")
        return [value for value, _ in first], second

    assert run(call) == ([0, 2, 4, 6, 8], [0, 2, 4, 6, 8])


def test_asynchronous_inputs_are_refused():
    async def numbers():
        yield 1

    async def call():
        with pytest.raises(TypeError, match="asyncio"):
            await atonce.amap(naps, numbers())

    run(call)


def test_others_go_on_meanwhile():
    async def call():
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                await trio.sleep(0.001)
                ticks += 1

        async with trio.open_nursery() as nursery:
            nursery.start_soon(tick)
            await atonce.amap(time.sleep, [0.1] * 4, engine="thread", max_workers=2)
            nursery.cancel_scope.cancel()
        return ticks

    assert run(call) > 5


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_through_anyio(backend):
    async def anyway(number):
        await anyio.sleep(0.001)
        return number

    async def call():
        values = await atonce.amap(anyway, range(50))
        return values, [value async for value in atonce.astream(anyway, range(10))]

    assert anyio.run(call, backend=backend) == (list(range(50)), list(range(10)))
