"""Objects that do not answer for themselves, or are endless: nothing escapes, and it does not take long."""

import json
import re
import time
from unittest import mock

import numpy as np
import pandas as pd
import pytest

from atonce._probe.fingerprint import fingerprint
from atonce._probe.scan import scan
from atonce._values.purity import is_pure


class RaisingMeta(type):
    def __getattr__(cls, name):
        raise AttributeError(name) if name == "__wrapped__" else RuntimeError(name)  # test runners ask for it

    def __subclasscheck__(cls, other):
        raise RuntimeError("no")

    def __instancecheck__(cls, other):
        raise RuntimeError("no")

    def __iter__(cls):
        raise RuntimeError("no")


class Meta(metaclass=RaisingMeta):
    pass


class Hooked:
    @classmethod
    def __subclasshook__(cls, other):
        raise RuntimeError("no")


class Proxy:
    @property
    def __class__(self):
        raise RuntimeError("outside of a request")

    @property
    def __dict__(self):
        raise RuntimeError("outside of a request")

    @property
    def __name__(self):
        raise RuntimeError("outside of a request")

    __module__ = property(lambda self: 1 / 0)

    def __getattr__(self, name):
        raise RuntimeError("outside of a request")

    def __call__(self):
        raise RuntimeError("outside of a request")


class Whatever:
    def __getattr__(self, name):
        return Whatever()

    def __getattribute__(self, name):
        return Whatever()

    __hash__ = None


class Half:
    __slots__ = ("left", "right")

    def __init__(self):
        self.left = self


class Slots:
    __slots__ = {"documented": "an attribute"}


class Unequal:
    __hash__ = None

    def __eq__(self, other):
        raise RuntimeError("no")

    def __bool__(self):
        raise RuntimeError("no")


class Stingy(dict):
    def __len__(self):
        raise RuntimeError("no")

    def __iter__(self):
        raise RuntimeError("no")

    def items(self):
        raise RuntimeError("no")


class Endless(list):
    def __iter__(self):
        while True:
            yield self


def cyclic():
    ring = {"a": []}
    ring["a"].append(ring)
    ring["b"] = (ring, [ring["a"]])
    return ring


def deep():
    nested = []
    for _ in range(100_000):
        nested = [nested]
    return nested


def deep_tuple():
    nested = ()
    for _ in range(100_000):
        nested = (nested,)
    return nested


ODD = {
    "metaclass": Meta, "instance of it": Meta(), "hook": Hooked(), "proxy": Proxy(), "whatever": Whatever(), "half": Half(),
    "slots": Slots(), "unequal": Unequal(), "stingy": Stingy(a=1), "endless": Endless([1]), "cyclic": cyclic(), "deep": deep(),
    "deep tuple": deep_tuple(), "mock": mock.MagicMock(), "call": mock.call, "large": [[n] for n in range(300_000)],
    "large dict": {n: [n] for n in range(300_000)}, "large array": np.zeros(10_000_000), "odd array": np.zeros(4)[::2],
    "objects": np.array([[], {}, None], dtype=object), "dates": np.zeros(3, dtype="M8[s]"),
    "table": pd.DataFrame({"x": range(1000), "y": "a"}), "pattern": re.compile("a"), "encoder": json.JSONEncoder(),
    "dict of proxies": {"a": Proxy(), "b": [Whatever()]}, "set of classes": {Meta}, "tuple": (Unequal(), Proxy()),
    "memoryview": memoryview(b"abc"), "released": memoryview(bytearray(3)),
}  # fmt: skip
ODD["released"].release()


def reaches(thing):
    held = {"thing": thing}

    def work(value):
        thing.part.method(value)
        here = thing
        for each in here:
            each.part = value == thing
        with thing as entered:
            entered[value].append(held["thing"][1])
        return len(thing), value + thing, -thing, [*thing], {**thing}, f"{thing}", thing(value, *thing, **thing), value in thing

    return work


@pytest.mark.parametrize("name", ODD)
def test_it_can_be_looked_at(name):
    thing = ODD[name]
    begun = time.process_time()
    assert isinstance(is_pure(thing), bool)
    found = scan(reaches(thing), [thing])
    scan(thing, [thing])
    assert "cannot be looked at" not in found.doubt
    scanned = time.process_time()
    assert fingerprint(thing) == fingerprint(thing)
    assert scanned - begun < 0.25
    assert time.process_time() - scanned < 0.1
