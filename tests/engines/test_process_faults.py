"""A process worker dies, or a value does not get through: one item fails, named; the others have their results."""

import importlib.util
import os
import pickle
import signal
import sys
import threading
import time
from contextlib import suppress

import pytest

import atonce

PROCESS = {"engine": "process", "max_workers": 2}


def dies(number, how):
    if number == 37:
        how()
    return number


def segfault():
    os.kill(os.getpid(), signal.SIGSEGV)


def killed():
    os.kill(os.getpid(), signal.SIGKILL)


def exits():
    os._exit(0)


@pytest.mark.parametrize("chunksize", [None, 1, 100])
@pytest.mark.parametrize(("how", "words"), [(segfault, "SIGSEGV"), (killed, "SIGKILL"), (exits, "exit status 0")])
def test_a_death_costs_one_item(how, words, chunksize):
    results = atonce.map(lambda number: dies(number, how), range(100), errors="return", chunksize=chunksize, **PROCESS)
    failure = results[37]
    assert isinstance(failure.error, atonce.WorkerCrashed)
    assert words in str(failure.error)
    assert failure.error.__notes__[0].startswith("item 37: 37 (attempt 1, process ")
    assert [result for result in results if result is not failure] == [n for n in range(100) if n != 37]
    assert results.report.failed == 1


def test_a_death_can_be_caught_as_the_standard_librarys():
    from concurrent.futures.process import BrokenProcessPool

    with pytest.raises(BrokenProcessPool):
        atonce.map(lambda number: dies(number, killed), range(50), **PROCESS)


def test_a_pool_survives_its_workers():
    with atonce.Pool(**PROCESS) as pool:
        for _ in range(3):
            assert isinstance(pool.submit(dies, 37, killed).exception(30), atonce.WorkerCrashed)
        assert pool.map(abs, range(10)) == list(range(10))


def test_an_idle_worker_that_was_killed_is_replaced():
    with atonce.Pool(engine="process", max_workers=1) as pool:
        first = pool.submit(os.getpid).result(30)
        os.kill(first, signal.SIGKILL)
        second = pool.submit(os.getpid).result(30)
        assert second not in (first, os.getpid())


class WillNotPickle:
    def __reduce__(self):
        raise TypeError("never")


class WillNotUnpickle:
    def __reduce__(self):
        return _refuse, ()


def _refuse():
    raise ValueError("refused")


class DiesUnpickling:
    def __reduce__(self):
        return _die_elsewhere, (os.getpid(),)


def _die_elsewhere(home):
    if os.getpid() != home:
        os._exit(7)


def same(thing):
    return thing if isinstance(thing, int) else repr(type(thing))


@pytest.mark.parametrize(
    ("bad", "error", "attempts"),
    [
        (WillNotPickle(), atonce.PicklingFailed, 0),
        (threading.Lock(), atonce.PicklingFailed, 0),
        (WillNotUnpickle(), ValueError, 1),
        (DiesUnpickling(), atonce.WorkerCrashed, 1),
    ],
)
@pytest.mark.parametrize("chunksize", [1, 10])
def test_an_item_that_does_not_get_there_fails_alone(bad, error, attempts, chunksize):
    items = [0, 1, bad, 3, bad, 5]
    results = atonce.map(same, items, errors="return", chunksize=chunksize, **PROCESS)
    assert [result for result in results if not isinstance(result, atonce.Failure)] == [0, 1, 3, 5]
    assert [type(results[index].error) for index in (2, 4)] == [error] * 2
    assert [results[index].attempts for index in (2, 4)] == [attempts] * 2
    assert results[2].error.__notes__[-1].startswith("item 2: ")


def result_of(number):
    return {0: threading.Lock, 1: WillNotUnpickle, 2: lambda: number, 3: DiesUnpickling().__reduce__}[number]()


def test_a_result_that_does_not_get_back_fails_alone():
    results = atonce.map(result_of, range(3), errors="return", chunksize=3, **PROCESS)
    assert isinstance(results[0].error, atonce.PicklingFailed)
    assert isinstance(results[1].error, ValueError)
    assert results[2] == 2


class NeedsTwo(Exception):
    def __init__(self, one, two):
        super().__init__(one)
        self.two = two


class Holds(Exception):
    def __init__(self, thing):
        super().__init__("holds")
        self.thing = thing


def raises(number):
    if number == 0:
        raise NeedsTwo("a", "b")
    if number == 1:
        raise Holds(threading.Lock())
    if number == 2:
        sys.exit(5)
    raise KeyError("itself")


def test_exceptions_get_back_as_well_as_they_can():
    rebuilt, held, exited, itself = (failure.error for failure in atonce.map(raises, range(4), errors="return", **PROCESS))
    assert isinstance(rebuilt, atonce.RemoteError)
    assert (rebuilt.type_name.rsplit(".", 1)[-1], rebuilt.text) == ("NeedsTwo", "a")
    assert "in raises" in rebuilt.traceback_text
    assert isinstance(held, atonce.RemoteError)
    assert isinstance(exited, SystemExit)
    assert exited.code == 5
    assert isinstance(itself, KeyError)
    assert "in raises" in str(itself.__cause__)
    assert pickle.loads(pickle.dumps(rebuilt)).text == "a"


