"""``retries=Retry(...)`` and ``RetryAfter``: what has failed is started again later, and no worker waits for it meanwhile."""

import asyncio
import gc
import os
import signal
import threading
import time

import pytest

import atonce
from atonce import Retry, RetryAfter
from atonce._run.driver import Crew
from atonce._run.engines import engine_named
from atonce._run.manager import HiringManager
from atonce.testing.evidence import wait_until

from .failing import Fails, FailsOnLoop

ENGINES = ["inline", "thread", "process", "auto"]
AT_ONCE = {"backoff": 0.0}


class Answers:
    """Asks to be started again once."""

    def __init__(self, evidence, seconds, *, by_return=False):
        self.evidence = evidence
        self.seconds = seconds
        self.by_return = by_return

    def __call__(self, number):
        self.evidence.note(number)
        if self.evidence.lines().count(str(number)) > 1:
            return number
        if self.by_return:
            return RetryAfter(self.seconds)
        raise RetryAfter(self.seconds)


class AnswersOnLoop(Answers):
    async def __call__(self, number):
        await asyncio.sleep(0)
        return super().__call__(number)


def ways(plain, on_loop):
    """Give a class of functions and an engine for each kind of worker."""
    each = [pytest.param(plain, {"engine": engine}, id=engine) for engine in ENGINES]
    loops = [
        pytest.param(on_loop, {"engine": "async"}, id="loop"),
        pytest.param(on_loop, {"engine": "process", "max_workers": 2}, id="loops in processes"),
        pytest.param(plain, {"engine": "process", "max_workers": 2, "concurrency": 6}, id="threads in processes"),
    ]
    return pytest.mark.parametrize(("kind", "options"), each + loops)


@ways(Fails, FailsOnLoop)
def test_what_fails_is_started_again(kind, options, evidence):
    results = atonce.map(kind(evidence, 2), range(20), retries=Retry(2, **AT_ONCE), **options)
    assert results == list(range(20))
    assert sorted(map(int, evidence.lines())) == sorted([*range(20)] * 3)
    assert (results.report.retries, results.report.succeeded, results.report.failed) == (40, 20, 0)


@ways(Fails, FailsOnLoop)
def test_its_last_failure_is_the_items(kind, options, evidence):
    results = atonce.map(kind(evidence, 9), range(6), retries=Retry(2, **AT_ONCE), errors="return", **options)
    assert [(failure.index, failure.attempts, str(failure.error)) for failure in results] == [
        (number, 3, f"not yet, {number}") for number in range(6)
    ]
    assert results.report.retries == 12


@ways(Fails, FailsOnLoop)
def test_the_call_ends_with_it(kind, options, evidence):
    with pytest.raises(OSError, match="not yet") as caught:
        atonce.map(kind(evidence, 9), range(50), retries=Retry(1, **AT_ONCE), **options)
    assert "attempt 2" in caught.value.__notes__[0]


@ways(Fails, FailsOnLoop)
def test_a_stream_keeps_the_order(kind, options, evidence):
    fn = kind(evidence, 1)
    assert list(atonce.stream(fn, range(30), retries=Retry(1, **AT_ONCE), **options)) == list(range(30))


@pytest.mark.parametrize("on", [ValueError, (ValueError, KeyError)])
def test_only_what_was_named_is_worth_it(on, evidence):
    results = atonce.map(Fails(evidence, 1), range(4), retries=Retry(5, on=on), errors="return")
    assert [failure.attempts for failure in results] == [1, 1, 1, 1]


def test_nobody_waits_for_an_item_that_waits(evidence):
    """One worker, and an item that may only come again after all others: they would never end if it held the worker."""

    class Patient:
        def __call__(self, number):
            evidence.note(number)
            if number == 0 and evidence.lines().count("0") == 1:
                raise OSError("later")
            return number

    retry = Retry(1, backoff=0.5, jitter=False)
    stream = atonce.stream(Patient(), range(40), engine="thread", max_workers=1, ordered=False, retries=retry)
    assert list(stream) == [*range(1, 40), 0]


