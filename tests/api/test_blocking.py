"""A coroutine that blocks its loop is named while it does, and innocent ones are not."""

# ruff: noqa: ASYNC221, ASYNC251 (to block is what these are for)

import asyncio
import hashlib
import queue
import re
import sqlite3
import subprocess
import threading
import time
from contextlib import suppress

import pytest

import atonce
from atonce import BlockingCall

BLOCK_S = 0.3  # long enough to be seen on a machine that does three other things


def line_of(fn, text: str) -> int:
    """Return the number of the line of a function's source that has this text in it."""
    import inspect

    lines, first = inspect.getsourcelines(fn)
    return first + next(at for at, line in enumerate(lines) if text in line)


async def sleeps(number: int) -> int:
    await asyncio.sleep(0.001)
    if number == 3:
        time.sleep(BLOCK_S)
    return number


def test_the_call_is_named_with_its_line_and_what_to_use_instead():
    report = atonce.map(sleeps, range(6)).report
    (notice,) = report.notices
    assert re.match(r"sleeps blocked the event loop for \d+ ms in test_blocking\.py", notice)
    assert f"test_blocking.py:{line_of(sleeps, 'time.sleep')}: time.sleep(BLOCK_S)" in notice
    assert "use await asyncio.sleep(...)" in notice
    assert notice in str(report)
    assert report.succeeded == 6


async def test_on_the_callers_loop_too():
    (notice,) = (await atonce.amap(sleeps, range(6))).report.notices
    assert "time.sleep(BLOCK_S)" in notice


async def waits_for_lock(_number: int) -> None:
    lock = threading.Lock()
    lock.acquire()
    lock.acquire(timeout=BLOCK_S)


async def waits_for_process(_number: int) -> None:
    subprocess.run(["sleep", str(BLOCK_S)], check=True)


async def waits_for_queue(_number: int) -> None:
    with suppress(queue.Empty):
        queue.Queue().get(timeout=BLOCK_S)


async def waits_for_database(_number: int) -> None:
    connection = sqlite3.connect(":memory:")
    connection.create_function("nap", 0, lambda: time.sleep(BLOCK_S))
    connection.execute("select nap()").fetchall()
    connection.close()


async def waits_deep_inside(number: int) -> None:
    def inner() -> None:
        time.sleep(BLOCK_S)

    inner()


@pytest.mark.parametrize(
    ("fn", "text", "instead"),
    [
        (waits_for_lock, "lock.acquire(timeout=BLOCK_S)", "asyncio.Lock"),
        (waits_for_process, "subprocess.run(", "await asyncio.create_subprocess_exec(...)"),
        (waits_for_queue, "queue.Queue().get(timeout=BLOCK_S)", "asyncio.Queue"),
        (waits_deep_inside, "time.sleep(BLOCK_S)", "await asyncio.sleep(...)"),
    ],
)
def test_what_it_waits_for_says_what_to_use(fn, text, instead):
    (notice,) = atonce.map(fn, [1, 2], concurrency=1).report.notices
    assert text in notice
    assert instead in notice
    assert "(2 times, " in notice, notice


def test_each_item_is_blamed_for_itself():
    results = atonce.map(waits_deep_inside, range(3), concurrency=1, blocking="error", errors="return")
    assert [type(failure.error) for failure in results] == 3 * [BlockingCall]


def test_what_calls_back_is_named_where_it_waits():
    notices = atonce.map(waits_for_database, [1]).report.notices
    assert any("time.sleep(BLOCK_S)" in notice for notice in notices)


def test_the_item_fails_if_that_is_asked_for():
    results = atonce.map(sleeps, range(6), blocking="error", errors="return")
    assert results[:3] == [0, 1, 2]
    assert results[4:] == [4, 5]
    error = results[3].error
    assert isinstance(error, BlockingCall)
    assert f"test_blocking.py:{line_of(sleeps, 'time.sleep')}: time.sleep(BLOCK_S)" in str(error)
    assert "item 3" in error.__notes__[0]
    with pytest.raises(BlockingCall):
        atonce.map(sleeps, range(6), blocking="error")


def test_an_item_that_fails_by_itself_keeps_its_own_error():
    async def fails(_number: int) -> None:
        time.sleep(BLOCK_S)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        atonce.map(fails, [1], blocking="error")


async def computes(number: int) -> str:
    await asyncio.sleep(0)
    digest = b""
    for _ in range(20_000):
        digest = hashlib.sha256(digest).digest()
    return digest.hex()


async def awaits(number: int) -> int:
    await asyncio.sleep(0.02)
    await asyncio.to_thread(time.sleep, 0.02)
    return number


async def starts_a_process(_number: int) -> int | None:
    process = await asyncio.create_subprocess_exec("true")
    return await process.wait()


@pytest.mark.parametrize("fn", [computes, awaits, starts_a_process])
def test_who_computes_or_awaits_blocks_nobody(fn):
    results = atonce.map(fn, range(20), blocking="error")
    assert results.report.notices == []


def test_who_waits_for_the_gil_blocks_nobody():
    stop = threading.Event()

    def burns() -> None:
        while not stop.is_set():
            sum(range(10_000))

    threads = [threading.Thread(target=burns) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        results = atonce.map(computes, range(20), blocking="error")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert results.report.notices == []


@pytest.mark.parametrize("concurrency", [None, 1, 4])
def test_in_worker_processes_too(concurrency):
    options = {"engine": "process", "max_workers": 1, "concurrency": concurrency}
    (notice,) = atonce.map(sleeps, range(6), **options).report.notices
    assert re.match(r"sleeps blocked the event loop for \d+ ms in test_blocking\.py", notice)
    assert f"test_blocking.py:{line_of(sleeps, 'time.sleep')}: time.sleep(BLOCK_S)" in notice
    assert re.search(r"in process \d+", notice)


def test_the_item_fails_in_worker_processes_too():
    options = {"engine": "process", "max_workers": 2, "concurrency": 8, "blocking": "error", "errors": "return"}
    results = atonce.map(sleeps, range(40), **options)
    assert results[:3] + results[4:] == [0, 1, 2, *range(4, 40)]
    assert isinstance(results[3].error, BlockingCall)
    assert f"test_blocking.py:{line_of(sleeps, 'time.sleep')}: time.sleep(BLOCK_S)" in str(results[3].error)


def test_other_engines_do_not_mind():
    assert atonce.map(abs, [-1, -2], engine="thread", blocking="error") == [1, 2]


@pytest.mark.parametrize("blocking", ["off", None, True])
def test_what_is_no_mode_is_refused(blocking):
    with pytest.raises(atonce.OptionError, match="blocking="):
        atonce.map(abs, [1], blocking=blocking)
