"""What stands where a function reads looks the same in a process in which it is the same, and not where it is not."""

import itertools

import pytest
from tests.probe import some_state

import atonce
from atonce._probe.elsewhere import state_of

PLACES = tuple((some_state.__name__, name) for name in some_state.NAMES)


def test_what_another_process_imports_is_the_same():
    [there] = atonce.map(state_of, [some_state.helper], [PLACES], engine="process")
    here = state_of(some_state.helper, PLACES)
    assert len(here) > 25
    assert [place for place, one, two in zip(PLACES, here, there, strict=True) if one != two] == []


CHANGES = {
    "NUMBER": lambda old: 2.5,
    "TEXT": lambda old: old + "more",
    "WORDS": lambda old: old | {"four"},
    "MANY_WORDS": lambda old: old | {"word"},
    "TABLE": lambda old: {"a": [1, 2, {"b": (3, "d")}]},
    "LARGE": lambda old: {**old, "more": 1},
    "COUNTS": lambda old: old + old,
    "SETTINGS": lambda old: some_state.Settings(limits={"a": 2}),
    "SLOTTED": lambda old: None,
    "CALLED": lambda old: {**old, "l": repr},
    "ARRAY": lambda old: old + 1,
    "COLOUR": lambda old: 1,
    "BUFFER": lambda old: bytearray(b"abd"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_was_changed_since_is_not(name, monkeypatch):
    place = ((some_state.__name__, name),)
    before = state_of(None, place)
    monkeypatch.setattr(some_state, name, CHANGES[name](getattr(some_state, name)))
    assert state_of(None, place) != before


def test_a_place_that_is_empty_is_a_state_too():
    assert len({*itertools.chain(state_of(None, ((some_state.__name__, "NOT_THERE"), (some_state.__name__, "NUMBER"))))}) == 2
