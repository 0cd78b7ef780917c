"""How long a new process will be importing what a function needs: told from what this one has imported."""

from __future__ import annotations

import sys
from types import FunctionType, ModuleType

from atonce._probe.things import asked, of_kind, plain_function

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

__all__ = ("imports_s",)

# Measured: sixteen packages of the standard library, and NumPy; Python 3.11, a Xeon at 2.1 GHz. 0.5 to 0.9 ms a module, most 0.6
_MODULE_S = 0.0006
_USUAL = {"abc", "codecs", "collections", "functools", "importlib", "io", "os", "threading", "types", "warnings"}
_THERE = _USUAL | {"__main__", "atonce", *sys.builtin_module_names}  # packages that a new process has anyway, or cannot import
_MOST_VALUES = 20_000  # are looked at: 4 ms


def imports_s(fn: Callable[..., Any]) -> float:
    """Estimate the seconds until a new process has imported the function's module, and what that has imported in turn.

    Followed are modules that stand in modules, and those that classes and functions come from, but for what every program has. A
    package may have brought more along than can be seen, so that it is rather less than it takes.
    """
    plain, _ = plain_function(fn)
    waiting = list(_homes([fn] if plain is None else [plain, *_brought_along(plain)]))
    found: set[str] = set()
    looked_at = 0
    while waiting and looked_at < _MOST_VALUES:
        name = waiting.pop()
        if name in found or name.partition(".")[0] in _THERE:
            continue
        if of_kind(module := sys.modules.get(name), ModuleType):
            found.add(name)
            values = list(vars(module).values())
            looked_at += len(values)
            waiting += _homes(values)
    return _MODULE_S * len(found)


def _brought_along(fn: FunctionType) -> Iterable[Any]:
    """Say what a function brings along: its whole module, or what it names, where it is sent in pieces."""
    space = fn.__globals__
    if fn.__module__ == "__main__":
        return [space[name] for name in fn.__code__.co_names if name in space]
    return list(space.values())


def _homes(values: Iterable[Any]) -> Iterable[str]:
    """Name the modules that values are, or come from."""
    for value in values:
        if of_kind(value, ModuleType):
            name = asked(value, "__name__")
        elif of_kind(value, type | FunctionType):
            name = asked(value, "__module__")
        else:
            continue
        if isinstance(name, str):
            yield name
