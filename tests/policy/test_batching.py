"""How many items a worker takes at a time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atonce._policy.batching import MOST_ITEMS, Batching, fair_share, read_ahead

costs = st.floats(0.0, 10.0, allow_subnormal=False)


@given(st.lists(costs, max_size=40), st.floats(0.001, 1.0))
def test_a_batch_is_never_empty_never_too_big_and_at_most_twice_the_one_before(costs_of_batches, target_s):
    batching = Batching(target_s)
    assert batching.size == 1
    for cost in costs_of_batches:
        before = batching.size
        batching.saw(before, before * cost)
        assert 1 <= batching.size <= min(2 * before, MOST_ITEMS)


@pytest.mark.parametrize("cost_s", [0.00001, 0.0003, 0.004])
def test_batches_come_to_take_the_target_time(cost_s):
    batching = Batching(target_s=0.01)
    for _ in range(20):
        batching.saw(batching.size, batching.size * cost_s)
    assert batching.size == pytest.approx(0.01 / cost_s, abs=1)


@given(st.floats(1e-6, 1.0), st.floats(1e-3, 1.0))
def test_a_steady_cost_is_converged_to_and_kept(cost_s, target_s):
    batching = Batching(target_s)
    for _ in range(20):
        batching.saw(batching.size, batching.size * cost_s)
    settled = batching.size
    batching.saw(settled, settled * cost_s)
    assert abs(batching.size - settled) <= 1  # a quotient at a whole number may round either way
    assert settled in (1, MOST_ITEMS) or settled * cost_s <= target_s * 1.001
    assert settled == MOST_ITEMS or (settled + 2) * cost_s > target_s


def test_an_item_that_takes_longer_than_the_target_goes_alone():
    batching = Batching(target_s=0.01)
    for _ in range(5):
        batching.saw(batching.size, batching.size * 0.02)
        assert batching.size == 1


def test_batches_shrink_at_once_when_items_become_dear():
    batching = Batching(target_s=2**-7)
    for _ in range(12):
        batching.saw(batching.size, batching.size * 2**-17)
    assert batching.size == 1024
    batching.saw(1024, 1024 * 2**-7)  # the smoothed cost is half of the new one
    assert batching.size == 1


def test_items_that_cost_nothing_that_can_be_measured_fill_the_biggest_batch():
    batching = Batching(target_s=0.01)
    for _ in range(20):
        batching.saw(batching.size, 0.0)
    assert batching.size == MOST_ITEMS


def test_an_empty_batch_teaches_nothing():
    batching = Batching(target_s=0.01)
    batching.saw(1, 0.001)
    before = batching.size
    batching.saw(0, 5.0)
    assert batching.size == before
    batching.saw(2, 0.002)
    assert batching.size == 4  # the five seconds count for nothing


@given(st.integers(1, 10_000), st.lists(costs, max_size=10))
def test_a_chunksize_that_was_asked_for_stays(chunksize, costs_of_batches):
    batching = Batching(target_s=0.01, fixed=chunksize)
    for cost in costs_of_batches:
        batching.saw(batching.size, batching.size * cost)
    assert batching.size == chunksize


limits = st.integers(1, 10_000)
workers = st.integers(1, 64)


@given(limits, st.none() | st.integers(0, 100_000), workers)
def test_a_fair_share_is_at_least_one_item_and_at_most_the_limit(limit, remaining, workers):
    assert 1 <= fair_share(limit, remaining, workers) <= limit


@given(limits, st.integers(0, 100_000), workers, st.data())
def test_a_worker_gets_as_many_as_it_runs_side_by_side(limit, remaining, workers, data):
    least = data.draw(st.integers(1, limit))
    share = fair_share(limit, remaining, workers, least)
    assert least <= share <= limit
    assert share == max(least, fair_share(limit, remaining, workers))


@given(limits, workers)
def test_where_the_length_is_unknown_nothing_is_cut(limit, workers):
    assert fair_share(limit, None, workers) == limit


@given(limits, st.integers(0, 100_000), workers)
def test_nobody_takes_more_than_half_of_an_even_share(limit, remaining, workers):
    share = fair_share(limit, remaining, workers)
    assert share == 1 or share * 2 * workers <= remaining


@given(st.integers(1, 500), st.integers(1, 8))
def test_taking_fair_shares_uses_up_the_input(remaining, workers):
    batches = []
    while remaining:
        batches.append(fair_share(100, remaining, workers))
        remaining -= batches[-1]
    assert remaining == 0
    assert batches == sorted(batches, reverse=True)
    assert batches[-1] == 1


@given(workers, limits)
def test_enough_is_read_ahead_for_two_batches_a_worker(workers, limit):
    window = read_ahead(workers, limit)
    assert window >= 64
    assert window >= 2 * workers * limit


@given(workers, limits)
def test_reading_ahead_is_bounded(workers, limit):
    assert read_ahead(workers, limit) <= max(64, 4 * workers * limit)
