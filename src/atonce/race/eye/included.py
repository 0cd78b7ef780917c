"""Which code is looked into, and what is known of code that is not."""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable, Iterable
from typing import Any

from atonce.race.eye.accesses import HARMLESS, READERS

__all__ = (
    "announces",
    "belongs",
    "find",
    "is_generated",
    "is_harmless",
    "is_included",
    "is_mixin",
    "is_seen_type",
    "is_watched",
    "only_reads",
    "speaks",
    "swap_late",
    "watch",
)  # fmt: skip

_files: dict[str, frozenset[str]] = {}  # seen files, and the global names of each that may change
_codes: set[int] = set()  # addresses of the code that announces what it does. Whoever gave them keeps them alive
_spaces: dict[int, frozenset[str]] = {}  # the same, of globals whose code is no file of a module
_stored: set[str] = set()  # names of attributes that seen code assigns
swap_late: list[Callable[[types.FunctionType], bool]] = []  # swaps the code of a function that was not found before


def watch(
    files: dict[str, frozenset[str]],
    stored: Iterable[str],
    codes: Iterable[types.CodeType] = (),
    spaces: dict[int, frozenset[str]] | None = None,
) -> None:
    """Say what is seen from now on.

    Args:
        files: the seen files, and the global names of each that may change.
        stored: names of attributes that are assigned anywhere in them.
        codes: the code that announces what it does.
        spaces: the changing names of the globals of code that is no module's file: cells of a notebook, a doctest. By their ids.
    """
    _spaces.clear()
    _spaces.update(spaces or {})
    _files.clear()
    _files.update(files)
    _codes.clear()
    _codes.update(map(id, codes))
    _stored.clear()
    _stored.update(stored)


def is_watched(module: dict[str, Any], name: str, *, own: bool = False) -> bool:
    """Tell whether a global name of a module may change, and is therefore announced.

    Args:
        module: the module's dictionary.
        name: the name.
        own: by the module's own code. If not, by whoever asks the module for it.
    """
    names = _spaces.get(id(module))
    if names is None:
        names = _files.get(str(module.get("__file__")), frozenset())
    return name in names or (not own and name in _stored)


def is_included(code: types.CodeType) -> bool:
    """Tell whether code is of a file that is looked into."""
    return code.co_filename in _files


def speaks(function: types.FunctionType) -> bool:
    """Tell whether a function announces what it does by itself. It is given the code for that if it was not found before."""
    if id(function.__code__) in _codes:
        return True
    return is_included(function.__code__) and any(swap(function) for swap in swap_late)


def announces(code: types.CodeType) -> bool:
    """Tell whether code announces what it does."""
    return id(code) in _codes


def is_harmless(module: object) -> bool:
    """Tell whether the functions of a module touch nothing of the user's, but by calling the user's code."""
    return type(module) is str and belongs(module, HARMLESS)


def only_reads(module: object) -> bool:
    """Tell whether the functions of a module only read what they are given."""
    return type(module) is str and belongs(module, READERS)


@functools.lru_cache(maxsize=10_000)
def belongs(module: str, modules: frozenset[str]) -> bool:
    """Tell whether a module, or a package that it is in, is one of those named."""
    parts = module.split(".")
    return any(".".join(parts[: end + 1]) in modules for end in range(len(parts)))


def is_seen_type(kind: type) -> bool:
    """Tell whether the methods of a type that are written in Python are seen."""
    return getattr(sys.modules.get(kind.__module__), "__file__", None) in _files


def is_generated(function: types.FunctionType, kind: type) -> bool:
    """Tell whether a method was made by ``dataclass`` or its like, and so touches the attributes of its object alone."""
    file = function.__code__.co_filename
    if function.__name__ == "__repr__" and function.__globals__.get("__name__") in ("dataclasses", "reprlib"):
        return find(kind, "__dataclass_fields__")[0] is not None
    made = file.startswith("<") and not file.startswith("<frozen") and function.__name__.startswith("__")
    return made and any(find(kind, name)[0] is not None for name in ("__dataclass_fields__", "__attrs_attrs__", "_fields"))


def find(kind: type, name: str) -> tuple[type | None, Any]:
    """Look up a name as the interpreter does for special methods: the class that has it, and what it has."""
    for parent in kind.__mro__:
        found = parent.__dict__.get(name, _NONE)
        if found is not _NONE:
            return parent, found
    return None, None


_NONE: Any = object()


def is_mixin(method: types.FunctionType, kind: type) -> bool:
    """Tell whether a method comes from ``collections.abc``, and calls nothing but methods that are seen."""
    return method.__module__ in ("collections.abc", "_collections_abc") and is_seen_type(kind)
