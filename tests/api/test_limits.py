"""``timeout``, ``retries``, ``memory`` and ``max_tasks_per_child``, beyond what the contract of all engines says."""

import asyncio
import os
import sys
import threading

import pytest

import atonce

LIMIT_S = 0.1


@pytest.fixture(params=["uvloop", "asyncio"])
def _loops(request, monkeypatch):
    """On both kinds of event loop."""
    if request.param == "asyncio":
        monkeypatch.setitem(sys.modules, "uvloop", None)
    else:
        pytest.importorskip("uvloop")


def names(traceback):
    while traceback is not None:
        yield traceback.tb_frame.f_code.co_name
        traceback = traceback.tb_next


# ---- timeout: coroutines -------------------------------------------------------------------------------------------------------


async def forever(number):
    if number == 1:
        await asyncio.Event().wait()
    return number


@pytest.mark.usefixtures("_loops")
def test_a_late_coroutine_says_where_it_was_waiting():
    failure = atonce.map(forever, range(3), timeout=LIMIT_S, errors="return")[1]
    assert str(failure.error) == "it took longer than its timeout of 0.1 s, so it was cancelled"
    cause = failure.error.__cause__
    assert isinstance(cause, asyncio.CancelledError)
    assert next(names(cause.__traceback__)) == "forever"


@pytest.mark.usefixtures("_loops")
def test_what_a_late_coroutine_does_about_it_is_its_own():
    tidied = []

    async def late(how):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if how == "returns":
                return "late"
            if how == "raises":
                raise LookupError(how) from None
            raise
        finally:
            await asyncio.sleep(0)
            tidied.append(how)

    returned, raised, gone = atonce.map(late, ["returns", "raises", "goes"], timeout=LIMIT_S, errors="return")
    assert returned == "late"
    assert isinstance(raised.error, LookupError)
    assert isinstance(gone.error, atonce.TaskTimeout)
    assert sorted(tidied) == ["goes", "raises", "returns"]


@pytest.mark.usefixtures("_loops")
def test_a_timeout_of_the_items_own_stays_its_own():
    async def impatient(how):
        if how == "inside":
            async with asyncio.timeout(0):
                await asyncio.Event().wait()
        raise TimeoutError(how)

    failures = atonce.map(impatient, ["inside", "by hand"], timeout=60, errors="return")
    assert [type(failure.error) for failure in failures] == [TimeoutError, TimeoutError]
    assert [next(names(failure.error.__traceback__)) for failure in failures] == ["impatient", "impatient"]


@pytest.mark.usefixtures("_loops")
@pytest.mark.parametrize("timeout", [1e-9, 1e300])
def test_a_timeout_of_any_size(timeout):
    async def waits(number):
        await asyncio.sleep(0.01)
        return number

    results = atonce.map(waits, range(3), timeout=timeout, errors="return")
    assert [isinstance(result, atonce.Failure) for result in results] == [timeout < 1] * 3


def test_a_coroutine_has_its_timeout_on_the_callers_loop_too():
    async def main():
        results = await atonce.amap(forever, range(3), timeout=LIMIT_S, errors="return")
        return results, asyncio.current_task().cancelling(), len(asyncio.all_tasks())

    (first, failure, last), cancelling, tasks = asyncio.run(main())
    assert (first, last, type(failure.error)) == (0, 2, atonce.TaskTimeout)
    assert (cancelling, tasks) == (0, 1)


def test_a_worker_thread_of_a_pool_that_calls_the_pool_does_not_lend_itself_to_work_that_has_a_timeout():
    with atonce.Pool(max_workers=2) as pool:

        def outer(_):
            return [type(result) for result in pool.map(forever, range(2), timeout=LIMIT_S, errors="return")]

        assert pool.map(outer, range(3), engine="thread") == [[int, atonce.Failure]] * 3


def test_a_stream_goes_on_behind_a_late_coroutine():
    results = list(atonce.stream(forever, range(5), timeout=LIMIT_S, errors="return"))
    assert [number for number in results if isinstance(number, int)] == [0, 2, 3, 4]


def test_a_function_on_an_event_loop_that_awaits_nothing_is_told_that_nothing_can_stop_it():
    results = atonce.map(abs, [-1], engine="async", timeout=60)
    assert results == [1]
    assert "timeout= can only stop a call that awaits something" in str(results.report)


# ---- retries -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["inline", "thread", "async"])
def test_the_last_attempt_tells_its_own_story(engine):
    def fails(number):
        raise ValueError(number)

    async def fails_later(number):
        await asyncio.sleep(0)
        raise ValueError(number)

    fn = fails_later if engine == "async" else fails
    (failure,) = atonce.map(fn, [0], engine=engine, retries=2, errors="return")
    assert next(names(failure.error.__traceback__)) == fn.__name__
    assert failure.error.__context__ is None


def test_a_thread_does_not_try_again_once_the_run_is_stopped():
    tried = threading.Event()

    def fails(number):
        if number == 0:
            tried.set()
            raise ValueError  # and again, for ever
        tried.wait(60)
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        atonce.map(fails, range(2), engine="thread", max_workers=2, chunksize=1, retries=10**12)


