"""Futures and executors."""

import concurrent.futures
import threading
from concurrent.futures import (
    FIRST_COMPLETED,
    FIRST_EXCEPTION,
    CancelledError,
    Future,
    InvalidStateError,
    ThreadPoolExecutor,
    as_completed,
    wait,
)

import pytest

from tests.race.primitives.kit import once, outcome_of, result_of, together, walks


def test_an_executor_does_what_it_does():
    def program():
        with ThreadPoolExecutor(2, thread_name_prefix="w") as pool:
            futures = [pool.submit(pow, 2, n) for n in range(4)]
            failed = pool.submit(lambda: 1 / 0)
            mapped = list(pool.map(lambda a, b: a + b, [1, 2], [10, 20]))
            names = {pool.submit(lambda: threading.current_thread().name).result() for _ in range(4)}
        return [each.result() for each in futures], type(failed.exception()), mapped, names <= {"w_0", "w_1"}

    expected = ([1, 2, 4, 8], ZeroDivisionError, [11, 22], True)
    assert program() == expected
    for run in walks(program):
        assert run.failure is None
        assert run.result == expected


def test_workers_are_started_as_they_are_needed():
    def program():
        pool = ThreadPoolExecutor(3)
        for _ in range(2):
            pool.submit(int)
        first = len(pool._threads)
        pool.submit(int).result()
        pool.shutdown()
        return first, len(pool._threads), [thread.is_alive() for thread in pool._threads]

    assert {outcome_of(run)[0] for run in walks(program)} == {1, 2}
    assert all(not any(outcome_of(run)[2]) for run in walks(program))


def test_default_names_are_the_same_in_each_run():
    def program():
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(lambda: threading.current_thread().name).result()

    assert result_of(program) == result_of(program) == "ThreadPoolExecutor-0_0"


def test_a_worker_that_waits_for_its_own_pool_is_a_deadlock():
    def program():
        with ThreadPoolExecutor(1) as pool:
            pool.submit(lambda: pool.submit(int).result()).result()

    run = once(program)
    assert run.failure.kind == "deadlock"
    assert [one.operation.kind for one in run.failure.stuck] == ["result", "result"]


def test_an_executor_need_not_be_shut_down():
    def program():
        pool = ThreadPoolExecutor(2)
        pool.submit(int).result()

    assert all(run.failure is None for run in walks(program))


def test_what_was_submitted_is_done_before_the_program_ends():
    def program():
        done.clear()
        pool = ThreadPoolExecutor(1)
        pool.submit(done.append, 1)
        pool.submit(done.append, 2)

    done = []
    for run in walks(program):
        assert run.failure is None
    assert done == [1, 2]


def test_shutdown():
    def program():
        flag = threading.Event()
        pool = ThreadPoolExecutor(1)
        futures = [pool.submit(flag.wait), pool.submit(int)]
        pool.shutdown(wait=False, cancel_futures=True)
        flag.set()
        with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
            pool.submit(int)
        pool.shutdown()
        return futures[1].cancelled()

    assert {outcome_of(run) for run in walks(program)} == {True}


def test_an_initializer_runs_in_each_worker_and_may_break_the_pool():
    def program():
        kept = threading.local()

        def prepare(value):
            kept.value = value

        with ThreadPoolExecutor(2, initializer=prepare, initargs=(7,)) as pool:
            values = [pool.submit(lambda: kept.value) for _ in range(3)]
        return [value.result() for value in values]

    assert {repr(outcome_of(run)) for run in walks(program)} == {"[7, 7, 7]"}

    def broken():
        pool = ThreadPoolExecutor(1, initializer=lambda: 1 / 0)
        return type(pool.submit(int).exception()).__name__

    assert result_of(broken) == "BrokenThreadPool"


def test_an_executor_older_than_the_run():
    pool = ThreadPoolExecutor(1)

    def program():
        return pool.submit(int, "7").result()

    assert result_of(program) == 7
    assert result_of(program) == 7
    assert pool.submit(int, "8").result() == 8
    pool.shutdown()


def test_a_future():
    def program():
        promise, seen = Future(), []
        promise.add_done_callback(lambda future: seen.append(future.result()))
        states = [promise.done(), promise.running(), promise.cancelled(), promise.set_running_or_notify_cancel(), promise.running()]
        states += [promise.cancel()]
        with pytest.raises(TimeoutError):
            promise.result(timeout=1)
        promise.set_result(5)
        promise.add_done_callback(lambda future: seen.append("late"))
        with pytest.raises(InvalidStateError):
            promise.set_result(6)
        return states, seen, promise.result(), promise.exception(), promise.done(), "state=finished" in repr(promise)

    assert result_of(program) == program() == ([False, False, False, True, True, False], [5, "late"], 5, None, True, True)


def test_a_cancelled_future():
    def program():
        promise = Future()
        waits = together(promise.cancel, promise.cancelled)
        with pytest.raises(CancelledError):
            promise.result()
        return waits[0], promise.set_running_or_notify_cancel(), promise.cancel()

    assert result_of(program) == (True, False, True)


def test_the_error_of_an_item_is_its_own():
    class Own(BaseException):
        pass

    def fail():
        raise Own

    def program():
        with ThreadPoolExecutor(1) as pool, pytest.raises(Own):
            pool.submit(fail).result()

    assert once(program).failure is None


def test_waiting_for_several():
    def program(when):
        gate = threading.Event()

        def late():
            gate.wait()
            return 2

        with ThreadPoolExecutor(3) as pool:
            futures = [pool.submit(int), pool.submit(late)]
            done, pending = wait(set(futures), return_when=when)
            gate.set()
        return [futures.index(each) for each in done], [futures.index(each) for each in pending]

    assert result_of(lambda: program(FIRST_COMPLETED)) == ([0], [1])
    assert once(lambda: program(FIRST_EXCEPTION)).failure.kind == "deadlock"


def test_waiting_with_a_timeout():
    def program():
        one, other = Future(), Future()
        one.set_result(1)
        done, pending = concurrent.futures.wait([one, other], timeout=5)
        with pytest.raises(TimeoutError, match=r"1 \(of 2\) futures unfinished"):
            list(as_completed([one, other], timeout=5))
        with pytest.raises(ValueError, match="Invalid return condition"):
            wait([one], return_when="never")
        return list(done) == [one], list(pending) == [other]

    run = once(program)
    assert run.result == (True, True)
    assert run.now_s == 1_010


def test_as_completed_gives_each_once_in_the_order_of_their_ends():
    def program():
        order = []

        def work(n):
            order.append(n)
            return n

        with ThreadPoolExecutor(3) as pool:
            futures = [pool.submit(work, n) for n in range(3)]
            got = [each.result() for each in as_completed([*futures, futures[0]])]
        return sorted(got), len(order)

    assert {repr(outcome_of(run)) for run in walks(program)} == {"([0, 1, 2], 3)"}


def test_what_is_done_comes_in_an_order_that_is_the_same_in_each_run():
    def program():
        futures = [Future() for _ in range(20)]
        for each in reversed(futures):
            each.set_result(None)
        done, _ = wait(set(futures))
        return [futures.index(each) for each in done], len(done & set(futures))

    assert result_of(program) == (list(reversed(range(20))), 20)
