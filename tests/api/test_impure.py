"""``engine="auto"`` never changes what a program means: forty functions that write where others read, and some that do not."""

import os
import shutil
import sys

import pytest

import atonce
from tests.api import impure


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
def test_results_and_side_effects_are_those_of_a_loop(case):
    expected = observed(case, lambda fn, items: [fn(item) for item in items])
    seen = observed(case, atonce.map)
    assert list(seen[0]) == expected[0]
    assert seen[1:3] == expected[1:3]
    assert "stay one after the other" in str(seen[0].report), seen[0].report
