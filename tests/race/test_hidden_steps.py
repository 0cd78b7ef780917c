"""What touches shared things in ways that are easily overlooked is seen, or doubted."""

import gc

import pytest

from atonce import race

from . import hidden_steps


@pytest.mark.parametrize("program", hidden_steps.PROGRAMS, ids=lambda program: program.__name__)
def test_is_not_proved(program):
    report = race.explore(program, include=[hidden_steps.__name__])
    assert report.verdict != "proved"


class _Made(dict):
    def __missing__(self, key):
        self[key] = made = []
        return made


def _made_twice():
    lists = _Made()
    hidden_steps.side_by_side(lambda: lists["a"].append(1), lambda: lists["a"].append(2))
    assert len(lists["a"]) == 2


def test_what_is_frozen_is_seen_too():
    gc.freeze()
    assert race.explore(_made_twice, include=[__name__, hidden_steps.__name__]).verdict == "failed"