def kills_once(number, evidence):
    evidence.note(number)
    if number == 3 and evidence.lines().count("3") == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_the_death_of_a_worker_is_an_attempt(evidence):
    results = atonce.map(kills_once, range(8), [evidence] * 8, engine="process", max_workers=1, retries=Retry(3, **AT_ONCE))
    assert results == list(range(8))


def always_kills(number, evidence):
    evidence.note(number)
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_who_kills_twice_is_not_started_again(evidence):
    options = {"engine": "process", "max_workers": 1, "errors": "return", "retries": Retry(9, **AT_ONCE)}
    results = atonce.map(always_kills, range(8), [evidence] * 8, **options)
    assert isinstance(results[3].error, atonce.WorkerCrashed)
    assert evidence.lines().count("3") == 2


def test_a_dead_service_is_not_hammered(evidence):
    """A thousand items with three further attempts each would be four thousand calls."""
    results = atonce.map(Fails(evidence, 99), range(1000), retries=Retry(3, **AT_ONCE), errors="return", engine="thread")
    assert results.report.failed == 1000
    assert len(evidence.lines()) == 1100


def test_waiting_ends_with_the_deadline(evidence):
    retry = Retry(5, backoff=1000.0, max_backoff=1000.0, jitter=False)
    with pytest.raises(atonce.DeadlineExceeded):
        atonce.map(Fails(evidence, 1), range(3), retries=retry, deadline=0.3, engine="thread")


def test_ctrl_c_ends_the_waiting(evidence):
    """The calling thread has run all items once, and sleeps until the first is due, in a thousand seconds."""
    retry = Retry(5, backoff=1000.0, max_backoff=1000.0, jitter=False)

    def interrupt() -> None:
        end = time.monotonic() + 30
        while len(evidence.lines()) < 3 and time.monotonic() < end:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        atonce.map(Fails(evidence, 1), range(3), retries=retry, engine="inline")
    thread.join()


async def test_from_a_running_loop(evidence):
    assert await atonce.amap(FailsOnLoop(evidence, 2), range(20), retries=Retry(2, **AT_ONCE)) == list(range(20))


async def test_of_asynchronous_inputs(evidence):
    async def numbers():
        for number in range(20):
            yield number

    assert await atonce.amap(FailsOnLoop(evidence, 2), numbers(), retries=Retry(2, **AT_ONCE)) == list(range(20))


def test_with_a_rate(evidence):
    results = atonce.map(Fails(evidence, 1), range(10), retries=Retry(1, **AT_ONCE), rate=200, engine="thread")
    assert results == list(range(10))


def hangs_always(number, evidence):
    evidence.note(number)
    time.sleep(1000)


def test_each_attempt_that_took_too_long_counts_once(evidence):
    """Also where the worker's end is what ends it."""
    options = {"engine": "process", "max_workers": 2, "errors": "return", "timeout": 0.2}
    results = atonce.map(hangs_always, range(2), [evidence] * 2, retries=Retry(3, **AT_ONCE), **options)
    assert [failure.attempts for failure in results] == [4, 4]
    assert results.report.retries == 6
    assert sorted(evidence.lines()) == sorted("01" * 4)


def test_what_fails_after_the_others_have_gone_home_is_started_again(monkeypatch):
    """The manager lets threads go that are in the middle of an item, and the calling thread does all the rest meanwhile."""
    gone, tries = threading.Event(), {}

    def fails_late(number):
        tries[number] = tries.get(number, 0) + 1
        if threading.current_thread() is not threading.main_thread():
            gone.wait(30)
            time.sleep(0.2)
            raise OSError("late")
        time.sleep(0.01)
        return number

    def hires_and_lets_go(manager, run):
        run.manage(manager)
        run.hire(Crew(engine_named("thread"), 2, 1))
        while len(tries) < 2:
            time.sleep(0.001)
        run.send_home()
        gone.set()

    monkeypatch.setattr(HiringManager, "begin", hires_and_lets_go)
    results = atonce.map(fails_late, range(12), retries=Retry(5, **AT_ONCE), deadline=60)
    assert results == list(range(12))
    assert sorted(tries.values()) == [1] * 10 + [2, 2]


