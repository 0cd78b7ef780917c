"""What makes event loops makes controlled ones during a check, in the threads of a run alone, and real ones after it."""

import asyncio
import threading
from asyncio import events

import pytest
from tests.race.loops.control import outcome, run_one

from atonce.race.loops import loops_patched
from atonce.race.loops.loop import ControlledLoop

new_event_loop = asyncio.new_event_loop  # as a module that imported it before has it
LOOPS = [asyncio.SelectorEventLoop, *([asyncio.EventLoop] if hasattr(asyncio, "EventLoop") else [])]


def names():
    modules = [asyncio, asyncio.events, asyncio.tasks, asyncio.unix_events, asyncio.Lock, asyncio.base_events.BaseEventLoop]
    return [dict(vars(module)) for module in modules]


def test_everything_is_as_it_was():
    asyncio.run(asyncio.sleep(0))
    before = names()
    with loops_patched():
        assert names() != before
    assert names() == before
    with pytest.raises(ValueError), loops_patched():
        raise ValueError
    assert names() == before


def test_what_the_program_sets_is_undone():
    before = events._event_loop_policy

    def program():
        events._event_loop_policy = None

    assert outcome(run_one(program, plain=True)) == "fine"
    assert events._event_loop_policy is before


def test_all_ways_to_make_a_loop_make_a_controlled_one():
    made = []

    async def note():
        made.append(asyncio.get_running_loop())

    def program():
        asyncio.run(note())
        with asyncio.Runner() as runner:
            runner.run(note())
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(note())
        for make in (asyncio.new_event_loop, new_event_loop, asyncio.SelectorEventLoop):
            loop = make()
            assert isinstance(loop, asyncio.SelectorEventLoop)
            loop.run_until_complete(note())
            loop.close()
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        assert asyncio.get_event_loop() is loop
        loop.run_until_complete(note())
        loop.close()

    assert outcome(run_one(program, plain=True)) == "fine"
    assert len(made) == 7
    assert all(isinstance(loop, ControlledLoop) for loop in made)


def test_uvloop_gives_way():
    uvloop = pytest.importorskip("uvloop")
    made = []

    async def note():
        made.append(asyncio.get_running_loop())

    run = run_one(lambda: uvloop.run(note()), plain=True)
    assert outcome(run) == "fine"
    assert isinstance(made[0], ControlledLoop)
    loop = uvloop.new_event_loop()
    loop.close()
    assert type(loop) is uvloop.Loop


def test_another_loop_is_a_doubt():
    make = LOOPS[0]

    def program():
        loop = make()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    run = run_one(program, plain=True)
    assert outcome(run) == "fine"
    assert ["not under control" in doubt for doubt in run.doubts] == [True]


def test_other_threads_have_real_loops():
    made = []

    async def note():
        made.append(asyncio.get_running_loop())

    def outside():
        asyncio.run(note())
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(note())

    with loops_patched():
        thread = threading.Thread(target=outside)
        thread.start()
        thread.join()
    assert len(made) == 2
    assert not any(isinstance(loop, ControlledLoop) for loop in made)


def test_each_run_begins_without_a_loop_of_its_own():
    def program():
        asyncio.set_event_loop(asyncio.new_event_loop())
        asyncio.get_event_loop().close()

    def other():
        asyncio.set_event_loop(None)
        with pytest.raises(RuntimeError, match="no current event loop"):
            asyncio.get_event_loop()

    assert outcome(run_one(program, plain=True)) == "fine"
    assert outcome(run_one(other, plain=True)) == "fine"


def test_a_lock_is_as_it_was():
    async def program():
        lock = asyncio.Lock()
        assert await lock.acquire() is True
        lock.release()
        with pytest.raises(RuntimeError):
            lock.release()

    assert outcome(run_one(program)) == "fine"
    asyncio.run(program())
