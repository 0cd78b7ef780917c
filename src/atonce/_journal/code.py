"""What a function is: its name, what it is bound to, and its code. So a journal knows it again, and knows when it has changed."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import blake2b
from pathlib import Path
from types import CodeType, FunctionType, MethodType
from typing import Any, NamedTuple

from atonce._journal.digest import add_code, add_values

__all__ = ("Identity", "identity_of")

_LAMBDA = "<lambda>"


class Identity(NamedTuple):
    """What a journal writes down of a function.

    Attributes:
        name: module and qualified name.
        bound: digest of what it is bound to: the arguments of a partial, the object of a method, the values of a closure. Another
            binding is another function. Of a lambda, which has no name of its own, also its code.
        code: digest of its bytecode, and of that of the functions and classes of its own module that it uses.
        source: digest of their source text; ``None`` where there is none.
        python: the version that made the bytecode, which is another one in each.
    """

    name: str
    bound: str
    code: str
    source: str | None
    python: str

    def has_changed_to(self, other: Identity) -> bool:
        """Tell whether another function of this name, bound to the same, has other code. Where nobody can tell, it has."""
        if self.python == other.python:
            return self.code != other.code
        return self.source is None or self.source != other.source


def identity_of(fn: Callable[..., Any], *beside: Any) -> Identity:
    """Find out what a function is.

    Global values that it uses, and functions of other modules, do not count: only their names do.

    Args:
        fn: any function, partial, method or callable object.
        beside: what else it is bound to.
    """
    bound = blake2b(digest_size=16)
    add_values(bound.update, beside)
    plain = _unbound(fn, bound.update)
    functions = list(_with_helpers(plain))
    code = blake2b(digest_size=16)
    for function in functions:
        add_code(code.update, function)
    name = getattr(plain, "__qualname__", None) or type(plain).__qualname__
    if name.endswith(_LAMBDA):
        bound.update(code.digest())
    version = sys.implementation.cache_tag or sys.version
    return Identity(f"{_module_of(plain)}.{name}", bound.hexdigest(), code.hexdigest(), _source_digest(functions), version)


def _unbound(fn: Any, update: Any) -> Any:
    """Return the function behind partials, methods, callable objects and closures; feed what they bind to a hash function."""
    while isinstance(fn, partial):
        if fn.args or fn.keywords:
            add_values(update, (fn.args, sorted(fn.keywords.items())))
        fn = fn.func
    if isinstance(fn, MethodType):
        add_values(update, (fn.__self__,))
        fn = fn.__func__
    elif not isinstance(fn, FunctionType | type) and isinstance(type(fn).__call__, FunctionType):
        add_values(update, (fn,))
        fn = type(fn).__call__
    for cell in getattr(fn, "__closure__", None) or ():
        add_values(update, _contents(cell))
    return fn


def _contents(cell: Any) -> list[Any]:
    """Return what a closure holds in a cell, unless that is a function of its own, whose code counts, or nothing yet."""
    try:
        return [] if isinstance(cell.cell_contents, FunctionType) else [cell.cell_contents]
    except ValueError:
        return []


def _with_helpers(fn: Any) -> Iterator[FunctionType]:
    """Give a function, and what it uses of its own module: functions, methods of classes, functions in its closure."""
    waiting, seen = [fn], set()
    while waiting:
        thing = waiting.pop(0)
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, type):
            waiting += [part for part in map(_plain, vars(thing).values()) if isinstance(part, FunctionType)]
        elif isinstance(thing, FunctionType):
            yield thing
            waiting += [part for part in _used_by(thing) if getattr(part, "__module__", None) == thing.__module__]


def _plain(part: Any) -> Any:
    if isinstance(part, staticmethod | classmethod):
        return part.__func__
    return part.fget if isinstance(part, property) else part


def _used_by(function: FunctionType) -> list[Any]:
    names = _names_in(function.__code__)
    found = [function.__globals__[name] for name in names if name in function.__globals__]
    for cell in function.__closure__ or ():
        try:
            found.append(cell.cell_contents)
        except ValueError:  # not filled yet
            continue
    return [part for part in found if isinstance(part, FunctionType | type)]


def _names_in(code: CodeType) -> list[str]:
    inner = [name for part in code.co_consts if isinstance(part, CodeType) for name in _names_in(part)]
    return [*code.co_names, *inner]


def _source_digest(functions: list[FunctionType]) -> str | None:
    hasher = blake2b(digest_size=16)
    try:
        for function in functions:
            hasher.update(inspect.getsource(function).encode())
    except (OSError, TypeError):
        return None
    return hasher.hexdigest() if functions else None


def _module_of(fn: Any) -> str:
    """Name the module that a function is defined in. A program that is run is called by its file: so are those that import it."""
    name = getattr(fn, "__module__", None) or "builtins"
    if name != "__main__":
        return str(name)
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return str(spec.name.removesuffix(".__main__"))
    path = getattr(main, "__file__", None)
    return name if path is None else Path(path).stem
