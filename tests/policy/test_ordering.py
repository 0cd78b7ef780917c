"""In which order results are handed on."""

from hypothesis import given
from hypothesis import strategies as st

from atonce._policy.ordering import AsFinished, InOrder
from atonce._values.batch import Delivery


def delivery(start, length, *, worker="worker"):
    return Delivery(start, list(range(start, start + length)), (), 0.0, 0.0, worker)


def all_due(ordering):
    due = []
    while (each := ordering.pop()) is not None:
        due.append(each)
    return due


@st.composite
def arrivals(draw):
    """Indices from 0, cut into neighbours, in any order of arrival, with a look for what is due between some of them."""
    lengths = draw(st.lists(st.integers(1, 5), max_size=20))
    starts = [sum(lengths[:position]) for position in range(len(lengths))]
    deliveries = [delivery(start, length) for start, length in zip(starts, lengths, strict=True)]
    return draw(st.permutations(deliveries)), draw(st.lists(st.booleans(), min_size=len(lengths), max_size=len(lengths)))


@given(arrivals())
def test_in_order_gives_every_index_once_and_in_input_order(arrival):
    deliveries, looks = arrival
    ordering = InOrder()
    given_out = []
    for each, look in zip(deliveries, looks, strict=True):
        ordering.add(each)
        if look:
            given_out += all_due(ordering)
    given_out += all_due(ordering)
    assert [value for each in given_out for value in each.values] == list(range(sum(len(each.values) for each in deliveries)))
    assert ordering.pop() is None
    assert ordering.waiting() == []


@given(arrivals())
def test_in_order_keeps_nothing_back_that_is_due(arrival):
    deliveries, _ = arrival
    ordering = InOrder()
    arrived, given_out = set(), []
    for each in deliveries:
        ordering.add(each)
        arrived.update(each.values)
        given_out += [value for due in all_due(ordering) for value in due.values]
        first_missing = next(index for index in range(len(arrived) + 1) if index not in arrived)
        assert given_out == list(range(first_missing))


@given(arrivals(), st.data())
def test_what_waits_behind_a_gap_is_given_up_in_input_order_and_once(arrival, data):
    deliveries, _ = arrival
    lost = data.draw(st.sets(st.sampled_from(deliveries))) if deliveries else set()
    ordering = InOrder()
    for each in deliveries:
        if each not in lost:
            ordering.add(each)
    given_out = all_due(ordering) + ordering.waiting()
    kept = sorted((each for each in deliveries if each not in lost), key=lambda each: each.start)
    assert given_out == kept
    assert ordering.waiting() == []


def test_a_delivery_without_values_holds_up_nobody():
    for ordering in (InOrder(), AsFinished()):
        ordering.add(delivery(0, 0))
        ordering.add(delivery(0, 2))
        assert [each.values for each in all_due(ordering)] == [[0, 1]]


@given(arrivals())
def test_as_finished_is_first_come_first_served(arrival):
    deliveries, looks = arrival
    ordering = AsFinished()
    given_out = []
    for each, look in zip(deliveries, looks, strict=True):
        ordering.add(each)
        if look:
            given_out += all_due(ordering)
    given_out += all_due(ordering)
    assert given_out == deliveries
    assert ordering.waiting() == []


def test_as_finished_leaves_nothing_waiting_because_all_is_due():
    ordering = AsFinished()
    late = delivery(7, 2)
    ordering.add(late)
    assert ordering.waiting() == []
    assert ordering.pop() is late
    assert ordering.pop() is None
