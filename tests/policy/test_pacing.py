"""Starts are spaced: never more than was said, and no fewer than that allows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atonce._policy.pacing import Pacer

EARLY_S = 0.01

rates = st.floats(min_value=0.01, max_value=1e5)
waits = st.lists(st.floats(min_value=0, max_value=1.0), min_size=1, max_size=60)


@given(rates, waits, st.integers(1, 50))
def test_in_no_span_are_there_more_than_was_said(per_s, gaps, wish):
    pacer, now, starts = Pacer(per_s), 1000.0, []
    for gap in gaps:
        now += gap
        items = min(wish, pacer.available(now))
        assert items >= 0
        if items:
            pacer.started(items, now)
            starts += items * [now]
    for first in range(len(starts)):
        for last in range(first, len(starts)):
            span = starts[last] - starts[first]
            assert last - first + 1 <= per_s * (span + EARLY_S) + 1 + 1e-6 * (1 + per_s)


@given(rates, st.integers(1, 200))
def test_whoever_comes_again_when_told_gets_one(per_s, count):
    pacer, now = Pacer(per_s), 5.0
    for _ in range(count):
        now += pacer.due_in_s(now) * (1 + 1e-9) + 1e-9
        assert pacer.available(now) >= 1
        pacer.started(1, now)
    assert now - 5.0 >= (count - 1) / per_s - EARLY_S - 1e-6
    assert now - 5.0 <= (count - 1) / per_s + 1e-3 + 1e-6 * count / per_s


def test_time_without_starts_is_not_saved_up():
    pacer = Pacer(10)
    pacer.started(1, 0.0)
    assert pacer.available(100.0) == 1


def test_who_has_taken_too_many_waits_for_longer():
    pacer = Pacer(10)
    pacer.started(5, 0.0)
    assert pacer.available(0.45) == 0
    assert pacer.due_in_s(0.0) == pytest.approx(0.49)
    assert pacer.available(0.491) == 1
