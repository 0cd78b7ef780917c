"""One run: who goes on, how it ends, and that it ends for everybody."""

import threading
from contextlib import suppress

import pytest

from atonce.errors import InternalError
from atonce.race.scheduler import active
from atonce.race.search.strategy import Strategy
from atonce.race.tasks import Abort
from tests.race.byhand import carriers, run_once


class Picks(Strategy):
    """Follows a list of tasks, then stays."""

    every_pick = True

    def __init__(self, *picks):
        self.picks = picks

    def pick(self, run, enabled, me):
        depth = len(run.picks)
        wanted = self.picks[depth] if depth < len(self.picks) else None
        return next((task for task in enabled if task.number == wanted), None) or super().pick(run, enabled, me)


@pytest.fixture
def once():
    with carriers() as threads:
        yield lambda program, strategy=None, **options: run_once(program, strategy or Strategy(), threads, **options)


def count_twice(p):
    def add():
        value = p.read("n")
        p.write("n", value + 1)

    p.together(add, add)
    assert p.values["n"] == 2, p.values["n"]


def test_by_itself_a_program_goes_one_task_after_the_other(once):
    run = once(count_twice)
    assert run.failure is None
    assert run.picks == [0, 0, 1, 1, 1, 2, 2, 2, 0, 0]


def test_the_same_picks_make_the_same_run(once):
    first = once(count_twice, Picks(0, 0, 1, 1, 2, 2, 2))
    again = once(count_twice, Picks(*first.picks))
    assert again.picks == first.picks
    assert [(step.task, step.operation.kind) for step in again.trace] == [(step.task, step.operation.kind) for step in first.trace]
    assert first.failure.kind == again.failure.kind == "exception"
    assert str(first.failure.error) == str(again.failure.error) == "1\nassert 1 == 2"


def test_an_exception_in_a_task_ends_the_run_for_all(once):
    unwound = []

    def waits(p):
        try:
            p.wait("never")
        except Abort:
            unwound.append("waits")
            raise

    def breaks(p):
        p.read("x")
        raise KeyError("x")

    run = once(lambda p: p.together(lambda: waits(p), lambda: breaks(p)))
    assert run.failure.kind == "exception"
    assert isinstance(run.failure.error, KeyError)
    assert run.failure.task.number == 2
    assert unwound == ["waits"]
    assert not run.live


class Broken(Strategy):
    """Has a defect, which shows when there is somebody to pick."""

    def pick(self, run, enabled, me):
        raise KeyError("a defect")


def test_a_defect_of_the_search_is_no_failure_of_the_program(once):
    def program(p):
        with suppress(Exception):
            count_twice(p)

    run = once(program, Broken())
    assert run.failure is None
    assert isinstance(run.interrupt, InternalError)
    assert "KeyError: 'a defect'" in str(run.interrupt)


def test_a_task_that_catches_everything_is_unwound_all_the_same(once):
    def stubborn(p):
        for _ in range(3):
            try:
                p.wait("never")
            except BaseException:
                continue

    run = once(lambda p: p.together(lambda: stubborn(p)))
    assert run.failure.kind == "deadlock"
    assert not run.live


def test_a_ring_of_locks_is_a_deadlock_and_says_who_holds_what(once):
    def take(p, one, other):
        with p.lock(one), p.lock(other):
            pass

    run = once(lambda p: p.together(lambda: take(p, "a", "b"), lambda: take(p, "b", "a")), Picks(0, 0, 1, 1, 2, 2))
    assert run.failure.kind == "deadlock"
    held = {stuck.number: [name for name, *_ in stuck.held] for stuck in run.failure.stuck}
    assert held == {0: [], 1: ["a"], 2: ["b"]}


def test_timeouts_end_when_nobody_else_can_go_on_the_earliest_first(once):
    seen = []

    def waits(p, seconds):
        seen.append((p.wait("never", timeout=seconds), round(p.run.now_s - 1_000)))

    run = once(lambda p: p.together(lambda: waits(p, 7), lambda: waits(p, 3)))
    assert run.failure is None
    assert seen == [(False, 3), (False, 7)]


def test_a_sleeper_may_go_on_at_any_time_and_then_it_is_late(once):
    seen = []

    def sleeps(p):
        p.sleep(3600)
        seen.append(p.run.now_s - 1_000)

    assert once(lambda p: p.together(lambda: sleeps(p))).failure is None
    assert seen == [3600]


def test_a_loop_that_waits_for_another_task_does_not_keep_it_from_running(once):
    def spins(p):
        while not p.read("flag"):
            pass

    run = once(lambda p: p.together(lambda: spins(p), lambda: p.write("flag", 1)))
    assert run.failure is None


def test_a_loop_without_end_is_a_livelock(once):
    def spins(p):
        while not p.read("flag"):
            pass

    run = once(lambda p: p.together(lambda: spins(p)), max_steps=1_000)
    assert run.failure.kind == "livelock"
    assert [stuck.number for stuck in run.failure.stuck] == [0, 1]


def test_a_thread_left_waiting_is_a_failure_and_a_daemon_is_none(once):
    assert once(lambda p: p.start(lambda: p.wait("never"))).failure.kind == "left alive"
    run = once(lambda p: p.start(lambda: p.wait("never"), daemon=True))
    assert run.failure is None
    assert not run.live


def test_a_daemon_that_works_for_ever_ends_with_the_program(once):
    def works(p):
        while True:
            p.write("n", 1)

    run = once(lambda p: p.start(lambda: works(p), daemon=True))
    assert run.failure is None
    assert [step.operation.kind for step in run.unfinished] == ["begin"]


def test_what_ends_the_caller_without_a_failure_is_handed_on(once):
    class Skipped(BaseException):
        pass

    def skips(p):
        p.start(lambda: p.wait("never"))
        raise Skipped

    run = once(skips)
    assert run.failure is None
    assert isinstance(run.interrupt, Skipped)


def test_sys_exit_ends_a_task_and_nothing_else(once):
    def leaves():
        raise SystemExit(3)

    assert once(lambda p: p.together(leaves)).failure is None


def test_each_task_finds_its_thread_as_a_new_one(once):
    local = threading.local()
    seen = []

    def looks(p):
        seen.append(getattr(local, "value", None))
        local.value = 1
        p.read("x")
        assert local.value == 1

    for _ in range(3):
        assert once(lambda p: p.together(lambda: looks(p), lambda: looks(p))).failure is None
    assert seen == [None] * 6


def test_only_the_running_task_is_under_control(once):
    found = {}

    def program(p):
        found["inside"] = active()
        thread = threading.Thread(target=lambda: found.update(foreign=active()))
        thread.start()
        thread.join()

    run = once(program)
    assert found == {"inside": run, "foreign": None}
    assert active() is None
