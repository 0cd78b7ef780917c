"""Functions that are looked into, and cannot be seen: there is no source, or not the one that they were made of."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from types import CodeType, FunctionType

__all__ = ("blind_code", "why_not")

_UNSEEN = "{} has no source that fits, so what it does cannot be seen"
_NAMED = 3  # functions
_GENERATED = frozenset(
    f"__{name}__"
    for name in (
        "init", "new", "repr", "eq", "ne", "lt", "le", "gt", "ge", "hash", "setattr", "delattr", "replace", "getstate", "setstate",
        "attrs_init",
    )
)  # fmt: skip


def blind_code(unseen: Iterable[FunctionType]) -> tuple[CodeType, ...]:
    """Return the code of functions, each once, without those that a decorator has generated."""
    codes = {id(function.__code__): function.__code__ for function in unseen if not _is_generated(function)}
    return tuple(sorted(codes.values(), key=lambda code: (code.co_filename, code.co_firstlineno)))


def why_not(unseen: Iterable[FunctionType]) -> tuple[str, ...]:
    """Say why nothing can be proved where there are such functions. It does not matter who calls them: C code might, unseen."""
    names = list(dict.fromkeys([function.__qualname__ for function in unseen if not _is_generated(function)]))
    more = f"{len(names) - _NAMED} other functions have no source that fits, so what they do cannot be seen"
    return (*[_UNSEEN.format(name) for name in names[:_NAMED]], *([more] if len(names) > _NAMED else []))


def _is_generated(function: FunctionType) -> bool:
    """Tell whether a function is the code of a module or a class, or a special method that ``dataclass`` or its like has made."""
    name = function.__name__
    if name.startswith("<"):
        return name != "<lambda>"
    if name not in _GENERATED or not function.__code__.co_filename.startswith("<"):
        return False
    outer, *inner = function.__qualname__.split(".")[:-1] or [""]
    kind = functools.reduce(lambda thing, part: getattr(thing, part, None), inner, function.__globals__.get(outer))
    return kind is None or hasattr(kind, "__dataclass_fields__") or hasattr(kind, "__attrs_attrs__")
