"""Defects that were found once, each with the shortest program that showed it."""

import asyncio
import dataclasses
import decimal
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path

import pytest

import atonce
from atonce.testing import wait_until

from .scripts import Program


@pytest.mark.parametrize("engine", ["inline", "thread", "process", "async", "auto"])
def test_chunks_may_be_larger_than_the_buffer(engine):
    assert list(atonce.stream(abs, range(300), engine=engine, chunksize=50, buffersize=3)) == list(range(300))


def test_what_a_signals_handler_raises_between_two_items_is_not_lost():
    class Alarm(Exception):
        pass

    def ring(_, frame):
        while frame.f_code is not here:
            # Python drops what is raised in a finalizer, a weak reference's callback, or one that the garbage collector calls,
            # as hypothesis has it; and it does not bear it in the midst of Thread.start. So not there: a little later, then.
            if frame.f_code.co_name in {"__del__", "start"} or not frame.f_code.co_filename.startswith(heard):
                signal.setitimer(signal.ITIMER_REAL, 0.001)
                return
            frame = frame.f_back
        raise Alarm

    here = sys._getframe().f_code
    heard = (os.path.dirname(atonce.__file__), threading.__file__)
    previous = signal.signal(signal.SIGALRM, ring)
    try:
        for attempt in range(10):
            signal.setitimer(signal.ITIMER_REAL, 0.01 + 0.002 * attempt)
            with pytest.raises(Alarm):
                for _ in range(1000):
                    assert len(atonce.map(abs, range(100_000))) == 100_000
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def test_a_closed_pool_may_be_dropped_where_there_is_no_room_for_another_call():
    """The collector drops a pool of a cycle wherever it happens to run, and Python forgets what a finalizer raises there."""
    with atonce.Pool(engine="thread") as pool:
        pool.map(abs, [1])
    assert not [each for each in weakref.finalize._registry if each.peek() and each.peek()[0] is pool]


def test_a_nudge_that_comes_while_all_pullers_are_counted_is_not_lost():
    async def same(number):
        return number

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(20):
            assert list(atonce.stream(same, range(200), engine="async", concurrency=1, buffersize=1)) == list(range(200))
    finally:
        sys.setswitchinterval(interval)


def test_an_item_that_cancels_its_own_task_fails_alone():
    async def fn(number):
        if number == 3:
            asyncio.current_task().cancel()
        await asyncio.sleep(0)
        return number

    results = atonce.map(fn, range(6), engine="async", errors="return")
    assert [result for result in results if not isinstance(result, atonce.Failure)] == [0, 1, 2, 4, 5]
    assert isinstance(results[3].error, asyncio.CancelledError)


def test_closing_a_pool_wakes_those_who_stand_in_line():
    begun, release, heard = threading.Event(), threading.Event(), []
    pool = atonce.Pool(engine="thread", max_workers=1)

    def hold(_):
        begun.set()
        release.wait(60)

    def call():
        try:
            pool.map(hold, [1])
        except atonce.PoolClosed:
            heard.append("closed")

    callers = [threading.Thread(target=call) for _ in range(3)]
    for caller in callers:
        caller.start()
    begun.wait(60)
    pool.close()
    release.set()
    for caller in callers:
        caller.join(60)
    assert heard == ["closed"] * 3


def test_a_call_that_is_opened_while_the_pool_closes_hears_of_it():
    pool = atonce.Pool(engine="thread", max_workers=1)
    pool._workplace.close()  # 1. the calls that are open hear of it; 2. another one is opened; 3. the workers go
    with pytest.raises(atonce.PoolClosed):
        pool.map(abs, [1])
    pool.close()


def test_a_crash_is_seen_while_a_grandchild_lives(tmp_path):
    def forks(_):
        child = os.fork()
        if child == 0:
            time.sleep(30)
            os._exit(0)
        (tmp_path / "grandchild").write_text(str(child))
        os.kill(os.getpid(), signal.SIGKILL)

    began = time.monotonic()
    (failure,) = atonce.map(forks, [1], engine="process", max_workers=1, errors="return")
    os.kill(int((tmp_path / "grandchild").read_text()), signal.SIGKILL)
    assert isinstance(failure.error, atonce.WorkerCrashed)
    assert time.monotonic() - began < 25


def test_a_fork_of_the_program_does_not_keep_its_workers():
    with atonce.Pool(engine="process", max_workers=1) as pool:
        worker = pool.submit(os.getpid).result(60)
        child = os.fork()
        if child == 0:
            signal.pause()
            os._exit(0)
    try:
        wait_until(lambda: not Path(f"/proc/{worker}").exists(), "the worker to be gone", patience_s=2.0)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_the_users_exception_is_not_replaced_by_what_the_end_of_the_run_does_to_workers(evidence):
    def slow_start():
        evidence.note("starting")
        if len(evidence.lines()) == 3:
            time.sleep(30)

    def fn(number):
        wait_until(lambda: len(evidence.lines()) == 3, "the third worker to start")
        if number == 0:
            raise ValueError("mine")
        time.sleep(30)

    with pytest.raises(ValueError, match="mine"):
        atonce.map(fn, range(30), engine="process", max_workers=3, initializer=slow_start)


def spin():
    until = time.monotonic() + 0.004
    while time.monotonic() < until:
        pass


def test_auto_leaves_arguments_that_are_written_to_where_they_are():
    rows = [{"n": 0} for _ in range(100)]

    def fn(row):
        spin()
        row["n"] = 1

    atonce.map(fn, rows)
    assert [row["n"] for row in rows] == [1] * 100


