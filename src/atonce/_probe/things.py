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
from types import BuiltinMethodType, CodeType, FunctionType, GetSetDescriptorType, MethodType, ModuleType, UnionType

from atonce._wire.generators import name_of_generator

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from typing import Any

__all__ = (
    "CACHES",
    "asked",
    "draws_numbers",
    "held_by",
    "is_array",
    "is_atom",
    "is_fixed_draw",
    "is_global_draw",
    "is_handle",
    "is_library",
    "is_lock",
    "is_mark",
    "is_mutable",
    "is_one_way",
    "is_own_class",
    "is_own_module",
    "is_part_of_python",
    "is_path",
    "module_of",
    "of_kind",
    "plain_function",
)

CACHES = type(lru_cache(len))
_ATOMS = frozenset({int, float, complex, bool, str, bytes, type(None), range, type(...), type(NotImplemented)})
_DEEP = 20  # tuples in tuples are looked into so far
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
_ARRAYS = ("numpy", "pandas")
_STANDARD_LIBRARY = os.path.dirname(os.__file__) + os.sep  # noqa: PTH120 (pathlib takes 3.5 ms to import)
_PACKAGES = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


def of_kind(thing: object, kinds: type | UnionType | tuple[type, ...]) -> bool:
    """Tell whether a thing is of a kind, as ``isinstance``, but never asking the thing itself."""
    return issubclass(type(thing), kinds)


def is_atom(thing: object, *, depth: int = 0) -> bool:
    """Tell whether it is a plain value, or a tuple or frozenset of plain values: nobody can change it."""
    kind = type(thing)
    if kind in _ATOMS:
        return True
    return kind in (tuple, frozenset) and depth < _DEEP and all(is_atom(each, depth=depth + 1) for each in thing)  # type: ignore[attr-defined]


def is_mutable(thing: object) -> bool:
    """Tell containers, arrays, and instances of somebody's class from functions, classes, modules and plain values."""
    kind = type(thing)
    if kind in _ATOMS or of_kind(thing, type | FunctionType | ModuleType | BuiltinMethodType):
        return False
    if issubclass(kind, _CONTAINERS) or any("__setitem__" in vars(base) for base in kind.__mro__):
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
    """Tell whether it makes threads, or coroutines, wait for each other: other processes would not take part."""
    return of_kind(thing, _LOCKS) or any(module_of(base).partition(".")[0] == "asyncio" for base in type(thing).__mro__)


def is_mark(thing: object) -> bool:
    """Tell whether it is a library's object without any state, that only stands for something: that there is no argument."""
    kind = type(thing)
    return kind.__mro__ == (kind, object) and bool(kind.__dictoffset__) and not held_by(thing) and not is_own_class(kind)


def draws_numbers(thing: object) -> bool:
    """Tell whether it is a generator of random numbers, which gives others with every call."""
    return any(_named(base) in _DRAWING for base in type(thing).__mro__) and type(thing).__name__ != "SystemRandom"


def is_global_draw(thing: object) -> bool:
    """Tell whether it is a method of the one generator that all share: a function of ``random``, or of ``numpy.random``."""
    return asked(thing, "__self__") is not None and name_of_generator(asked(thing, "__self__")) is not None


def is_fixed_draw(thing: object) -> bool:
    """Tell whether it is such a method, written in C: it draws from that generator, whatever its class may be just now."""
    if not is_global_draw(thing):
        return False
    return of_kind(thing, BuiltinMethodType) or (of_kind(thing, MethodType) and not of_kind(asked(thing, "__func__"), FunctionType))


def is_array(thing: object) -> bool:
    """Tell whether it is an array or a table of NumPy or pandas: most of their methods return new ones."""
    kind = type(thing)
    return module_of(kind).partition(".")[0] in _ARRAYS and hasattr(kind, "__array__")


def is_path(thing: object) -> bool:
    """Tell whether it is a path of ``pathlib``, which is not imported to find out."""
    return any(base.__name__ == "PurePath" for base in type(thing).__mro__)


def is_library(code: CodeType) -> bool:
    """Tell whether code belongs to Python or to an installed package, and is taken to know what it does."""
    return code.co_filename.startswith("<frozen") or _is_library_file(code.co_filename)


def is_part_of_python(fn: Any) -> bool:
    """Tell whether a function is one of the standard library, under the name that it has there."""
    module, name = asked(fn, "__module__"), asked(fn, "__qualname__")
    if not isinstance(module, str) or not isinstance(name, str) or module.partition(".")[0] not in sys.stdlib_module_names:
        return False
    plain, _ = plain_function(fn)  # a module of the user's may have the name of one of Python's
    return plain is not None and is_library(plain.__code__) and asked(sys.modules.get(module), name) is fn


def is_own_class(kind: type) -> bool:
    """Tell whether a class is the user's."""
    if module_of(kind) == "builtins":
        return False
    return module_of(kind) == "__main__" or is_own_module(sys.modules.get(module_of(kind)))


def is_own_module(module: ModuleType | None) -> bool:
    """Tell whether a module is the user's, and made from a file."""
    file = getattr(module, "__file__", None)
    return file is not None and not _is_library_file(file)


def held_by(thing: object) -> Any:
    """Return an object's variables; nothing, where something of the user's would have to run for that."""
    found = next((vars(base)["__dict__"] for base in type(thing).__mro__ if "__dict__" in vars(base)), None)
    return found.__get__(thing) if type(found) is GetSetDescriptorType else None


def asked(thing: object, name: str) -> Any:
    """Ask a thing for an attribute; nothing, if it has none, or does not answer for itself."""
    try:
        return getattr(thing, name, None)
    except Exception:
        return None


def module_of(kind: type) -> str:
    """Tell the module of a class; nothing, if the class has something else under that name."""
    module: object = kind.__module__
    return module if isinstance(module, str) else ""


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
    return module_of(kind), kind.__name__
