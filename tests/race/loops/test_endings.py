"""However a run ends, nothing is left: no warning, no message, no thread, no file, no task."""

import asyncio
import contextlib
import gc
import logging
import os
import sys
import warnings
import weakref

import pytest
from tests.race.loops.control import controlled, join, outcome, real_threads, run_one, start

from atonce.race.loops import waiting
from atonce.race.operations import Operation
from atonce.race.scheduler import active
from atonce.race.tasks import Abort


@pytest.fixture(autouse=True)
def _nothing_is_left(caplog, monkeypatch):
    unraisable = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    gc.collect()
    files, threads = len(os.listdir("/proc/self/fd")), real_threads()
    with caplog.at_level(logging.WARNING), warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        yield
        gc.collect()
    assert not [str(warning.message) for warning in warned]
    assert not caplog.messages
    assert not unraisable
    assert len(os.listdir("/proc/self/fd")) == files
    assert real_threads() <= threads


async def wait_for_ever():
    await asyncio.Event().wait()


async def success():
    keep = asyncio.create_task(wait_for_ever())
    await asyncio.sleep(0)
    assert not keep.done()


async def failure():
    keep = [asyncio.create_task(wait_for_ever()), asyncio.create_task(asyncio.sleep(1))]
    await asyncio.sleep(0)
    raise ValueError(keep)


async def deadlock():
    async with asyncio.TaskGroup() as group:
        group.create_task(wait_for_ever())
        await wait_for_ever()


async def deadlock_in_generators():
    async def generate():
        try:
            while True:
                await wait_for_ever()
                yield 1
        finally:
            await asyncio.sleep(0)

    async def use():
        async for _ in generate():
            pass

    await asyncio.gather(use(), use())


async def deadlock_with_a_job():
    job = asyncio.get_running_loop().run_in_executor(None, active().point, Operation("wait", (), None, lambda: False, waits=True))
    await job


async def deadlock_in_a_timeout():
    async with asyncio.timeout(None):
        await asyncio.wait_for(wait_for_ever(), None)


async def deadlock_with_a_stubborn_task():
    async def stubborn():
        while True:
            with contextlib.suppress(BaseException):
                await asyncio.Event().wait()

    await asyncio.create_task(stubborn())


async def deadlock_with_cleaning_up():
    try:
        await wait_for_ever()
    finally:
        await asyncio.sleep(1)
        await asyncio.create_task(asyncio.sleep(0))


async def failure_of_what_never_began():
    keep = [asyncio.create_task(asyncio.wait_for(wait_for_ever(), 1)), asyncio.create_task(wait_for_ever())]
    raise ValueError(keep)


async def failure_in_a_thread():
    def fail():
        raise KeyError

    keep = start(fail)
    await asyncio.gather(wait_for_ever(), deadlock())
    assert keep


async def failure_before_a_coroutine_from_a_thread_begins():
    loop = asyncio.get_running_loop()

    def ask():
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop)
        raise KeyError

    join(start(ask))


