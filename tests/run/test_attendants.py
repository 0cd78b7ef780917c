"""Threads that wait for something to do."""

import os
import threading

import pytest

from atonce._run.attendants import Attendants
from atonce.testing import wait_until

PATIENCE_S = 30.0


@pytest.fixture
def attendants():
    them = Attendants("test-attendant")
    yield them
    them.rest()


def names():
    return [thread.name for thread in threading.enumerate() if thread.name == "test-attendant"]


def test_one_errand_after_the_other_is_done_by_the_same_thread(attendants):
    seen = []
    for _ in range(5):
        done = threading.Event()
        attendants.send(lambda done=done: (seen.append(threading.current_thread()), done.set()))
        assert done.wait(PATIENCE_S)
        wait_until(lambda: attendants._idle == 1, "it to wait for the next one")
    assert len({*seen}) == 1


def test_errands_that_take_long_do_not_wait_for_each_other(attendants):
    together = threading.Barrier(4)
    for _ in range(3):
        attendants.send(lambda: together.wait(PATIENCE_S))
    together.wait(PATIENCE_S)
    assert len(names()) == 3


def test_what_is_called_off_is_not_done(attendants):
    inside, go_on, done = threading.Event(), threading.Event(), []
    first = attendants.send(lambda: (inside.set(), go_on.wait(PATIENCE_S)))
    assert inside.wait(PATIENCE_S)
    assert not attendants.call_off(first)
    second = attendants.send(lambda: done.append(2))
    called_off = attendants.call_off(second)
    assert attendants.call_off(second) == called_off  # twice does no harm
    go_on.set()
    attendants.rest()
    assert done == ([] if called_off else [2])


def test_errands_that_are_called_off_at_once_need_no_thread_each(attendants):
    for _ in range(2000):
        attendants.call_off(attendants.send(lambda: None))
    assert len(names()) <= 2


def test_they_end_when_there_is_nothing_to_do(attendants):
    done = threading.Event()
    attendants.send(done.set)
    assert done.wait(PATIENCE_S)
    wait_until(lambda: not names(), "the thread to end")
    again = threading.Event()
    attendants.send(again.set)
    assert again.wait(PATIENCE_S)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_errand_that_fails_costs_a_thread_and_nothing_else(attendants):
    def fail():
        raise ValueError("a defect")

    attendants.send(fail)
    done = threading.Event()
    attendants.send(done.set)
    assert done.wait(PATIENCE_S)


def test_a_forked_process_has_its_own(attendants):
    done = threading.Event()
    attendants.send(done.set)
    assert done.wait(PATIENCE_S)
    child = os.fork()
    if child == 0:
        attendants.forget()
        here = threading.Event()
        attendants.send(here.set)
        os._exit(0 if here.wait(PATIENCE_S) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
