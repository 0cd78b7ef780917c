"""Plain functions of the caller's script by value, without cloudpickle.

cloudpickle can send anything, and takes 25 ms to import here and as long again in each worker: more than all else that a short
program waits for. (Measured: benchmarks/peers/first_result.py) Most functions of a script need little of it: their code, their
defaults, and the globals that they name, if those are modules, values that pickle by themselves, or functions of the same kind.
What needs more (closures, classes of the script, decorated functions) is left to cloudpickle.

Like cloudpickle, and unlike ``marshal`` for others' sake: both sides are the same Python.
"""

from __future__ import annotations

import _pickle
import builtins
import marshal
import sys
from types import CodeType, FunctionType, ModuleType

from atonce._wire.arena import BIG_BYTES
from atonce._wire.generators import draw_of

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 10 ms at the start of a worker

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ("dumps_lightly", "rebuild")

_PROTOCOL = 5


class _Heavier(Exception):
    """This function needs cloudpickle."""


def dumps_lightly(fn: Callable[..., Any], homeless: list[str]) -> bytes | None:
    """Pickle a plain function of a script, and what it names.

    Args:
        fn: any callable.
        homeless: modules that a worker could not import.

    Returns:
        What ``pickle.loads`` makes a function of; ``None`` if this takes more than is known here.

    Example:
        >>> def double(number):
        ...     return factor * number
        >>> def _in_a_script(fn, **names):
        ...     return FunctionType(fn.__code__, {**names, "__name__": "__main__"}, fn.__name__)
        >>> blob = dumps_lightly(_in_a_script(double, factor=2), ["__main__"])
        >>> _pickle.loads(blob)(21)
        42
    """
    if (draw := draw_of(fn)) is not None:
        return _pickle.dumps(draw, _PROTOCOL)
    if type(fn) is not FunctionType or fn.__module__ not in homeless:
        return None
    parts: dict[str, tuple[Any, ...]] = {}
    values: dict[str, bytes] = {}
    modules: dict[str, str] = {}
    try:
        _collect(fn, homeless, parts, values, modules)
        first = next(name for name, part in parts.items() if part[-1] is fn)
        plain = {name: part[:-1] for name, part in parts.items()}
        blob = _pickle.dumps(_Light(first, fn.__module__, plain, values, modules), _PROTOCOL)
        return blob if len(blob) < BIG_BYTES else None  # what is large has a way of its own
    except Exception:  # whatever cannot be done lightly; the user's objects may raise anything as they are pickled
        return None


class _Light:
    """Pickles as the call that rebuilds a function."""

    def __init__(self, *arguments: Any) -> None:
        self._arguments = arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, self._arguments


def rebuild(
    first: str, module: str, parts: dict[str, tuple[Any, ...]], values: dict[str, bytes], modules: dict[str, str]
) -> Callable[..., Any]:
    """Make the function ``first``, in a namespace with all that it names."""
    space: dict[str, Any] = {"__name__": module, "__builtins__": builtins}
    for name, imported in modules.items():
        __import__(imported)
        space[name] = sys.modules[imported]
    for name, blob in values.items():
        space[name] = _pickle.loads(blob)
    for name, (code, own_name, qualname, defaults, keywords, hints) in parts.items():
        made = FunctionType(marshal.loads(code), space, own_name, _pickle.loads(defaults))  # noqa: S302 (our own other half's)
        made.__kwdefaults__ = _pickle.loads(keywords)
        made.__annotations__ = _pickle.loads(hints)
        made.__qualname__, made.__module__ = qualname, module
        space[name] = made
    return space[first]  # type: ignore[no-any-return]


def _collect(
    fn: FunctionType,
    homeless: list[str],
    parts: dict[str, tuple[Any, ...]],
    values: dict[str, bytes],
    modules: dict[str, str],
    name: str = "",
) -> None:
    if fn.__closure__ or fn.__dict__ or fn.__module__ not in homeless:
        raise _Heavier
    data = [_plain(thing, homeless) for thing in (fn.__defaults__, fn.__kwdefaults__, fn.__annotations__)]
    parts[name or fn.__name__] = (marshal.dumps(fn.__code__), fn.__name__, fn.__qualname__, *data, fn)
    space = fn.__globals__
    for used in _names(fn.__code__):
        if used not in space or used in values or used in modules or used == "__name__":
            continue
        thing = space[used]
        if used in parts:
            if parts[used][-1] is not thing:
                raise _Heavier  # two things of one name: the function goes by another one
        elif isinstance(thing, ModuleType):
            if thing.__name__ in homeless or sys.modules.get(thing.__name__) is not thing:
                raise _Heavier
            modules[used] = thing.__name__
        elif type(thing) is FunctionType and thing.__module__ in homeless:
            if thing.__globals__ is not space:
                raise _Heavier
            _collect(thing, homeless, parts, values, modules, used)
        else:
            values[used] = _plain(thing, homeless)


def _plain(thing: Any, homeless: list[str]) -> bytes:
    """Pickle what plain pickle can, and a worker could read."""
    blob = _pickle.dumps(draw_of(thing) or thing, _PROTOCOL)
    if any(name.encode() in blob for name in homeless):
        raise _Heavier
    return blob


def _names(code: CodeType) -> set[str]:
    """Name what a function, and those inside it, may look up among the globals."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names(constant)
    return names