async def swallowed_abort():
    async def swallow():
        run = active()
        while True:
            try:
                run.point(Operation("wait", (), None, lambda: False, waits=True))
            except BaseException:
                await asyncio.sleep(0)

    await asyncio.gather(swallow(), wait_for_ever())


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (success, "fine"),
        (failure, "ValueError"),
        (deadlock, "deadlock"),
        (deadlock_in_generators, "deadlock"),
        (deadlock_with_a_job, "deadlock"),
        (deadlock_in_a_timeout, "deadlock"),
        (deadlock_with_a_stubborn_task, "deadlock"),
        (deadlock_with_cleaning_up, "deadlock"),
        (failure_of_what_never_began, "ValueError"),
        (failure_in_a_thread, "KeyError"),
        (failure_before_a_coroutine_from_a_thread_begins, "KeyError"),
        (swallowed_abort, "deadlock"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_nothing_is_left(program, expected):
    with controlled() as run_once:
        for _ in range(3):
            run = run_once(program)
            assert outcome(run) == expected
            if expected == "deadlock":
                assert waiting(run)
    assert asyncio._get_running_loop() is None


@pytest.mark.parametrize("program", [success, failure, deadlock], ids=lambda program: program.__name__)
def test_nothing_is_left_of_a_loop_made_by_the_program(program):
    def run_it():
        asyncio.run(program())

    expected = {success: "fine", failure: "ValueError", deadlock: "deadlock"}[program]
    run = run_one(run_it, plain=True)
    assert outcome(run) == expected


def test_nothing_is_left_of_a_loop_that_nobody_closes():
    closed = []

    async def left():
        try:
            await wait_for_ever()
        finally:
            closed.append(True)

    def program():
        loop = asyncio.new_event_loop()
        keep = loop.create_task(left())
        loop.run_until_complete(asyncio.sleep(0))
        assert not keep.done()
        raise ValueError

    assert outcome(run_one(program, plain=True)) == "ValueError"
    assert closed


def test_the_loop_goes_with_its_run():
    loops = []

    async def program():
        loops.append(weakref.ref(asyncio.get_running_loop()))
        loops.append(weakref.ref(asyncio.create_task(wait_for_ever())))

    run = run_one(program)
    assert outcome(run) == "fine"
    del run
    gc.collect()
    assert [loop() for loop in loops] == [None, None]


def test_an_exception_that_nobody_awaits_is_the_runs_failure():
    async def fail():
        raise ValueError("nobody looks")

    async def program():
        task = asyncio.create_task(fail())
        await asyncio.sleep(0)
        assert task.done()

    run = run_one(program)
    assert outcome(run) == "ValueError"
    assert run.failure.task.number == 0


def test_an_exception_that_is_looked_at_is_none():
    async def fail():
        raise ValueError

    async def program():
        task = asyncio.create_task(fail())
        await asyncio.wait([task])
        assert isinstance(task.exception(), ValueError)

    assert outcome(run_one(program)) == "fine"


def test_the_programs_own_failure_comes_before_what_nobody_awaits():
    async def fail():
        raise ValueError

    async def program():
        keep = asyncio.create_task(fail())
        await asyncio.sleep(0)
        raise KeyError(keep)

    assert outcome(run_one(program)) == "KeyError"


def test_an_exception_in_a_callback_is_the_runs_failure():
    async def program():
        asyncio.get_running_loop().call_soon(lambda: 1 / 0)
        await wait_for_ever()

    assert outcome(run_one(program)) == "ZeroDivisionError"


def test_a_program_that_handles_such_itself_is_let_handle_it():
    handled = []

    async def program():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, context: handled.append(context["exception"]))
        loop.call_soon(lambda: 1 / 0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    assert outcome(run_one(program)) == "fine"
    assert [type(error) for error in handled] == [ZeroDivisionError]


def test_a_task_that_fails_while_it_is_cancelled_is_the_runs_failure():
    async def fail_late():
        try:
            await wait_for_ever()
        finally:
            raise ValueError

    async def program():
        keep = asyncio.create_task(fail_late())
        await asyncio.sleep(0)
        assert keep

    assert outcome(run_one(program)) == "ValueError"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_ends_a_program_ends_the_run(error):
    async def program():
        keep = asyncio.create_task(wait_for_ever())
        raise error(keep)

    run = run_one(program)
    assert isinstance(run.interrupt, error)
    assert run.failure is None


def test_a_coroutine_that_runs_when_the_run_is_over_ends_at_its_next_step():
    steps = []

    async def program():
        def end():
            raise ValueError

        thread = start(end)
        try:
            join(thread)
        except Abort:
            steps.append("unwound")
            raise
        steps.append("went on")

    assert outcome(run_one(program)) == "ValueError"
    assert steps == ["unwound"]


def test_runs_inside_a_loop_that_is_running():
    async def outside():
        assert outcome(run_one(success)) == "fine"
        assert asyncio.current_task() is not None
        await asyncio.sleep(0)

    asyncio.run(outside())


def test_a_loop_of_an_ended_run_runs_nothing():
    loops = []

    async def program():
        loops.append(asyncio.get_running_loop())

    with controlled() as run_once:
        run_once(program)
    coroutine = wait_for_ever()
    with pytest.raises(RuntimeError):
        loops[0].run_until_complete(coroutine)
    coroutine.close()
