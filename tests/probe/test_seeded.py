"""What items draw from, where each has random numbers of its own (``seed=``): no longer what they share."""

# ruff: noqa: NPY002 (the generator that all share is what this is about)

import random
from random import choice as early_choice
from random import getrandbits as early_getrandbits
from random import random as early_random

import numpy as np
import pytest
from numpy.random import rand as early_rand

from atonce._probe.effects import Watch
from atonce._probe.scan import scan
from atonce._workers.draws import Draws, Turn

OWN_RNG = random.Random(1)
DECK = [1, 2, 3]


def draws(number):
    return number + random.random() + random.gauss(0, 1) + random.choice([1, 2]) + early_choice([1, 2])


def draws_bits(number):
    return number + random.getrandbits(3) + random.randrange(9)


def draws_from_numpy(number):
    return number + np.random.rand() + np.random.normal() + np.random.default_rng().random()


def shuffles_its_own(number):
    deck = [number, 2, 3]
    random.shuffle(deck)
    np.random.shuffle(deck)
    return deck


def draws_by_an_early_name(_number):
    return early_random()


def draws_bits_by_an_early_name(_number):
    return early_getrandbits(8)


def draws_by_an_early_name_of_numpy(_number):
    return early_rand()


def draws_from_a_generator_of_all(_number):
    return OWN_RNG.random()


def shuffles_what_all_share(_number):
    random.shuffle(DECK)


COVERED = (draws, draws_bits, draws_from_numpy, shuffles_its_own, random.choice, np.random.poisson)
NOT_COVERED = (
    draws_by_an_early_name,
    draws_bits_by_an_early_name,
    draws_by_an_early_name_of_numpy,
    draws_from_a_generator_of_all,
    shuffles_what_all_share,
)


@pytest.fixture(params=[False, True], ids=["between", "during"])
def _items_draw(request):
    """Look between items, or while one has the generators: what is found must not depend on it."""
    if not request.param:
        yield
        return
    with Turn(Draws(b"seed", 1)):
        yield


@pytest.mark.usefixtures("_items_draw")
@pytest.mark.parametrize("fn", COVERED)
def test_what_draws_from_its_own_numbers_shares_nothing(fn):
    assert scan(fn, [1]).write, "without a seed, it does"
    found = scan(fn, [1], seeded=True)
    assert not found.write
    assert not found.doubt
    assert not found.here


@pytest.mark.usefixtures("_items_draw")
@pytest.mark.parametrize("fn", NOT_COVERED)
def test_what_nobody_can_lead_to_an_items_numbers_is_shared(fn):
    assert scan(fn, [1]).write
    assert scan(fn, [1], seeded=True).write


def test_the_programs_numbers_are_not_watched():
    for seeded in (True, False):
        watch = Watch(len, star=False, seeded=seeded)
        watch.look(["a"])
        random.random()
        watch.look(["a"])
        random.random()
        assert bool(watch.look(["a"]).together) is not seeded
