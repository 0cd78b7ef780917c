"""Who is to blame for a death, what is run again, and who shares with whom: decided without a process."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atonce._policy.supervision import AFTER_KILLS, Flight, Hand, Share, Verdict, bundled, judge, may_run_again, share, suspected

PHASES = ("setting up", "taking up the function", "reading", "running", "packing", "nothing")
WITH_BATCH = ("reading", "running", "packing")
PATIENT_S = 10.0  # what an item takes that is surely worth sharing

flights = st.tuples(st.integers(0, 30), st.integers(0, 30), st.booleans(), st.sets(st.integers(0, 29))).map(
    lambda drawn: Flight(
        max(drawn[:2]),
        min(drawn[:2]),
        max(drawn[:2]),
        careful=drawn[2],
        beyond=frozenset(position for position in drawn[3] if min(drawn[:2]) < position < max(drawn[:2])),
    )
)
in_order = flights.map(lambda flight: flight._replace(beyond=frozenset()))
hands = st.builds(
    Hand,
    phase=st.sampled_from(PHASES),
    mark=st.integers(-1, 40),
    claimed=st.integers(0, 40),
    together=st.booleans(),
    condemned=st.booleans(),
)


def positions(spans):
    return [position for first, end in spans for position in range(first, end)]


def everybody(verdict, flight):
    culprit = [] if verdict.culprit is None else [verdict.culprit]
    again = positions(verdict.again) + positions(verdict.carefully)
    return sorted(culprit + [position for position in again if position not in flight.beyond])


# ---- judge ----------------------------------------------------------------------------------------------------------------------


@given(flights, hands, st.integers(0, 2))
def test_each_item_that_is_not_done_is_in_exactly_one_hand_afterwards(flight, hand, others):
    left = [position for position in range(flight.done, flight.limit) if position not in flight.beyond]
    assert everybody(judge(flight, hand, others), flight) == left


@given(flights, hands)
def test_who_is_suspected_is_the_culprit_or_runs_alone(flight, hand):
    verdict = judge(flight, hand)
    carefully = [position for position in positions(verdict.carefully) if position not in flight.beyond]
    assert suspected(flight, hand) == len(carefully) + (verdict.culprit is not None)


@given(flights, hands, st.integers(1, 9))
def test_nobody_is_the_culprit_if_somebody_else_may_be(flight, hand, others):
    assert judge(flight, hand, others).culprit is None


@given(flights, hands)
def test_whose_result_has_arrived_is_not_to_blame(flight, hand):
    assert judge(flight, hand).culprit not in flight.beyond


@given(flights, st.integers(0, 40))
def test_of_those_side_by_side_only_what_was_claimed_is_suspected(flight, claimed):
    hand = Hand("running", -1, claimed, together=True, condemned=False)
    left = [position for position in range(flight.done, flight.limit) if position not in flight.beyond]
    if not flight.careful:
        assert suspected(flight, hand) == sum(position < claimed for position in left)


@given(flights, hands)
def test_spans_are_not_empty_and_in_order(flight, hand):
    verdict = judge(flight, hand)
    spans = verdict.again + verdict.carefully
    assert all(first < end for first, end in spans)
    assert verdict.again == sorted(verdict.again)


@given(flights, hands)
def test_there_is_a_culprit_or_suspects_but_not_both(flight, hand):
    verdict = judge(flight, hand)
    assert verdict.culprit is None or not verdict.carefully


@given(flights, hands)
def test_nobody_is_blamed_for_a_death_outside_of_a_batch(flight, hand):
    if hand.phase not in WITH_BATCH:
        assert judge(flight, hand) == Verdict(None, [(flight.done, flight.limit)] if flight.done < flight.limit else [], [])


@given(flights, hands)
def test_only_what_was_claimed_is_suspected_once_the_batch_runs(flight, hand):
    if hand.phase in ("running", "packing") and not hand.together:
        verdict = judge(flight, hand)
        suspects = positions(verdict.carefully) + ([] if verdict.culprit is None else [verdict.culprit])
        assert all(position < hand.claimed for position in suspects)


@given(flights, hands)
def test_while_it_runs_one_by_one_nothing_before_the_mark_is_suspected(flight, hand):
    if hand.phase == "running" and not hand.together:
        verdict = judge(flight, hand)
        suspects = positions(verdict.carefully) + ([] if verdict.culprit is None else [verdict.culprit])
        assert all(position >= hand.mark for position in suspects)


@given(in_order, st.sampled_from(WITH_BATCH), st.data())
def test_a_careful_flight_always_knows_its_culprit(flight, phase, data):
    if flight.done < flight.limit:
        mark = data.draw(st.integers(flight.done, flight.limit - 1))
        hand = Hand(phase, mark, mark + 1, together=False, condemned=False)
        assert judge(flight._replace(careful=True), hand).culprit == mark


@given(flights, hands)
def test_who_is_careful_never_suspects_many(flight, hand):
    assert judge(flight._replace(careful=True), hand).carefully == []


@given(in_order, st.data())
def test_the_item_whose_time_was_up_is_the_culprit(flight, data):
    if flight.done < flight.limit:
        mark = data.draw(st.integers(flight.done, flight.limit - 1))
        assert judge(flight, Hand("running", mark, mark + 1, together=False, condemned=True)).culprit == mark


@given(flights, hands)
def test_a_second_death_after_being_careful_makes_progress(flight, hand):
    """What is suspected is smaller than before, or is run item by item: no verdict leads to the same situation again."""
    verdict = judge(flight, hand)
    for first, end in verdict.carefully:
        again = judge(Flight(end - first, 0, end - first, careful=True), Hand("running", 0, 1, together=False, condemned=False))
        assert again.culprit == 0


@pytest.mark.parametrize(
    ("flight", "hand", "verdict"),
    [
        ((0, 8, False), ("reading", -1, 0, False, False), (None, [], [(0, 8)])),
        ((0, 1, False), ("reading", -1, 0, False, False), (0, [], [])),
        ((0, 8, False), ("running", -1, 0, False, False), (None, [(0, 8)], [])),  # it is about to claim its first item
        ((0, 8, False), ("running", 2, 3, False, False), (2, [(0, 2), (3, 8)], [])),
        ((1, 8, False), ("running", 2, 5, False, False), (2, [(1, 2), (3, 8)], [])),  # in the middle of a stride
        ((0, 8, False), ("running", 4, 4, False, False), (None, [(0, 8)], [])),  # marked, and not yet claimed
        ((0, 3, False), ("running", 2, 6, False, False), (2, [(0, 2)], [])),  # the others of the stride had been given away
        ((2, 8, False), ("packing", 4, 5, False, False), (None, [(5, 8)], [(2, 5)])),
        ((0, 8, False), ("packing", -1, 0, False, False), (None, [(0, 8)], [])),  # it packs what was in hand before
        ((3, 8, True), ("reading", 3, 4, False, False), (3, [(4, 8)], [])),
        ((3, 8, True), ("packing", 5, 6, False, False), (5, [(3, 5), (6, 8)], [])),
        ((0, 8, False), ("running", 3, 8, True, False), (None, [], [(0, 8)])),  # side by side: it may have been anybody
        ((0, 8, False), ("running", 3, 5, True, False), (None, [(5, 8)], [(0, 5)])),  # of those that it had begun
        ((0, 8, False), ("running", -1, 1, True, False), (0, [(1, 8)], [])),
        ((0, 8, False), ("running", 3, 8, True, True), (3, [(0, 3), (4, 8)], [])),  # but for the one whose time was up
        ((0, 8, False), ("reading", -1, 0, False, True), (None, [], [(0, 8)])),
        ((4, 4, False), ("running", 3, 4, False, False), (None, [], [])),
    ],
    ids=str,
)
def test_the_verdicts(flight, hand, verdict):
    done, limit, careful = flight
    assert judge(Flight(limit, done, limit, careful), Hand(*hand)) == Verdict(*verdict)


def test_the_last_of_many_that_were_sent_is_not_taken_for_the_only_one():
    """The others were given away while they were read: any of them may be what keeps the reader."""
    verdict = judge(Flight(2, 0, 1, careful=False), Hand("reading", -1, 0, together=False, condemned=True))
    assert verdict == Verdict(None, [], [(0, 1)])


# ---- may_run_again --------------------------------------------------------------------------------------------------------------


@given(st.integers(0, 20), st.integers(1, 20))
def test_a_killer_has_the_attempts_that_it_may_have_and_never_more_than_two(retries, killed_on):
    """It kills from some attempt on; before, its attempts end with its worker's death for another reason."""
    attempts = kills = 0
    while True:
        attempts += 1
        kills += attempts >= killed_on
        if not may_run_again(attempts, kills, retries):
            break
    assert attempts == min(1 + retries, killed_on - 1 + AFTER_KILLS)


