"""What the calls promise beyond the contract that all engines keep."""

import asyncio
import itertools
import subprocess
import sys
import threading

import pytest

import atonce

ENGINES = ("inline", "thread", "process", "async", "auto")


def test_wrong_arguments_are_refused_before_anything_is_read(evidence):
    def inputs():
        evidence.note("read")
        yield 1

    with pytest.raises(TypeError, match="has to be a function"):
        atonce.map(3, inputs())
    with pytest.raises(TypeError, match="at least one iterable"):
        atonce.map(abs)
    with pytest.raises(TypeError, match="not iterable"):
        atonce.stream(abs, 3)
    with pytest.raises(atonce.OptionError, match="Did you mean 'engine'"):
        atonce.map(abs, inputs(), engin="thread")
    assert evidence.lines() == []


def test_options_of_pools_and_calls():
    with atonce.Pool(engine="thread", errors="return", max_workers=2) as pool:
        (result,) = pool.map(int, ["x"])
        assert isinstance(result, atonce.Failure)
        with pytest.raises(ValueError, match="invalid literal"):
            pool.map(int, ["x"], errors="raise")
        with pytest.raises(atonce.OptionError, match="belongs to the Pool"):
            pool.map(int, ["1"], initializer=print)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_report_says_which_engine_and_why(engine):
    report = atonce.map(abs, range(10), engine=engine, name="absolute").report
    assert report.name == "absolute"
    assert report.items == report.succeeded == 10
    assert str(report).startswith("absolute: 10 items in ")
    assert report.plan.reasons


def test_a_streams_report_is_empty_before_and_complete_after():
    stream = atonce.stream(abs, range(5), engine="thread")
    assert stream.report.items == 0
    assert list(stream) == list(range(5))
    assert (stream.report.items, stream.report.succeeded, stream.report.cancelled) == (5, 5, 0)


def test_grouped_failures_of_a_stream_come_at_its_end():
    got = []
    with pytest.raises(atonce.TasksFailed) as caught:
        got.extend(atonce.stream(int, ["1", "x", "3", "y"], errors="group", engine="thread"))
    assert got == [1, 3]
    assert [failure.index for failure in caught.value.outcomes] == [1, 3]


def test_a_group_of_failures_can_be_split():
    def fails(number):
        raise (KeyError if number % 2 else ValueError)(number)

    keys = []
    try:
        atonce.map(fails, range(4), errors="group")
    except* KeyError as group:
        keys = [error.args[0] for error in group.exceptions]
    except* ValueError:
        pass
    assert keys == [1, 3]


def test_a_group_holds_only_exceptions():
    def leaves(number):
        raise SystemExit(number)

    with pytest.raises(atonce.TasksFailed) as caught:
        atonce.map(leaves, [7], errors="group")
    (stand_in,) = caught.value.exceptions
    assert isinstance(stand_in, atonce.RemoteError)
    assert isinstance(stand_in.__cause__, SystemExit)


def test_one_exception_object_raised_by_many_items_does_not_grow():
    error = ValueError("always the same")

    def fails(_):
        raise error

    atonce.map(fails, range(1000), errors="return", engine="inline")
    assert len(error.__notes__) < 20


def test_an_item_whose_repr_fails_is_still_named():
    class Shy:
        def __repr__(self):
            raise RuntimeError

    with pytest.raises(TypeError) as caught:
        atonce.map(abs, [Shy()], engine="thread")
    assert caught.value.__notes__[0].startswith("item 0: <Shy")


def test_the_traceback_begins_in_the_users_function():
    def fails(_):
        raise ValueError("here")

    (failure,) = atonce.map(fails, [0], errors="return", engine="inline")
    assert failure.error.__traceback__.tb_frame.f_code.co_name == "fails"


def test_an_input_that_lies_about_its_length():
    class Liar:
        def __init__(self, claims, holds):
            self.claims, self.holds = claims, holds

        def __len__(self):
            return self.claims

        def __iter__(self):
            return iter(range(self.holds))

    for engine, (claims, holds) in itertools.product(ENGINES, [(1000, 3), (3, 1000), (0, 5), (5, 0)]):
        assert atonce.map(abs, Liar(claims, holds), engine=engine) == list(range(holds)), (engine, claims, holds)


def test_a_worker_thread_that_waits_in_the_input_does_not_hold_up_the_end():
    release = threading.Event()

    def inputs():
        yield 1
        release.wait(60)  # as if it were a line that nobody types
        yield 2

    stream = atonce.stream(abs, inputs(), engine="thread", max_workers=2)
    assert next(stream) == 1
    stream.close()
    release.set()


def test_a_pool_of_threads_may_be_called_by_its_own_threads():
    with atonce.Pool(engine="thread", max_workers=2) as pool:

        def outer(number):
            return sum(pool.map(lambda inner: inner * number, range(50)))

        assert pool.map(outer, range(20)) == [1225 * number for number in range(20)]


def test_a_closed_pool_takes_nothing():
    pool = atonce.Pool(engine="thread")
    pool.map(abs, [1])
    pool.close()
    pool.close()
    with pytest.raises(atonce.PoolClosed):
        pool.submit(abs, 1)
    with pytest.raises(atonce.PoolClosed):
        pool.map(abs, [1])


