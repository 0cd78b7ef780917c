"""Finding the functions that are alive, wherever the program keeps them."""

from __future__ import annotations

import functools
import gc
import types
from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ("functions_alive",)

_FOLLOWED = (
    list, tuple, dict, set, frozenset, staticmethod, classmethod, property, functools.partial, functools.cached_property,
    types.MethodType, types.CellType, types.MappingProxyType,
)  # fmt: skip


def functions_alive(modules: Iterable[types.ModuleType]) -> Iterator[types.FunctionType]:
    """Yield all functions of the program, those of some modules in any case.

    The garbage collector knows them all, but for what was frozen (`gc.freeze`) and, in free-threaded 3.13, for all functions from
    the first thread on: what it does not track it does not list. What the modules hold is then followed as well.
    """
    yield from [thing for thing in gc.get_objects() if type(thing) is types.FunctionType]
    if gc.get_freeze_count() or not gc.is_tracked(functions_alive):
        yield from _held(list(modules))


def _held(modules: list[types.ModuleType]) -> Iterator[types.FunctionType]:
    names = {module.__name__ for module in modules}
    left: list[Any] = [value for module in modules for value in vars(module).values()]
    met: set[int] = set()
    while left:
        thing = left.pop()
        if id(thing) in met:
            continue
        met.add(id(thing))
        if type(thing) is types.FunctionType:
            yield thing
            left += [thing.__closure__, thing.__dict__, thing.__defaults__, thing.__kwdefaults__]
        elif isinstance(thing, type):
            left += vars(thing).values() if thing.__module__ in names else ()
        elif isinstance(thing, _FOLLOWED) or type(thing).__module__ in names:
            left += gc.get_referents(thing)