@given(st.integers(0, 50), st.integers(0, 50))
def test_without_retries_no_death_is_forgiven(attempts, kills):
    assert not may_run_again(attempts + 1, kills, 0)


# ---- bundled --------------------------------------------------------------------------------------------------------------------

measured = st.just(0.0) | st.floats(1e-12, 100.0)  # no clock tells less than that from nothing
costs = st.none() | measured
chunks = st.integers(1, 10**6)


@given(chunks, costs)
def test_a_bundle_is_so_many_whole_chunks(chunksize, item_s):
    size = bundled(chunksize, item_s)
    assert size >= chunksize
    assert size % chunksize == 0


@given(chunks, st.floats(1e-9, 100.0))
def test_a_bundle_of_several_chunks_takes_half_a_millisecond_at_most(chunksize, item_s):
    size = bundled(chunksize, item_s)
    assert size == chunksize or size * item_s <= 0.5e-3 * (1 + 1e-9)


@given(chunks, measured, measured)
def test_costlier_items_travel_in_smaller_bundles(chunksize, cheap_s, dear_s):
    cheap_s, dear_s = sorted((cheap_s, dear_s))
    assert bundled(chunksize, dear_s) <= bundled(chunksize, cheap_s)


@given(chunks)
def test_nothing_is_bundled_before_a_cost_is_known(chunksize):
    assert bundled(chunksize, None) == chunksize


