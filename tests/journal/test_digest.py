"""An input is known again: by an equal digest for equal values, in any process, and by another one for others."""

import datetime as dt
import enum
import os
import subprocess
import sys
import threading
from collections import OrderedDict, deque
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atonce._journal.digest import DIGEST_BYTES, NoDigest, digest_of


class Point(NamedTuple):
    x: int
    y: int


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@dataclass(frozen=True)
class Job:
    name: str
    tags: frozenset


class Plain:
    def __init__(self, **state):
        vars(self).update(state)


class Slotted:
    __slots__ = ("a",)

    def __init__(self, a):
        self.a = a


def function(x):
    return x


VALUES = [
    None,
    True,
    False,
    0,
    1,
    -1,
    2**200,
    10**5000,
    1.0,
    -0.0,
    0.0,
    float("inf"),
    1j,
    "",
    "a",
    "ä\udc80",
    b"",
    b"a",
    bytearray(b"a"),
    (),
    (1,),
    [1],
    ((1,),),
    (1, 2),
    [[1], 2],
    [[1, 2]],
    {},
    {1: 2},
    {2: 1},
    {"a": {"b": [1]}},
    set(),
    {1},
    frozenset({1}),
    frozenset(),
    range(3),
    range(0, 4, 2),
    slice(1, 2),
    Ellipsis,
    NotImplemented,
    Point(1, 2),
    Point(2, 1),
    Colour.RED,
    Colour.BLUE,
    Job("a", frozenset({"x", "y"})),
    Job("a", frozenset({"x"})),
    Plain(a=1, b=2),
    Plain(a=1),
    Slotted(1),
    Slotted(2),
    Path("a/b"),
    Path("a"),
    PurePosixPath("a/b"),
    dt.date(2026, 1, 2),
    dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
    dt.timedelta(seconds=1),
    Decimal("1.0"),
    Decimal("1.00"),
    Fraction(1, 3),
    UUID(int=1),
    OrderedDict(a=1),
    deque([1]),
    len,
    [].append,
    function,
    Plain,
    os,
    partial(function, 1),
    partial(function, 2),
    "a".upper,
    "b".upper,
    np.arange(3),
    np.arange(4),
    np.arange(4).reshape(2, 2),
    np.arange(3.0),
    np.float64(1),
    np.array(["a", None], dtype=object),
    np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
]


def test_no_two_different_values_share_a_digest():
    digests = [digest_of(value) for value in VALUES]
    assert {len(digest) for digest in digests} == {DIGEST_BYTES}
    shared = [(one, two) for at, one in enumerate(VALUES) for other, two in enumerate(VALUES[:at]) if digests[at] == digests[other]]
    assert shared == []


@pytest.mark.parametrize("value", [value for value in VALUES if value is not os], ids=lambda value: type(value).__name__)
def test_a_copy_has_the_same_digest(value):
    import copy

    assert digest_of(copy.deepcopy(value)) == digest_of(value)


def test_another_process_with_other_hashes_finds_the_same_digests():
    program = (
        "import sys; from atonce._journal.digest import digest_of\n"
        "print(digest_of({'a', 'b', 'c', 'd', ('e', 1.5), frozenset('xyz')}).hex())\n"
        "print(digest_of({'k': {1: {'v', 'w'}}, 'j': [None, b'', 2**70]}).hex())"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", program], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(told) == 1


def test_what_is_equal_has_one_digest_whatever_it_is_made_of():
    text, other = ("ab" * times for times in (int("2"), int("2")))
    assert text is not other
    assert digest_of((text, text)) == digest_of((text, other))  # pickles differ here
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})
    one, other = Plain(a=1, b=2), Plain(b=2, a=1)
    assert digest_of(one) == digest_of(other)
    assert digest_of(np.arange(6).reshape(2, 3).T) == digest_of(np.ascontiguousarray(np.arange(6).reshape(2, 3).T))


def test_the_order_of_what_has_one_counts():
    assert digest_of([1, 2]) != digest_of([2, 1])
    assert digest_of(OrderedDict([("a", 1), ("b", 2)])) != digest_of(OrderedDict([("b", 2), ("a", 1)]))


