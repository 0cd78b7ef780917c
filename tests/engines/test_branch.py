"""Several items under way at once in each worker process, in threads or on an event loop."""

import asyncio
import os
import signal
import threading
import time

import pytest

import atonce

ONE = {"engine": "process", "max_workers": 1, "concurrency": 4}
PATIENCE_S = 30.0


def both(fn):
    """Run a test with a function, in threads, and with a coroutine function, on a loop."""
    return pytest.mark.parametrize("fn", [pytest.param(fn, id="threads"), pytest.param(Loop(fn), id="loop")])


class Loop:
    """A coroutine function that does what a generator function does, and waits on the loop where that yields."""

    def __init__(self, fn):
        self.fn = fn

    async def __call__(self, *arguments):
        steps = self.fn.__wrapped__(*arguments)
        try:
            while True:  # noqa: ASYNC110 (what it waits for happens in other processes, too)
                await asyncio.sleep(next(steps))
        except StopIteration as end:
            return end.value


def waiting(fn):
    """Make a function of a generator function: it sleeps for as long as that yields."""

    def call(*arguments):
        steps = fn(*arguments)
        try:
            while True:
                time.sleep(next(steps))
        except StopIteration as end:
            return end.value

    call.__wrapped__ = fn
    return call


def until(condition):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it never came"
        yield 0.001


@waiting
def waits_for_the_last(number, evidence, last):
    if number == 0:
        yield from until(lambda: str(last) in evidence.lines())
    evidence.note(number)
    return number


@both(waits_for_the_last)
def test_one_slow_item_keeps_nobody(fn, evidence):
    """The first one ends only after the last one, which would never begin if a batch waited for its slowest item."""
    assert atonce.map(fn, range(300), [evidence] * 300, [299] * 300, **ONE) == list(range(300))


@waiting
def waits_for_a_file(number, path):
    if number == 0:
        yield from until(path.exists)
    return number


@both(waits_for_a_file)
def test_results_do_not_wait_for_those_of_their_batch(fn, tmp_path):
    path = tmp_path / "go"
    stream = atonce.stream(fn, range(40), [path] * 40, ordered=False, chunksize=40, **ONE)
    assert sorted(next(stream) for _ in range(39)) == list(range(1, 40))
    path.touch()
    assert list(stream) == [0]


@waiting
def counts_those_beside(number, evidence):
    evidence.note("+")
    yield 0.002
    lines = evidence.lines()
    evidence.note("-")
    return lines.count("+") - lines.count("-")


@both(counts_those_beside)
def test_there_are_never_more_than_were_asked_for(fn, evidence):
    assert 2 <= max(atonce.map(fn, range(200), [evidence] * 200, **ONE)) <= 4


@waiting
def meets(number, evidence):
    evidence.note(os.getpid())
    yield from until(lambda: len(evidence.lines()) == 12)
    return number


@both(meets)
def test_what_there_is_is_dealt_out_evenly(fn, evidence):
    """Twelve items for two workers with room for eight each: six for each, not eight and four."""
    options = {"engine": "process", "max_workers": 2, "concurrency": 16}
    with atonce.Pool(**options) as pool:
        assert pool.map(fn, range(12), [evidence] * 12) == list(range(12))
    pids = evidence.lines()
    assert sorted(pids.count(pid) for pid in set(pids)) == [6, 6]


@waiting
def kills_when_all_are_there(number, evidence):
    evidence.note(number)
    if number == 21:
        yield from until(lambda: len(evidence.lines()) >= 20)
        os.kill(os.getpid(), signal.SIGKILL)
    yield 0.005
    return number


@both(kills_when_all_are_there)
@pytest.mark.parametrize("chunksize", [None, 1, 10])
def test_of_those_under_way_at_a_death_one_is_blamed(fn, evidence, chunksize):
    results = atonce.map(fn, range(60), [evidence] * 60, errors="return", chunksize=chunksize, **ONE)
    assert isinstance(results[21].error, atonce.WorkerCrashed)
    assert results[:21] + results[22:] == [*range(21), *range(22, 60)]
    assert evidence.lines().count("21") <= 2


@waiting
def hangs(number, evidence):
    evidence.note(number)
    if number == 5:
        yield 1000.0
    yield 0.001
    return number


@both(hangs)
def test_one_that_takes_too_long_fails_and_the_others_go_on(fn, evidence):
    results = atonce.map(fn, range(40), [evidence] * 40, errors="return", timeout=0.5, **ONE)
    assert isinstance(results[5].error, atonce.TaskTimeout)
    assert results[:5] + results[6:] == [*range(5), *range(6, 40)]


async def keeps_the_loop(number):
    if number == 5:
        time.sleep(1000.0)  # noqa: ASYNC251 (that is what this is about)
    await asyncio.sleep(0.001)
    return number


def test_a_coroutine_that_keeps_the_loop_is_ended_with_its_process():
    results = atonce.map(keeps_the_loop, range(20), errors="return", timeout=0.3, **ONE)
    assert isinstance(results[5].error, atonce.TaskTimeout)
    assert [result for result in results if isinstance(result, int)] == [*range(5), *range(6, 20)]


