"""State looks the same as before, or it does not."""

import functools
import random
from array import array
from collections import Counter, OrderedDict, deque

import numpy as np
import pytest

from atonce._probe.fingerprint import fingerprint


class Own:
    kind = 1

    def __init__(self):
        self.value = [1]


class Slotted:
    __slots__ = ("__hidden", "value")

    def __init__(self):
        self.value = 1
        self.__hidden = 1

    def hide(self):
        self.__hidden += 1


def function(value, seen=[]):  # noqa: B006 (that is what is meant)
    return value


@functools.cache
def cached(value):
    return value


def running():
    yield 1
    yield 2


def nested():
    inner = Own()
    return {"a": [inner]}, lambda: inner.value.append(2)


def cycle():
    ring = []
    ring.append(ring)
    return ring, lambda: ring.append(1)


def generator():
    made = running()
    return made, lambda: next(made)


def with_change(thing, change):
    return lambda: (made := thing(), lambda: change(made))


CHANGES = {
    "list": with_change(lambda: [1, 2], lambda x: x.append(3)),
    "list, in the middle": with_change(lambda: [0] * 100, lambda x: x.__setitem__(50, 1)),
    "long list": with_change(lambda: [0] * 10_000, lambda x: x.append(1)),
    "dict": with_change(lambda: {1: 2}, lambda x: x.update({1: 3})),
    "set": with_change(lambda: {1, 2}, lambda x: x.add(3)),
    "deque": with_change(lambda: deque([1, 2]), lambda x: x.rotate(1)),
    "Counter": with_change(Counter, lambda x: x.update("a")),
    "OrderedDict": with_change(lambda: OrderedDict(a=1, b=2), lambda x: x.move_to_end("a")),
    "bytearray": with_change(lambda: bytearray(8), lambda x: x.__setitem__(3, 1)),
    "array": with_change(lambda: array("d", [0.0] * 8), lambda x: x.__setitem__(3, 1.0)),
    "NumPy array": with_change(lambda: np.zeros(8), lambda x: x.__setitem__(3, 1.0)),
    "object": with_change(Own, lambda x: x.value.append(2)),
    "class": with_change(lambda: type("Own2", (Own,), {"calls": 0, "__module__": __name__}), lambda x: setattr(x, "calls", 1)),
    "slots": with_change(Slotted, lambda x: setattr(x, "value", 2)),
    "private slots": with_change(Slotted, lambda x: x.hide()),
    "defaults": lambda: (function, lambda: function.__defaults__[0].append(1)),
    "attributes of a function": lambda: (function, lambda: setattr(function, "calls", getattr(function, "calls", 0) + 1)),
    "cache": lambda: (cached, lambda: cached(object())),
    "generator": generator,
    "random": with_change(lambda: random.Random(1), lambda x: x.random()),
    "numpy.random": with_change(lambda: np.random.default_rng(1), lambda x: x.random()),
    "nested": nested,
    "cycle": cycle,
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_change_is_seen(case):
    thing, change = CHANGES[case]()
    before = fingerprint(thing)
    assert fingerprint(thing) == before
    change()
    assert fingerprint(thing) != before


@pytest.mark.parametrize(
    "thing", [float("nan"), [float("nan")], ..., len, np, object(), "a" * 100_000, b"", range(9), 1j], ids=repr
)
def test_what_cannot_change_looks_the_same(thing):
    assert fingerprint(thing) == fingerprint(thing)


def test_numbers_of_different_kinds_are_different():
    assert fingerprint(1) != fingerprint(1.0) != fingerprint(True)


def test_nothing_of_the_users_is_run():
    class Loud:
        def __eq__(self, other):
            raise AssertionError

        def __hash__(self):
            raise AssertionError

        def __getattr__(self, name):
            raise AssertionError

        __reduce__ = __repr__ = __len__ = __iter__ = __eq__

    loud = Loud()
    assert fingerprint([loud]) == fingerprint([loud])


def test_a_large_state_is_looked_at_in_places():
    large = {n: [[n] * 50] * 50 for n in range(10_000)}
    before = fingerprint(large)
    large[10_000] = 1
    assert fingerprint(large) != before
