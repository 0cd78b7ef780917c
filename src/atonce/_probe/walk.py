"""The walk through one function's bytecode: what each instruction does to values that others see.

Instructions differ from version to version of Python; those that do nothing of interest are known only by what they do to the
height of the stack (``dis.stack_effect``).
"""

from __future__ import annotations

import builtins
import dis
import sys
import threading
from contextlib import suppress
from types import CellType, CodeType, FunctionType, MethodType, ModuleType

from atonce._probe.known_calls import MAKES_NEW, MUTATORS, PATH_WRITERS
from atonce._probe.things import is_mutable, is_own_class, is_own_module, is_path, of_kind
from atonce._values.typed import Protocol

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Final

__all__ = ("OWN", "UNKNOWN", "Thing", "Walk")

UNKNOWN: Final = object()
_LEAST = 8  # values that are always on the stack, also where a jump has led us astray
_TOP_IS_NEW = (
    *("BINARY", "BUILD", "CALL_INTRINSIC", "COMPARE", "CONTAINS", "CONVERT", "DICT", "FORMAT", "GET_", "IS_OP", "LIST", "MAKE"),
    *("SET", "TO_BOOL", "UNARY"),
)


class Thing:
    """A value on the stack: of what it is a part, and what it is, if that is known.

    Attributes:
        root: the name of the shared thing that it is, or is a part of; empty if nobody else sees it.
        value: the object; ``UNKNOWN`` if it is not known.
        sure: whether it is a part of the root, and not only made from it.
        argument: whether it is an argument as it was given.
    """

    __slots__ = ("argument", "root", "sure", "value")

    def __init__(self, root: str = "", value: Any = UNKNOWN, *, sure: bool = True, argument: bool = False) -> None:
        self.root = root
        self.value = value
        self.sure = sure
        self.argument = argument

    def part(self) -> Thing:
        return Thing(self.root, sure=self.sure) if self.root else OWN

    def perhaps(self) -> Thing:
        return Thing(self.root, sure=False) if self.root else OWN


OWN = Thing()
NULL = Thing()  # what the interpreter pushes where no object has to be


class Scanner(Protocol):
    """Who wants to know."""

    def write(self, words: str, *, sure: bool = True) -> None:
        """Hear of a write to what others see."""

    def outside(self, name: str, value: object) -> Thing:
        """Take in something that is there before the function is called, and after."""

    def named(self, name: str, value: object, again: Callable[[], Any], module: str = "") -> Thing:
        """Take in a global, or a variable of an enclosing function."""

    def enter(self, fn: FunctionType, given: list[Thing], keywords: dict[str, Thing]) -> None:
        """Walk through a function that is called with these arguments."""

    def call(self, callee: Thing, given: list[Thing], keywords: dict[str, Thing]) -> Thing:
        """Follow a call; return what comes of it."""


