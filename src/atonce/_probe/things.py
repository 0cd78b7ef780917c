"""What kind of thing a function reaches: one that others see change, one that lives in this process only, one of a library.

Decided by types. A stand-in for another object (Flask's ``request``) may answer wrongly, or not at all, for itself.
"""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Iterator, MutableMapping, MutableSequence, MutableSet
from functools import lru_cache, partial
from types import BuiltinMethodType, CodeType, FunctionType, MethodType, ModuleType, UnionType

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from typing import Any

__all__ = (
    "CACHES",
    "draws_numbers",
    "is_atom",
    "is_handle",
    "is_library",
    "is_lock",
    "is_mutable",
    "is_one_way",
    "is_own_class",
    "is_own_module",
    "is_path",
    "of_kind",
    "plain_function",
)

CACHES = type(lru_cache(len))
_ATOMS = frozenset({int, float, complex, bool, str, bytes, type(None), range, type(...), type(NotImplemented)})
_CONTAINERS = (MutableMapping, MutableSequence, MutableSet)
_LOCKS = (
    type(threading.Lock()),
    type(threading.RLock()),
    threading.Condition,
    threading.Event,
    threading.Semaphore,
    threading.Barrier,
)
_STANDARD_STREAMS = ("stdin", "stdout", "stderr")
_DRAWING = frozenset({("random", "Random"), ("numpy.random.mtrand", "RandomState"), ("numpy.random._generator", "Generator")})
_HANDLES = frozenset({("sqlite3", "Connection"), ("sqlite3", "Cursor"), ("socket", "socket")})  # and files
_STANDARD_LIBRARY = os.path.dirname(os.__file__) + os.sep  # noqa: PTH120 (pathlib takes 3.5 ms to import)
_PACKAGES = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


def of_kind(thing: object, kinds: type | UnionType | tuple[type, ...]) -> bool:
    """Tell whether a thing is of a kind, as ``isinstance``, but never asking the thing itself."""
    return issubclass(type(thing), kinds)


def is_atom(thing: object) -> bool:
    """Tell whether it is a plain value, or a tuple or frozenset of plain values: nobody can change it."""
    kind = type(thing)
    return kind in _ATOMS or (kind in (tuple, frozenset) and all(map(is_atom, thing)))  # type: ignore[call-overload]


def is_mutable(thing: object) -> bool:
    """Tell containers, arrays, and instances of somebody's class from functions, classes, modules and plain values."""
    kind = type(thing)
    if kind in _ATOMS or of_kind(thing, type | FunctionType | ModuleType | BuiltinMethodType):
        return False
    if issubclass(kind, _CONTAINERS) or "__setitem__" in dir(kind):
        return True
    return bool(kind.__dictoffset__) or any(vars(base).get("__slots__") for base in kind.__mro__)


def is_one_way(thing: object) -> bool:
    """Tell whether it is an iterator: what has been taken from it once does not come again."""
    return issubclass(type(thing), Iterator) and not issubclass(type(thing), io.IOBase)


def is_handle(thing: object) -> bool:
    """Tell whether it is an open file, a socket or a database connection of the user's: several at once would get in the way."""
    kind = type(thing)
    if issubclass(kind, io.IOBase):
        return all(getattr(sys, name, None) is not thing for name in _STANDARD_STREAMS)
    return any(_named(base) in _HANDLES for base in kind.__mro__)


def is_lock(thing: object) -> bool:
    """Tell whether it makes threads wait for each other: other processes would not take part."""
    return of_kind(thing, _LOCKS)


def draws_numbers(thing: object) -> bool:
    """Tell whether it is a generator of random numbers, which gives others with every call."""
    return any(_named(base) in _DRAWING for base in type(thing).__mro__) and type(thing).__name__ != "SystemRandom"


def is_path(thing: object) -> bool:
    """Tell whether it is a path of ``pathlib``, which is not imported to find out."""
    return any(base.__name__ == "PurePath" for base in type(thing).__mro__)


def is_library(code: CodeType) -> bool:
    """Tell whether code belongs to Python or to an installed package, and is taken to know what it does."""
    return code.co_filename.startswith("<frozen") or _is_library_file(code.co_filename)


def is_own_class(kind: type) -> bool:
    """Tell whether a class is the user's."""
    if kind.__module__ == "builtins":
        return False
    return kind.__module__ == "__main__" or is_own_module(sys.modules.get(kind.__module__))


def is_own_module(module: ModuleType | None) -> bool:
    """Tell whether a module is the user's, and made from a file."""
    file = getattr(module, "__file__", None)
    return file is not None and not _is_library_file(file)


def plain_function(fn: Any) -> tuple[FunctionType | None, object]:
    """Find the function of Python that a callable stands for, and the object that it is bound to, if any."""
    owner: object = None
    while True:
        if of_kind(fn, partial):
            fn = fn.func
        elif of_kind(fn, MethodType):
            fn, owner = fn.__func__, fn.__self__
        elif of_kind(fn, CACHES):
            fn = fn.__wrapped__
        elif of_kind(fn, FunctionType):
            return fn, owner
        else:
            call = (
                None
                if of_kind(fn, type)
                else next((vars(base)["__call__"] for base in type(fn).__mro__ if "__call__" in vars(base)), None)
            )
            return (call, fn) if isinstance(call, FunctionType) else (None, None)


def _is_library_file(name: str) -> bool:
    return name.startswith(_STANDARD_LIBRARY) or any(folder in name for folder in _PACKAGES)


def _named(kind: type) -> tuple[str, str]:
    return kind.__module__, kind.__name__
