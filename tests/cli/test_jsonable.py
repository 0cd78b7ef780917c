"""What becomes of a value on its way to JSON."""

import enum
import json
from collections import OrderedDict, defaultdict
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pytest

from atonce.cli.jsonable import NotJson, to_json


class Point(NamedTuple):
    x: object
    y: object


class Colour(enum.StrEnum):
    RED = "red"


@dataclass(slots=True)
class Box:
    name: str
    corner: Point


class Scalar:
    """As NumPy's are."""

    shape = ()

    def __init__(self, value):
        self.value = value

    def item(self):
        return self.value


class Array:
    shape = (1,)

    def item(self):
        return 1

    def tolist(self):
        return [1]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, None),
        ([True, 1, 1.5, "ä"], [True, 1, 1.5, "ä"]),
        ((1, (2,)), [1, [2]]),
        (Point(1, 2), {"x": 1, "y": 2}),
        ([Point(1, Point(2, 3))], [{"x": 1, "y": {"x": 2, "y": 3}}]),
        (Box("b", Point(1, 2)), {"name": "b", "corner": {"x": 1, "y": 2}}),
        ({"at": Path("a/b")}, {"at": "a/b"}),
        (PurePosixPath("/x"), "/x"),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset("ba"), ["a", "b"]),
        (OrderedDict(b=1), {"b": 1}),
        (defaultdict(list, a={1}), {"a": [1]}),
        ({1: "int", None: "none"}, {"1": "int", "null": "none"}),
        (Colour.RED, "red"),
        (Scalar(7), 7),
        ([Scalar(Path("p"))], ["p"]),
    ],
)
def test_what_is_written(value, written):
    assert json.loads(to_json(value)) == written


def test_a_set_without_an_order():
    assert sorted(json.loads(to_json({1, "a"})), key=str) == [1, "a"]


def test_text_stays_readable_and_on_one_line():
    assert to_json("你\n好") == '"你\\n好"'


ENDLESS = []
ENDLESS.append(ENDLESS)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (object(), "a value of type object cannot be written as JSON: return text, numbers, lists and dicts"),
        ([1, {"when": date(2024, 1, 1)}], "a value of type datetime.date cannot be written as JSON"),
        (b"bytes", "a value of type bytes cannot be written as JSON"),
        (Box, "a value of type type cannot be written as JSON"),
        (float("nan"), "a value of type float cannot be written as JSON: JSON has no nan; return None instead"),
        ({"deep": [float("-inf")]}, "JSON has no -inf"),
        (Scalar(float("inf")), "JSON has no inf"),
        (Array(), "Array cannot be written as JSON: return .tolist() of it"),
        ({Path("a"): 1}, "a value of type dict cannot be written as JSON: TypeError: keys must be str"),
        (ENDLESS, "a value of type list cannot be written as JSON: it contains itself, or is nested too deep"),
        (Scalar(Scalar(1)), "Scalar cannot be written as JSON"),
    ],
)
def test_what_cannot_be_written(value, why):
    with pytest.raises(NotJson) as caught:
        to_json(value)
    assert why in str(caught.value)


def test_a_value_whose_own_code_fails():
    class Broken:
        shape = ()

        def item(self):
            raise ZeroDivisionError("inside")

    with pytest.raises(NotJson, match=r"Broken cannot be written as JSON: ZeroDivisionError: inside"):
        to_json(Broken())
