"""Does a function write to state that others see? A look at its code, not a proof.

It reads the bytecode of the function and of nothing that the function calls, so it misses writes behind a call, or through an
alias. A write into an argument counts: the caller may look at its inputs afterwards. Where it sees one, the function's items are
kept in order, in the caller.
"""

import dis
from collections.abc import Callable, Iterator, MutableMapping, MutableSequence, MutableSet
from functools import partial
from types import FunctionType, MethodType, ModuleType
from typing import Any

__all__ = ("shared_writes",)

_WRITES = {
    "STORE_GLOBAL": "it assigns the global {!r}",
    "DELETE_GLOBAL": "it deletes the global {!r}",
    "STORE_ATTR": "it sets the attribute {!r}",
    "DELETE_ATTR": "it deletes the attribute {!r}",
}
_MAKES_NEW = (
    "CALL",
    "BINARY_OP",
    "BUILD",
    "COMPARE",
    "CONTAINS",
    "FORMAT",
    "IS_OP",
    "UNARY",
    "GET_",
)  # what lies on top after these
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
        fn = fn.__func__
    if not isinstance(fn, FunctionType):
        fn = type(fn).__call__
    # What is written in C cannot be seen.
    return next(_writes(fn), "") if isinstance(fn, FunctionType) else ""


def _writes(fn: FunctionType) -> Iterator[str]:
    outside = _outside(fn)
    given = {*fn.__code__.co_varnames[: fn.__code__.co_argcount]}  # parameters, ``self`` too, that hold what the caller gave
    stack = [""] * 8  # of what each value on the interpreter's stack is a part; empty for anything that nobody else sees
    for step in dis.get_instructions(fn):
        names, op = _names(step), step.opname
        if op == "STORE_DEREF" and names[0] in fn.__code__.co_freevars:
            yield f"it assigns {names[0]!r} of the enclosing function"
        elif op in ("STORE_GLOBAL", "DELETE_GLOBAL"):
            yield _WRITES[op].format(names[0])
        elif write := _write(op, names[-1], stack):
            yield write
        if op.startswith("STORE_FAST"):
            given -= {*names}
        _follow(step, names if op.startswith("LOAD_") else (), given | {*outside}, stack)


def _names(step: dis.Instruction) -> tuple[str, ...]:
    """Return the names in an instruction: two where it loads or stores two variables at once (3.13)."""
    if isinstance(step.argval, tuple) and "FAST" in step.opname:  # a constant may be a tuple too
        return step.argval
    return (str(step.argval),)


def _write(op: str, name: str, stack: list[str]) -> str:
    """Say how an instruction writes to what others see; empty if it does not."""
    if op in ("STORE_ATTR", "DELETE_ATTR") and stack[-1]:
        return _WRITES[op].format(f"{stack[-1]}.{name}")
    depth = {"STORE_SUBSCR": 2, "DELETE_SUBSCR": 2, "STORE_SLICE": 3}.get(op)
    if depth and stack[-depth]:
        return f"it writes into {stack[-depth]!r}"
    if op in ("LOAD_METHOD", "LOAD_ATTR") and name in _MUTATORS and stack[-1]:
        return f"it calls {stack[-1]}.{name}"
    return ""


def _follow(step: dis.Instruction, names: tuple[str, ...], seen_by_others: set[str], stack: list[str]) -> None:
    """Do to the stack what the instruction does, as far as it matters: a part of a thing stands for the thing."""
    effect = dis.stack_effect(step.opcode, step.arg, jump=False)
    if effect < 0:
        del stack[effect:]
        stack[:0] = [""] * -effect  # never empty, also where a jump has led us astray
    if step.opname == "COPY":
        stack.append(stack[-(step.arg or 1)])
    elif step.opname == "SWAP":
        deep = -(step.arg or 1)
        stack[-1], stack[deep] = stack[deep], stack[-1]
    elif step.opname.startswith(_MAKES_NEW) and step.argrepr != "[]":
        stack[-1] = ""
    elif effect > 0:
        loaded = [name if name in seen_by_others else "" for name in names][-effect:]
        if step.opname not in ("LOAD_ATTR", "LOAD_METHOD"):
            stack += [""] * (effect - len(loaded)) + loaded
        else:
            stack += [""] * effect


def _outside(fn: FunctionType) -> dict[str, Any]:
    """List the mutable things outside the function that its code names: in globals, and in enclosing functions."""
    named: dict[str, Any] = {name: fn.__globals__[name] for name in fn.__code__.co_names if name in fn.__globals__}
    for name, cell in zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=True):
        try:
            named[name] = cell.cell_contents
        except ValueError:
            continue  # no value yet
    return {name: thing for name, thing in named.items() if _is_mutable(type(thing))}


def _is_mutable(kind: type) -> bool:
    """Tell containers, and instances of somebody's class, from functions, classes, modules and plain values.

    By the type: a stand-in for another object (Flask's ``request``) may answer wrongly, or not at all, for itself.
    """
    if issubclass(kind, _CONTAINERS):
        return True
    can_be_called = any("__call__" in vars(base) for base in kind.__mro__)
    return bool(kind.__dictoffset__) and not can_be_called and kind is not ModuleType
