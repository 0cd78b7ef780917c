"""The books of a run: attempts beyond the first are counted, whoever made them."""

import pytest

from atonce._api.results import outcomes_of
from atonce._run.account import Account
from atonce._values.batch import Delivery, Misfortune
from atonce._values.job import Job
from atonce._values.outcome import Failure, Success
from atonce.testing import ManualClock


def delivered(values, failed=(), attempts=None):
    return Delivery(10, values, list(failed), 1.0, 0.5, "worker", attempts=attempts)


def entered(*deliveries, **how):
    account = Account(Job(abs, stops=False, **how), ManualClock())
    for delivery in deliveries:
        account.enter(delivery)
    return account.report


@pytest.mark.parametrize(
    ("delivery", "retries"),
    [
        (delivered([1, 2, 3]), 0),
        (delivered([1, 2, 3], attempts={0: 3, 2: 2}), 3),
        (delivered([None, 2], [Misfortune(0, ValueError(), "a")]), 0),
        (delivered([None, 2], [Misfortune(0, ValueError(), "a", 4)]), 3),
        (delivered([None, 2], [Misfortune(0, ValueError(), "a", 0)]), 0),  # never started: it did not pickle
        (delivered([None, 2], [Misfortune(0, ValueError(), "a", 4)], {1: 2}), 4),
        (delivered([None, 2], [Misfortune(0, ValueError(), "a", 4)], {0: 4}), 3),  # said twice, counted once
    ],
)
def test_attempts_beyond_the_first_are_counted(delivery, retries):
    assert entered(delivery).retries == retries


def test_the_counts_of_several_deliveries_add_up():
    report = entered(delivered([1], attempts={0: 3}), delivered([1]), delivered([1, 2], attempts={1: 2}))
    assert (report.retries, report.succeeded, report.failed) == (3, 4, 0)


def test_an_outcome_says_how_often_its_item_was_started():
    delivery = delivered([1, None, 3], [Misfortune(1, ValueError(), "a", 4)], {2: 2})
    entered(delivery)
    outcomes = list(outcomes_of(delivery))
    assert [type(outcome) for outcome in outcomes] == [Success, Failure, Success]
    assert [(outcome.index, outcome.attempts) for outcome in outcomes] == [(10, 1), (11, 4), (12, 2)]
