"""``atonce.explain``: real work for a moment, and an answer in at most ten lines."""

import itertools
import threading
import time

import pytest

import atonce
from tests.api.test_auto import waits


def test_what_it_says_of_work_that_computes():
    def computes(number):  # one that takes no module to the workers that is long to import
        return sum(each * each % 7 for each in range(20_000))

    explanation = atonce.explain(computes, range(20_000))
    text = str(explanation)
    assert explanation.plan.engine == "process"
    assert 0 < explanation.plan.hired_s < explanation.plan.verified_s
    assert explanation.plan.gain > 1
    assert "the GIL is held" in explanation.plan.ruled_out["thread"]
    assert text.startswith("computes: watched ")
    assert "processes" in text.splitlines()[0]
    assert "hired at" in text
    assert "verified at" in text
    assert "flips  below" in text
    assert "safe   pickles" in text
    assert "left   " in text
    assert len(text.splitlines()) <= 10


def test_what_it_says_of_work_that_waits():
    explanation = atonce.explain(waits, range(5000))
    assert explanation.plan.engine == "thread"
    assert "processes: there is little to compute" in str(explanation)


def test_what_it_says_of_what_stays():
    seen = []

    def keeps(value):
        time.sleep(0.01)
        seen.append(value)

    explanation = atonce.explain(keeps, itertools.count())
    assert explanation.plan.engine == "inline"
    assert "it calls seen.append" in str(explanation)
    assert seen == list(range(explanation.report.items))


def test_it_stops():
    """An endless input is no matter: at most a second of it is run, and a bounded part of it is read."""
    begun = time.monotonic()
    explanation = atonce.explain(waits, itertools.count())
    assert time.monotonic() - begun < 5
    assert explanation.length is None
    assert explanation.rest_s is None
    report = explanation.report
    assert report.items == report.succeeded + report.failed + report.cancelled
    assert report.succeeded > 0


def test_what_fails_stops_nothing_and_is_told():
    def fails(value):
        raise ValueError("no")

    explanation = atonce.explain(fails, range(50))
    assert explanation.report.failed == 50
    assert isinstance(explanation.failure, ValueError)
    assert "50 failed, the first with ValueError: no" in str(explanation)


def test_inputs_that_raise_raise():
    def inputs():
        yield 1
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        atonce.explain(abs, inputs())


def test_options_count():
    explanation = atonce.explain(waits, range(1000), engine="thread", max_workers=3, name="fetch")
    assert str(explanation).startswith("fetch: watched")
    assert explanation.plan.workers == 3
    assert "engine='thread' was asked for" in str(explanation)
    with pytest.raises(atonce.OptionError):
        atonce.explain(waits, [1], colour="red")


def test_work_that_is_soon_over():
    explanation = atonce.explain(len, ["a", "bb"])
    assert explanation.report.items == 2
    assert explanation.rest_s == 0
    assert explanation.plan.engine == "inline"


async def coroutine(value):
    return value


def test_a_coroutine_function():
    assert atonce.explain(coroutine, range(100)).plan.engine == "async"


def test_it_leaves_no_thread_in_the_users_code():
    inside = threading.Semaphore(0)
    left = []

    def stays_a_while(value):
        inside.release()
        time.sleep(0.05)
        left.append(value)

    atonce.explain(atonce.pure(stays_a_while), range(100))
    entered = 0
    while inside.acquire(blocking=False):
        entered += 1
    assert len(left) == entered
