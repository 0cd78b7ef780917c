"""The inner loop that inline, thread and process workers share: another attempt for what has failed."""

import pytest

from atonce._values.batch import Batch
from atonce._values.job import Job
from atonce._workers.carry import carry_out
from atonce.testing import ManualClock


class Bar:
    """What is barred, and when."""

    stopped = False
    barred = 1 << 60


class Flaky:
    """Fails a number of times for each item, each attempt taking a second."""

    def __init__(self, fails, clock, error=ValueError):
        self.fails = dict(fails)
        self.clock = clock
        self.error = error
        self.calls = []

    def __call__(self, item):
        self.calls.append(item)
        self.clock.advance(1.0)
        if self.fails.get(item, 0):
            self.fails[item] -= 1
            raise self.error(f"{item}, {self.fails[item]} left")
        return item * 10


def carried(fails, *, items=range(5), bar=None, error=ValueError, start=0, **how):
    clock = ManualClock()
    fn = Flaky(fails, clock, error)
    return fn, carry_out(fn, Job(fn, **how), Batch(start, list(items)), bar, clock, "worker")


@pytest.mark.parametrize("timed", [False, True])
@pytest.mark.parametrize("bar", [None, Bar()], ids=["alone", "watched"])
def test_an_item_that_is_mended_has_its_value_and_its_attempts(bar, timed):
    fn, delivery = carried({1: 2, 3: 1}, bar=bar, timed=timed, retries=2)
    assert delivery.values == [0, 10, 20, 30, 40]
    assert delivery.failed == []
    assert delivery.attempts == {1: 3, 3: 2}
    assert fn.calls == [0, 1, 1, 1, 2, 3, 3, 4]
    assert delivery.seconds == 8.0
    assert delivery.durations == ([1.0, 3.0, 1.0, 2.0, 1.0] if timed else None)


@pytest.mark.parametrize("timed", [False, True])
def test_an_item_that_always_fails_brings_its_last_failure(timed):
    fn, delivery = carried({1: 9, 2: 1}, stops=False, timed=timed, retries=3)
    (bad,) = delivery.failed
    assert (bad.position, bad.attempts, str(bad.error), bad.item) == (1, 4, "1, 5 left", 1)
    assert (delivery.values, delivery.attempts) == ([0, None, 20, 30, 40], {2: 2})
    assert fn.calls.count(1) == 4
    assert delivery.durations == ([1.0, 4.0, 2.0, 1.0, 1.0] if timed else None)


def test_the_last_failure_ends_the_batch_of_a_run_that_stops():
    fn, delivery = carried({1: 1, 3: 9}, retries=1)
    assert delivery.values == [0, 10, 20, None]
    assert [bad.attempts for bad in delivery.failed] == [2]
    assert fn.calls == [0, 1, 1, 2, 3, 3]


def test_nothing_is_said_of_attempts_where_there_was_one_each():
    _, delivery = carried({1: 1}, stops=False)
    assert delivery.attempts is None
    assert [bad.attempts for bad in delivery.failed] == [1]


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_what_asks_for_an_end_is_not_tried_again(error):
    fn, delivery = carried({1: 1}, error=error, retries=5)
    assert [(type(bad.error), bad.attempts) for bad in delivery.failed] == [(error, 1)]
    assert fn.calls == [0, 1]


def test_an_end_in_the_middle_of_the_attempts_is_the_last_one():
    calls = []

    def fn(item):
        calls.append(item)
        raise ValueError if len(calls) < 3 else KeyboardInterrupt

    delivery = carry_out(fn, Job(fn, retries=9), Batch(0, [0]), None, ManualClock(), "worker")
    assert [(type(bad.error), bad.attempts) for bad in delivery.failed] == [(KeyboardInterrupt, 3)]


@pytest.mark.parametrize("timed", [False, True])
def test_an_item_that_is_barred_between_two_attempts_is_given_up(timed):
    class Raised(Bar):
        """Is raised in the middle of the second attempt at item 12."""

        barred = 11

        @property
        def stopped(self):
            return fn.calls.count(2) == 2

    clock = ManualClock()
    fn = Flaky({1: 1, 2: 9}, clock)
    job = Job(fn, retries=5, stops=False, timed=timed)
    delivery = carry_out(fn, job, Batch(10, [0, 1, 2, 3]), Raised(), clock, "worker")
    assert fn.calls == [0, 1, 1, 2, 2]
    assert delivery.failed == []
    assert (delivery.values, delivery.attempts) == ([0, 10], {1: 2})
    assert delivery.durations == ([1.0, 2.0] if timed else None)


def test_a_failure_that_is_the_last_counts_although_the_item_is_barred():
    class Raised(Bar):
        barred = 0

        @property
        def stopped(self):
            return fn.calls != []

    clock = ManualClock()
    fn = Flaky({0: 9}, clock)
    delivery = carry_out(fn, Job(fn), Batch(0, [0, 1]), Raised(), clock, "worker")
    assert [bad.attempts for bad in delivery.failed] == [1]


def test_the_traceback_of_the_last_attempt_begins_in_the_users_function():
    def fails(item):
        raise ValueError(item)

    delivery = carry_out(fails, Job(fails, retries=2), Batch(0, [0]), None, ManualClock(), "worker")
    (bad,) = delivery.failed
    assert bad.error.__traceback__.tb_frame.f_code.co_name == "fails"
    assert bad.error.__context__ is None, "an attempt tells the story of the one before"
