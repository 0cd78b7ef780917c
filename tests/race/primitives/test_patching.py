"""Names are replaced for the time of a check, and are what they were afterwards, however it ends."""

import _thread
import functools
import importlib
import inspect
import queue
import threading
import time

import pytest

from atonce.errors import RaceError
from atonce.race.primitives.patching import Patched
from atonce.race.primitives.replacing import REPLACEMENTS
from tests.race.primitives.kit import bench, once, result_of, together


def current(replacement):
    if replacement.name == "__code__":
        return replacement.owner.__code__
    return vars(replacement.owner).get(replacement.name)


@pytest.fixture(autouse=True)
def _all_put_back():
    yield
    assert all(current(each) is each.original for each in REPLACEMENTS)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("Thread-")]


def fails():
    raise ValueError


def hangs():
    threading.Event().wait()


def is_interrupted():
    raise KeyboardInterrupt


def hangs_in_a_thread():
    together(hangs, fails)


@pytest.mark.parametrize("program", [int, fails, hangs, is_interrupted, hangs_in_a_thread])
def test_all_is_put_back(program):
    with Patched():
        assert all(current(each) is each.replacement for each in REPLACEMENTS)
    run = once(program)
    assert isinstance(run.interrupt, KeyboardInterrupt) == (program is is_interrupted)


def test_also_if_the_block_fails():
    with pytest.raises(ValueError, match="inside"), Patched():
        raise ValueError("inside")


def test_code_is_replaced_by_code_of_its_kind():
    kinds = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
    for each in REPLACEMENTS:
        if each.name == "__code__":
            assert each.original.co_flags & kinds == each.replacement.co_flags & kinds


def test_what_somebody_else_has_replaced_stays(monkeypatch):
    def own(seconds):
        calls.append(seconds)

    calls = []
    monkeypatch.setattr(time, "sleep", own)
    once(lambda: time.sleep(5))
    assert calls == [5]
    assert time.sleep is own
    monkeypatch.undo()


def test_a_check_inside_a_check_is_refused():
    def program():
        with pytest.raises(RaceError, match="a check inside a check"), Patched():
            pass

    assert once(program).failure is None
    with Patched(), pytest.raises(RaceError, match="a check inside a check"), Patched():
        pass


def test_a_second_thread_waits_for_its_check():
    order, entered, inside = [], threading.Event(), threading.Event()

    def other():
        entered.set()
        with Patched():
            order.append("second")

    with Patched():
        thread = threading.Thread(target=other)
        thread.start()
        entered.wait()
        assert not inside.wait(0.01)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_threads_that_are_no_tasks_are_not_affected():
    box = queue.Queue()
    got = []

    def serve():
        while (item := box.get()) is not None:
            got.append(item)

    thread = threading.Thread(target=serve)
    thread.start()
    with bench() as on:
        box.put(1)
        lock = threading.Lock()
        assert lock.acquire()
        lock.release()
        assert on.run(lambda: together(int)).failure is None
        box.put(None)
        thread.join()
    assert got == [1]


def test_an_import_in_a_task_is_no_step():
    def program():
        importlib.reload(functools_like)
        return threading.Lock

    import sched as functools_like

    kinds = [step.operation.kind for step in once(program).trace]
    assert kinds == ["end"]


def test_a_cached_property_is_a_step_that_writes():
    class Thing:
        @functools.cached_property
        def value(self):
            made.append(1)
            return len(made)

    made = []

    def program():
        made.clear()
        thing = Thing()
        return sorted(together(lambda: thing.value, lambda: thing.value)), thing.value

    assert result_of(program) in (([1, 1], 1), ([1, 2], 2))
    kinds = [step.operation.kind for step in once(program).trace]
    assert "write" in kinds


def test_real_things_come_from_where_no_run_decides():
    with Patched():
        assert type(_thread.allocate_lock()) is _thread.LockType


def test_code_is_replaced_by_code_of_the_same_kind():
    """Newer versions warn otherwise: a generator's code is no plain function's."""
    kinds = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
    codes = [(each.original, each.replacement) for each in REPLACEMENTS if each.name == "__code__"]
    assert codes
    assert [(old.co_flags & kinds, old.co_name) for old, _ in codes] == [(new.co_flags & kinds, old.co_name) for old, new in codes]
