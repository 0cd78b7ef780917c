"""Which orders there are: those that asyncio does not exclude, and no others."""

import asyncio
import random
import sys
import time

import pytest
from tests.race.loops.control import Given, all_runs, controlled, outcome, outcomes, run_one

from atonce.race.loops import waiting
from atonce.race.search.randomly import RandomWalk


async def lost_update():
    count = 0

    async def add():
        nonlocal count
        seen = count
        await asyncio.sleep(0)
        count = seen + 1

    await asyncio.gather(add(), add())
    assert count == 2


async def no_lost_update():
    count, lock = 0, asyncio.Lock()

    async def add():
        nonlocal count
        async with lock:
            seen = count
            await asyncio.sleep(0)
            count = seen + 1

    await asyncio.gather(add(), add())
    assert count == 2


async def used_before_made():
    made = []

    async def make():
        await asyncio.sleep(0)
        made.append(1)

    async def use():
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert made

    await asyncio.gather(make(), use())


async def used_after_made():
    made, ready = [], asyncio.Event()

    async def make():
        await asyncio.sleep(0)
        made.append(1)
        ready.set()

    async def use():
        await ready.wait()
        assert made

    await asyncio.gather(use(), make())


async def abba():
    a, b = asyncio.Lock(), asyncio.Lock()

    async def both(first, second):
        async with first:
            await asyncio.sleep(0)
            async with second:
                pass

    await asyncio.gather(both(a, b), both(b, a))


