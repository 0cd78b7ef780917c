"""What a function is: its name, what it is bound to, and its code. So a journal knows it again, and knows when it has changed."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import blake2b
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

from atonce._journal.digest import add_code, add_values, module_of

__all__ = ("Identity", "identity_of")

_LAMBDA = "<lambda>"


class Identity(NamedTuple):
    """What a journal writes down of a function.

    Attributes:
        name: module and qualified name.
        bound: digest of what it is bound to: the arguments of a partial, the object of a method, what a closure holds. Another
            binding is another function. Of a lambda, which has no name of its own, also its code.
        code: digest of its bytecode, and of that of the functions and classes of its own module that it uses.
        source: digest of their source text; ``None`` where there is none.
        python: the version that made the bytecode, which is another one in each.
        nameless: what it is bound to and could not be told from others of its kind; empty if there is nothing of that sort.
    """

    name: str
    bound: str
    code: str
    source: str | None
    python: str
    nameless: str = ""

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
    binding = _Binding()
    binding.add_values(*beside)
    plain = binding.unbound(fn)
    functions = list(_with_helpers(binding.parts))
    code = blake2b(digest_size=16)
    for function in functions:
        add_code(code.update, function)
    name = getattr(plain, "__qualname__", None) or type(plain).__qualname__
    if name.endswith(_LAMBDA):
        binding.hasher.update(code.digest())
    version = sys.implementation.cache_tag or sys.version
    return Identity(
        f"{module_of(plain)}.{name}",
        binding.hasher.hexdigest(),
        code.hexdigest(),
        _source_digest(functions),
        version,
        binding.nameless,
    )


class _Binding:
    """What a function is bound to, layer by layer.

    Attributes:
        hasher: has been fed with it.
        parts: the functions and classes that are met on the way, whose code counts.
        nameless: the last thing that has no digest.
    """

    def __init__(self) -> None:
        self.hasher = blake2b(digest_size=16)
        self.parts: list[Any] = []
        self.nameless = ""
        self._seen: set[int] = set()

    def add_values(self, *values: Any) -> None:
        """Feed values."""
        self.nameless = add_values(self.hasher.update, values) or self.nameless

    def unbound(self, fn: Any) -> Any:
        """Return the function that a name belongs to; feed all that is around it."""
        while isinstance(fn, partial):
            for argument in (*fn.args, *(part for pair in sorted(fn.keywords.items()) for part in pair)):
                self._add(argument)
            fn = fn.func
        if isinstance(fn, MethodType):
            self.parts.append(type(fn.__self__))
            self.add_values(fn.__self__)
            fn = fn.__func__
        if isinstance(fn, FunctionType):
            self._add_function(fn)
        elif isinstance(fn, type):
            self.parts.append(fn)
        elif (wrapped := getattr(fn, "__wrapped__", None)) is not None:  # functools.cache and its like
            return self.unbound(wrapped)
        elif isinstance(fn, BuiltinFunctionType):
            if not isinstance(fn.__self__, ModuleType | type(None)):
                self.add_values(fn.__self__)
        else:
            self.add_values(fn)
            self.parts.append(type(fn))
            return type(fn).__call__
        return fn

    def _add(self, part: Any) -> None:
        """Feed what a partial or a closure holds; of a function in there, also its code and what that holds."""
        if isinstance(part, FunctionType | MethodType | partial) or hasattr(part, "__wrapped__"):
            inner = self.unbound(part)
            name = getattr(inner, "__qualname__", "")
            self.hasher.update(f"{module_of(inner)}.{name}".encode())
            if name.endswith(_LAMBDA):
                add_code(self.hasher.update, inner)
        else:
            self.add_values(part)

    def _add_function(self, fn: FunctionType) -> None:
        if id(fn) in self._seen:
            return
        self._seen.add(id(fn))
        self.parts.append(fn)
        for cell in fn.__closure__ or ():
            try:
                self._add(cell.cell_contents)
            except ValueError:  # not filled yet
                continue


def _with_helpers(parts: list[Any]) -> Iterator[FunctionType]:
    """Give functions, and what they use of their own modules: functions, and the methods of classes, inherited ones included."""
    waiting, seen = list(parts), set()
    while waiting:
        thing = waiting.pop(0)
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, type):
            own = [kind for kind in thing.__mro__ if kind.__module__ == thing.__module__]
            waiting += [_plain(part) for kind in own for part in vars(kind).values()]
        elif isinstance(thing, FunctionType):
            yield thing
            waiting += [part for part in _used_by(thing) if getattr(part, "__module__", None) == thing.__module__]


def _plain(part: Any) -> Any:
    """Return the function behind what a class or a module holds."""
    if isinstance(part, staticmethod | classmethod):
        part = part.__func__
    elif isinstance(part, property):
        part = part.fget
    return getattr(part, "__wrapped__", part) if not isinstance(part, FunctionType | type) else part


def _used_by(function: FunctionType) -> list[Any]:
    names = _names_in(function.__code__)
    found = [_plain(function.__globals__[name]) for name in names if name in function.__globals__]
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
