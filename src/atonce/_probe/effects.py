"""Does a function write to state that others see? A look at its code, not a proof.

It reads the bytecode of the function and of nothing that the function calls, so it misses writes behind a call, through an alias,
or into an argument. Where it sees one, the function's items are kept in order, in the caller.
"""

import dis
from collections.abc import Callable, Iterator, MutableMapping, MutableSequence, MutableSet
from functools import partial
from types import FunctionType, MethodType
from typing import Any

__all__ = ("shared_writes",)

_WRITES = {
    "STORE_GLOBAL": "it assigns the global {!r}",
    "DELETE_GLOBAL": "it deletes the global {!r}",
    "STORE_ATTR": "it sets the attribute {!r}",
    "DELETE_ATTR": "it deletes the attribute {!r}",
}
_MUTATORS = frozenset(
    [
        "add",
        "append",
        "appendleft",
        "clear",
        "discard",
        "extend",
        "extendleft",
        "insert",
        "pop",
        "popitem",
        "popleft",
        "put",
        "remove",
        "reverse",
        "rotate",
        "setdefault",
        "sort",
        "subtract",
        "symmetric_difference_update",
        "difference_update",
        "intersection_update",
        "update",
        "write",
        "writelines",
    ],
)
_CONTAINERS = (MutableMapping, MutableSequence, MutableSet)


def shared_writes(fn: Callable[..., Any]) -> str:
    """Say how ``fn`` writes to shared state, in words that follow "because"; empty if it does not seem to."""
    while isinstance(fn, partial):
        fn = fn.func
    if isinstance(fn, MethodType):
        owner, fn = fn.__self__, fn.__func__
    else:
        owner = None
    if not isinstance(fn, FunctionType):
        call = type(fn).__call__
        if not isinstance(call, FunctionType):
            return ""  # written in C: what it writes cannot be seen
        owner, fn = fn, call
    return next(_writes(fn, has_owner=owner is not None), "")


def _writes(fn: FunctionType, *, has_owner: bool) -> Iterator[str]:
    outside = _outside(fn)
    arguments = fn.__code__.co_varnames[: fn.__code__.co_argcount]
    reached = ""  # the last outside container, or the owner, that was put on the stack
    for step in dis.get_instructions(fn):
        name = step.argval
        if step.opname == "STORE_DEREF" and name in fn.__code__.co_freevars:
            yield f"it assigns {name!r} of the enclosing function"
        elif step.opname in ("STORE_GLOBAL", "DELETE_GLOBAL"):
            yield _WRITES[step.opname].format(name)
        elif step.opname.startswith("LOAD_") and isinstance(name, str) and name in outside:
            reached = name
        elif step.opname.startswith("LOAD_FAST") and has_owner and arguments and arguments[0] in (name, *_as_tuple(name)):
            reached = arguments[0]
        elif reached and step.opname in ("STORE_ATTR", "DELETE_ATTR"):
            yield _WRITES[step.opname].format(f"{reached}.{name}")
        elif reached and step.opname in ("STORE_SUBSCR", "DELETE_SUBSCR", "STORE_SLICE"):
            yield f"it writes into {reached!r}"
        elif reached and step.opname in ("LOAD_METHOD", "LOAD_ATTR") and name in _MUTATORS:
            yield f"it calls {reached}.{name}"
        elif step.opname.startswith("STORE_FAST") or step.opname == "POP_TOP":
            reached = ""  # that expression is over


def _as_tuple(name: Any) -> tuple[Any, ...]:
    """Take apart the argument of an instruction that loads two variables at once (3.13)."""
    return name if isinstance(name, tuple) else ()


def _outside(fn: FunctionType) -> dict[str, Any]:
    """List the mutable things outside the function that its code names: in globals, and in enclosing functions."""
    named: dict[str, Any] = {name: fn.__globals__[name] for name in fn.__code__.co_names if name in fn.__globals__}
    for name, cell in zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=True):
        try:
            named[name] = cell.cell_contents
        except ValueError:
            continue  # no value yet
    return {name: thing for name, thing in named.items() if isinstance(thing, _CONTAINERS) or _is_users_object(thing)}


def _is_users_object(thing: Any) -> bool:
    """Tell an instance of somebody's class from functions, classes, modules and plain values."""
    return hasattr(thing, "__dict__") and not callable(thing) and type(thing).__name__ != "module"
