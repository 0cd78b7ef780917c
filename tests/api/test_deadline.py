"""``deadline=``: the whole call ends in time, whoever works, and says how far it came."""

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

import atonce
from atonce.errors import DeadlineExceeded, OptionError

LONG_S = 60.0


def slow_at_three(number: int) -> int:
    if number == 3:
        time.sleep(LONG_S)
    return number


async def waits_at_three(number: int) -> int:
    if number == 3:
        await asyncio.sleep(LONG_S)
    return number


def brief(number: int) -> int:
    time.sleep(0.001)
    return number


def test_processes_are_stopped_in_the_middle_of_an_item():
    begun = time.monotonic()
    with pytest.raises(DeadlineExceeded, match=r"slow_at_three did not end within its deadline of 2 s: of 6 items, 5 succeeded"):
        atonce.map(slow_at_three, range(6), engine="process", max_workers=2, chunksize=1, deadline=2)
    assert time.monotonic() - begun < LONG_S / 2


def test_coroutines_are_cancelled_and_waited_for():
    ended: list[str] = []

    async def tidy(number: int) -> int:
        try:
            return await waits_at_three(number)
        finally:
            await asyncio.sleep(0.1)
            ended.append("tidied up")

    with pytest.raises(DeadlineExceeded, match="of 4 items, 3 succeeded"):
        atonce.map(tidy, range(4), deadline=1.5)
    assert len(ended) == 4


async def test_coroutines_on_the_callers_loop_are_cancelled_and_nothing_is_left():
    with pytest.raises(DeadlineExceeded, match="of 6 items, 5 succeeded"):
        await atonce.amap(waits_at_three, range(6), deadline=1)
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_threads_are_not_waited_for():
    gate = threading.Event()

    def stuck(number: int) -> int:
        if number == 3:
            gate.wait(LONG_S)
        return number

    begun = time.monotonic()
    with pytest.raises(DeadlineExceeded, match="of 6 items, 5 succeeded"):
        atonce.map(stuck, range(6), engine="thread", max_workers=2, chunksize=1, deadline=1)
    assert time.monotonic() - begun < LONG_S / 2
    gate.set()


@pytest.mark.parametrize("engine", ["inline", "auto"])
def test_the_calling_thread_begins_nothing_more(engine):
    begun = []

    def counted(number: int) -> int:
        begun.append(number)
        time.sleep(0.01)
        return number

    with pytest.raises(DeadlineExceeded):
        atonce.map(counted, range(1_000_000), engine=engine, max_workers=2, deadline=0.1)
    assert 0 < len(begun) < 10_000


def test_a_stream_gives_what_is_there_in_time():
    got = []
    with pytest.raises(DeadlineExceeded, match="3 succeeded"):
        for value in atonce.stream(waits_at_three, range(4), deadline=1):
            got.append(value)  # noqa: PERF402 (what came before the error is wanted)
    assert got == [0, 1, 2]


def test_an_input_that_keeps_everybody_waiting_is_not_waited_for():
    gate = threading.Event()

    def endless() -> Iterator[int]:
        yield 0
        gate.wait(LONG_S)
        yield 1

    begun = time.monotonic()
    with pytest.raises(DeadlineExceeded, match="of the 1 items begun, 1 succeeded"):
        atonce.map(brief, endless(), engine="process", max_workers=1, deadline=2)
    assert time.monotonic() - begun < LONG_S / 2
    gate.set()


@pytest.mark.parametrize("engine", ["auto", "inline", "thread", "process", "async"])
def test_who_is_in_time_notices_nothing(engine):
    assert atonce.map(brief, range(20), engine=engine, deadline=LONG_S) == list(range(20))


@pytest.mark.parametrize("engine", ["auto", "inline", "thread", "process", "async"])
def test_a_single_item_has_a_deadline_too(engine):
    assert atonce.map(brief, [1], engine=engine, deadline=LONG_S) == [1]


def test_an_items_own_timeout_error_is_no_deadline():
    def fails(_number: int) -> None:
        raise TimeoutError("mine")

    with pytest.raises(TimeoutError, match="mine") as raised:
        atonce.map(fails, [1, 2], deadline=LONG_S)
    assert not isinstance(raised.value, DeadlineExceeded)


def test_a_failure_before_the_deadline_is_raised_as_itself():
    with pytest.raises(ZeroDivisionError):
        atonce.map(lambda number: 1 // number, range(3), engine="thread", deadline=LONG_S)


def test_counts_add_up():
    stream = atonce.stream(waits_at_three, range(10), deadline=0.2, concurrency=2, ordered=False)
    with pytest.raises(DeadlineExceeded):
        list(stream)
    report = stream.report
    assert report.items == report.succeeded + report.failed + report.cancelled
    assert report.cancelled >= 1


@pytest.mark.parametrize("deadline", [0, -1, float("inf"), float("nan"), "soon", True])
def test_what_is_no_time_is_refused(deadline):
    with pytest.raises(OptionError, match="deadline="):
        atonce.map(brief, [1], deadline=deadline)


def test_what_had_ended_is_in_the_error():
    with pytest.raises(DeadlineExceeded) as caught:
        atonce.map(slow_at_three, range(6), deadline=2, errors="return", engine="process", max_workers=2, chunksize=1)
    assert [(outcome.index, outcome.value) for outcome in caught.value.outcomes] == [(index, index) for index in (0, 1, 2, 4, 5)]


def test_what_threads_had_ended_is_in_the_error_too():
    release = threading.Event()

    def waits_for_release_at_three(number: int) -> int:
        if number == 3:
            release.wait(LONG_S)
        return number

    try:
        with pytest.raises(DeadlineExceeded) as caught:
            atonce.map(waits_for_release_at_three, range(6), deadline=2, engine="thread", max_workers=6)
    finally:
        release.set()
    assert [outcome.index for outcome in caught.value.outcomes] == [0, 1, 2, 4, 5]


async def fails_at_one_waits_at_three(number: int) -> int:
    if number == 1:
        raise ValueError("one")
    return await waits_at_three(number)


async def test_failures_are_among_what_had_ended():
    with pytest.raises(DeadlineExceeded) as caught:
        await atonce.amap(fails_at_one_waits_at_three, range(5), deadline=1, errors="group")
    assert [(outcome.index, outcome.ok) for outcome in caught.value.outcomes] == [(0, True), (1, False), (2, True), (4, True)]


def test_a_stream_tells_what_it_has_not_handed_on():
    handed: list[int] = []
    with pytest.raises(DeadlineExceeded) as caught:
        handed += atonce.stream(slow_at_three, range(6), engine="process", max_workers=2, chunksize=1, deadline=2)
    assert handed == [0, 1, 2]
    assert [outcome.value for outcome in caught.value.outcomes] == [4, 5]


def raises_its_own(_number: int) -> int:
    raise DeadlineExceeded("its own")


def test_an_items_own_error_of_that_kind_is_left_alone():
    with pytest.raises(DeadlineExceeded, match="its own") as caught:
        atonce.map(raises_its_own, range(3), engine="inline", deadline=60)
    assert caught.value.outcomes == ()
