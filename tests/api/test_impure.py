"""``engine="auto"`` never changes what a program means: forty functions that write where others read, and some that do not."""

import os
import shutil
import sys
import threading
import time

import pytest

import atonce
from atonce._probe import effects
from atonce._probe.scan import scan
from tests.api import impure

MUCH = 600  # items, so that processes pay, also where they take long to import what tests need


@pytest.fixture(autouse=True)
def surroundings(monkeypatch):
    here, path = os.getcwd(), list(sys.path)
    yield
    os.chdir(here)
    sys.path[:] = path
    shutil.rmtree(impure.HERE, ignore_errors=True)


def observed(case, run):
    make, inputs = impure.CASES[case]
    impure.begin()
    before = len(sys.path)
    items = inputs()
    results = run(make(), items)
    state = impure.state()
    del sys.path[before:]
    os.chdir("/")
    shutil.rmtree(impure.HERE)
    return results, items, state


def test_there_are_forty_of_them():
    assert len(impure.CASES) >= 40


@pytest.mark.parametrize("case", impure.CASES)
def test_results_and_side_effects_are_those_of_a_loop(case, monkeypatch):
    with monkeypatch.context() as quickly:
        for takes_time in ("busy", "idle"):
            quickly.setattr(impure, takes_time, lambda: None)
        expected = observed(case, lambda fn, items: [fn(item) for item in items])
    seen = observed(case, atonce.map)
    assert list(seen[0]) == expected[0]
    assert seen[1:3] == expected[1:3]
    assert seen[0].report.plan.engine == "inline"  # that it was seen, and not only too late, is for tests/probe/test_effects.py


def waits_for_a_cache(value):
    impure.idle()
    return impure.remembered(value), threading.current_thread().name


def test_threads_fill_a_cache_as_a_loop_would():
    impure.begin()
    results = atonce.map(waits_for_a_cache, range(150))
    assert results.report.plan.engine == "thread"
    assert len({name for _, name in results}) > 1
    info = impure.remembered.cache_info()
    assert (info.hits, info.misses, info.currsize) == (0, 150, 150)
    impure.state()


def test_what_was_put_into_a_module_is_not_left_behind():
    """A worker process would import the module anew, and find nothing there."""
    items = range(MUCH)
    impure.READ_ONLY["a"] = 1
    try:
        results = atonce.map(impure.reads_what_was_put_there, items)
    finally:
        impure.READ_ONLY.clear()
    assert results == [(1, item) for item in items]
    assert "'READ_ONLY' is not what it is in a new process that imports tests.api.impure" in str(results.report)


def test_what_is_the_same_there_may_go_there():
    results = atonce.map(impure.reads_what_was_put_there, range(MUCH))
    assert results == [(0, item) for item in range(MUCH)]
    assert results.report.plan.engine == "process"


def appends_to_a_part(value):
    impure.busy()
    impure.ROWS.get("a").append(value)
    return len(impure.ROWS["a"])


def test_items_that_end_while_the_code_is_looked_at_are_no_witnesses(monkeypatch):
    def slowly(*args, **kwargs):
        time.sleep(0.03)
        return scan(*args, **kwargs)

    monkeypatch.setattr(effects, "scan", slowly)
    impure.ROWS.update(a=[], b=[])
    seen = atonce.map(appends_to_a_part, range(150))
    assert list(seen) == list(range(1, 151))
    assert "ROWS from item to item" in str(seen.report)
