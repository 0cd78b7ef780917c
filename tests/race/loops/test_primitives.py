"""asyncio's own primitives do under control what they do on a loop of their own."""

import asyncio
import contextvars
import sys

import pytest
from tests.race.loops.control import outcome, run_one

pytestmark = pytest.mark.filterwarnings("error")


def same_as_asyncio(program):
    """Check that a program says the same under control, in the order that asyncio would take."""
    expected, seen = [], []
    asyncio.run(program(expected.append))
    run = run_one(lambda: program(seen.append))
    assert outcome(run) == "fine", run.failure
    assert seen == expected
    assert seen  # it said something
    return run


async def _talk(say, name, times=3):
    for turn in range(times):
        say(f"{name} {turn}")
        await asyncio.sleep(0)
    return name


async def gather(say):
    say(await asyncio.gather(*[_talk(say, name) for name in "abc"]))


async def gather_with_errors(say):
    async def fail(number):
        await asyncio.sleep(number)
        raise ValueError(number)

    say([repr(result) for result in await asyncio.gather(fail(2), fail(1), return_exceptions=True)])
    with pytest.raises(ValueError, match="1"):
        await asyncio.gather(fail(2), fail(1))


async def wait_first(say):
    tasks = [asyncio.create_task(_talk(say, name, times)) for name, times in (("a", 4), ("b", 1), ("c", 2))]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    say((sorted(task.result() for task in done), len(pending)))
    await asyncio.wait(pending)


async def wait_with_timeout(say):
    tasks = [asyncio.create_task(asyncio.sleep(delay, delay)) for delay in (0.01, 0.5)]
    done, pending = await asyncio.wait(tasks, timeout=0.1)
    say([len(done), len(pending)])


async def wait_for(say):
    say(await asyncio.wait_for(asyncio.sleep(0.001, "slept"), 1))
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(asyncio.sleep(1), 0.01)
    say("timed out")


async def timeouts(say):
    async with asyncio.timeout(1):
        await asyncio.sleep(0)
        say("in time")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await asyncio.sleep(1)
    say("out of time")


async def task_group(say):
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_talk(say, name)) for name in "abc"]
    say([task.result() for task in tasks])

    async def fail():
        raise ValueError

    with pytest.raises(ExceptionGroup):
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            group.create_task(_talk(say, "cancelled"))


async def as_completed(say):
    for future in asyncio.as_completed([asyncio.sleep(delay / 100, delay) for delay in (3, 1, 2)]):
        say(await future)


async def lock(say):
    shared = asyncio.Lock()

    async def hold(name):
        async with shared:
            say(f"{name} in")
            await asyncio.sleep(0)
            say(f"{name} out")

    await asyncio.gather(*[hold(name) for name in "abc"])
    say(shared.locked())


async def event(say):
    ready = asyncio.Event()

    async def wait(name):
        await ready.wait()
        say(name)

    tasks = [asyncio.create_task(wait(name)) for name in "abc"]
    await asyncio.sleep(0)
    say("set")
    ready.set()
    await asyncio.gather(*tasks)


async def condition(say):
    changed, items = asyncio.Condition(), []

    async def take(name):
        async with changed:
            await changed.wait_for(lambda: items)
            say((name, items.pop()))

    tasks = [asyncio.create_task(take(name)) for name in "ab"]
    for item in range(2):
        await asyncio.sleep(0)
        async with changed:
            items.append(item)
            changed.notify()
    await asyncio.gather(*tasks)


async def semaphore(say):
    permits = asyncio.BoundedSemaphore(2)

    async def hold(name):
        async with permits:
            await _talk(say, name, 2)

    await asyncio.gather(*[hold(name) for name in "abcd"])
    with pytest.raises(ValueError, match="too many"):
        permits.release()


async def queue(say):
    items = asyncio.Queue(2)

    async def produce():
        for item in range(5):
            await items.put(item)
            say(f"put {item}")

    async def consume():
        while True:
            item = await items.get()
            say(f"got {item}")
            items.task_done()

    consumer = asyncio.create_task(consume())
    await produce()
    await items.join()
    consumer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await consumer
    say(items.empty())


