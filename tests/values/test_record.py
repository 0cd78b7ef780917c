"""Records are what dataclasses are, and typing's names what typing's are, as far as anybody can tell at run time."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import typing

import pytest

import atonce._values.typed as light
from atonce import Plan, Report, Success
from atonce._values import outcome
from atonce._values.record import Record, field


class Point(Record):
    """A place."""

    x: int
    y: int = 0
    names: list[str] = field(default_factory=list)

    @property
    def far(self) -> bool:
        return self.x > 100


class Moving(Record, frozen=False):
    x: int
    names: list[str] = field(default_factory=list)


@dataclasses.dataclass(frozen=True, slots=True)
class Real:
    x: int
    y: int = 0
    names: list[str] = dataclasses.field(default_factory=list)


BOTH = pytest.mark.parametrize("kind", [Point, Real])


class Further(Point):
    """Somebody's own."""


class Pair(light.NamedTuple):
    """Two things."""

    left: str
    right: int = 2


@BOTH
def test_values_come_by_position_by_name_or_by_default(kind):
    assert (kind(1).x, kind(1).y, kind(1).names) == (1, 0, [])
    assert kind(1, 2, ["a"]) == kind(1, names=["a"], y=2) == kind(names=["a"], x=1, y=2)
    assert kind(1) != kind(2)
    assert kind(1) != (1, 0, [])


@BOTH
@pytest.mark.parametrize(("values", "named"), [((), {}), ((1, 2, [], 3), {}), ((1,), {"x": 2}), ((1,), {"z": 2}), ((), {"y": 1})])
def test_what_does_not_fit_is_refused(kind, values, named):
    with pytest.raises(TypeError, match=kind.__name__):
        kind(*values, **named)


def test_the_refusal_says_how_it_is_called():
    with pytest.raises(TypeError) as caught:
        Point(1, z=3)
    assert str(caught.value) == "Point(..., z=...) was called, but it is Point(x, y=..., names=...)"


@pytest.mark.parametrize("kind", [Point, Moving])
def test_a_default_that_is_made_is_made_for_each(kind):
    assert kind(1).names is not kind(1).names


@BOTH
def test_a_frozen_one_cannot_be_changed(kind):
    point = kind(1)
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'x'"):
        point.x = 2
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'x'"):
        del point.x
    assert point.x == 1


def test_one_that_is_not_frozen_can_be_changed_and_has_no_hash():
    moving = Moving(1)
    moving.x += 1
    assert moving == Moving(2)
    with pytest.raises(TypeError, match="unhashable"):
        hash(moving)
    with pytest.raises(AttributeError):
        moving.speed = 3


@BOTH
def test_there_is_no_room_for_anything_else(kind):
    assert not hasattr(kind(1), "__dict__")


@BOTH
def test_equal_ones_have_one_hash(kind):
    assert hash(kind(1, 2, ())) == hash(kind(1, 2, ()))


@BOTH
def test_it_shows_its_values(kind):
    assert repr(kind(1, names=["a"])) == f"{kind.__name__}(x=1, y=0, names=['a'])"


def test_one_that_contains_itself_can_be_shown():
    moving = Moving(1)
    moving.names.append(moving)
    assert repr(moving) == "Moving(x=1, names=[...])"


@BOTH
def test_it_can_be_matched(kind):
    match kind(1, 2):
        case kind(x, y):
            assert (x, y) == (1, 2)


@BOTH
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_can_be_sent(kind, protocol):
    point = kind(1, 2, ["a"])
    assert pickle.loads(pickle.dumps(point, protocol)) == point


@BOTH
def test_it_can_be_copied(kind):
    point = kind(1, 2, ["a"])
    assert copy.copy(point) == copy.deepcopy(point) == point
    assert copy.copy(point).names is point.names
    assert copy.deepcopy(point).names is not point.names


@BOTH
def test_it_is_a_dataclass_for_those_who_ask(kind):
    point = kind(1, 2, ["a"])
    assert dataclasses.is_dataclass(kind)
    assert dataclasses.is_dataclass(point)
    assert [(each.name, each.type) for each in dataclasses.fields(kind)] == [("x", "int"), ("y", "int"), ("names", "list[str]")]
    assert dataclasses.fields(point)[1].default == 0
    assert dataclasses.fields(point)[2].default_factory is list
    assert dataclasses.asdict(point) == {"x": 1, "y": 2, "names": ["a"]}
    assert dataclasses.astuple(point) == (1, 2, ["a"])
    assert dataclasses.replace(point, x=3) == kind(3, 2, ["a"])
    assert kind.__dataclass_params__.frozen


def test_some_of_it_can_be_replaced():
    assert Point(1, 2).__replace__(y=3) == Point(1, 3)
    assert not Moving.__dataclass_params__.frozen


@BOTH
def test_its_signature_can_be_read(kind):
    assert str(inspect.signature(kind)) == "(x: 'int', y: 'int' = 0, names: 'list[str]' = <factory>) -> None"


def test_a_subclass_is_an_ordinary_class():
    further = Further(101)
    assert (further.far, further, hash(Further(1, 2, ()))) == (True, Further(x=101), hash(Further(1, 2, ())))
    assert further != Point(101)
    assert pickle.loads(pickle.dumps(further)) == further
    decorated = dataclasses.dataclass(frozen=True)(type("Decorated", (Point,), {"__annotations__": {"z": "int"}, "z": 3}))
    assert dataclasses.asdict(decorated(1)) == {"x": 1, "y": 0, "names": [], "z": 3}


def test_outcomes_and_reports_are_records():
    assert repr(Success(1, "a", 1, 0.5, "w")) == "Success(index=1, value='a', attempts=1, seconds=0.5, worker='w')"
    assert Report() == Report(plan=Plan())


def test_the_names_of_types_can_be_used_at_run_time():
    assert typing.get_args(outcome.Outcome[int]) == (Success[int], outcome.Failure)
    assert typing.get_args(outcome.AnyOutcome) == (Success[typing.Any], outcome.Failure)
    with pytest.raises(AttributeError, match="Nonsense"):
        outcome.Nonsense


def test_a_named_tuple_is_one():
    assert (Pair("a"), Pair._fields, Pair.__doc__) == (("a", 2), ("left", "right"), "Two things.")
    assert repr(Pair("a")._replace(right=3)) == "Pair(left='a', right=3)"
    assert pickle.loads(pickle.dumps(Pair("b"))) == Pair("b")


def test_the_names_from_typing_do_at_run_time_what_they_do_there():
    assert light.cast("int", "a") == typing.cast("int", "a")
    assert light.overload(len) is len
    assert light.dataclass_transform(frozen_default=True)(Pair) is Pair

    class Box(light.Generic[light.TypeVar("T")]):
        pass

    assert typing.get_origin(Box[int]) is Box
