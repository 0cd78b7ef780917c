"""Context variables on their way to another process: those whose values pickle, and that the worker can find again.

A variable is found by the module that it stands in, as functions and classes are. Those of ``__main__`` are made anew in the
worker, once, and the functions that came from there find the same one.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from types import ModuleType

from atonce._wire.byvalue import homeless_modules

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context
    from typing import Any

__all__ = ("homes_of", "pack_context", "reduce_variable", "unpack_context")

_DECIMAL = "decimal_context"  # how the C version of decimal calls its variable, which stands nowhere; it has a function for it

_made: dict[tuple[str, str], ContextVar[Any]] = {}  # in a worker: those of modules that are not there


def pack_context(context: Context, pickled: Callable[[Any], bytes]) -> tuple[list[bytes], list[str]]:
    """Pickle what a context holds, variable by variable.

    Args:
        context: the caller's.
        pickled: pickles anything.

    Returns:
        A blob for each variable; and the names of those that have to stay behind.
    """
    blobs: list[bytes] = []
    left: list[str] = []
    homes = homes_of(set(context))
    for variable, value in context.items():
        home = (_DECIMAL, "") if variable.name == _DECIMAL else homes.get(variable)
        blob = None
        if home is not None:
            with suppress(Exception):  # whatever its value raises
                blob = pickled((*home, _is_homeless(home), variable.name, value))
        if blob is None:
            left.append(variable.name)
        else:
            blobs.append(blob)
    return blobs, left


def unpack_context(blobs: list[bytes], loads: Callable[[bytes], Any]) -> None:
    """Set what ``pack_context`` has packed, in the current context. In the worker."""
    for blob in blobs:
        try:
            module, attribute, homeless, name, value = loads(blob)
            if module == _DECIMAL:
                from decimal import setcontext  # noqa: PLC0415 (for those who have used it)

                setcontext(value)
            else:
                _variable(module, attribute, name, homeless=homeless).set(value)
        except Exception as error:
            import warnings  # noqa: PLC0415

            warnings.warn(f"a context variable could not be set in a worker: {type(error).__name__}: {error}", stacklevel=2)


def homes_of(variables: set[ContextVar[Any]]) -> dict[ContextVar[Any], tuple[str, str]]:
    """Find where variables stand: the module, and what they are called there. Those that are in no module are left out."""
    found: dict[ContextVar[Any], tuple[str, str]] = {}
    if not variables:
        return found
    for module_name, module in list(sys.modules.items()):
        if type(module) is not ModuleType:  # a stand-in for one, which may run anything
            continue
        with suppress(RuntimeError):  # another thread imports something into it just now
            for name, value in vars(module).items():
                if type(value) is ContextVar and value in variables:
                    found.setdefault(value, (module_name, name))
    return found


def reduce_variable(variable: ContextVar[Any]) -> tuple[Any, ...]:
    """Say how a variable is pickled, for functions that use it and go by value.

    Raises:
        TypeError: it is in no module, so that no other process could know which one is meant.
    """
    home = homes_of({variable}).get(variable)
    if home is None:
        raise TypeError(f"the context variable {variable.name!r} is in no module")
    return partial(_variable, homeless=_is_homeless(home)), (*home, variable.name)


def _is_homeless(home: tuple[str, str]) -> bool:
    return home[0] in homeless_modules()


def _variable(module: str, attribute: str, name: str, *, homeless: bool) -> ContextVar[Any]:
    """Find a variable, in a worker; make it, if its module is one that only the caller has."""
    if not homeless:
        from importlib import import_module  # noqa: PLC0415

        found: ContextVar[Any] = getattr(import_module(module), attribute)
        return found
    return _made.setdefault((module, attribute), ContextVar(name))
