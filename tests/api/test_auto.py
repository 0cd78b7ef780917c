"""engine="auto": the first worker is the caller, and what is hired follows from what was seen."""

import asyncio
import hashlib
import os
import sys
import threading
import time

import pytest

import atonce
from atonce._run.pause import Pause


def computes(number):
    block = bytes(64)
    for _ in range(3000):
        block = hashlib.md5(block).digest() * 4  # small blocks keep the GIL
    return number, os.getpid()


def waits(number):
    time.sleep(0.02)
    return number, threading.current_thread().name


def engine_of(results):
    return results.report.plan.engine


def test_tiny_work_stays_in_the_calling_thread():
    results = atonce.map(abs, range(1000))
    assert engine_of(results) == "inline"
    assert results.report.plan.workers == 1


def test_work_that_computes_goes_to_processes():
    results = atonce.map(computes, range(800))
    assert [number for number, _ in results] == list(range(800))
    assert engine_of(results) == "process", results.report
    pids = [pid for _, pid in results]
    assert pids[0] == os.getpid()
    assert {*pids} > {os.getpid()}
    assert "it computes" in str(results.report)


def adds_up_in_c(number):
    return sum(range(300_000 + number))  # 3 ms, in which nobody else gets the GIL


def test_the_caller_pauses_while_its_manager_looks_at_work_that_holds_the_gil_in_c(monkeypatch):
    pauses = []

    def begin(pause, run, *limit):
        pauses.append(run)
        original(pause, run, *limit)

    original = Pause.begin
    monkeypatch.setattr(Pause, "begin", begin)
    results = atonce.map(adds_up_in_c, range(200))
    assert results == [adds_up_in_c(number) for number in range(200)]
    assert pauses
    assert len({id(run) for run in pauses}) == 1


def test_the_switch_interval_is_as_before():
    before = sys.getswitchinterval()
    results = atonce.map(computes, range(800))
    assert engine_of(results) == "process", results.report
    assert sys.getswitchinterval() == before


def test_work_that_waits_goes_to_threads():
    results = atonce.map(waits, range(300))
    assert [number for number, _ in results] == list(range(300))
    assert engine_of(results) == "thread"
    names = [name for _, name in results]
    assert names[0] == threading.current_thread().name
    assert len({*names}) > 10
    assert "it waits" in str(results.report)


def test_the_first_item_may_take_longer_than_the_look():
    gate = threading.Barrier(4)

    def meet(number):
        gate.wait(60)  # the caller is in its first item until three threads have come
        return number

    assert atonce.map(meet, range(8)) == list(range(8))


def test_a_function_that_writes_to_shared_state_stays_in_order():
    seen = []

    def note(number):
        seen.append(number)
        time.sleep(0.005)
        return threading.current_thread().name

    results = atonce.map(note, range(40))
    assert seen == list(range(40))
    assert {*results} == {threading.current_thread().name}
    assert "it calls seen.append" in str(results.report)


def test_a_function_that_cannot_be_sent_stays():
    lock = threading.Lock()

    def guarded(number):
        with lock:
            return computes(number)

    results = atonce.map(guarded, range(400))
    assert engine_of(results) == "inline"
    assert "it uses 'lock', a lock that other processes do not see" in str(results.report)


def test_coroutine_functions_run_on_an_event_loop():
    async def fn(number):
        await asyncio.sleep(0)
        return number

    results = atonce.map(fn, range(10))
    assert results == list(range(10))
    assert engine_of(results) == "async"


def test_on_a_running_loop_a_function_does_not_block_it():
    async def main():
        results = await atonce.amap(lambda _: threading.current_thread() is threading.main_thread(), range(3))
        return results, engine_of(results)

    results, engine = asyncio.run(main())
    assert results == [False] * 3
    assert engine == "thread"


def test_one_worker_is_the_caller():
    results = atonce.map(waits, range(8), max_workers=1)
    assert {name for _, name in results} == {threading.current_thread().name}


def test_inside_a_worker_process_the_other_cpus_are_taken():
    def nested(_):
        return atonce.map(computes, range(60)).report.plan.engine

    assert atonce.map(nested, [0], engine="process") == ["inline"]


@pytest.mark.parametrize("call", [atonce.map, lambda *args, **options: list(atonce.stream(*args, **options))])
def test_a_failure_behind_the_hiring_is_raised_as_itself(call):
    def fails(number):
        if number == 200:
            raise LookupError("number 200")
        return computes(number)

    with pytest.raises(LookupError, match="number 200") as caught:
        call(fails, range(400))
    assert caught.value.__notes__[0].startswith("item 200: 200 (attempt 1, ")


def test_the_counts_add_up_when_workers_of_two_kinds_were_at_it():
    report = atonce.map(computes, range(400)).report
    assert report.items == report.succeeded == 400
    assert report.failed == report.cancelled == 0
    assert report.wall_s > 0
    assert report.speedup > 0.5


class NotThere:
    """Pickles, and cannot be read in another process."""

    def __call__(self, number):
        return computes(number)[0]

    def __reduce__(self):
        return only_at_home, (os.getpid(),)


def only_at_home(pid):
    if pid != os.getpid():
        raise LookupError("not at home")
    return NotThere()


def test_a_function_that_does_not_arrive_stays_and_nobody_is_blamed():
    results = atonce.map(NotThere(), range(400))
    assert results == list(range(400))
    assert engine_of(results) == "inline"
    assert "a new process cannot take it" in str(results.report)
    assert results.report.notices == []


# ---- coroutines -----------------------------------------------------------------------------------------------------------------

GATE = asyncio.Lock()
PATIENCE_S = 60.0


async def computes_on_a_loop(number):
    await asyncio.sleep(0.001)
    return computes(number)


async def computes_behind_a_gate(number):
    async with GATE:
        return computes(number)


def endless():
    number = 0
    while True:
        yield number
        number += 1


def looked_at(fn, enough):
    """Stream without an end, until that is enough; return the results, and the report."""
    results, end = [], time.monotonic() + PATIENCE_S
    with atonce.stream(fn, endless()) as stream:
        for result in stream:
            results.append(result)
            if enough(stream.report) or time.monotonic() > end:
                break
        here = len(results)
        results += [next(stream) for _ in range(2000)]
    return results, here, stream.report


def test_coroutines_that_compute_get_a_loop_in_each_process():
    results, here, report = looked_at(computes_on_a_loop, lambda report: report.plan.engine == "process")
    assert [number for number, _ in results] == list(range(len(results)))
    pids = [pid for _, pid in results]
    assert {*pids[:here]} >= {os.getpid()}
    assert {*pids} > {os.getpid()}  # where others have the CPUs, they may be let go again
    assert any("the event loop computed all the time" in reason for reason in report.plan.reasons)


def test_coroutines_that_share_a_lock_stay_on_one_loop():
    said = "it uses 'GATE', a Lock that other processes do not see"
    results, _, report = looked_at(computes_behind_a_gate, lambda report: said in str(report))
    assert {pid for _, pid in results} == {os.getpid()}
    assert report.plan.engine == "async"
    assert said in str(report)


async def test_the_loop_of_a_caller_is_the_only_one():
    results = await atonce.amap(computes_on_a_loop, range(500))
    assert {pid for _, pid in results} == {os.getpid()}
    assert results.report.plan.engine == "async"
