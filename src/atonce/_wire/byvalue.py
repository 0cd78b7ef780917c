"""Which modules another process could not import, so that what is defined in them has to be sent by value.

``__main__`` is one: it is another module there. Others were loaded from a file that is on no path: by a test runner, a notebook
converter, ``importlib.util.spec_from_file_location``, or they were made up (``types.ModuleType``).
"""

from __future__ import annotations

import sys
from functools import partial

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

__all__ = ("homeless_modules", "look_at")

_known: dict[str, bool] = {"__main__": True}  # module name: whether it has to go by value. Only grows; writes are idempotent


def look_at(fn: Callable[..., Any]) -> None:
    """Find out about the modules that a function, and the object that it is bound to, are defined in."""
    while isinstance(fn, partial):
        fn = fn.func
    owner = getattr(fn, "__self__", None)
    for thing in (fn, getattr(fn, "__func__", None), type(fn), owner, type(owner)):
        name = getattr(thing, "__module__", None)
        if isinstance(name, str) and name not in _known:
            _known[name] = not _can_be_imported(name)


def homeless_modules() -> list[str]:
    """Name the modules that are known to have to go by value."""
    return [name for name, homeless in list(_known.items()) if homeless]


def _can_be_imported(name: str) -> bool:
    """Tell whether an import of this name, in a process with the same path, would find the same module."""
    top = name.partition(".")[0]
    here = sys.modules.get(top)
    if name not in sys.modules or here is None:
        return False
    found = _search(top)
    return found is not None and _origin(here) in (found, None)


def _search(top: str) -> str | None:
    """Return from where a new process would load this module; ``None`` if it would not find it."""
    for finder in sys.meta_path:
        find_spec = getattr(finder, "find_spec", None)
        spec = find_spec(top, None) if find_spec is not None else None
        if spec is not None:
            return spec.origin or ",".join(spec.submodule_search_locations or ("",))
    return None


def _origin(module: ModuleType) -> str | None:
    spec = module.__spec__
    if spec is None:
        return None
    return spec.origin or ",".join(spec.submodule_search_locations or ("",))
