"""What a function does to state, seen by its code and by what changes while items run one after the other."""

import functools
import operator
import random

import pytest
from tests.api import impure
from tests.api.test_impure import surroundings  # noqa: F401 (a fixture)

import atonce
from atonce._policy.observation import Safety
from atonce._probe.effects import Watch

EACH = 3  # items between two looks


hidden = operator.methodcaller("append", 1)  # a write that the code does not show


def verdict(fn, items, looks=4):
    watch = Watch(fn, star=False)
    safety = watch.look(items[:EACH])
    for look in range(1, looks):
        if safety.together:
            break
        for item in items[(look - 1) * EACH : look * EACH]:
            fn(item)
        safety = watch.look(items[look * EACH : (look + 1) * EACH])
    return safety


@pytest.mark.usefixtures("surroundings")
@pytest.mark.parametrize("case", impure.CASES.keys() - {"uses_a_cache"})
def test_forty_functions_are_not_to_run_side_by_side(case):
    make, inputs = impure.CASES[case]
    impure.begin()
    assert verdict(make(), inputs()).together
    impure.state()


@pytest.mark.usefixtures("surroundings")
def test_a_cache_that_is_being_filled_is_not_left_behind():
    impure.begin()
    safety = verdict(impure.uses_a_cache, list(range(20)))
    impure.state()
    assert not safety.together
    assert "fills the cache of remembered" in safety.apart
    assert safety.watched


@functools.cache
def settings(name="here"):
    return {"name": name}


def reads_settings(value):
    return settings()["name"], value


def test_a_cache_that_is_full_may_be_left_behind():
    settings.cache_clear()
    safety = verdict(reads_settings, list(range(20)))
    assert not safety.together
    assert not safety.apart
    assert safety.watched


def test_what_is_made_once_is_no_matter():
    made = []

    def makes(value):
        if not made:
            hidden(made)
        return made[0], value

    safety = verdict(makes, list(range(20)))
    assert not safety.together
    assert safety.watched


def test_what_changes_again_is():
    made = []

    def keeps(value):
        return hidden(made)

    assert "from item to item" in verdict(keeps, list(range(20))).together


def test_a_function_that_keeps_to_itself_is_clear_at_once():
    safety = Watch(lambda value: value + 1, star=False).look([1, 2])
    assert (safety.together, safety.apart, safety.doubt, safety.watched) == ("", "", "", True)


def test_what_is_declared_pure_is_not_watched():
    @atonce.pure
    def draws(value):
        return random.random(), value

    watch = Watch(draws, star=False)
    for _ in range(3):
        assert watch.look([[1], [2]]) == Safety()
        draws([1])
    assert watch.grounds == "declared @atonce.pure"


def test_what_was_not_watched_is_not_said_to_have_been():
    watch = Watch(lambda value: value + 1, star=False)
    watch.look([1])
    assert watch.grounds == "its code writes nothing that others see"