def test_a_coroutine_does_not_try_again_once_the_run_is_stopped():
    tried = []

    async def fails(number):
        if number == 0:
            tried.append(number)
            raise ValueError  # and again, for ever, without ever waiting
        await asyncio.sleep(0)
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        atonce.map(fails, range(2), engine="async", retries=10**12)
    count = len(tried)
    assert count > 1
    assert atonce.map(forever, [0], engine="async") == [0]
    assert len(tried) == count


def test_a_coroutine_that_is_cancelled_between_two_attempts_is_cancelled():
    async def main():
        tried = asyncio.Event()

        async def fails(_):
            tried.set()
            raise ValueError

        call = asyncio.create_task(atonce.amap(fails, [0], retries=10**12))
        await tried.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        return len(asyncio.all_tasks())

    assert asyncio.run(main()) == 1


def test_ctrl_c_in_a_second_attempt_ends_the_run():
    tried = []

    def fails(number):
        tried.append(number)
        raise ValueError if len(tried) == 1 else KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        atonce.map(fails, range(3), engine="inline", retries=5, errors="return")
    assert tried == [0, 0]


@pytest.mark.parametrize("engine", ["inline", "thread", "async"])
def test_a_call_submitted_in_vain_fails_with_its_last_failure(engine):
    tried = []

    def fails():
        tried.append(1)
        raise ValueError(len(tried))

    async def fails_later():
        fails()

    with atonce.Pool(engine=engine, retries=2) as pool:
        assert str(pool.submit(fails_later if engine == "async" else fails).exception(30)) == "3"


def test_a_call_may_say_otherwise_than_its_pool():
    tried = []

    def fails(number):
        tried.append(number)
        raise ValueError(number)

    with atonce.Pool(engine="inline", retries=2, errors="return") as pool:
        assert [pool.map(fails, [0], **said)[0].attempts for said in ({}, {"retries": 0}, {"retries": 4})] == [3, 1, 5]


# ---- where the work goes -------------------------------------------------------------------------------------------------------


def here(_):
    return os.getpid()


async def here_later(_):
    return os.getpid()


@pytest.mark.parametrize(
    ("fn", "limit", "engine", "reason"),
    [
        (here, {"timeout": 60}, "process", "timeout= needs workers that can be stopped"),
        (here, {"memory": "2 GiB"}, "process", "memory= limits a whole process"),
        (here_later, {"memory": "2 GiB", "timeout": 60}, "process", "memory= limits a whole process"),
        (here_later, {"timeout": 60}, "async", "it is a coroutine function"),
        (here, {"max_tasks_per_child": 5}, "inline", "began in the calling thread"),
        (here, {"retries": 5}, "inline", "began in the calling thread"),
    ],
)
def test_auto_takes_an_engine_that_keeps_the_limit_from_the_first_item_on(fn, limit, engine, reason):
    results = atonce.map(fn, range(4), max_workers=2, **limit)
    report = results.report
    assert (report.plan.engine, report.items) == (engine, 4)
    assert report.plan.reasons[0].startswith(reason)
    assert (os.getpid() in results) is (engine != "process")


def test_auto_on_a_running_loop_takes_processes_too():
    async def main():
        return await atonce.amap(here, range(4), timeout=60, max_workers=1)

    assert os.getpid() not in asyncio.run(main())


@pytest.mark.parametrize("limit", [{"timeout": 60}, {"memory": "2 GiB"}], ids=str)
def test_a_submitted_call_goes_to_a_process_where_the_limit_needs_one(limit):
    with atonce.Pool(max_workers=1, **limit) as pool:
        assert pool.submit(here, 0).result(30) != os.getpid()
        assert (pool.submit(here_later, 0).result(30) == os.getpid()) is ("memory" not in limit)


def test_a_function_that_cannot_be_sent_is_named_instead_of_run_without_its_limit():
    lock = threading.Lock()

    def guarded(number):
        with lock:
            return number

    with pytest.raises(atonce.PicklingFailed, match="closes over 'lock'"):
        atonce.map(guarded, range(3), timeout=60)


def test_a_pool_whose_engine_cannot_keep_a_limit_is_not_made():
    with pytest.raises(atonce.OptionError, match="a thread cannot be stopped"):
        atonce.Pool(engine="thread", timeout=3)
    with atonce.Pool(engine="thread") as pool:
        for call in (pool.map, pool.stream, pool.astream):
            with pytest.raises(atonce.OptionError, match="the memory of the whole program"):
                call(abs, [1], memory="2 GiB")
        assert pool.map(abs, [-1]) == [1]


def test_an_engine_object_gets_the_limit_as_it_was_said():
    from atonce._workers.thread import ThreadEngine, ThreadWorker

    seen = []

    class Worker(ThreadWorker):
        def arrive(self, place):
            seen.append((place.job.timeout_s, place.job.retries, place.job.memory_bytes, place.job.max_tasks))
            super().arrive(place)

    class Engine(ThreadEngine):
        kind = "own"

        def worker(self, context):
            return Worker(context)

    atonce.map(abs, [1], engine=Engine(), timeout=0.5, retries=2, memory="3 MiB", max_tasks_per_child=7)
    assert {*seen} == {(0.5, 2, 3 << 20, 7)}


def test_a_call_with_a_timeout_from_inside_a_worker_process_hires_one_process_only():
    def nested(_):
        return atonce.map(here, range(4), timeout=60).report.plan.workers

    assert atonce.map(nested, [0], engine="process") == [1]
