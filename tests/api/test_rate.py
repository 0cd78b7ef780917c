"""``rate=``: no more starts in any span of time than was said, by workers of every kind together."""

import time

import pytest

import atonce
from atonce import OptionError


def moment(_number: int) -> float:
    return time.monotonic()


async def moment_on_loop(_number: int) -> float:
    return time.monotonic()


@pytest.mark.parametrize("engine", ["inline", "auto"])
def test_the_calling_thread_keeps_to_it(engine):
    begun = time.monotonic()
    starts = atonce.map(moment, range(40), rate=200, engine=engine)
    assert time.monotonic() - begun >= 39 / 200 - 0.01
    assert len(starts) == 40


@pytest.mark.parametrize(("fn", "engine"), [(moment, "thread"), (moment, "process"), (moment_on_loop, "async")])
def test_workers_keep_to_it_together(fn, engine):
    begun = time.monotonic()
    starts = atonce.map(fn, range(40), rate="200/s", engine=engine)
    assert time.monotonic() - begun >= 39 / 200 - 0.01
    assert len(starts) == 40


async def test_coroutines_on_the_callers_loop_keep_to_it():
    begun = time.monotonic()
    assert len(await atonce.amap(moment_on_loop, range(40), rate=200)) == 40
    assert time.monotonic() - begun >= 39 / 200 - 0.01


async def test_asynchronous_inputs_keep_to_it():
    async def numbers():
        for number in range(40):
            yield number

    for engine in ("async", "thread", "inline"):
        begun = time.monotonic()
        assert len(await atonce.amap(moment, numbers(), rate=200, engine=engine)) == 40
        assert time.monotonic() - begun >= 39 / 200 - 0.01


def test_a_stream_keeps_to_it():
    begun = time.monotonic()
    assert len(list(atonce.stream(moment, range(40), rate=200, engine="thread"))) == 40
    assert time.monotonic() - begun >= 39 / 200 - 0.01


def test_a_minute_is_no_second():
    stream = atonce.stream(moment, range(3), rate="60/min", engine="inline")
    first = next(stream)
    second = next(stream)
    stream.close()
    assert second - first >= 0.98


def test_the_calls_of_a_pool_share_its_rate():
    begun = time.monotonic()
    with atonce.Pool(engine="thread", rate=100) as pool:
        for _ in range(5):
            pool.map(moment, range(5))
        assert time.monotonic() - begun >= 24 / 100 - 0.01 * 5
        begun = time.monotonic()
        pool.map(moment, range(100), rate=None)
        assert time.monotonic() - begun < 10


def test_a_pool_with_a_rate_submits_nothing():
    with atonce.Pool(rate=5) as pool, pytest.raises(OptionError, match="rate= holds for map and stream"):
        pool.submit(moment, 1)


def test_very_many_starts_in_a_second_are_no_trouble():
    assert len(atonce.map(moment_on_loop, range(5000), rate=1_000_000)) == 5000
    assert len(atonce.map(moment, range(5000), rate=1_000_000, engine="thread")) == 5000


def test_a_deadline_ends_what_would_take_too_long():
    with pytest.raises(atonce.DeadlineExceeded):
        atonce.map(moment, range(1000), rate=10, engine="thread", deadline=0.3)


def test_a_failure_ends_a_call_that_waits_for_its_time():
    begun = time.monotonic()
    with pytest.raises(ZeroDivisionError):
        atonce.map(lambda number: 1 // number, range(10**6), rate=1, engine="thread")
    assert time.monotonic() - begun < 30
