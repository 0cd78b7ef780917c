"""Event loops and threads: jobs, callbacks from other threads, several loops."""

import asyncio
import random
import socket

import pytest
from tests.race.loops.control import all_runs, controlled, join, outcome, outcomes, run_one, start

from atonce.race.loops import current
from atonce.race.operations import Operation
from atonce.race.scheduler import active
from atonce.race.search.randomly import RandomWalk


def point():
    active().point(Operation("step"))


def test_a_job_may_be_done_before_what_the_loop_does_meanwhile_or_after():
    orders = set()

    async def program():
        said = []

        def job():
            point()
            said.append("job")

        async def other():
            await asyncio.sleep(0)
            said.append("other")

        await asyncio.gather(asyncio.to_thread(job), other())
        orders.add(tuple(said))

    assert outcomes(program) == {"fine"}
    assert orders == {("job", "other"), ("other", "job")}


def test_no_more_jobs_run_at_once_than_an_executor_has_threads():
    running, most, order = 0, 0, []

    def job(number):
        nonlocal running, most
        order.append(number)
        running += 1
        most = max(most, running)
        for _ in range(3):
            active().point(Operation("sleep", yields=True))
        running -= 1

    async def program():
        await asyncio.gather(*[asyncio.to_thread(job, number) for number in range(50)])

    assert outcome(run_one(program)) == "fine"
    assert most == 32
    assert sorted(order) == list(range(50))
    assert order[32:] == list(range(32, 50))


def test_a_job_that_waits_for_a_job_that_cannot_begin_is_a_deadlock():
    async def program():
        loop = asyncio.get_running_loop()
        ended = []
        jobs = [
            loop.run_in_executor(None, active().point, Operation("wait", (), None, lambda: bool(ended), waits=True))
            for _ in range(32)
        ]
        jobs.append(loop.run_in_executor(None, ended.append, True))
        await asyncio.gather(*jobs)

    assert outcome(run_one(program)) == "deadlock"


def test_a_job_that_is_cancelled_before_it_begins_never_does():
    done = set()

    async def program():
        begun = []
        job = asyncio.get_running_loop().run_in_executor(None, begun.append, True)
        await asyncio.sleep(0)
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job
        await asyncio.get_running_loop().shutdown_default_executor()
        done.add(bool(begun))

    for run in all_runs(program):
        assert outcome(run) in {"fine", "Failed"}  # it may have ended before it was cancelled
    assert done == {True, False}


def test_no_job_is_taken_after_the_executor_was_shut_down():
    async def program():
        loop = asyncio.get_running_loop()
        await loop.shutdown_default_executor()
        with pytest.raises(RuntimeError, match="shutdown"):
            await asyncio.to_thread(int)

    assert outcome(run_one(program)) == "fine"


def test_a_callback_from_another_thread_wakes_the_loop():
    async def program():
        loop = asyncio.get_running_loop()
        event = asyncio.Event()
        thread = start(lambda: loop.call_soon_threadsafe(event.set))
        await event.wait()
        join(thread)

    assert outcomes(program) == {"fine"}


def test_a_callback_that_is_not_thread_safe_may_not_wake_it():
    async def program():
        loop = asyncio.get_running_loop()
        event = asyncio.Event()
        start(lambda: loop.call_soon(event.set))
        point()
        await event.wait()

    assert outcomes(program) == {"fine", "deadlock"}


def test_a_callback_from_another_thread_may_come_between_any_two_steps():
    orders = set()

    async def program():
        loop = asyncio.get_running_loop()
        said, came = [], asyncio.Event()

        def bring():
            said.append("brought")
            came.set()

        start(lambda: loop.call_soon_threadsafe(bring))
        for number in range(3):
            said.append(number)
            await asyncio.sleep(0)
        await came.wait()
        orders.add(said.index("brought"))

    assert outcomes(program) == {"fine"}
    assert orders == {1, 2, 3}


