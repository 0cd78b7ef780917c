"""A function's declaration that it shares no state."""

import math
import pickle
from functools import partial

import pytest

import atonce
from atonce._probe.scan import scan
from atonce._values.purity import is_pure

SEEN = []


@atonce.pure
def declared(value):
    SEEN.append(value)


def undeclared(value):
    SEEN.append(value)


class Worker:
    @atonce.pure
    def method(self, value):
        SEEN.append(value)

    def __call__(self, value):
        SEEN.append(value)


def test_the_function_stays_what_it_is():
    assert declared.__name__ == "declared"
    assert is_pure(pickle.loads(pickle.dumps(declared)))


@pytest.mark.parametrize(
    "fn",
    [
        declared,
        partial(declared, 1),
        Worker().method,
        atonce.pure(Worker()),
        atonce.pure(math.sqrt),
        atonce.pure(partial(undeclared, 1)),
    ],
    ids=repr,
)
def test_what_is_declared_is_not_looked_at(fn):
    assert is_pure(fn)
    assert scan(fn).write == ""


@pytest.mark.parametrize("fn", [undeclared, partial(undeclared, 1), Worker(), math.sqrt], ids=repr)
def test_what_is_not_declared_is(fn):
    assert not is_pure(fn)


def test_a_helper_may_be_declared_too():
    def calls(value):
        declared(value)

    assert scan(calls).write == ""


def test_a_builtin_does_the_same_as_before():
    assert atonce.pure(math.sqrt)(9) == 3


def test_only_functions_can_be_declared():
    with pytest.raises(TypeError, match="about a function, not about 3"):
        atonce.pure(3)