def slow_at_first(number, evidence):
    evidence.note(number)
    if evidence.lines().count(str(number)) == 1:
        time.sleep(0.7)
        raise OSError("once")
    time.sleep(0.7)
    return number


def test_each_attempt_of_a_thread_has_its_own_time(evidence):
    """Two attempts of 0.7 s each, within a limit of 1.2 s each."""
    assert atonce.map(slow_at_first, range(4), [evidence] * 4, timeout=1.2, retries=1, **ONE) == list(range(4))


@waiting
def stumbles(number, evidence):
    evidence.note(number)
    yield 0.001
    if number == 13:
        raise ValueError("unlucky")
    return number


@both(stumbles)
def test_the_first_failure_ends_it(fn, evidence):
    with pytest.raises(ValueError, match="unlucky") as caught:
        atonce.map(fn, range(5000), [evidence] * 5000, **ONE)
    assert caught.value.__notes__[0].startswith("item 13: ")
    assert len(evidence.lines()) < 1000
    assert set(map(int, evidence.lines())) >= set(range(14))


@both(stumbles)
def test_failures_beside_values_stand_in_their_places(fn, evidence):
    results = atonce.map(fn, range(60), [evidence] * 60, errors="return", retries=2, **ONE)
    assert results[:13] + results[14:] == [*range(13), *range(14, 60)]
    assert (results[13].attempts, evidence.lines().count("13")) == (3, 3)


class Unreadable:
    def __reduce__(self):
        return _refuse, ()


def _refuse():
    raise ValueError("cannot be read")


@waiting
def passes(thing):
    yield 0.001
    return thing


@both(passes)
def test_what_cannot_be_read_fails_alone(fn):
    results = atonce.map(fn, [1, Unreadable(), 3, 4, 5, 6], errors="return", **ONE)
    assert isinstance(results[1].error, ValueError)
    assert results[:1] + results[2:] == [1, 3, 4, 5, 6]


@waiting
def gives_a_lock(number):
    yield 0.001
    return threading.Lock() if number == 3 else number


@both(gives_a_lock)
def test_a_result_that_cannot_be_sent_fails_alone(fn):
    results = atonce.map(fn, range(8), errors="return", **ONE)
    assert isinstance(results[3].error, atonce.ResultPicklingFailed if hasattr(atonce, "ResultPicklingFailed") else Exception)
    assert results[:3] + results[4:] == [0, 1, 2, 4, 5, 6, 7]


@both(passes)
def test_large_things_come_and_go(fn):
    things = [bytes([number]) * 300_000 for number in range(40)]
    with atonce.Pool(**ONE) as pool:
        for _ in range(3):
            assert pool.map(fn, things) == things


async def loop_of(_):
    await asyncio.sleep(0)
    return id(asyncio.get_running_loop())


def test_all_items_of_a_call_run_on_one_loop():
    assert len(set(atonce.map(loop_of, range(100), **ONE))) == 1


@waiting
def identity(number):
    yield 0.0
    return number


@both(identity)
def test_a_pool_goes_from_one_kind_of_job_to_another(fn):
    with atonce.Pool(**ONE) as pool:
        for _ in range(3):
            assert pool.map(fn, range(50)) == list(range(50))
            assert pool.map(abs, range(-50, 0)) == list(range(50, 0, -1))


@both(identity)
def test_a_process_is_renewed_after_its_tasks(fn):
    assert atonce.map(fn, range(50), max_tasks_per_child=7, **ONE) == list(range(50))


@waiting
def first_worker_waits(number, evidence):
    """The first process to come keeps all its hands full until the other one has done the rest."""
    pid = str(os.getpid())
    evidence.note(pid)
    if evidence.lines()[0] == pid:
        yield from until(lambda: sum(line != pid for line in evidence.lines()) >= 12)
    return number


@both(first_worker_waits)
def test_what_a_worker_has_not_begun_goes_to_another_one(fn, evidence):
    options = {"engine": "process", "max_workers": 2, "concurrency": 4, "chunksize": 10}
    assert atonce.map(fn, range(16), [evidence] * 16, **options) == list(range(16))


async def naps(number):
    await asyncio.sleep(0.02)
    return number


def test_loops_find_out_how_many_coroutines_their_work_bears():
    """Four thousand that only sleep would take 40 s one after the other in two processes, and 20 s two by two."""
    results = atonce.map(naps, range(4000), engine="process", max_workers=2)
    assert results == list(range(4000))
    assert results.report.plan.in_flight >= 20


async def fast_and_then_slow(number):
    if number >= 300:
        await asyncio.sleep(0.3)
    return number


def test_the_time_of_a_coroutine_is_counted_from_its_beginning():
    """Fast items let the loop take many at a time; the slow ones that follow wait for a hand, which is not their fault."""
    results = atonce.map(fast_and_then_slow, range(320), timeout=1.0, errors="return", **{**ONE, "concurrency": 2})
    assert results == list(range(320))