def test_a_coroutine_is_run_for_another_thread():
    results = []

    async def answer():
        await asyncio.sleep(1)
        return 42

    async def program():
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()

        def ask():
            future = asyncio.run_coroutine_threadsafe(answer(), loop)
            active().point(Operation("wait", (), None, future.done, waits=True))
            results.append(future.result())
            loop.call_soon_threadsafe(ended.set)

        start(ask)
        await ended.wait()

    assert outcomes(program) == {"fine"}
    assert set(results) == {42}


def test_each_thread_runs_a_loop_of_its_own():
    seen = set()

    async def inside(said, name):
        for _ in range(2):
            said.append((name, current(active())))
            await asyncio.sleep(1)

    def program():
        said = []
        threads = [start(lambda name=name: asyncio.run(inside(said, name))) for name in "ab"]
        for thread in threads:
            join(thread)
        assert {task for _, task in said} == {"Task-1", "Task-2"}
        assert len(set(said)) == 2
        seen.add("".join(name for name, _ in said))

    strategy = RandomWalk(random.Random(1))
    with controlled() as run_once:
        assert {outcome(run_once(program, strategy, plain=True)) for _ in range(100)} == {"fine"}
    assert {"abab", "baba"} <= seen


def test_a_callback_for_a_loop_that_was_closed_fails():
    def program():
        loop = asyncio.new_event_loop()

        def call():
            loop.call_soon_threadsafe(print)

        thread = start(call)
        loop.close()
        join(thread)

    assert outcomes(program, plain=True) == {"fine", "RuntimeError"}


def test_a_thread_may_see_a_loop_before_it_runs_while_it_runs_and_after():
    seen = set()

    def program():
        loop = asyncio.new_event_loop()

        def look():
            seen.add((loop.is_running(), loop.is_closed()))

        thread = start(look)
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        join(thread)

    assert outcomes(program, plain=True) == {"fine"}
    assert seen == {(False, False), (True, False), (False, True), (True, True)}


def test_a_loop_that_another_thread_stops_may_sleep_on():
    def program():
        loop = asyncio.new_event_loop()
        thread = start(loop.stop)
        try:
            loop.run_forever()
        finally:
            loop.close()
        join(thread)

    assert outcomes(program, plain=True) == {"fine", "deadlock"}


def test_a_loop_that_another_thread_stops_as_it_should_ends():
    def program():
        loop = asyncio.new_event_loop()
        thread = start(lambda: loop.call_soon_threadsafe(loop.stop))
        loop.run_forever()
        loop.close()
        join(thread)

    assert outcomes(program, plain=True) == {"fine"}


def test_time_that_a_thread_sleeps_is_the_loops_time_too():
    passed = set()

    async def program():
        loop = asyncio.get_running_loop()
        begun = loop.time()

        def sleep():
            run = active()
            run.point(Operation("sleep", wake_s=run.now_s + 5, yields=True))

        await asyncio.gather(asyncio.to_thread(sleep), asyncio.sleep(3))
        passed.add(loop.time() - begun)

    assert outcomes(program) == {"fine"}
    assert passed == {5, 8}  # together, or the thread before the task has begun


def test_sockets_are_waited_for_in_real_time():
    async def program():
        loop = asyncio.get_running_loop()
        one, other = socket.socketpair()
        with one, other:
            one.setblocking(False)
            loop.call_later(1, other.send, b"late")
            assert await loop.sock_recv(one, 10) == b"late"

    assert outcome(run_one(program)) == "fine"


def test_a_socket_that_nothing_comes_from_is_a_deadlock_and_a_doubt():
    async def program():
        one, other = socket.socketpair()
        with one, other:
            one.setblocking(False)
            await asyncio.get_running_loop().sock_recv(one, 10)

    run = run_one(program)
    assert outcome(run) == "deadlock"
    assert any("sockets" in doubt for doubt in run.doubts)


def test_signals_and_processes_are_refused():
    async def program():
        with pytest.raises(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(10, print)
        with pytest.raises(NotImplementedError):
            await asyncio.create_subprocess_exec("true")

    run = run_one(program)
    assert outcome(run) == "fine"
    assert len(run.doubts) == 2
