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

# Measured: sixteen packages of the standard library and NumPy, Python 3.11, a Xeon at 2.1 GHz: 0.5 to 0.9 ms a module, nearly all 0.6
_MODULE_S = 0.0006


def imports_s(fn: Callable[..., Any]) -> float:
    """Estimate the seconds until a new process has imported the function's module, and the packages that stand in it.

    What they import in turn from other packages does not count, so that it is rather less than it takes.
    """
    plain, _ = plain_function(fn)
    values = [fn] if plain is None else [plain, *_brought_along(plain)]
    packages = set(map(_package, values)) - {"", "__main__", "builtins", "atonce"}
    return _MODULE_S * sum(name.partition(".")[0] in packages for name in list(sys.modules))


def _brought_along(fn: FunctionType) -> Iterable[Any]:
    """Say what a function brings along: its whole module, or what it names, where it is sent in pieces."""
    space = fn.__globals__
    return [space[name] for name in fn.__code__.co_names if name in space] if fn.__module__ == "__main__" else list(space.values())


def _package(value: object) -> str:
    name = asked(value, "__name__" if of_kind(value, ModuleType) else "__module__")
    return name.partition(".")[0] if isinstance(name, str) else ""