class Walk:
    """Walks through one code object."""

    def __init__(
        self,
        scanner: Scanner,
        code: CodeType,
        globals_: dict[str, Any],
        cells: Mapping[str, CellType | Thing],
        locals_: dict[str, Thing],
    ) -> None:
        self.scanner = scanner
        self.code = code
        self.globals = globals_
        self.cells = cells
        self.locals = locals_
        self.stack: list[Thing] = [OWN] * _LEAST
        self.keyword_names: tuple[str, ...] = ()
        self.steps = [step for step in dis.get_instructions(code) if step.opname != "CACHE"]
        self.position = 0

    def walk(self) -> None:
        for _ in range(2):  # what a loop's end does, its beginning sees
            for position, step in enumerate(self.steps):
                self.position = position
                handle = getattr(self, f"_{step.opname.lower()}", None) or self._family(step.opname) or self._other
                with suppress(IndexError, KeyError, TypeError, ValueError):  # an unusual order: it is a look, not a proof
                    handle(step)
                if len(self.stack) < _LEAST:
                    self.stack[:0] = [OWN] * _LEAST
        for inner in self.code.co_consts:
            if isinstance(inner, CodeType):
                given = dict.fromkeys(inner.co_varnames, OWN)
                cells = {name: self.locals.get(name) or self.cells.get(name, OWN) for name in inner.co_freevars}
                Walk(self.scanner, inner, self.globals, cells, given).walk()

    def _family(self, op: str) -> Callable[[dis.Instruction], None] | None:
        if op.startswith(("LOAD_FAST", "STORE_FAST")):
            return self._fast
        if op.startswith("BINARY_SUBSCR"):
            return self._binary_subscr
        return None

    def _push(self, thing: Thing) -> None:
        self.stack.append(thing)

    def _pop(self) -> Thing:
        return self.stack.pop()

    # ---- variables -------------------------------------------------------------------------------------------------------------

    def _fast(self, step: dis.Instruction) -> None:
        names = step.argval if isinstance(step.argval, tuple) else (step.argval,)
        if step.opname.startswith("LOAD"):
            for name in names:
                self._push(self.locals.get(name, OWN))
            return
        self.locals[names[0]] = self._pop()
        if len(names) > 1 and "LOAD" in step.opname:
            self._push(self.locals.get(names[1], OWN))
        elif len(names) > 1:
            self.locals[names[1]] = self._pop()

    def _load_deref(self, step: dis.Instruction) -> None:
        name = step.argval
        cell = self.cells.get(name)
        if isinstance(cell, Thing):
            self._push(cell)
        elif cell is None:
            self._push(self.locals.get(name, OWN))
        else:
            try:
                value = cell.cell_contents
            except ValueError:
                self._push(OWN)  # no value yet
            else:
                self._push(self.scanner.named(name, value, lambda: cell.cell_contents))

    def _store_deref(self, step: dis.Instruction) -> None:
        name, thing = step.argval, self._pop()
        if isinstance(self.cells.get(name), CellType):
            self.scanner.write(f"it assigns {name!r} of the enclosing function", sure=not self._is_tested(name))
        else:
            self.locals[name] = thing

    def _load_global(self, step: dis.Instruction) -> None:
        name = step.argval
        if step.argrepr.startswith("NULL + ") or step.argrepr.endswith(" + NULL"):
            self._push(NULL)
        where = self.globals if name in self.globals else vars(builtins)
        if name not in where:
            self._push(OWN)
        elif where is self.globals:
            self._push(self.scanner.named(name, where[name], lambda: self.globals.get(name), str(self.globals.get("__name__", ""))))
        else:
            self._push(Thing("", where[name]))

    _load_name = _load_global

    def _store_global(self, step: dis.Instruction) -> None:
        self._pop()
        self.scanner.write(f"it assigns the global {step.argval!r}", sure=not self._is_tested(step.argval))

    def _delete_global(self, step: dis.Instruction) -> None:
        self.scanner.write(f"it deletes the global {step.argval!r}")

    def _is_tested(self, name: str) -> bool:
        """Tell whether a variable is asked for before it is assigned: what is made once is made so."""
        for at, step in enumerate(self.steps[: self.position]):
            if step.argval == name and step.opname.startswith("LOAD"):
                behind = [later.opname for later in self.steps[at + 1 : at + 5]]
                if any(op.startswith(("POP_JUMP", "JUMP_IF")) for op in behind):
                    return True
        return False

    # ---- attributes and items --------------------------------------------------------------------------------------------------

    def _load_attr(self, step: dis.Instruction) -> None:
        owner, name = self._pop(), str(step.argval)
        thing, method = self._attribute(owner, name)
        self._push(thing)
        if step.opname == "LOAD_METHOD" or "NULL|self" in step.argrepr:
            self._push(owner if method else NULL)

    _load_method = _load_attr

    def _attribute(self, owner: Thing, name: str) -> tuple[Thing, bool]:
        """Return an attribute, and whether it is a method that gets its owner as first argument."""
        value = owner.value
        if of_kind(value, ModuleType):
            return self._of_module(value, name), False
        if value is UNKNOWN or of_kind(value, dict | list | set | str | bytes | bytearray):
            self._mutates(owner, name)
            return OWN if name in MAKES_NEW else owner.part(), True
        return self._of_object(owner, value, name)

    def _of_module(self, module: ModuleType, name: str) -> Thing:
        space: dict[str, Any] = vars(module)
        if name not in space:
            return OWN
        found, label = space[name], f"{module.__name__}.{name}"
        if is_mutable(found) and not any(found is stream for stream in (sys.stdout, sys.stderr, sys.stdin)):
            return self.scanner.named(label, found, lambda: space.get(name), module.__name__ if is_own_module(module) else "")
        return Thing(label, found)

    def _of_object(self, owner: Thing, value: Any, name: str) -> tuple[Thing, bool]:
        kind = value if of_kind(value, type) else type(value)
        held: dict[str, Any] = getattr(value, "__dict__", {}) if value is not kind else {}
        if name in held and owner.argument:
            return Thing(owner.root, held[name], argument=True), False
        if name in held:
            thing = self.scanner.outside(f"{owner.root}.{name}", held[name])
            return Thing(owner.root if thing.root else "", held[name]), False
        found: Any = next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), None)
        if is_own_class(kind):
            if of_kind(found, FunctionType):
                return Thing(owner.root, found), value is not kind
            if of_kind(found, staticmethod | classmethod):
                return Thing(
                    owner.root, found.__func__ if of_kind(found, staticmethod) else MethodType(found.__func__, kind)
                ), False
            if of_kind(found, property) and of_kind(found.fget, FunctionType):
                self.scanner.enter(found.fget, [owner], {})
                return owner.part(), False
        if not of_kind(value, type | FunctionType):
            self._mutates(owner, name)
        return owner.part(), True

    def _mutates(self, owner: Thing, name: str) -> None:
        if not owner.root:
            return
        kind = type(owner.value).__name__
        if name in MUTATORS and not of_kind(owner.value, threading.local) and not is_path(owner.value):
            self.scanner.write(f"it calls {owner.root}.{name}", sure=owner.sure)
        elif name == "set" and kind in ("ContextVar", "Event"):
            self.scanner.write(f"it calls {owner.root}.set")
        elif name in PATH_WRITERS and is_path(owner.value):
            self.scanner.write(f"it changes the file {str(owner.value)!r}")

    def _store_attr(self, step: dis.Instruction) -> None:
        owner = self._pop()
        self._pop()
        self._changes_attribute("sets", owner, step.argval)

    def _delete_attr(self, step: dis.Instruction) -> None:
        self._changes_attribute("deletes", self._pop(), step.argval)

    def _changes_attribute(self, how: str, owner: Thing, name: str) -> None:
        if owner.root and not of_kind(owner.value, threading.local):  # threading.local is there for that
            words = f"it {how} the attribute {owner.root + '.' + name!r}"
            self.scanner.write(words, sure=owner.sure and not self._is_tested(name))

    def _store_subscr(self, step: dis.Instruction) -> None:
        depth = {"STORE_SUBSCR": 2, "DELETE_SUBSCR": 2, "STORE_SLICE": 3}[step.opname]
        owner = self.stack[-depth]
        if owner.root and not (of_kind(owner.value, tuple | str | bytes) and owner.value is not UNKNOWN):
            self.scanner.write(f"it writes into {owner.root!r}", sure=owner.sure)
        self._other(step)

    _delete_subscr = _store_slice = _store_subscr

    def _binary_subscr(self, _step: dis.Instruction) -> None:
        self._pop()
        self._push(self._pop().part())

    def _binary_op(self, step: dis.Instruction) -> None:
        if step.argrepr == "[]":
            self._binary_subscr(step)
            return
        self._pop()
        left = self._pop()
        if step.argrepr.endswith("=") and left.root:
            known = left.value is not UNKNOWN
            if known and is_mutable(left.value):
                self.scanner.write(f"it changes {left.root!r} ({step.argrepr})", sure=left.sure)
            elif left.argument:
                self.scanner.write(f"it changes {left.root!r} ({step.argrepr})", sure=False)
        self._push(OWN)

    def _get_iter(self, _step: dis.Instruction) -> None:
        """What an iterator gives is a part of what it goes through."""

    def _for_iter(self, _step: dis.Instruction) -> None:
        self._push(self.stack[-1].part())

    def _unpack_sequence(self, step: dis.Instruction) -> None:
        self.stack += [self._pop().part()] * int(step.arg or 0)

    def _copy(self, step: dis.Instruction) -> None:
        self._push(self.stack[-(step.arg or 1)])

    def _swap(self, step: dis.Instruction) -> None:
        deep = -(step.arg or 1)
        self.stack[-1], self.stack[deep] = self.stack[deep], self.stack[-1]

    # ---- values and calls ------------------------------------------------------------------------------------------------------

    def _load_const(self, step: dis.Instruction) -> None:
        self._push(Thing("", step.argval))

    _load_small_int = _load_const

    def _push_null(self, _step: dis.Instruction) -> None:
        self._push(NULL)

    def _kw_names(self, step: dis.Instruction) -> None:
        names = step.argval if isinstance(step.argval, tuple) else self.code.co_consts[step.arg or 0]
        self.keyword_names = names

    def _precall(self, _step: dis.Instruction) -> None:
        """A half of a call (3.11); the other half does it all."""

    def _call(self, step: dis.Instruction) -> None:
        self._do_call(step.arg or 0)

    def _call_kw(self, step: dis.Instruction) -> None:
        self.keyword_names = self._pop().value
        self._do_call(step.arg or 0)

    def _do_call(self, count: int) -> None:
        names, self.keyword_names = self.keyword_names, ()
        given = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        second, first = self._pop(), self._pop()
        if first is NULL:
            callee = second
        elif second is NULL:
            callee = first
        else:
            callee, given = first, [second, *given]
        split = len(given) - len(names)
        self._push(self.scanner.call(callee, given[:split], dict(zip(names, given[split:], strict=True))))

    def _call_function_ex(self, step: dis.Instruction) -> None:
        taken = 1 - dis.stack_effect(step.opcode, step.arg, jump=False)
        operands = self.stack[-taken:]
        del self.stack[-taken:]
        known = next((thing for thing in operands if callable(thing.value) and thing.value is not UNKNOWN), OWN)
        shared = next((thing for thing in operands if thing.root and thing is not known), OWN)
        self._push(self.scanner.call(known, [shared.perhaps()], {}))

    def _other(self, step: dis.Instruction) -> None:
        effect = dis.stack_effect(step.opcode, step.arg, jump=False)
        if effect < 0:
            del self.stack[effect:]
            if step.opname.startswith(_TOP_IS_NEW):
                self.stack[-1] = OWN
        elif step.opname.startswith(_TOP_IS_NEW):
            self.stack[-1] = OWN
        self.stack += [OWN] * max(0, effect)
