"""Inputs with their numbers."""

import pickle

from atonce._values.numbered import Numbered, NumberedLater, NumberedView, numbered, unnumbered


def pairs(inputs):
    return [(each.index, each.item) for each in inputs]


def test_each_input_gets_its_number_when_it_is_read():
    read = []
    inputs = numbered(read.append(letter) or letter for letter in "abc")
    first = next(inputs)
    assert (first.index, first.item, read) == (0, "a", ["a"])
    assert pairs(inputs) == [(1, "b"), (2, "c")]


def test_a_sequence_stays_one():
    view = NumberedView(range(10, 13))
    assert len(view) == 3
    assert pairs(view) == [(0, 10), (1, 11), (2, 12)]
    assert (view[-1].index, view[-1].item) == (2, 12)


async def test_inputs_that_have_to_be_waited_for():
    async def letters():
        yield "a"
        yield "b"

    assert [(each.index, each.item) async for each in NumberedLater(letters())] == [(0, "a"), (1, "b")]


def test_it_looks_like_the_input_and_travels():
    item = Numbered(3, ["b.png"])
    assert repr(item) == "['b.png']"
    there = pickle.loads(pickle.dumps(item, 5))
    assert (there.index, there.item) == (3, ["b.png"])
    assert unnumbered(item) is item.item
    assert unnumbered("plain") == "plain"
