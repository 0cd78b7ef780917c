"""What stands in a cell, and how it is shown: without running a line of the user's code, which would be steps of the run."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from types import CellType, MemberDescriptorType, ModuleType
from typing import Any, cast

from atonce.race.operations import WHOLE
from atonce.race.tasks import Task

__all__ = ("MISSING", "Peek", "cell_name", "peek", "shown")

MISSING: Any = object()
"""There is nothing in the cell, or nobody can look at it without running code of the user's."""

Peek = Callable[[object, Hashable], Any]

_LONGEST = 24  # characters of a value
_MOST = 4  # elements of a container
_PLAIN = (int, float, bool, complex, bytes, str, type(None), range, type(...))
_BRACKETS: dict[type, tuple[str, str]] = {list: ("[", "]"), tuple: ("(", ")"), set: ("{", "}"), frozenset: ("frozenset({", "})")}


def peek(thing: object, element: Hashable) -> Any:
    """Return what stands in a cell now, or `MISSING`.

    Args:
        thing: the object.
        element: an attribute's name, a key, an index, or WHOLE for the object itself.
    """
    if element is WHOLE:
        return thing if _is_a(thing, dict, *_BRACKETS) else MISSING
    try:
        if _is_a(thing, dict, list):
            return _item(thing, element)
        return _attribute(thing, element)
    except Exception:  # an odd object: it is shown without its value
        return MISSING


def shown(value: object) -> str:
    """Return a short text for a value; empty for `MISSING`.

    Example:
        >>> shown([1, 2, 3, 4, 5]), shown({"a": 1}), shown(ValueError())
        ('[1, 2, 3, 4, ...]', "{'a': 1}", 'a ValueError')
    """
    if value is MISSING:
        return ""
    text = _shown(value, 0)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def cell_name(thing: object, element: Hashable) -> str:
    """Return what people call a cell.

    Example:
        >>> cell_name(ValueError(), "args"), cell_name({}, "k"), cell_name([], None)
        ('ValueError.args', "dict['k']", 'a list')
    """
    kind = _name(type(thing))
    if type(thing) is dict and "__name__" in thing and "__loader__" in thing and isinstance(element, str):
        kind = str(thing["__name__"]).rpartition(".")[2]  # the globals of a module
        return f"{kind}.{element}"
    if _is_a(thing, ModuleType):
        kind = str(_space(thing).get("__name__", kind)).rpartition(".")[2]
    elif _is_a(thing, type):
        kind = _name(thing)
    elif _is_a(thing, CellType):
        return "a variable of the function around"
    if element is WHOLE:
        return kind if _is_a(thing, ModuleType, type) else _some(kind)
    if _is_a(thing, dict, list) or not isinstance(element, str):
        return f"{kind}[{shown(element)}]"
    return f"{kind}.{element}"


# isinstance, and a look at a class, may ask the user's class or its metaclass: these do not.


def _is_a(thing: object, *kinds: type) -> bool:
    return any(kind in _mro(type(thing)) for kind in kinds)


def _mro(kind: Any) -> tuple[type, ...]:
    return cast("tuple[type, ...]", type.__getattribute__(kind, "__mro__"))


def _name(kind: Any) -> str:
    return cast("str", type.__getattribute__(kind, "__name__"))


def _some(name: str) -> str:
    return f"{'an' if name[:1] in 'aeiouAEIOU' else 'a'} {name}"


def _item(thing: Any, element: Any) -> Any:
    if _is_a(thing, dict):
        return dict.get(thing, element, MISSING) if type(element) in _PLAIN else MISSING  # others' __eq__ is the user's code
    size = list.__len__(thing)
    return list.__getitem__(thing, element) if isinstance(element, int) and -size <= element < size else MISSING


def _attribute(thing: object, name: Hashable) -> Any:
    if _is_a(thing, CellType):
        return cast("CellType", thing).cell_contents
    if not isinstance(name, str):
        return MISSING
    for home in (thing, *(_mro(thing)[1:] if _is_a(thing, type) else _mro(type(thing)))):
        space = _space(home)
        if name in space:
            found = space[name]
            if type(found) is MemberDescriptorType and home is not thing:  # a slot
                return MemberDescriptorType.__get__(found, thing, type(thing))
            return MISSING if home is not thing and any("__get__" in _space(kind) for kind in _mro(type(found))) else found
    return MISSING


def _space(thing: object) -> Any:
    try:
        return (
            type.__getattribute__(cast("type", thing), "__dict__")
            if _is_a(thing, type)
            else object.__getattribute__(thing, "__dict__")
        )
    except AttributeError:
        return {}


def _shown(value: Any, depth: int) -> str:
    kind = type(value)
    if kind in _PLAIN:
        return repr(value if kind not in (str, bytes) else value[: _LONGEST * 2])
    if kind is dict or kind in _BRACKETS:
        begin, end = _BRACKETS.get(kind, ("{", "}"))
        if not value:
            return "set()" if kind is set else begin + end
        if depth > 1:
            return f"{begin}...{end}"
        return begin + ", ".join(_elements(value, depth + 1)) + ("," if kind is tuple and len(value) == 1 else "") + end
    if kind is Task:
        return cast("Task", value).name
    return _name(value) if _is_a(value, type) else _some(_name(kind))


def _elements(value: Any, depth: int) -> list[str]:
    some = [item for item, _ in zip(value.items() if type(value) is dict else value, range(_MOST), strict=False)]
    if type(value) is dict:
        texts = [f"{_shown(key, depth)}: {_shown(item, depth)}" for key, item in some]
    else:
        texts = [_shown(item, depth) for item in some]
    return texts + ["..."] * (len(value) > _MOST)
