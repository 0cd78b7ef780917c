"""What is replaced while a check is on: each module beside this one says so for its own names.

Classes that are written in Python keep their identity: their methods are replaced on the class, so that subclasses, ``isinstance``,
and objects made before the run work as ever. What is written in C is replaced by name, and `REPLACED` tells the code that imported
the name earlier what stands for it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any, NamedTuple

from atonce.race.scheduler import active

__all__ = ("REPLACED", "REPLACEMENTS", "Replacement", "instead_of", "replace_code", "replace_name", "twin_of")


class Replacement(NamedTuple):
    """One attribute that is another one while a check is on."""

    owner: Any
    name: str
    original: Any
    replacement: Any


REPLACEMENTS: list[Replacement] = []

REPLACED: dict[Any, Any] = {}
"""A function or class written in C, and what stands for it: for code that has imported it by name before the run."""


def replace_name(owner: Any, name: str, replacement: Any) -> None:
    """Let a name of a module or a class stand for something else while a check is on; not if this version lacks it."""
    original = vars(owner).get(name)
    if original is None:
        return
    REPLACEMENTS.append(Replacement(owner, name, original, replacement))
    if not isinstance(owner, type):
        REPLACED[original] = replacement


def replace_code(function: Any, stand_in: Any) -> None:
    """Let a function written in Python run other code while a check is on: so also those have it who have imported the function.

    The code runs among the names of the function's own module: it has to import what it needs.
    """
    REPLACEMENTS.append(Replacement(function, "__code__", function.__code__, stand_in.__code__))


def twin_of(function: Any) -> Any:
    """Return the same function once more: one whose code stays."""
    twin = FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
    twin.__kwdefaults__ = function.__kwdefaults__
    return twin


def instead_of(owner: type, *names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let a function ``model(run, self, ...)`` stand for a method in a task; anywhere else the method is what it was."""

    def register(model: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            original = vars(owner).get(name)
            if original is not None:
                REPLACEMENTS.append(Replacement(owner, name, original, _choosing(original, model)))
        return model

    return register


def _choosing(original: Any, model: Callable[..., Any]) -> Any:
    if isinstance(original, property):
        return property(_choosing(original.fget, model), original.fset, original.fdel, original.__doc__)

    @functools.wraps(original)
    def method(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        run = active()
        if run is None:
            return original(self, *args, **kwargs)
        return model(run, self, *args, **kwargs)

    return method