def test_auto_keeps_results_and_inputs_that_cannot_be_sent():
    def generator(number):
        spin()
        return (number for _ in range(2))

    def lock(thing):
        spin()
        return type(thing).__name__

    assert [sum(numbers) for numbers in atonce.map(generator, range(100))] == [2 * number for number in range(100)]
    assert atonce.map(lock, [threading.Lock() for _ in range(100)]) == ["lock"] * 100


def test_threads_see_the_callers_context():
    def third(_):
        time.sleep(0.003)
        return str(decimal.Decimal(1) / 3)

    with decimal.localcontext(prec=5):
        assert set(atonce.map(third, range(100))) == {"0.33333"}
        assert set(atonce.map(third, range(10), engine="thread")) == {"0.33333"}


def test_processes_recurse_as_deep_as_the_caller():
    def depth(number):
        return 0 if number == 0 else 1 + depth(number - 1)

    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(5000)
    try:
        assert atonce.map(depth, [3000], engine="process") == [3000]
    finally:
        sys.setrecursionlimit(limit)


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):
    code: int


@pytest.mark.parametrize("engine", ["inline", "thread", "process", "async"])
def test_an_exception_that_refuses_attributes(engine):
    def fails(number):
        raise Frozen(number)

    async def fails_later(number):
        raise Frozen(number)

    (failure,) = atonce.map(fails_later if engine == "async" else fails, [7], engine=engine, errors="return")
    if engine == "process":  # it does not rebuild: pickle sets attributes
        assert isinstance(failure.error, atonce.RemoteError)
        assert failure.error.type_name.endswith("Frozen")
    else:
        assert isinstance(failure.error, Frozen)
        assert failure.error.code == 7


class Carries(Exception):
    pass


class Thing:
    pass


def test_an_exception_whose_text_holds_an_address_arrives_as_itself():
    def fails(_):
        raise Carries(Thing())

    with pytest.raises(Carries):
        atonce.map(fails, [0], engine="process")


def test_an_exception_with_odd_notes():
    class Odd(Exception):
        __notes__ = None

    def fails(_):
        raise Odd

    with pytest.raises(Odd):
        atonce.map(fails, [0], engine="inline")


def test_a_stream_keeps_its_pool():
    def stream():
        return atonce.Pool(engine="thread", max_workers=2).stream(abs, range(2000))

    assert sum(stream()) == sum(range(2000))


@pytest.mark.parametrize("engine", ["inline", "auto", "thread"])
def test_a_closed_pool_is_closed_on_every_engine(engine):
    pool = atonce.Pool(engine=engine)
    pool.close()
    with pytest.raises(atonce.PoolClosed):
        pool.map(abs, [1])


def test_the_caller_gets_ready_once_in_a_pool():
    ready = []
    with atonce.Pool(engine="inline", initializer=lambda: ready.append(1)) as pool:
        pool.submit(abs, 1)
        pool.map(abs, [1])
        pool.map(abs, [1])
    assert ready == [1]


def test_what_was_submitted_is_done_when_the_program_ends(tmp_path):
    program = Program(
        tmp_path,
        """
        import sys, time
        import atonce
        from atonce.testing import Evidence

        def late(number):
            time.sleep(0.05)
            Evidence(sys.argv[1]).note(number)

        pool = atonce.Pool(engine="thread", max_workers=1)
        for number in range(3):
            pool.submit(late, number)
    """,
    )
    assert program.end() == (0, "", "")
    assert program.evidence.lines() == ["0", "1", "2"]


def test_a_pool_cannot_be_closed_by_its_own_worker():
    with atonce.Pool(engine="thread") as pool:
        assert isinstance(pool.submit(pool.close).exception(60), RuntimeError)


def test_a_callback_that_exits_is_no_harm_to_others():
    with atonce.Pool(engine="thread", max_workers=1) as pool:
        first = pool.submit(abs, -1)
        first.add_done_callback(lambda _: sys.exit(3))
        assert [pool.submit(abs, -number).result(60) for number in range(5)] == list(range(5))


def test_a_callback_that_exits_is_no_harm_when_no_worker_can_start():
    ready = threading.Event()

    def refuse():
        ready.wait(60)
        raise KeyError("initializer")

    with atonce.Pool(engine="thread", max_workers=1, initializer=refuse) as pool:
        futures = [pool.submit(abs, -number) for number in range(3)]
        futures[0].add_done_callback(lambda _: sys.exit(3))
        ready.set()
        assert [type(future.exception(60)) for future in futures] == [KeyError] * 3


def test_a_storm_of_crashes_ends():
    results = atonce.map(lambda _: os._exit(1), range(40), engine="process", max_workers=1, chunksize=40, errors="return")
    assert {type(result.error) for result in results} == {atonce.WorkerCrashed}
    assert len(results) == 40


def test_a_stream_may_be_closed_by_another_thread():
    stream = atonce.stream(abs, itertools.count(), engine="thread", max_workers=2, buffersize=10)
    taken = threading.Event()
    got = []

    def take():
        for number in stream:
            got.append(number)
            taken.set()

    taker = threading.Thread(target=take)
    taker.start()
    taken.wait(60)
    stream.close()
    taker.join(60)
    assert not taker.is_alive()


def test_a_program_without_standard_input():
    program = "import atonce; print(atonce.map(abs, [-1], engine='process'))"
    done = subprocess.run(
        ["bash", "-c", f'exec "{sys.executable}" -c "{program}" <&-'], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("[1]\n", "")
