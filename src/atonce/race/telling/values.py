"""What stands in a cell, and how it is shown: without running a line of the user's code, which would be steps of the run."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from types import CellType, MemberDescriptorType, ModuleType
from typing import Any

from atonce.race.operations import WHOLE
from atonce.race.scheduler import Task

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
        return thing if isinstance(thing, (dict, *_BRACKETS)) else MISSING
    try:
        if isinstance(thing, (dict, list)):
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
    kind = type(thing).__name__
    if isinstance(thing, ModuleType):
        kind = thing.__name__.rpartition(".")[2]
    elif isinstance(thing, type):
        kind = thing.__name__
    elif isinstance(thing, CellType):
        return "a variable of the function around"
    if element is WHOLE:
        return kind if isinstance(thing, (ModuleType, type)) else f"{'an' if kind[0] in 'aeiouAEIOU' else 'a'} {kind}"
    if isinstance(thing, (dict, list)) or not isinstance(element, str):
        return f"{kind}[{shown(element)}]"
    return f"{kind}.{element}"


def _item(thing: dict[Any, Any] | list[Any], element: Any) -> Any:
    if isinstance(thing, dict):
        return dict.get(thing, element, MISSING) if type(element) in _PLAIN else MISSING  # others' __eq__ is the user's code
    return list.__getitem__(thing, element) if isinstance(element, int) and -len(thing) <= element < len(thing) else MISSING


def _attribute(thing: object, name: Hashable) -> Any:
    if isinstance(thing, CellType):
        return thing.cell_contents
    if not isinstance(name, str):
        return MISSING
    for home in (thing, *(type(thing).__mro__ if not isinstance(thing, type) else thing.__mro__[1:])):
        space = _space(home)
        if name in space:
            found = space[name]
            if isinstance(found, MemberDescriptorType) and home is not thing:  # a slot
                return found.__get__(thing, type(thing))
            return MISSING if home is not thing and hasattr(type(found), "__get__") else found
    return MISSING


def _space(thing: object) -> Any:
    try:
        return type.__getattribute__(thing, "__dict__") if isinstance(thing, type) else object.__getattribute__(thing, "__dict__")
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
    if isinstance(value, type):
        return value.__name__
    name = kind.__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}" if not isinstance(value, Task) else value.name


def _elements(value: Any, depth: int) -> list[str]:
    some = [item for item, _ in zip(value.items() if type(value) is dict else value, range(_MOST), strict=False)]
    if type(value) is dict:
        texts = [f"{_shown(key, depth)}: {_shown(item, depth)}" for key, item in some]
    else:
        texts = [_shown(item, depth) for item in some]
    return texts + ["..."] * (len(value) > _MOST)
