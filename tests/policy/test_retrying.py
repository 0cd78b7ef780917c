"""Whether an item that has failed is started again, and when: decided without a clock."""

import math
from itertools import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atonce import OptionError, Retry, RetryAfter, WorkerCrashed
from atonce._machine.clock import SYSTEM_CLOCK
from atonce._policy.retrying import Retrying
from atonce._run.shelf import Shelf

seconds = st.floats(0.0, 1e6)


@given(st.integers(0, 50), seconds, seconds, st.floats(0.0, 1.0), st.integers(1, 60))
def test_a_wait_is_a_part_of_the_doubled_backoff_and_never_above_the_most(times, backoff, most, part, attempts):
    wait_s = Retrying(Retry(times, backoff=backoff, max_backoff=most), lambda: part).wait_s(OSError(), attempts)
    assert (wait_s is None) == (attempts > times)
    if wait_s is not None:
        assert wait_s == pytest.approx(part * min(most, backoff * 2.0 ** (attempts - 1)))
        assert 0 <= wait_s <= most


@given(st.integers(1, 10**9))
def test_any_number_of_attempts_has_a_wait(attempts):
    wait_s = Retrying(Retry(10**9, backoff=1e300, max_backoff=1e308), lambda: 1.0).wait_s(OSError(), attempts)
    assert math.isfinite(wait_s)


@pytest.mark.parametrize(
    ("on", "error", "again"),
    [
        (Exception, ValueError(), True),
        (OSError, ConnectionError(), True),
        ((KeyError, OSError), ValueError(), False),
        (Exception, SystemExit(), False),
        (Exception, KeyboardInterrupt(), False),
        (Exception, WorkerCrashed("gone"), True),
    ],
    ids=str,
)
def test_only_what_was_named_is_started_again(on, error, again):
    assert (Retrying(Retry(3, on=on), lambda: 1.0).wait_s(error, 1) is not None) == again


def test_what_kills_twice_is_not():
    retrying = Retrying(Retry(9), lambda: 1.0)
    assert retrying.wait_s(WorkerCrashed("gone"), 1, crashes=1) is not None
    assert retrying.wait_s(WorkerCrashed("gone"), 2, crashes=2) is None


@given(st.lists(st.integers(0, 30), max_size=30))
def test_a_dead_service_gets_a_hundred_attempts_more_and_one_for_each_success(successes):
    retrying = Retrying(Retry(10**6, jitter=False), lambda: 1.0)
    granted = sum(retrying.wait_s(OSError(), 1) is not None for _ in range(200))
    assert granted == 100
    for items in successes:
        retrying.succeeded(items)
        assert sum(retrying.wait_s(OSError(), 1) is not None for _ in range(200)) == items


@given(seconds, st.integers(1, 20), st.none() | st.integers(0, 20))
def test_who_asks_for_time_gets_just_that_and_not_for_ever(asked_s, attempts, times):
    retrying = Retrying(None if times is None else Retry(times), lambda: 0.5)
    for _ in repeat(None, 300):  # that is no failure, and uses up nothing
        wait_s = retrying.wait_s(RetryAfter(asked_s), attempts)
    assert wait_s == (asked_s if attempts <= max(10, times or 0) else None)


def test_without_a_retry_nothing_else_is_started_again():
    assert Retrying(None, lambda: 1.0).wait_s(OSError(), 1) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"times": -1},
        {"times": 1.5},
        {"times": True},
        {"times": 1, "on": "OSError"},
        {"times": 1, "on": ()},
        {"times": 1, "on": (OSError, 3)},
        {"times": 1, "backoff": -1},
        {"times": 1, "backoff": math.nan},
        {"times": 1, "max_backoff": math.inf},
        {"times": 1, "max_backoff": "1"},
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(OptionError, match="Retry"):
        Retry(**wrong)


def test_a_retry_is_a_value():
    one, same, other = Retry(3, on=OSError), Retry(3, on=(OSError,)), Retry(3, on=KeyError)
    assert (one, hash(one), repr(one)) == (same, hash(same), repr(same))
    assert one != other
    assert eval(repr(one)) == one
    assert (one.times, one.on, one.backoff, one.max_backoff, one.jitter) == (3, (OSError,), 0.1, 60.0, True)


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self):
        self.time = 1000.0

    def now(self):
        return self.time

    thread_cpu, process_cpu = SYSTEM_CLOCK.thread_cpu, SYSTEM_CLOCK.process_cpu


@given(st.dictionaries(st.integers(0, 100), st.floats(0, 100)), st.floats(0, 100), st.integers(0, 100))
def test_a_shelf_gives_each_item_once_and_none_before_its_time(waits, held_s, barred):
    clock = Clock()
    shelf = Shelf(clock)
    shelf.hold(1000.0 + held_s)
    for index, wait_s in waits.items():
        shelf.put(index, f"item {index}", 1000.0 + wait_s)
    dropped = shelf.drop_from(barred)
    assert sorted(dropped) == sorted(index for index in waits if index >= barred)
    given_back = []
    while (due_s := shelf.due_in_s()) is not None:
        if due_s > 0:
            assert shelf.take() is None
            clock.time += due_s + 1e-9
        while (found := shelf.take()) is not None:
            index, item = found
            assert item == f"item {index}"
            assert clock.time >= 1000.0 + max(waits[index], held_s) - 1e-6
            given_back.append(index)
    assert sorted(given_back + dropped) == sorted(waits)
    assert len(shelf) == 0