def test_a_function_that_does_not_pickle_is_named_before_anything_runs(evidence):
    lock = threading.Lock()

    def guarded(number):
        evidence.note(number)
        with lock:
            return number

    with pytest.raises(atonce.PicklingFailed, match="closes over 'lock'"):
        atonce.map(guarded, range(3), **PROCESS)
    assert evidence.lines() == []


def test_items_behind_a_crash_are_not_run_in_a_run_that_stops(evidence):
    def noted(number):
        evidence.note(number)
        if number == 3:
            os._exit(1)

    with pytest.raises(atonce.WorkerCrashed):
        atonce.map(noted, range(8), engine="process", max_workers=1, chunksize=8)
    assert "4" not in evidence.lines()


def test_workers_run_items_side_by_side_where_asked():
    barrier_size = 4

    def meet(number, gate=None):
        names = globals().setdefault("_gate", threading.Barrier(barrier_size))
        return names.wait(30) >= 0

    assert atonce.map(meet, range(4), engine="process", max_workers=1, concurrency=barrier_size) == [True] * 4


HOMELESS = """
STEP = 2

class Box:
    def __init__(self, it):
        self.it = it

    def moved(self, number):
        return Box(self.it + number)

def move(box):
    return Box(box.it + STEP)
"""


@pytest.mark.parametrize("name", ["atonce_nowhere", "string"])
def test_functions_of_a_module_that_no_path_leads_to(name, tmp_path, monkeypatch):
    """A test runner, or a plug-in system, loads modules from files that workers could not import, or would confuse with others."""
    file = tmp_path / f"{name}.py"
    file.write_text(HOMELESS)
    spec = importlib.util.spec_from_file_location(name, file)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr("atonce._wire.byvalue._known", {"__main__": True})
    spec.loader.exec_module(module)
    boxes = atonce.map(module.move, [module.Box(1), module.Box(2)], **PROCESS)
    assert [type(box) is module.Box and box.it for box in boxes] == [3, 4]
    moved = atonce.map(module.Box(5).moved, range(2), **PROCESS)
    assert [type(box) is module.Box and box.it for box in moved] == [5, 6]


def test_worker_process_knows_that_it_is_one():
    from atonce._machine.nesting import inside_worker_process

    assert atonce.map(lambda _: inside_worker_process(), [0], engine="process") == [True]
    assert not inside_worker_process()


def test_a_stream_that_is_closed_while_its_workers_get_ready_harms_nobody(tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)

    def wait():
        with open(gate) as opened:
            opened.read()

    def begin():
        with suppress(StopIteration):
            next(stream)

    others = []
    other = threading.Thread(target=lambda: others.append(atonce.map(nap, range(40), engine="process", max_workers=1)))
    other.start()
    with atonce.Pool(engine="process", max_workers=1, initializer=wait) as pool:
        stream = pool.stream(abs, range(10))
        consumer = threading.Thread(target=begin)
        consumer.start()
        with open(gate, "w"):  # opens when the initializer does
            stream.close()
        consumer.join()
        other.join()
        assert pool.map(abs, [-1]) == [1]
    assert others == [list(range(40))]


def nap(number):
    time.sleep(0.01)
    return number


class Holder:
    def __init__(self):
        self.lock = threading.Lock()

    def __call__(self):
        pass


@pytest.mark.parametrize("setup", [{"initializer": Holder()}, {"initializer": print, "initargs": (threading.Lock(),)}])
def test_an_initializer_that_does_not_pickle_ends_its_own_call_alone(setup):
    with atonce.Pool(engine="process", max_workers=2) as other, atonce.Pool(engine="process", max_workers=2, **setup) as pool:
        for _ in range(2):
            with pytest.raises(atonce.PicklingFailed, match="lock"):
                pool.map(abs, range(3))
        assert other.map(abs, [-1]) == [1]


def test_one_that_kills_among_several_at_once_is_found_out_with_a_time_limit_too(evidence):
    def fn(number):
        evidence.note(number)
        if number == 5:
            os._exit(3)
        return number

    results = atonce.map(fn, range(8), engine="process", max_workers=1, concurrency=8, chunksize=8, errors="return", timeout=60)
    assert isinstance(results.pop(5).error, atonce.WorkerCrashed)
    assert results == [0, 1, 2, 3, 4, 6, 7]
    assert evidence.lines().count("5") <= 2  # once with the others, and once alone


def test_threads_that_cannot_be_started_are_done_without(evidence):
    def fn(number):
        evidence.note(number)
        time.sleep(0.02)
        return number

    options = {"engine": "process", "max_workers": 1, "concurrency": 40, "memory": "64 MiB"}
    assert atonce.map(fn, range(40), **options) == list(range(40))
    assert sorted(map(int, evidence.lines())) == list(range(40))