# ---- share ----------------------------------------------------------------------------------------------------------------------

workers = st.lists(st.lists(st.integers(0, 50), min_size=1, max_size=4), max_size=4)


@given(workers, costs, st.booleans())
def test_only_what_is_there_is_taken(unstarted, item_s, patient):
    choice = share(unstarted, item_s, patient=patient)
    if choice is not None:
        assert 0 <= choice.keep < unstarted[choice.worker][choice.flight]


@given(workers, costs, st.booleans())
def test_the_richest_gives_and_at_most_half_of_what_it_has(unstarted, item_s, patient):
    choice = share(unstarted, item_s, patient=patient)
    if choice is not None:
        total = sum(unstarted[choice.worker])
        assert total == max(map(sum, unstarted))
        assert unstarted[choice.worker][choice.flight] - choice.keep <= (total + 1) // 2


@given(workers, costs, st.booleans())
def test_what_is_taken_would_have_been_run_last(unstarted, item_s, patient):
    choice = share(unstarted, item_s, patient=patient)
    if choice is not None:
        assert not any(unstarted[choice.worker][choice.flight + 1 :])


@given(workers, costs)
def test_who_is_not_patient_gets_something_as_long_as_there_is_anything(unstarted, item_s):
    assert (share(unstarted, item_s, patient=False) is not None) == any(map(any, unstarted))


@given(workers)
def test_what_is_worth_it_is_shared_at_once(unstarted):
    assert share(unstarted, PATIENT_S, patient=True) == share(unstarted, PATIENT_S, patient=False)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=4))
def test_sharing_again_and_again_comes_to_an_end(items):
    left, steps = list(items), 0
    while (choice := share([left], None, patient=False)) is not None:
        left[choice.flight] = choice.keep
        steps += 1
    assert not any(left)
    assert steps <= sum(items)


@pytest.mark.parametrize(
    ("unstarted", "item_s", "patient", "expected"),
    [
        ([], 1.0, False, None),
        ([[]], 1.0, False, None),
        ([[0, 0], [0]], 1.0, False, None),
        ([[1]], 1e-6, True, None),
        ([[1]], 1e-6, False, Share(0, 0, 0)),
        ([[1]], None, True, Share(0, 0, 0)),
        ([[3, 8], [12]], 0.01, True, Share(1, 0, 6)),
        ([[10, 2]], 0.01, True, Share(0, 1, 0)),
    ],
    ids=str,
)
def test_the_shares(unstarted, item_s, patient, expected):
    assert share(unstarted, item_s, patient=patient) == expected
