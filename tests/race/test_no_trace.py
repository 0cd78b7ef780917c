"""A check leaves no trace, however it ends."""

import asyncio
import contextlib
import gc
import os
import signal
import sys
import threading
import time

import pytest

from atonce import race
from atonce.errors import RaceError, RaceFound, ScheduleDiverged
from atonce.race.watchdog import Watchdog
from atonce.testing.evidence import wait_until
from tests.race import leaving
from tests.race.traces import Picture, own


@pytest.fixture(autouse=True, scope="module")
def _warm():
    """Let everything be imported that the first check imports, and the first failure."""
    race.explore(leaving.is_wrong)
    race.explore(leaving.fails_in_a_loop, runs=3)
    race.explore(leaving.leaves_a_pool, runs=3)


@pytest.fixture(autouse=True)
def _no_trace(monkeypatch, _leaves_nothing):
    own.value = "of the thread that checks"
    leaving.kept.clear()
    leaving.runs = 0
    leaving.the_account.balance = 0
    before = Picture(leaving)
    yield
    leaving.kept.clear()
    leaving.runs = 0
    leaving.the_account.balance = 0
    gc.collect()
    differences = ["never compared"]

    def nothing():
        differences[:] = before.differences(Picture(leaving))
        return not differences

    with contextlib.suppress(AssertionError):
        wait_until(nothing, "nothing to differ", 2.0)
    assert not differences, "\n".join(differences)


@contextlib.contextmanager
def ctrl_c(times=1):
    """Press Ctrl-C as soon as a program has been run some times."""

    def press():
        while leaving.runs < 20:
            time.sleep(0.001)
        for _ in range(times):
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    try:
        yield
    finally:
        thread.join()


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(Watchdog.__init__, "__defaults__", (0.3,))


def test_proved():
    assert race.explore(leaving.is_right).verdict == "proved"


def test_failed():
    assert race.explore(leaving.is_wrong).verdict == "failed"


def test_checked():
    with pytest.raises(RaceFound):
        race.check(leaving.is_wrong)()


@pytest.mark.parametrize("program", [leaving.deadlocks, leaving.is_stubborn, leaving.recurses, leaving.has_no_memory, leaving.fails_in_a_loop])
def test_fails_in_other_ways(program):
    assert race.explore(program, runs=200).verdict == "failed"


@pytest.mark.parametrize("program", [leaving.patient, leaving.tasks_of_a_loop, leaving.leaves_a_pool, leaving.leaves_things, leaving.leaves_things_of_a_loop])
def test_does_not_fail(program):
    assert race.explore(program, runs=50).verdict != "failed"


def test_budget_exhausted():
    report = race.explore(leaving.goes_on_for_long, budget="200ms")
    assert report.verdict == "not found"


@pytest.mark.parametrize("strategy", ["dpor", "random"])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_interrupted(times, strategy):
    with ctrl_c(times), pytest.raises(KeyboardInterrupt):  # noqa: PT012
        with contextlib.suppress(KeyboardInterrupt) if times > 1 else contextlib.nullcontext():
            race.explore(leaving.goes_on_for_long, budget="60s", strategy=strategy)
        if times > 1:
            raise KeyboardInterrupt


@pytest.mark.parametrize("program", [leaving.skips, leaving.skips_in_a_thread])
def test_skipped(program):
    with pytest.raises((pytest.skip.Exception, RaceFound)):
        race.explore(program, runs=20).assert_ok()


def test_exits():
    with pytest.raises(SystemExit):
        race.explore(leaving.exits)


def test_hangs_in_a_thread(impatient):
    leaving.hung.acquire()
    with pytest.raises(RaceError, match="uncontrolled blocking"):
        race.explore(leaving.hangs_in_a_thread)
    leaving.hung.release()
    wait_until(leaving.hung.locked, "the thread that hung to come back", 5.0)
    leaving.hung.release()


def test_hangs_in_main(impatient):
    leaving.hung.acquire()
    try:
        with pytest.raises(RaceError, match="uncontrolled blocking"):
            race.explore(leaving.hangs_in_main)
    finally:
        leaving.hung.release()


def test_replay_that_diverges():
    with pytest.raises(ScheduleDiverged):
        race.replay(leaving.is_right, "r1:0*3.7*9")


def test_replay():
    found = race.explore(leaving.is_wrong).replay
    with pytest.raises(AssertionError):
        race.replay(leaving.is_wrong, found)


def test_an_exception_in_the_check_itself(monkeypatch):
    from atonce.race.search import dpor

    def broken(*args):
        raise LookupError("broken")

    for name in [name for name in vars(dpor) if isinstance(getattr(dpor, name), type)]:
        for method in ("pick", "end"):
            if method in vars(getattr(dpor, name)):
                monkeypatch.setattr(getattr(dpor, name), method, broken)
    with pytest.raises(LookupError):
        race.explore(leaving.is_right, strategy="dpor")
