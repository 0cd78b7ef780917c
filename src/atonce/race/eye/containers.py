"""Objects that can change: which containers stand behind a value, and how an element of one is named in a cell."""

from __future__ import annotations

import array
import enum
import gc
import itertools
import re
import types
from collections import OrderedDict, defaultdict, deque
from collections.abc import Hashable, Iterator
from typing import Any

from atonce.race.eye.accesses import IMMUTABLE
from atonce.race.operations import WHOLE

__all__ = (
    "BASES",
    "BUILTINS",
    "EXACT",
    "ITERATORS",
    "PLAIN",
    "VIEWS",
    "base_of",
    "behind",
    "can_change",
    "consumed",
    "dictionary",
    "element",
    "reach",
    "slots",
)

BUILTINS: tuple[type, ...] = (types.BuiltinFunctionType, type(re.compile("").match))
"""Types of functions and bound methods written in C; the other one knows the class that defines it."""

PLAIN = frozenset(
    (
        int, float, bool, str, bytes, complex, types.NoneType, range, type(...), type(NotImplemented), slice, types.CodeType,
        *BUILTINS, types.MethodWrapperType, types.WrapperDescriptorType, types.MethodDescriptorType,
        types.GetSetDescriptorType, types.MemberDescriptorType, types.ClassMethodDescriptorType, types.GenericAlias,
        types.UnionType,
    )
)  # fmt: skip
"""Types whose values never change, and hold nothing that does."""

BASES: tuple[type, ...] = (list, dict, set, deque, bytearray, array.array, OrderedDict, defaultdict)
"""Containers written in C."""

EXACT = frozenset(BASES)
"""The same, to look up a type in."""
_a: dict[Any, Any] = {}
VIEWS: frozenset[type] = frozenset(
    (
        type(_a.keys()), type(_a.values()), type(_a.items()), types.MappingProxyType, memoryview,
        type(OrderedDict().keys()), type(OrderedDict().values()), type(OrderedDict().items()),
    )
)  # fmt: skip
"""Types that show a container."""

_EMPTY: tuple[Any, ...] = ([], (), {}, set(), deque(), bytearray(), array.array("b"), OrderedDict())
_REVERSIBLE: tuple[Any, ...] = ([], {}, deque(), _a.values(), _a.items())
ITERATORS: frozenset[type] = frozenset(
    [
        *(type(iter(container)) for container in _EMPTY),
        *(type(iter(view)) for view in (_a.values(), _a.items(), OrderedDict().values(), OrderedDict().items())),
        *(type(reversed(container)) for container in _REVERSIBLE),
        *(type(iter(text)) for text in ("", "é", b"", range(0), range(1 << 70))),
        *(enumerate, zip, map, filter, reversed, type(iter(int, 1)), type(iter(memoryview(b"")))),
        *(kind for kind in vars(itertools).values() if isinstance(kind, type)),
    ]
)
"""Types of iterators written in C."""

_TAKE_LATER = (itertools.chain, type(iter(())))
"""Iterators that begin to read what they are given when they come to it."""

_KEYS = frozenset((str, int, float, bool, bytes, types.NoneType))
_PLAIN_EQUALITY = (object.__eq__, int.__eq__, str.__eq__)
_MOST = 2_000
_bases: dict[type, type | None] = {}


def base_of(kind: type) -> type | None:
    """Return the container written in C that a type is, or extends."""
    try:
        return _bases[kind]
    except KeyError:
        base = next((parent for parent in kind.__mro__ if parent in EXACT), None)
        _bases[kind] = base
        return base


def element(container: type, key: Any) -> Hashable:
    """Name the element of a container; ``WHOLE`` where the key could be equal to another one, or depends on the size."""
    if container is list or container is bytearray or container is array.array:
        return int(key) if type(key) in (int, bool) and key >= 0 else WHOLE
    if container is deque:
        return WHOLE  # an index means another element after a rotation
    return key if _is_simple(key) else WHOLE


def _is_simple(key: Any) -> bool:
    kind = type(key)
    if kind in _KEYS:
        return bool(key == key)  # noqa: PLR0124 (but for NaN)
    if kind is tuple:
        return all(_is_simple(part) for part in key)
    return issubclass(kind, enum.Enum) and kind.__eq__ in _PLAIN_EQUALITY


def behind(thing: Any) -> list[Any]:
    """Return the containers that are read when a value is iterated over, or measured."""
    kind = type(thing)
    if kind in PLAIN or kind is tuple or kind is frozenset:
        return []
    if base_of(kind) is not None:
        return [thing]
    if kind in VIEWS or kind in ITERATORS:
        found: list[Any] = []
        for part in consumed(thing) if kind in ITERATORS else gc.get_referents(thing):
            if type(part) in BUILTINS and base_of(type(part.__self__)) is not None:
                found.append(part.__self__)
            elif type(part) in ITERATORS or type(part) in VIEWS or base_of(type(part)) is not None:
                found += behind(part)
        if kind is itertools.chain:  # the lists in the list are its own, too
            found += [
                part for outer in list(found) for part in _parts(outer, type(outer), objects=False) or () if base_of(type(part))
            ]
        return behind(thing.obj) if kind is memoryview and not found else found
    return [thing] if _is_foreign(kind) and can_change(thing) else []


