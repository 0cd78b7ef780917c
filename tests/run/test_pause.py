"""The calling thread pauses for its manager, and no longer than is allowed."""

import pytest

from atonce._run.pause import Pause
from atonce.testing import ManualClock


class Caller:
    """A run, as far as a pause is concerned."""

    pauses = False

    def pause_caller(self):
        self.pauses = True

    def resume_caller(self):
        self.pauses = False


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def caller():
    return Caller()


@pytest.fixture
def pause(clock):
    return Pause(clock)


def test_the_caller_pauses_until_the_end(pause, caller, clock):
    pause.begin(caller)
    clock.advance(1000.0)
    pause.look()
    assert caller.pauses
    pause.end()
    assert not caller.pauses
    assert pause.total_s == 1000.0


def test_a_limit_ends_it_at_the_next_look(pause, caller, clock):
    pause.begin(caller, 2.0)
    clock.advance(1.5)
    pause.look()
    assert caller.pauses
    clock.advance(0.5)
    pause.look()
    assert not caller.pauses


def test_the_time_of_all_pauses_counts_and_that_between_them_does_not(pause, caller, clock):
    pause.begin(caller)
    clock.advance(1.0)
    pause.end()
    clock.advance(10.0)
    pause.begin(caller)
    clock.advance(2.0)
    assert pause.total_s == 3.0


def test_a_pause_takes_the_place_of_the_one_before(pause, caller, clock):
    pause.begin(caller, 1.0)
    clock.advance(0.5)
    pause.begin(caller, 1.0)
    clock.advance(0.7)
    pause.look()
    assert caller.pauses
    assert pause.total_s == 1.2


def test_an_end_without_a_beginning_is_none(pause, caller):
    caller.pauses = True
    pause.end()
    pause.look()
    assert caller.pauses
