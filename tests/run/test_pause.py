"""Threads pause for their manager, and no longer than is allowed."""

import threading

import pytest

from atonce._run.pause import Pause, Pausing
from atonce.testing import ManualClock


class Threads:
    """A run, as far as a pause is concerned."""

    pausing = None

    def pause(self, pausing):
        self.pausing = pausing

    def resume(self):
        self.pausing.end()
        self.pausing = None

    @property
    def pauses(self):
        return self.pausing is not None and self.pausing.begun


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def run():
    return Threads()


@pytest.fixture
def pause(clock):
    return Pause(clock)


def test_they_pause_until_the_end(pause, run, clock):
    pause.begin(run)
    clock.advance(1000.0)
    pause.look()
    assert run.pauses
    assert pause.goes_on
    pause.end()
    assert not run.pauses
    assert not pause.goes_on
    assert pause.total_s == 1000.0


def test_a_limit_ends_it_at_the_next_look(pause, run, clock):
    pause.begin(run, 2.0)
    clock.advance(1.5)
    pause.look()
    assert run.pauses
    clock.advance(0.5)
    pause.look()
    assert not run.pauses


def test_the_time_of_all_pauses_counts_and_that_between_them_does_not(pause, run, clock):
    pause.begin(run)
    clock.advance(1.0)
    pause.end()
    clock.advance(10.0)
    pause.begin(run)
    clock.advance(2.0)
    assert pause.total_s == 3.0


def test_a_pause_within_another_goes_on_with_it_to_its_own_limit(pause, run, clock):
    pause.begin(run, 1.0)
    first = run.pausing
    clock.advance(0.5)
    pause.begin(run, 1.0)
    assert run.pausing is first
    clock.advance(0.7)
    pause.look()
    assert run.pauses
    assert pause.total_s == 1.2
    clock.advance(0.3)
    pause.look()
    assert not run.pauses


def test_only_a_pause_with_a_limit_outlasts_a_look_of_the_manager(pause, run):
    assert not pause.is_limited
    pause.clear_the_way(run, 0.0, but=1, working=4)
    assert not pause.is_limited
    pause.begin(run, 1.0)
    assert pause.is_limited
    pause.end()
    assert not pause.is_limited


def test_an_end_without_a_beginning_is_none(pause, run):
    run.pause(Pausing(ManualClock(), 0.0, but=0, working=0))
    pause.end()
    pause.look()
    assert run.pauses


def test_the_way_is_cleared_after_some_time_and_that_counts_as_work(pause, run, clock):
    pause.clear_the_way(run, 0.5, but=2, working=8)
    assert not run.pauses
    clock.advance(0.6)
    assert run.pauses
    assert pause.total_s == 0.0
    pause.end()
    assert not run.pauses
    assert pause.total_s == 0.0


def test_a_way_that_is_cleared_stays_so_for_the_next_step(pause, run, clock):
    pause.clear_the_way(run, 0.5, but=2, working=8)
    first = run.pausing
    clock.advance(0.6)
    pause.clear_the_way(run, 0.0, but=2, working=8)
    assert run.pausing is first


# ---- those who rest --------------------------------------------------------------------------------------------------------------


def rest(pausing, *workers):
    """Have each of these workers rest in a thread of its own."""
    threads = [threading.Thread(target=pausing.rest, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    return threads


def test_nobody_rests_before_it_begins(clock):
    pausing = Pausing(clock, clock.now() + 1.0, but=0, working=1)
    pausing.rest("worker")


def test_a_few_go_on_and_the_others_rest_until_the_end(clock):
    pausing = Pausing(clock, clock.now(), but=2, working=5)
    for _ in range(3):
        pausing.rest("first")
        pausing.rest("second")
    threads = rest(pausing, "third", "fourth", "fifth")
    pausing.settle(60.0)
    assert all(thread.is_alive() for thread in threads)
    pausing.rest("first")
    pausing.end()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    pausing.rest("sixth")  # who comes late does not wait


def test_the_manager_does_not_wait_for_those_who_do_not_come_where_the_line_is_short(clock):
    Pausing(clock, clock.now(), but=0, working=3).settle(1000.0)


def test_the_manager_waits_for_nobody_where_there_is_nobody(clock):
    Pausing(clock, clock.now(), but=2, working=1).settle(1000.0)
