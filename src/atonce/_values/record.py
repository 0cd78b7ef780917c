"""Records: classes with fields, as ``dataclasses`` makes them, for modules that a program's first result has to wait for.

``dataclasses`` takes 7 ms to import, and 1 ms for each class, whose methods it writes and compiles. Here all classes share their
methods, which look up the fields. (Measured: python -X importtime. To make a record then takes 1.0 µs instead of 0.8.)

A record is a dataclass for everybody who asks: ``dataclasses.fields``, ``asdict``, ``replace`` and ``is_dataclass`` find what they
look for, which is made when it is looked for.

Source: ``dataclasses`` for what equality, ``repr``, pickling and ``match`` mean.
"""

from __future__ import annotations

from functools import cache
from reprlib import recursive_repr

from atonce._values.typed import dataclass_transform

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, ClassVar, NoReturn, Self

__all__ = ("Record", "RecordType", "field")


_NONE = object()  # in the place of a default


class _Fresh:
    """Stands for a default that is made anew for each record."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make


def field(*, default_factory: Callable[[], Any]) -> Any:
    """Give a field a default that is made anew for each record."""
    return _Fresh(default_factory)


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
class RecordType(type):
    """Makes classes of records: what a class annotates are its fields, and there is a slot for each.

    The annotations have to be text (``from __future__ import annotations``): nobody evaluates them. A subclass of a class with
    fields is an ordinary class, with the same fields.
    """

    _setters: tuple[Callable[[object, Any], None], ...]
    _template: tuple[Any, ...]  # the defaults
    _places: dict[str, int]
    _open: tuple[int, ...]  # the places of fields without a default that can be taken as it is

    def __new__(cls, name: str, bases: tuple[type, ...], space: dict[str, Any], *, frozen: bool = True) -> RecordType:
        if any(getattr(base, "__match_args__", ()) for base in bases):
            return super().__new__(cls, name, bases, space)
        fields = tuple(space.get("__annotations__", ()))
        defaults = {field: space[field] for field in fields if field in space}
        space = {key: value for key, value in space.items() if key not in defaults}
        space |= {"__slots__": fields, "__match_args__": fields, "_defaults": defaults}
        if not frozen:
            space |= {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__, "__hash__": None}
        made = super().__new__(cls, name, bases, space)
        made._setters = tuple(vars(made)[field].__set__ for field in fields)
        made._template = tuple(defaults.get(field, _NONE) for field in fields)
        made._places = {field: place for place, field in enumerate(fields)}
        made._open = tuple(place for place, value in enumerate(made._template) if value is _NONE or type(value) is _Fresh)
        return made


class _Late:
    """An attribute of a class of records that is found out when somebody asks."""

    def __init__(self, find: Callable[[type[Record]], Any]) -> None:
        self._find = find

    def __get__(self, record: object, kind: type[Record]) -> Any:
        return self._find(kind)


@cache
def _twin(kind: type[Record]) -> Any:
    """Make the dataclass with the same fields."""
    from dataclasses import field as dataclass_field  # noqa: PLC0415 (7 ms, for those who ask)
    from dataclasses import make_dataclass  # noqa: PLC0415

    kinds: dict[str, str] = {}
    for base in kind.__mro__:
        kinds = vars(base).get("__annotations__", {}) | kinds
    defaults = kind._defaults  # noqa: SLF001 (the record's half of this function)
    fields: list[Any] = []
    for name in kind.__match_args__:
        default = defaults.get(name)
        if isinstance(default, _Fresh):
            default = dataclass_field(default_factory=default.make)
        fields.append((name, kinds[name], default) if name in defaults else (name, kinds[name]))
    return make_dataclass(kind.__name__, fields, frozen=kind.__setattr__ is Record.__setattr__)


def _signature(kind: type[Record]) -> Any:
    from inspect import signature  # noqa: PLC0415 (6 ms, for those who ask)

    return signature(_twin(kind))


class Record(metaclass=RecordType):
    """What all records can do. They are frozen, unless their class says ``frozen=False``."""

    if TYPE_CHECKING:
        __match_args__: ClassVar[tuple[str, ...]]
        _defaults: ClassVar[dict[str, Any]]
        _setters: ClassVar[tuple[Callable[[object, Any], None], ...]]
        _template: ClassVar[tuple[Any, ...]]
        _places: ClassVar[dict[str, int]]
        _open: ClassVar[tuple[int, ...]]

    __dataclass_fields__ = _Late(lambda kind: _twin(kind).__dataclass_fields__)
    __dataclass_params__ = _Late(lambda kind: _twin(kind).__dataclass_params__)
    __signature__ = _Late(_signature)

    def __init__(self, *values: Any, **named: Any) -> None:
        complete = values if not named and len(values) == len(self._setters) else self._completed(values, named)
        for setter, value in zip(self._setters, complete, strict=True):  # of the slots: a frozen record's __setattr__ refuses
            setter(self, value)

    def _completed(self, values: tuple[Any, ...], named: dict[str, Any]) -> list[Any]:
        places, given = self._places, len(values)
        completed = [*values, *self._template[given:]]
        for name, value in named.items():
            place = places.get(name, -1)
            if place < given:
                raise self._refusal(values, named)
            completed[place] = value
        for place in self._open:
            value = completed[place]
            if value is _NONE:
                raise self._refusal(values, named)
            if type(value) is _Fresh:
                completed[place] = value.make()
        if given > len(places):
            raise self._refusal(values, named)
        return completed

    def _refusal(self, values: tuple[Any, ...], named: dict[str, Any]) -> TypeError:
        fields = zip(self.__match_args__, self._template, strict=True)
        wanted = ", ".join(name if default is _NONE else f"{name}=..." for name, default in fields)
        got = ", ".join([*(["..."] * len(values)), *(f"{name}=..." for name in named)])
        return TypeError(f"{type(self).__name__}({got}) was called, but it is {type(self).__name__}({wanted})")

    @recursive_repr("...")
    def __repr__(self) -> str:
        values = zip(self.__match_args__, self.__getstate__(), strict=True)
        return f"{type(self).__qualname__}({', '.join(f'{name}={value!r}' for name, value in values)})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Record) or type(other) is not type(self):
            return NotImplemented
        return self.__getstate__() == other.__getstate__()

    def __hash__(self) -> int:
        return hash(tuple(self.__getstate__()))

    if not TYPE_CHECKING:  # they know by themselves what is frozen

        def __setattr__(self, name: str, _value: object) -> NoReturn:
            from dataclasses import FrozenInstanceError  # noqa: PLC0415 (7 ms, on the way to an error)

            raise FrozenInstanceError(f"cannot assign to field {name!r}")

        def __delattr__(self, name: str) -> NoReturn:
            from dataclasses import FrozenInstanceError  # noqa: PLC0415 (7 ms, on the way to an error)

            raise FrozenInstanceError(f"cannot delete field {name!r}")

    def __replace__(self, **changes: Any) -> Self:
        """Return a record that is the same but for these fields; ``copy.replace`` calls it (3.13)."""
        return type(self)(**dict(zip(self.__match_args__, self.__getstate__(), strict=True)) | changes)

    def __getstate__(self) -> list[Any]:
        return [getattr(self, name) for name in self.__match_args__]

    def __setstate__(self, state: list[Any]) -> None:
        for name, value in zip(self.__match_args__, state, strict=True):
            object.__setattr__(self, name, value)