async def ab_ab():
    a, b = asyncio.Lock(), asyncio.Lock()

    async def both(first, second):
        async with first:
            await asyncio.sleep(0)
            async with second:
                pass

    await asyncio.gather(both(a, b), both(a, b))


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (lost_update, {"fine", "AssertionError"}),
        (no_lost_update, {"fine"}),
        (used_before_made, {"fine", "AssertionError"}),
        (used_after_made, {"fine"}),
        (abba, {"fine", "deadlock"}),
        (ab_ab, {"fine"}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_all_orders(program, expected):
    assert outcomes(program) == expected


def test_an_order_that_asyncio_would_not_take_is_found_by_a_choice():
    assert outcome(run_one(used_before_made)) == "fine"
    assert any(outcome(run) == "AssertionError" for run in all_runs(used_before_made))


@pytest.mark.parametrize("seed", range(5))
def test_chance_finds_it(seed):
    strategy = RandomWalk(random.Random(seed))
    with controlled() as run_once:
        assert "AssertionError" in {outcome(run_once(used_before_made, strategy)) for _ in range(60)}


def test_the_same_picks_make_the_same_run():
    def seen_of(strategy):
        said = []

        async def program():
            async def talk(name):
                for turn in range(3):
                    said.append((name, turn))
                    await asyncio.sleep(0)

            tasks = [asyncio.create_task(talk(name)) for name in "abcd"]
            done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            said.extend([task.get_name() for task in [*done, *pending]])
            said.extend([task.get_name() for task in asyncio.all_tasks()])

        run = run_one(program, strategy)
        return said, run.picks

    first, picks = seen_of(RandomWalk(random.Random(7)))
    again, other = seen_of(Given([~pick if pick < 0 else 0 for pick in picks]))
    assert (again, other) == (first, picks)
    assert first[-1].startswith("Task-")


def test_the_picks_of_a_program_are_those_of_every_version():
    picks = [run.picks for run in all_runs(abba)]
    assert picks == [[-1, -1, -1], [-1, -1, -2], [-1, -2], [-2, -1, -1], [-2, -1, -2], [-2, -2]]


def test_every_step_of_a_task_may_come_at_any_time():
    """Three tasks of two steps each: (2 + 2 + 2)! / (2! 2! 2!) orders."""

    def order_of(given):
        said = []

        async def step_twice(name):
            said.append(name)
            await asyncio.sleep(0)
            said.append(name)

        async def program():
            await asyncio.gather(*[step_twice(name) for name in "abc"])
            given.add("".join(said))
            said.clear()

        return program

    orders = set()
    assert all(outcome(run) == "fine" for run in all_runs(order_of(orders)))
    assert len(orders) == 90


def test_callbacks_stay_in_their_line_and_tasks_may_come_between():
    orders = set()

    async def program():
        said = []

        async def task():
            said.append("task")

        loop = asyncio.get_running_loop()
        waiting = asyncio.create_task(task())
        for name in "abc":
            loop.call_soon(said.append, name)
        last = loop.create_future()
        loop.call_soon(last.set_result, None)
        await asyncio.gather(waiting, last)
        orders.add(tuple(name for name in said))

    assert outcomes(program) == {"fine"}
    assert orders == {(*"abc"[:at], "task", *"abc"[at:]) for at in range(4)}


def test_a_group_may_cancel_a_task_before_it_begins_or_after():
    seen = set()

    async def program():
        begun = []

        async def fail():
            raise ValueError

        async def other():
            begun.append(True)
            await asyncio.sleep(1)

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(fail())
                group.create_task(other())
        except* ValueError:
            seen.add(bool(begun))

    assert outcomes(program) == {"fine"}
    assert seen == {True, False}


def test_timers_of_the_same_time_come_in_any_order_and_others_in_theirs():
    orders = set()

    async def program():
        said = []
        loop = asyncio.get_running_loop()
        start = loop.time()
        for name, delay in (("b", 1), ("a", 1), ("d", 3), ("c", 2)):
            loop.call_at(start + delay, said.append, name)
        await asyncio.sleep(4)
        orders.add("".join(said))

    assert outcomes(program) == {"fine"}
    assert orders == {"abcd", "bacd"}


def test_time_is_virtual():
    begun = time.perf_counter()

    async def program():
        loop = asyncio.get_running_loop()
        start = loop.time()
        await asyncio.sleep(3600)
        assert loop.time() - start == 3600
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(24 * 3600):
                await asyncio.Event().wait()

    run = run_one(program)
    assert outcome(run) == "fine"
    assert run.now_s == 1000 + 25 * 3600
    assert time.perf_counter() - begun < 30
    assert "reads the clock" in run.doubts


def test_a_task_that_spins_is_not_let_spin_for_ever():
    """Even if it is chosen again and again, the others get their turn; nothing is proved then."""

    class Unfair(Given):
        def choose(self, _, count):
            return count - 1

    async def program():
        ready = False

        async def spin():
            while not ready:  # noqa: ASYNC110 (that is what it is about)
                await asyncio.sleep(0)

        async def set_it():
            nonlocal ready
            ready = True

        await asyncio.gather(set_it(), spin())

    run = run_one(program, Unfair())
    assert outcome(run) == "fine"
    assert any("kept waiting" in doubt for doubt in run.doubts)


def test_a_loop_that_never_ends_is_a_livelock():
    async def program():
        while True:  # noqa: ASYNC110 (that is what it is about)
            await asyncio.sleep(0)

    with controlled(max_steps=50) as run_once:
        assert outcome(run_once(program)) == "livelock"


def test_waiting_names_each_task_and_who_holds_the_lock():
    with controlled() as run_once:
        run = run_once(abba)
    lines = waiting(run)
    assert [line.split()[0] for line in lines] == ["Task-1", "Task-2", "Task-3"]
    assert "for Task-2, Task-3" in lines[0]
    first = abba.__code__.co_firstlineno
    taken, wanted = f"{__file__}:{first + 4}", f"{__file__}:{first + 6}"
    assert (
        lines[1]
        == f"Task-2 (abba.<locals>.both) waits at {wanted} in asyncio.Lock.acquire, held by Task-3, which took it at {taken}"
    )
    assert (
        lines[2]
        == f"Task-3 (abba.<locals>.both) waits at {wanted} in asyncio.Lock.acquire, held by Task-2, which took it at {taken}"
    )
    assert run.failure.stuck[0].operation.place.line == first + 9


def test_waiting_names_what_is_waited_for():
    async def generator():
        await asyncio.Event().wait()
        yield

    async def iterate():
        async for _ in generator():
            pass

    async def program():
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.Queue().get(), name="queue")
            group.create_task(iterate(), name="generator")
            group.create_task(asyncio.Semaphore(0).acquire(), name="semaphore")
            group.create_task(asyncio.wait([group.create_task(asyncio.sleep(1))]), name="ends")

    run = run_one(program)
    assert outcome(run) == "deadlock"
    text = {line.split()[0]: line for line in waiting(run)}
    assert set(text) == {"Task-1", "queue", "generator", "semaphore"}
    assert text["queue"].endswith("in asyncio.Queue.get")
    assert f"{__file__}:{generator.__code__.co_firstlineno + 1} in asyncio.Event.wait" in text["generator"]
    assert text["semaphore"].endswith("in asyncio.Semaphore.acquire")
    assert "in asyncio.TaskGroup._" in text["Task-1"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="there are no eager tasks")
def test_eager_tasks_begin_at_once_and_go_on_in_any_order():
    orders = set()

    async def program():
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        said = []

        async def talk(name):
            said.append(name)
            await asyncio.sleep(0)
            said.append(name)

        await asyncio.gather(talk("a"), talk("b"))
        orders.add("".join(said))

    assert outcomes(program) == {"fine"}
    assert orders == {"abab", "abba"}
