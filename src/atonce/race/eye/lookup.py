"""Looking up a callable in the table: by itself, or by its object's type and its own name."""

from __future__ import annotations

import sys
from typing import Any

from atonce.race.eye.accesses import ALL, DIRECT, FUNCTIONS, METHODS, Effect
from atonce.race.eye.containers import BASES

__all__ = ("direct", "effects", "learn", "listed", "method_of")

effects: dict[int, Effect] = {}  # by the id of the function
_UNKNOWN = Effect("write", reads=ALL)
_containers: dict[type, dict[str, Effect]] = {}
direct: set[int] = set()  # ids of functions that look at their caller's frame
_kept: list[Any] = []  # so that no id is used again


def learn() -> None:
    """Find the functions of the table among the modules that are loaded."""
    effects.clear()
    _kept.clear()
    direct.clear()
    for path, effect in FUNCTIONS.items():
        function = _at(path)
        if function is not None:
            effects[id(function)] = effect
    _containers.update({base: METHODS[f"{base.__module__}.{base.__name__}"] for base in BASES})
    direct.update(id(_at(path)) for path in DIRECT)


def _at(path: str) -> Any:
    """Return what is found under ``module.name`` or ``module.type.name``, if the module is loaded."""
    module, _, name = path.rpartition(".")
    if module in sys.modules:
        found = getattr(sys.modules[module], name, None)
    else:
        outer, _, kind = module.rpartition(".")
        found = getattr(getattr(sys.modules.get(outer), kind, None), name, None)
    _kept.append(found)
    return found


def method_of(base: type, name: str) -> Effect:
    """Find a method of a container in the table."""
    return _containers[base].get(name, _UNKNOWN)


def listed(kind: type, name: str) -> Effect | None:
    """Find a method of a type that is no container in the table."""
    general = METHODS["builtins.object"].get(name)
    for parent in kind.__mro__:
        methods = METHODS.get(f"{parent.__module__}.{parent.__qualname__}") or METHODS.get(f"{parent.__module__}.object", {})
        if parent is not object and (name in methods or "*" in methods):
            return methods.get(name) or (general if general is not None else methods["*"])
    return general
