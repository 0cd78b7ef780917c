"""A check leaves no trace, however it ends."""

import asyncio
import contextlib
import gc
import os
import queue
import signal
import threading
import time
from concurrent.futures import wait

import pytest

from atonce import race
from atonce.errors import RaceError, RaceFound, ScheduleDiverged
from atonce.race.watchdog import Watchdog
from atonce.testing.evidence import wait_until
from tests.race import busy, leaving
from tests.race.traces import Picture, own


@pytest.fixture(autouse=True, scope="module")
def _warm():
    """Let everything be imported that the first check imports, and the first failure; and asyncio make what it makes once."""
    asyncio.run(asyncio.sleep(0))
    race.explore(leaving.is_wrong)
    race.explore(leaving.fails_in_a_loop, runs=3)
    race.explore(leaving.leaves_a_pool, runs=3)


@pytest.fixture(autouse=True)
def _no_trace(monkeypatch, _leaves_nothing):
    own.value = "of the thread that checks"
    leaving.kept.clear()
    leaving.runs = 0
    leaving.the_account.balance = 0
    before = Picture(leaving)
    yield
    leaving.kept.clear()
    leaving.runs = 0
    leaving.the_account.balance = 0
    gc.collect()
    differences = ["never compared"]

    def nothing():
        differences[:] = before.differences(Picture(leaving))
        return not differences

    with contextlib.suppress(AssertionError):
        wait_until(nothing, "nothing to differ", 2.0)
    assert not differences, "\n".join(differences)


def interrupted(program, times, ready, **options):
    """Explore a program, press Ctrl-C some times as soon as something is ready, and let the check answer.

    It is pressed only while the check listens: whoever looks at the handler, and sends the signal next, holds the interpreter.
    """
    waits = time.sleep  # the real one

    def press():
        while not ready() or not listens():
            waits(0.001)
        for _ in range(times):
            if listens():
                os.kill(os.getpid(), signal.SIGINT)
            waits(0.002)  # or they become one

    def listens():
        return signal.getsignal(signal.SIGINT) is not signal.default_int_handler

    thread = threading.Thread(target=press)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        race.explore(program, budget="60s", **options)
    thread.join()


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(Watchdog.__init__, "__defaults__", (0.3,))


def test_proved():
    report = race.explore(leaving.is_right)
    assert report.verdict == "proved", report.doubts


def test_failed():
    assert race.explore(leaving.is_wrong).verdict == "failed"


def test_checked():
    with pytest.raises(RaceFound):
        race.check(leaving.is_wrong)()


@pytest.mark.parametrize(
    "program", [leaving.deadlocks, leaving.is_stubborn, leaving.recurses, leaving.has_no_memory, leaving.fails_in_a_loop]
)
def test_fails_in_other_ways(program):
    assert race.explore(program, runs=200).verdict == "failed"


@pytest.mark.parametrize(
    "program",
    [leaving.patient, leaving.tasks_of_a_loop, leaving.leaves_a_pool, leaving.leaves_things, leaving.leaves_things_of_a_loop],
)
def test_does_not_fail(program):
    assert race.explore(program, runs=50).verdict != "failed"


def test_budget_exhausted():
    report = race.explore(leaving.goes_on_for_long, budget="200ms")
    assert report.verdict == "not found"


@pytest.mark.parametrize("strategy", ["dpor", "random"])
@pytest.mark.parametrize("times", [1, 2, 3, 4])
@pytest.mark.parametrize("runs", [0, 1, 30])
def test_interrupted(times, strategy, runs):
    interrupted(leaving.goes_on_for_long, times, lambda: leaving.runs >= runs, strategy=strategy)


@pytest.mark.parametrize("program", [leaving.a_thread_works_on_and_on, leaving.works_on_and_on])
def test_interrupted_where_no_step_is(program):
    try:
        interrupted(program, 2, lambda: leaving.runs)
    finally:
        busy.enough.append(1)
        wait_until(lambda: not busy.working, "the thread to come to its end", 5.0)
        busy.enough.clear()


@pytest.mark.parametrize("program", [leaving.skips, leaving.skips_in_a_thread])
def test_skipped(program):
    with pytest.raises((pytest.skip.Exception, RaceFound)):
        race.explore(program, runs=20).assert_ok()


def test_exits():
    with pytest.raises(SystemExit):
        race.explore(leaving.exits)


def test_hangs_in_a_thread(impatient):
    leaving.hung.acquire()
    with pytest.raises(RaceError, match="uncontrolled blocking"):
        race.explore(leaving.hangs_in_a_thread)
    leaving.hung.release()
    wait_until(leaving.hung.locked, "the thread that hung to come back", 5.0)
    leaving.hung.release()


def test_hangs_while_it_is_wound_up(impatient):
    leaving.hung.acquire()
    with pytest.raises(RaceError, match="uncontrolled blocking") as raised:
        race.explore(leaving.hangs_at_last)
    assert isinstance(raised.value.__cause__, ValueError)
    leaving.hung.release()
    wait_until(leaving.hung.locked, "the thread that hung to come back", 5.0)
    leaving.hung.release()