def test_what_contains_itself_has_a_digest():
    one: list = [1]
    one.append(one)
    other: list = [1]
    other.append(other)
    assert digest_of(one) == digest_of(other) != digest_of([1, [1]])


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (threading.Lock(), "lock"),
        ([1, (x for x in "a")], "generator"),
        ({"f": sys.stderr}, "TextIOWrapper|EncodedFile"),
    ],
    ids=["lock", "generator", "file"],
)
def test_what_lives_in_this_process_only_is_named(value, named):
    with pytest.raises(NoDigest, match=named):
        digest_of(value)


def test_what_the_users_own_methods_raise_is_told():
    class Odd:
        def __reduce_ex__(self, protocol):
            raise ZeroDivisionError("odd")

    with pytest.raises(NoDigest, match=r"Odd cannot be told apart.*odd"):
        digest_of(Odd())


def test_what_is_nested_without_an_end_is_told():
    value: list = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(NoDigest, match="nested"):
        digest_of(value)
    while value:  # else its own end is nested as deep
        value = value[0]


def test_lambdas_differ_by_code_and_by_what_they_hold():
    def adding(n):
        return lambda x: x + n

    assert digest_of(adding(1)) == digest_of(adding(1)) != digest_of(adding(2))
    assert digest_of(lambda x: x + 1) != digest_of(lambda x: x - 1)


_anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner) | st.frozensets(st.text())
    ),
    max_leaves=12,
)


@given(_anything, _anything)
def test_digests_are_equal_as_values_of_equal_types_are(one, other):
    assert (digest_of(one) == digest_of(other)) == (_typed(one) == _typed(other))


def _typed(value):
    """Make equal what is equal and of the same types all the way down."""
    kind = type(value).__name__
    if isinstance(value, list | tuple):
        return kind, [_typed(part) for part in value]
    if isinstance(value, dict):
        return kind, sorted((repr(_typed(key)), repr(_typed(part))) for key, part in value.items())
    if isinstance(value, frozenset):
        return kind, sorted(value)
    return kind, repr(value)


class Names(set):
    pass


class Settings(dict):
    pass


class Metres(np.ndarray):
    def __reduce__(self):
        return Metres, ((0,),), {"unit": self.unit, "values": self.tolist()}


def metres(unit, values):
    made = np.asarray(values).view(Metres)
    made.unit = unit
    return made


def test_kinds_of_sets_dicts_and_arrays_are_told_apart_and_have_no_order():
    assert digest_of(Names("ab")) == digest_of(Names("ba")) != digest_of({"a", "b"})
    assert digest_of(Settings(a=1, b=2)) == digest_of(Settings(b=2, a=1)) != digest_of({"a": 1, "b": 2})
    assert digest_of(metres("m", [1])) == digest_of(metres("m", [1])) != digest_of(metres("km", [1]))
    assert digest_of(np.ma.array([1, 2], mask=[0, 1])) != digest_of(np.ma.array([1, 2], mask=[1, 0]))


def test_what_stands_between_the_fields_of_a_structure_does_not_count():
    kind = np.dtype([("a", "i1"), ("b", "i8")], align=True)
    one, other = np.frombuffer(bytes(16), kind), np.frombuffer(b"\0" + b"x" * 7 + bytes(8), kind)
    assert digest_of(one) == digest_of(other)


def test_classes_that_no_module_has_are_refused():
    def make(a):
        class Local:
            pass

        made = Local()
        made.a = a
        return made

    with pytest.raises(NoDigest, match="cannot be found by its name"):
        digest_of(make(1))


def test_what_stands_in_many_places_is_gone_through_once():
    value: list = []
    for _ in range(200):
        value = [value, value]
    assert digest_of(value) == digest_of(value)


def test_things_that_all_know_each_other_are_given_up_and_not_gone_through_for_ever():
    cells = [[Plain(at=(row, column)) for column in range(8)] for row in range(8)]
    for row in range(8):
        for column in range(8):
            cells[row][column].beside = [
                cells[other][another]
                for other, another in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1))
                if 0 <= other < 8 and 0 <= another < 8
            ]
    with pytest.raises(NoDigest, match="know each other"):
        digest_of(cells[0][0])