# ---- RetryAfter -----------------------------------------------------------------------------------------------------------------


@ways(Answers, AnswersOnLoop)
@pytest.mark.parametrize("by_return", [False, True], ids=["raised", "returned"])
@pytest.mark.parametrize("items", [1, 12])
def test_who_asks_for_it_is_started_again(kind, options, by_return, items, evidence):
    fn = kind(evidence, 0.01, by_return=by_return)
    results = atonce.map(fn, list(range(items)), **options)
    assert results == list(range(items))
    assert results.report.retries == items
    assert sorted(map(int, evidence.lines())) == sorted([*range(items)] * 2)


@ways(Answers, AnswersOnLoop)
def test_nothing_is_started_meanwhile(kind, options, evidence):
    """The first item asks for a while; of those that nobody had taken yet, none begins before."""
    begun = time.monotonic()

    class Asks(kind):
        def __call__(self, number):
            if number == 0:
                return super().__call__(number)
            return asyncio.sleep(0, time.monotonic()) if issubclass(kind, AnswersOnLoop) else time.monotonic()

    if issubclass(kind, AnswersOnLoop):
        Asks.__call__ = _awaited(Asks.__call__)
    first, *others = atonce.map(Asks(evidence, 0.4), range(2000), rate=5000, **options)
    assert first == 0
    assert time.monotonic() - begun >= 0.4
    assert sum(at - begun < 0.35 for at in others) < 1000


def _awaited(call):
    async def awaited(self, number):
        return await call(self, number)

    return awaited


@pytest.mark.parametrize("engine", ENGINES)
def test_who_asks_for_ever_fails_with_it(engine, evidence):
    results = atonce.map(Fails(evidence, 99, lambda _text: RetryAfter(0)), [1, 2], engine=engine, errors="return")
    assert [type(failure.error) for failure in results] == [RetryAfter, RetryAfter]
    assert [failure.attempts for failure in results] == [11, 11]


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), "1", None, True])
def test_what_is_no_time_is_refused(seconds):
    with pytest.raises(ValueError, match="RetryAfter"):
        RetryAfter(seconds)


# ---- submit ---------------------------------------------------------------------------------------------------------------------


def _submitting():
    each = [pytest.param(Fails, {"engine": engine, "max_workers": 2}, id=engine) for engine in ENGINES]
    loops = [
        pytest.param(FailsOnLoop, {"engine": "async"}, id="loop"),
        pytest.param(FailsOnLoop, {"engine": "process", "max_workers": 2}, id="loops in processes"),
    ]
    return pytest.mark.parametrize(("kind", "options"), each + loops)


@_submitting()
def test_a_call_that_was_submitted_is_started_again(kind, options, evidence):
    with atonce.Pool(retries=Retry(2, backoff=0.02), **options) as pool:
        futures = [pool.submit(kind(evidence, 2), number) for number in range(12)]
        assert [future.result(60) for future in futures] == list(range(12))
        assert pool.submit(kind(evidence, 0), 99).result(60) == 99
    assert sorted(map(int, evidence.lines())) == sorted([*range(12)] * 3 + [99])


@_submitting()
def test_its_last_failure_is_the_futures(kind, options, evidence):
    with atonce.Pool(retries=Retry(2, **AT_ONCE), **options) as pool:
        error = pool.submit(kind(evidence, 9), 7).exception(60)
    assert str(error) == "not yet, 7"
    assert "attempt 3" in error.__notes__[0]
    assert len(evidence.lines()) == 3


@_submitting()
def test_closing_waits_for_what_is_to_be_started_again(kind, options, evidence):
    with atonce.Pool(retries=Retry(2, backoff=0.2, jitter=False), **options) as pool:
        futures = [pool.submit(kind(evidence, 2), number) for number in range(3)]
    assert [future.result(0) for future in futures] == [0, 1, 2]


@_submitting()
def test_who_asks_for_time_when_submitted_gets_it(kind, options, evidence):
    with atonce.Pool(retries=Retry(1), **options) as pool:
        fn = kind(evidence, 1, lambda _text: RetryAfter(0.2))
        first = pool.submit(fn, 0)
        assert [first.result(60), pool.submit(fn, 1).result(60)] == [0, 1]