def test_leaving_a_pool_waits_for_what_was_submitted():
    begun, release = threading.Event(), threading.Event()

    def slow():
        begun.set()
        return release.wait(60)

    with atonce.Pool(engine="thread", max_workers=1) as pool:
        future = pool.submit(slow)
        second = pool.submit(abs, -2)
        begun.wait(60)
        threading.Timer(0.01, release.set).start()
    assert future.result(0) is True
    assert second.result(0) == 2


def test_leaving_a_pool_by_an_exception_drops_what_has_not_begun():
    begun, release = threading.Event(), threading.Event()

    def slow():
        begun.set()
        return release.wait(60)

    with pytest.raises(KeyError), atonce.Pool(engine="thread", max_workers=1) as pool:
        future = pool.submit(slow)
        dropped = pool.submit(abs, -2)
        begun.wait(60)
        release.set()
        raise KeyError
    assert future.result(0) is True
    assert dropped.cancelled()


def test_a_cancelled_future_is_not_run(evidence):
    begun, release = threading.Event(), threading.Event()

    def slow():
        begun.set()
        release.wait(60)

    with atonce.Pool(engine="thread", max_workers=1) as pool:
        pool.submit(slow)
        begun.wait(60)
        future = pool.submit(evidence.note, "ran")
        assert future.cancel()
        release.set()
    assert evidence.lines() == []


def test_a_failing_initializer_fails_what_was_submitted():
    def refuse():
        raise KeyError("initializer")

    with atonce.Pool(engine="process", max_workers=1, initializer=refuse) as pool:
        for _ in range(2):
            assert isinstance(pool.submit(abs, 1).exception(60), KeyError)


def test_a_pool_serves_asynchronous_callers():
    async def main():
        async with atonce.Pool(engine="process", max_workers=1) as pool:
            results = await pool.amap(abs, range(5))
            one = await asyncio.wrap_future(pool.submit(pow, 2, 3))
            rest = [number async for number in pool.astream(abs, range(3))]
            return results, one, rest

    assert asyncio.run(main()) == ([0, 1, 2, 3, 4], 8, [0, 1, 2])


def test_coroutines_use_what_belongs_to_the_callers_loop():
    async def main():
        lock = asyncio.Lock()
        loop = asyncio.get_running_loop()

        async def fn(number):
            async with lock:
                return number, asyncio.get_running_loop() is loop

        return await atonce.amap(fn, range(20))

    assert asyncio.run(main()) == [(number, True) for number in range(20)]


def test_no_more_coroutines_are_in_flight_than_asked_for():
    most = now = 0

    async def fn(_):
        nonlocal most, now
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.001)
        now -= 1

    atonce.map(fn, range(200), concurrency=7, engine="async")
    assert most == 7


def test_ten_thousand_coroutines_wait_at_once():
    async def main():
        everybody = 10_000
        here, all_here = 0, asyncio.Event()

        async def fn(number):
            nonlocal here
            here += 1
            if here == everybody:
                all_here.set()
            await all_here.wait()
            return number

        return await atonce.amap(fn, range(everybody), concurrency=everybody)

    assert asyncio.run(main()) == list(range(10_000))


def test_an_exception_cancels_the_coroutines_in_flight():
    cancelled = []

    async def main():
        async def fn(number):
            if number == 5:
                raise ValueError("five")
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(number)
                raise

        with pytest.raises(ValueError, match="five"):
            await atonce.amap(fn, range(100), concurrency=10)
        return len(asyncio.all_tasks())

    assert asyncio.run(main()) == 1
    assert sorted(cancelled) == [0, 1, 2, 3, 4, *cancelled[5:]]


def test_cancelling_amap_cancels_what_is_in_flight_and_waits_for_it():
    events = []

    async def main():
        begun = asyncio.Event()

        async def fn(number):
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                events.append(number)

        call = asyncio.create_task(atonce.amap(fn, range(10), concurrency=3))
        await begun.wait()
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        events.append("over")
        return len(asyncio.all_tasks())

    assert asyncio.run(main()) == 1
    assert events[-1] == "over"
    assert len(events) > 1


def test_a_plain_function_on_an_event_loop_works_and_is_told():
    results = atonce.map(abs, [-1, -2], engine="async")
    assert results == [1, 2]
    assert "one after the other" in str(results.report)


def test_a_function_that_returns_something_to_await():
    async def later(number):
        return number + 1

    assert atonce.map(lambda number: later(number), [1, 2], engine="async")  # noqa: PLW0108 (a plain function, that is the point) == [2, 3]


def test_processes_keep_nothing_of_the_terminal():
    program = "import atonce, sys; print(atonce.map(lambda _: sys.stdin.read(), [0], engine='process'))"
    done = subprocess.run([sys.executable, "-c", program], input="typed", capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "['']\n"


def test_threads_of_many_callers_do_not_mix():
    with atonce.Pool(engine="process", max_workers=2) as pool:
        streams = [pool.stream(abs, itertools.count(start), buffersize=10) for start in (0, 100, 200)]
        rounds = [[next(stream) for stream in streams] for _ in range(50)]
        assert rounds == [[number, number + 100, number + 200] for number in range(50)]


@pytest.mark.parametrize("engine", ["inline", "thread", "process"])
def test_what_had_finished_before_a_failure_is_not_lost_when_unordered(engine):
    got = []
    with pytest.raises(ValueError, match="invalid literal"):
        got.extend(atonce.stream(int, ["1", "2", "x", "4"], ordered=False, chunksize=4, engine=engine, max_workers=1))
    assert got == [1, 2]
