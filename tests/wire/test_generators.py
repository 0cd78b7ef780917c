"""The generators of random numbers that a program has once are found by name in another process, and never copied."""

# ruff: noqa: NPY002 (the generator that all share is what this is about)

import random
from random import gauss, getrandbits

import numpy as np
import pytest
from numpy.random import poisson

import atonce
from atonce._wire.generators import draw_of, name_of_generator
from atonce._wire.pickling import dumps, dumps_function, loads


@pytest.mark.parametrize("fn", [random.gauss, random.random, random.getrandbits, np.random.rand, np.random.poisson])
def test_a_function_that_draws_is_found_by_its_name(fn):
    assert loads(dumps_function(fn)) == fn
    assert loads(dumps_function(fn)).__self__ is fn.__self__


def test_what_only_looks_like_one():
    assert draw_of(random.Random(1).random) is None
    assert draw_of(np.random.RandomState(1).rand) is None
    assert draw_of(random.SystemRandom().random) is None
    assert draw_of("ab".join) is None
    assert draw_of(len) is None
    assert name_of_generator(random.Random(1)) is None
    assert name_of_generator(None) is None


def test_functions_that_go_by_value_find_it():
    scale = [1]
    fn = loads(dumps(lambda: (gauss, getrandbits, poisson, scale)))
    assert [method.__self__ for method in fn()[:3]] == [random._inst, random._inst, np.random.mtrand._rand]


def test_workers_do_not_draw_the_same_by_a_name_taken_before():
    """Each would have its own copy of the caller's generator."""

    def draws(_number):
        return gauss(0, 1), getrandbits(60), int(poisson(10**18))

    rows = atonce.map(draws, range(8), engine="process", max_workers=4, chunksize=1)
    assert len({row[0] for row in rows}) == len({row[1] for row in rows}) == len({row[2] for row in rows}) == 8