def test_hangs_in_main(impatient):
    leaving.hung.acquire()
    try:
        with pytest.raises(RaceError, match="uncontrolled blocking"):
            race.explore(leaving.hangs_in_main)
    finally:
        leaving.hung.release()


def test_replay_that_diverges():
    with pytest.raises(ScheduleDiverged):
        race.replay(leaving.is_right, "r1:0*3.7*9")


def test_replay():
    found = race.explore(leaving.is_wrong).replay
    with pytest.raises(AssertionError):
        race.replay(leaving.is_wrong, found)


def test_an_exception_in_the_check_itself(monkeypatch):
    from atonce.race.search import dpor

    def broken(*args):
        raise LookupError("broken")

    for name in [name for name in vars(dpor) if isinstance(getattr(dpor, name), type)]:
        for method in ("pick", "end"):
            if method in vars(getattr(dpor, name)):
                monkeypatch.setattr(getattr(dpor, name), method, broken)
    with pytest.raises(LookupError):
        race.explore(leaving.is_right, strategy="dpor")


# ---------------------------------------------------------------- what a run has left works as ever


def test_threads_locks_and_queues_that_a_run_has_left_work():
    race.explore(leaving.leaves_things, runs=20)
    kept = dict(leaving.kept)
    lock, rlock, condition = kept["lock"], kept["rlock"], kept["condition"]
    assert lock.acquire()
    assert not lock.acquire(blocking=False)
    assert not lock.acquire(timeout=0.01)
    woken = in_a_thread(lock.acquire)
    lock.release()
    assert woken() is True
    assert lock.locked()
    lock.release()
    with rlock, rlock, condition:
        assert in_a_thread(lambda: rlock.acquire(blocking=False))() is False
        condition.notify_all()
        assert not condition.wait(0.01)
    assert kept["event"].wait()
    kept["event"].clear()
    assert not kept["event"].wait(0.01)
    set_by_another = in_a_thread(kept["event"].wait)
    kept["event"].set()
    assert set_by_another()
    with kept["semaphore"], kept["semaphore"]:
        assert not kept["semaphore"].acquire(blocking=False)
    assert kept["barrier"].wait() == 0
    assert (kept["queue"].get(), kept["simple_queue"].get()) == (1, 2)
    got = in_a_thread(kept["queue"].get), in_a_thread(kept["simple_queue"].get)
    kept["queue"].put("first")
    kept["simple_queue"].put("second")
    assert [each() for each in got] == ["first", "second"]
    with pytest.raises(queue.Empty):
        kept["queue"].get(timeout=0.01)
    kept["local"].value = 1
    assert not hasattr_in_another_thread(kept["local"], "value")
    for thread in (kept["thread"], kept["timer"]):
        thread.start()
        thread.join(5)
        assert not thread.is_alive()
    assert kept["function"](leaving.the_account) == kept["partial"]() - 1
    assert kept["inner"].method() == "Inner"


def in_a_thread(function):
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()

    def result():
        thread.join(5)
        assert not thread.is_alive()
        return found[0]

    return result


def hasattr_in_another_thread(thing, name):
    return in_a_thread(lambda: hasattr(thing, name))()


def test_a_pool_that_a_run_has_left_works():
    race.explore(leaving.leaves_a_pool, runs=20)
    with leaving.kept["pool"] as pool:
        assert list(pool.map(abs, [-1, 2])) == [1, 2]
        futures = [pool.submit(divmod, 7, by) for by in (2, 0)]
        assert futures[0].result(5) == (3, 1)
        assert isinstance(futures[1].exception(5), ZeroDivisionError)
        assert len(wait(futures).done) == 2


def test_what_a_loop_has_left_works():
    race.explore(leaving.leaves_things_of_a_loop, runs=20)
    kept = dict(leaving.kept)
    assert kept["task"].result() == "slept"
    assert not kept["future"].done()

    async def use():
        async with kept["alock"], kept["asemaphore"], kept["acondition"]:
            assert kept["alock"].locked()
            assert kept["aevent"].is_set()
            assert await kept["aqueue"].get() == 1
            waiting = asyncio.ensure_future(kept["aqueue"].get())
            await asyncio.sleep(0)
            await kept["aqueue"].put(2)
            assert await waiting == 2
            blocked = asyncio.ensure_future(kept["alock"].acquire())
            await asyncio.sleep(0)
            assert not blocked.done()
        assert await blocked
        kept["alock"].release()

    asyncio.run(use())


def test_what_a_deadlock_has_left_works():
    race.explore(leaving.leaves_a_deadlock)
    kept = dict(leaving.kept)
    for lock in kept["locks"]:
        assert not lock.locked()
        with lock:
            pass
    assert all(not thread.is_alive() for thread in kept["threads"])
    with pytest.raises(RuntimeError):
        kept["threads"][0].start()