_SELF_CONTAINED = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType, types.FunctionType, types.MethodType)
_foreign: dict[type, bool] = {}


def _is_foreign(kind: type) -> bool:
    """Tell whether a type holds things in a way that only its C code knows: a file, an array of another library."""
    known = _foreign.get(kind)
    if known is None:
        found = [
            parent.__dict__[name]
            for name in ("__iter__", "__getitem__", "__len__")
            for parent in kind.__mro__
            if name in vars(parent)
        ]
        written_in_c = bool(found) and not any(type(method) is types.FunctionType for method in found)
        known = _foreign[kind] = written_in_c and kind not in _SELF_CONTAINED and not issubclass(kind, tuple | frozenset | type)
    return known


def consumed(iterator: Any) -> list[Any]:
    """Return what an iterator written in C holds, with what stands in tuples: ``zip`` and ``map`` keep their iterators in one."""
    parts: list[Any] = []
    for part in gc.get_referents(iterator):
        if type(part) is tuple:
            parts += [inner for inner in part if type(inner) in ITERATORS or type(inner) is types.GeneratorType]
            if type(iterator) in _TAKE_LATER:
                parts += [inner for inner in part if base_of(type(inner)) is not None or type(inner) in VIEWS]
        elif part is not iterator:
            parts.append(part)
    return parts


def can_change(thing: Any) -> bool:
    """Tell whether a value can change, or holds what can."""
    kind = type(thing)
    if kind in PLAIN or kind is type:
        return False
    if issubclass(kind, tuple | frozenset) and kind.__iter__ in (tuple.__iter__, frozenset.__iter__):
        return any(can_change(part) for part in thing)
    if issubclass(kind, type | types.ModuleType | BaseException | enum.Enum) or kind.__module__ in IMMUTABLE:
        return False
    return kind not in (types.FunctionType, types.MethodType) or bool(getattr(thing, "__self__", None))


def dictionary(thing: Any) -> dict[str, Any] | None:
    """Return an object's attributes, without running anybody's code."""
    try:
        found = object.__getattribute__(thing, "__dict__")
    except Exception:
        return None
    return found if issubclass(type(found), dict) else None


def slots(thing: Any) -> Iterator[tuple[str, Any]]:
    """Yield what an object holds in slots."""
    for parent in type(thing).__mro__:
        for name, member in vars(parent).items():
            if type(member) is types.MemberDescriptorType:
                try:
                    yield name, member.__get__(thing)
                except AttributeError:
                    continue


def reach(things: list[Any], *, objects: bool) -> tuple[list[Any], bool]:
    """Return everything that can change and can be reached through containers.

    Args:
        things: where to begin.
        objects: go through the attributes of objects as well.

    Returns:
        What was found, in the order in which it was met, and whether that is all.
    """
    seen: set[int] = set()
    found: list[Any] = []
    waiting = list(reversed(things))
    while waiting:
        thing = waiting.pop()
        kind = type(thing)
        if kind in PLAIN or id(thing) in seen:
            continue
        if len(seen) > _MOST:
            return found, False
        seen.add(id(thing))
        parts = _parts(thing, kind, objects=objects)
        if parts is not None:
            if not issubclass(kind, tuple | frozenset) and kind not in VIEWS and kind not in ITERATORS:
                found.append(thing)
            waiting += reversed(parts)
    return found, True


_arguments: Any = vars(BaseException)["args"].__get__


def _parts(thing: Any, kind: type, *, objects: bool) -> list[Any] | None:
    """Return what stands in a thing; ``None`` if it is nothing that could change."""
    base = base_of(kind)
    parts: list[Any] = []
    if base is not None:
        if issubclass(base, dict):
            parts = [*dict.keys(thing), *dict.values(thing)]
        elif base in (list, set, deque):
            parts = list(base.__iter__(thing))
    elif issubclass(kind, tuple | frozenset):
        parts = list(tuple.__iter__(thing) if issubclass(kind, tuple) else frozenset.__iter__(thing))
    elif kind in VIEWS or kind in ITERATORS:
        parts = behind(thing)
    elif _is_foreign(kind) and can_change(thing):
        parts = []
    elif issubclass(kind, BaseException):
        parts = [*_arguments(thing), *(dictionary(thing) or {}).values()]
    elif not objects or not can_change(thing):
        return None
    if (objects and base is None) or (base is not None and kind is not base):
        parts += (dictionary(thing) or {}).values()
        parts += [value for _, value in slots(thing)]
    return parts