@pytest.mark.parametrize("cancelled_by", ["close", "ctrl-c", "an error"])
@pytest.mark.parametrize(
    ("kind", "engine"), [(Fails, "thread"), (Fails, "process"), (FailsOnLoop, "async"), (FailsOnLoop, "process")]
)
def test_what_waits_to_be_started_again_is_given_up_with_the_pool(kind, engine, cancelled_by, evidence):
    """Each future ends, once, and nobody waits for a thousand seconds."""
    pool = atonce.Pool(engine=engine, max_workers=2, retries=Retry(9, backoff=1000.0, max_backoff=1000.0, jitter=False))
    futures = [pool.submit(kind(evidence, 1), number) for number in range(4)]
    wait_until(lambda: len(evidence.lines()) == 4, "four failures")
    wait_until(lambda: _aside(pool) == 4, "four calls on the shelf")
    if cancelled_by == "close":
        pool.close(cancel=True)
    else:
        ending = KeyboardInterrupt if cancelled_by == "ctrl-c" else ValueError
        with pytest.raises(ending), pool:
            raise ending
    assert [type(future.exception(0)) for future in futures] == [asyncio.CancelledError] * 4
    assert len(evidence.lines()) == 4


def _aside(pool):
    return sum(len(line._aside.shelf) for line in pool._submissions.values())


def test_nobody_is_held_by_a_call_that_waits(evidence):
    retry = Retry(9, backoff=1000.0, max_backoff=1000.0, jitter=False)
    with atonce.Pool(engine="thread", max_workers=1, retries=retry) as pool:
        waiting = pool.submit(Fails(evidence, 1), 0)
        assert [pool.submit(abs, -number).result(60) for number in range(5)] == list(range(5))
        assert not waiting.cancel(), "it is under way"
        assert pool.map(abs, [-1]) == [1]
        pool.close(cancel=True)


@pytest.mark.parametrize("times", [1, 9])
def test_the_death_of_a_worker_is_an_attempt_at_a_submitted_call(times, evidence):
    with atonce.Pool(engine="process", max_workers=1, retries=Retry(3, backoff=0.02)) as pool:
        futures = [pool.submit(kills_some_times, number, evidence, times) for number in range(6)]
        errors = [future.exception(60) for future in futures]
    assert [type(error).__name__ for error in errors] == ["NoneType"] * 3 + (["NoneType"] if times == 1 else ["WorkerCrashed"]) + [
        "NoneType"
    ] * 2
    assert evidence.lines().count("3") == 2


def kills_some_times(number, evidence, times):
    evidence.note(number)
    if number == 3 and evidence.lines().count("3") <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_a_dead_service_is_not_hammered_by_submitted_calls(evidence):
    with atonce.Pool(engine="thread", max_workers=4, retries=Retry(3, **AT_ONCE)) as pool:
        futures = [pool.submit(Fails(evidence, 99), number) for number in range(300)]
        assert all(isinstance(future.exception(60), OSError) for future in futures)
    assert len(evidence.lines()) == 400


def test_a_pool_that_is_forgotten_gives_up_what_waits(evidence):

    def submitted():
        pool = atonce.Pool(engine="thread", retries=Retry(1, backoff=0.5, jitter=False))
        future = pool.submit(Fails(evidence, 1), 0)
        wait_until(lambda: _aside(pool) == 1, "a call on the shelf")
        return future

    future = submitted()
    gc.collect()
    wait_until(future.done, "the end of a call that nobody will start again")


def test_many_at_random_times_and_each_ends_once(evidence):
    failures, lock = {}, threading.Lock()

    def flaky(number):
        with lock:
            failures[number] = failures.get(number, 0) + 1
        if failures[number] <= number % 4:
            raise OSError
        return number

    ends = []
    with atonce.Pool(engine="thread", max_workers=8, retries=Retry(3, backoff=0.004)) as pool:
        for number in range(120):
            pool.submit(flaky, number).add_done_callback(lambda future: ends.append(future.exception() or future.result()))
    assert len(ends) == 120
