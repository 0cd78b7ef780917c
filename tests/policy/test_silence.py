"""Of a silence one hears, not of what is usual, and not often."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atonce._policy.silence import LIMITS, Limits, Silence

GAPS = st.lists(st.floats(0.001, 1000.0), max_size=30)
STEP_S = 0.5


def spoken(silence, begin_s, seconds):
    """Look every half second; give after how long it was spoken of."""
    told = []
    for step in range(int(seconds / STEP_S) + 1):
        now_s = begin_s + step * STEP_S
        if silence.is_due(now_s):
            silence.spoke(now_s)
            told.append(now_s - begin_s)
    return told


def after(gaps):
    """Let items end with these gaps between them."""
    silence, now_s = Silence(0.0), 0.0
    for gap in gaps:
        now_s += gap
        silence.heard(now_s)
    return silence, now_s


def test_an_hour_of_silence_gives_a_handful_of_lines():
    assert spoken(Silence(0.0), 0.0, 3600) == [60.0, 120.0, 240.0, 480.0, 960.0, 1920.0]


def test_where_items_end_often_half_a_minute_is_long():
    silence, now_s = after([0.1, 0.2, 0.1])
    assert spoken(silence, now_s, 200) == [30.0, 60.0, 120.0]


def test_where_items_take_long_a_silence_is_longer():
    silence, now_s = after([20.0, 1.0])
    assert spoken(silence, now_s, 500) == [200.0, 400.0]


def test_what_has_ended_before_anybody_listened_counts_as_the_first():
    assert spoken(Silence(5.0, finished=True), 5.0, 40) == [30.0]


def test_where_nothing_could_end_there_is_no_silence():
    silence, now_s = after([1.0])
    for _ in range(1000):
        now_s += 1.0
        silence.rested(now_s)
        assert not silence.is_due(now_s)
    assert silence.longest_s == 1.0  # and it is not what is usual either
    assert spoken(silence, now_s, 40) == [30.0]


def test_limits_may_be_others():
    assert spoken(Silence(0.0, limits=Limits(1.0, 2.0, 3.0, 4.0)), 0.0, 40) == [2.0, 8.0, 32.0]


@given(GAPS)
def test_it_never_speaks_before_what_is_usual(gaps):
    silence, now_s = after(gaps)
    usual_s = max(LIMITS.soonest_s, LIMITS.times * max(gaps)) if gaps else LIMITS.first_s
    early_s = now_s + 0.999 * usual_s
    assert not silence.is_due(early_s)
    assert silence.is_due(now_s + 1.001 * usual_s)


@given(GAPS, st.floats(1.0, 1e5))
def test_each_word_comes_after_twice_as_long_as_the_last(gaps, seconds):
    silence, now_s = after(gaps)
    told = spoken(silence, now_s, min(seconds, 5000.0))
    assert all(later >= 2 * earlier for earlier, later in pairwise(told))


@given(GAPS.filter(bool))
def test_a_run_that_goes_on_as_before_is_never_spoken_of(gaps):
    silence, now_s = after([max(gaps)])
    for gap in gaps:
        assert not silence.is_due(now_s + gap) or gap >= max(LIMITS.soonest_s, LIMITS.times * silence.longest_s)
        now_s += gap
        silence.heard(now_s)


@given(GAPS)
def test_the_end_of_an_item_ends_the_silence(gaps):
    silence, now_s = after(gaps)
    silence.spoke(now_s + 1e6)
    silence.heard(now_s + 1e6)
    assert silence.lasts_s(now_s + 1e6) == 0.0
    assert not silence.is_due(now_s + 1e6)


@pytest.mark.parametrize("limits", [LIMITS, Limits(soonest_s=100.0)])
def test_the_soonest_holds_for_the_first_item_too(limits):
    assert not Silence(0.0, limits=limits).is_due(max(limits.soonest_s, limits.first_s) - 1.0)