async def barrier(say):
    meeting = asyncio.Barrier(3)

    async def come(name):
        async with meeting as index:
            say((name, index))

    await asyncio.gather(*[come(name) for name in "abc"])


async def shield(say):
    async def inner():
        await asyncio.sleep(0.01)
        say("inner has ended")

    task = asyncio.create_task(inner())

    async def outer():
        await asyncio.shield(task)

    waiting = asyncio.create_task(outer())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await task


async def cancellation(say):
    async def stubborn():
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            say("asked to end")
            await asyncio.sleep(0)
            say("ended")
            raise

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    say(task.cancelled())


async def left_over(say):
    async def forever():
        try:
            await asyncio.Event().wait()
        finally:
            say("left over")

    keep = [asyncio.create_task(forever()), asyncio.create_task(_talk(say, "begins"))]
    await asyncio.sleep(0)
    say(len(keep))


async def begun_at_the_end(say):
    keep = asyncio.create_task(_talk(say, "still begins"))
    say(keep.done())


async def async_generator(say):
    async def count():
        try:
            for number in range(10):
                await asyncio.sleep(0)
                yield number
        finally:
            say("closed")

    async for number in count():
        say(number)
        if number == 2:
            break


async def context_variables(say):
    name = contextvars.ContextVar("name", default="nobody")

    async def tell(value):
        name.set(value)
        await asyncio.sleep(0)
        say(name.get())

    await asyncio.gather(*[tell(value) for value in "abc"])
    say(name.get())


async def callbacks(say):
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    for number in range(3):
        loop.call_soon(say, number)
    loop.call_later(0.002, say, "later")
    loop.call_later(0.001, say, "sooner")
    loop.call_later(0.0015, say, "cancelled").cancel()
    loop.call_later(0.003, done.set_result, "done")
    task = asyncio.create_task(_talk(say, "task"))
    task.add_done_callback(lambda task: say(task.result()))
    say(await done)


async def executors(say):
    say(await asyncio.to_thread(lambda: "from a thread"))
    results = [asyncio.get_running_loop().run_in_executor(None, pow, 2, number) for number in range(40)]
    say(await asyncio.gather(*results))
    with pytest.raises(ZeroDivisionError):
        await asyncio.to_thread(lambda: 1 / 0)


async def streams(say):
    async def serve(reader, writer):
        say(await reader.readline())
        writer.write(b"pong\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"ping\n")
        say(await reader.readline())
        writer.close()
        await writer.wait_closed()


async def eager(say):
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    task = asyncio.create_task(_talk(say, "eager"))
    say("created")
    await task
    ended = asyncio.create_task(asyncio.sleep(0, "slept"))
    say(await ended)


PROGRAMS = [
    gather, gather_with_errors, wait_first, wait_with_timeout, wait_for, timeouts, task_group, as_completed, lock, event, condition,
    semaphore, queue, barrier, shield, cancellation, left_over, begun_at_the_end, async_generator, context_variables, callbacks,
    executors, streams,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_does_what_asyncio_does(program):
    same_as_asyncio(program)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="there are no eager tasks")
def test_eager_tasks_do_what_asyncio_does():
    same_as_asyncio(eager)


@pytest.mark.parametrize("program", [wait_for, timeouts, wait_with_timeout], ids=lambda program: program.__name__)
def test_a_timeout_is_a_doubt(program):
    assert "waits with a timeout" in same_as_asyncio(program).doubts


async def sleeps_alone(say):
    for delay in (3, 1, 2):
        await asyncio.sleep(delay / 100)
        say(delay)


def test_a_sleep_that_nobody_could_overtake_is_no_doubt():
    assert not same_as_asyncio(sleeps_alone).doubts


def test_a_sleep_that_might_end_while_others_are_ready_is_a_doubt():
    assert list(same_as_asyncio(as_completed).doubts) == ["a timer might run out before what is ready has run"]


def test_sockets_are_a_doubt():
    assert any("sockets" in doubt for doubt in same_as_asyncio(streams).doubts)
