"""The walk through one function's bytecode: what each instruction does to values that others see.

Instructions differ from version to version of Python; those that do nothing of interest are known only by what they do to the
height of the stack (``dis.stack_effect``).
"""

from __future__ import annotations

import builtins
import dis
import threading
from types import CellType, CodeType

from atonce._probe.attributes import Attributes
from atonce._probe.flow import NULL
from atonce._probe.items import Items
from atonce._probe.origin import OWN, UNKNOWN, Super, Thing, joined, made_of
from atonce._probe.things import of_kind
from atonce._values.typed import Protocol

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import FunctionType
    from typing import Any

__all__ = ("Made", "Scanner", "Walk", "rest_of")

_GENERATOR = 0x20 | 0x200  # inspect.CO_GENERATOR, CO_ASYNC_GENERATOR
_WITH_DEFAULTS = 1  # MAKE_FUNCTION, SET_FUNCTION_ATTRIBUTE
_SPREAD = 4  # arguments, where it is not known how many there are
_SPECIAL = ("__enter__", "__exit__", "__aenter__", "__aexit__")


class Scanner(Protocol):
    """Who wants to know.

    Attributes:
        seeded: whether each item has random numbers of its own.
    """

    seeded: bool

    def write(self, words: str, *, sure: bool = True) -> None:
        """Hear of a write to what others see."""

    def outside(self, name: str, value: object) -> Thing:
        """Take in something that is there before the function is called, and after."""

    def named(self, name: str, value: object, again: Callable[[], Any], module: str = "") -> Thing:
        """Take in a global, or a variable of an enclosing function."""

    def enters(self, fn: FunctionType) -> bool:
        """Tell whether a called function is looked through."""

    def fills_cache(self, fn: Any) -> None:
        """Take in a function whose results are kept."""

    def keeps(self, fn: Any) -> Thing | None:
        """Take in a call whose result is there already; ``None`` if that is not certain."""

    def enter(self, fn: FunctionType | Made, given: list[Thing], keywords: dict[str, Thing]) -> Thing:
        """Walk through a function that is called with these arguments; return what it returns."""

    def call(self, callee: Thing, given: list[Thing], keywords: dict[str, Thing]) -> Thing:
        """Follow a call; return what comes of it."""


class Made:
    """A function that is made while another one runs."""

    def __init__(self, code: CodeType, walk: Walk) -> None:
        self.code = code
        self.walk = walk
        self.defaults = OWN

    def __call__(self) -> None:
        """It looks as what it stands for: something to call."""

    def bind(self, given: list[Thing], keywords: dict[str, Thing]) -> dict[str, Thing]:
        """Say which parameter gets which argument."""
        code = self.code
        names = code.co_varnames[: code.co_argcount]
        bound = dict(zip(names, given, strict=False))
        filled = list((self.defaults.parts or {}).values())
        for name, thing in zip(names[len(names) - len(filled) :], filled, strict=False):
            bound.setdefault(name, thing)
        return bound | keywords | rest_of(code, given, keywords)

    def cells(self) -> dict[str, CellType | Thing]:
        return self.walk.cells_of(self.code)


def rest_of(code: CodeType, given: list[Thing], keywords: dict[str, Thing]) -> dict[str, Thing]:
    """Say what ``*args`` and ``**kwargs`` get."""
    at = code.co_argcount + code.co_kwonlyargcount
    rest: dict[str, Thing] = {}
    if code.co_flags & 0x04:  # inspect.CO_VARARGS
        rest[code.co_varnames[at]] = made_of(given[code.co_argcount :])
        at += 1
    if code.co_flags & 0x08:  # inspect.CO_VARKEYWORDS
        known = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        rest[code.co_varnames[at]] = Thing(parts={name: thing for name, thing in keywords.items() if name not in known})
    return rest


class Walk(Items):
    """Walks through one code object."""

    def __init__(
        self,
        scanner: Scanner,
        code: CodeType,
        globals_: dict[str, Any],
        cells: Mapping[str, CellType | Thing],
        locals_: dict[str, Thing],
    ) -> None:
        super().__init__(code, locals_)
        self.scanner = scanner
        self.globals = globals_
        self.cells = cells
        self.keyword_names: tuple[str, ...] = ()
        self.returned: Thing | None = None
        self.attributes = Attributes(scanner)
        self.made = {}

    def walk(self) -> Thing:
        """Walk; return what the function returns."""
        self.flow()
        for inner in self.code.co_consts:
            if of_kind(inner, CodeType):
                self.scanner.enter(Made(inner, self), [OWN] * inner.co_argcount, {})
        return self.returned or OWN

    def cells_of(self, inner: CodeType) -> dict[str, CellType | Thing]:
        """Say what the variables are that a function inside has of this one."""
        return {name: self.locals.get(name) or self.cells.get(name, OWN) for name in inner.co_freevars}

    def _family(self, op: str) -> Callable[[dis.Instruction], None] | None:
        if op.startswith(("LOAD_FAST", "STORE_FAST")):
            return self._fast
        if op in ("BUILD_LIST", "BUILD_TUPLE", "BUILD_SET"):
            return self._build
        if op in ("LIST_EXTEND", "SET_UPDATE", "DICT_UPDATE", "DICT_MERGE"):
            return self._absorb
        return self._add if op in ("LIST_APPEND", "SET_ADD") else None

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
        self._push(self.cell(step.argval))

    def cell(self, name: str) -> Thing:
        """Return a variable that functions inside have, too."""
        cell = self.cells.get(name)
        if isinstance(cell, Thing):
            return cell
        if cell is None:
            return self.locals.get(name, OWN)
        try:
            value = cell.cell_contents
        except ValueError:
            return OWN  # no value yet
        return self.scanner.named(name, value, lambda: cell.cell_contents)

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
            module = str(self.globals.get("__name__", ""))
            self._push(self.scanner.named(name, where[name], lambda: self.globals.get(name), module))
        else:
            self._push(Thing("", where[name]))

    def _load_name(self, step: dis.Instruction) -> None:
        """A variable in the body of a class."""
        if step.argval in self.locals:
            self._push(self.locals[step.argval])
        else:
            self._load_global(step)

    def _store_name(self, step: dis.Instruction) -> None:
        self.locals[step.argval] = self._pop()

    def _load_fast_and_clear(self, step: dis.Instruction) -> None:
        self._push(self.locals.get(step.argval, OWN))

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
        self._attribute(self._pop(), str(step.argval), call=step.opname == "LOAD_METHOD" or "NULL|self" in step.argrepr)

    _load_method = _load_attr

    def _attribute(self, owner: Thing, name: str, *, call: bool) -> None:
        thing, method = self.attributes.find(owner, name)
        self._push(thing)
        if call:
            self._push(owner if method else NULL)

    def _load_super_attr(self, step: dis.Instruction) -> None:
        owner, below, _ = self._pop(), self._pop(), self._pop()
        self._attribute(super_of(owner, below), str(step.argval), call=bool((step.arg or 0) & 1))

    def _load_special(self, step: dis.Instruction) -> None:
        self._attribute(self._pop(), _SPECIAL[step.arg or 0], call=True)

    def _before_with(self, _step: dis.Instruction) -> None:
        manager = self._pop()
        entered = self.attributes.special(manager, "__enter__")
        self.attributes.special(manager, "__exit__", OWN, OWN, OWN)
        self.stack += [OWN, entered or OWN]

    def _store_attr(self, step: dis.Instruction) -> None:
        owner, thing = self._pop(), self._pop()
        self._changes_attribute("sets", owner, step.argval)
        owner.hold(step.argval, thing)
        self.attributes.sets(owner, step.argval, thing)

    def _delete_attr(self, step: dis.Instruction) -> None:
        self._changes_attribute("deletes", self._pop(), step.argval)

    def _changes_attribute(self, how: str, owner: Thing, name: str) -> None:
        if owner.root and not of_kind(owner.value, threading.local):  # threading.local is there for that
            words = f"it {how} the attribute {owner.root + '.' + name!r}"
            self.scanner.write(words, sure=owner.sure and not self._is_tested(name))

    # ---- values and calls ------------------------------------------------------------------------------------------------------

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
        if callee.value is super and not given:
            given = [self.cell("__class__"), self.locals.get(next(iter(self.code.co_varnames), ""), OWN)]
        if callee.value is super:
            self._push(super_of(given[1], given[0]))
            return
        split = len(given) - len(names)
        self._push(self.scanner.call(callee, given[:split], dict(zip(names, given[split:], strict=True))))

    def _call_function_ex(self, step: dis.Instruction) -> None:
        taken = 1 - dis.stack_effect(step.opcode, step.arg, jump=False)
        operands = [thing for thing in self.stack[-taken:] if thing is not NULL]
        del self.stack[-taken:]
        callee, given, keywords = (*operands, OWN)[:3]
        names = {name: thing for name, thing in (keywords.parts or {}).items() if isinstance(name, str)}
        self._push(self.scanner.call(callee, _spread(given), names))

    def _make_function(self, step: dis.Instruction) -> None:
        made = Made(self._pop().value, self)
        flags = step.arg or 0
        below = [self._pop() for _ in range(flags.bit_count())]
        if flags & _WITH_DEFAULTS:
            made.defaults = below[-1]
        self._push(Thing(value=made))

    def _set_function_attribute(self, step: dis.Instruction) -> None:
        made, attribute = self._pop(), self._pop()
        if step.arg == _WITH_DEFAULTS:
            made.value.defaults = attribute
        self._push(made)

    # ---- the end ---------------------------------------------------------------------------------------------------------------

    def _return_value(self, _step: dis.Instruction) -> None:
        thing = self._pop()
        if not self.code.co_flags & _GENERATOR:
            self.returned = joined(self.returned, thing)

    def _yield_value(self, _step: dis.Instruction) -> None:
        if self.code.co_flags & _GENERATOR:
            self.returned = joined(self.returned, Thing(parts={UNKNOWN: self.stack[-1]}))
        self.stack[-1] = OWN


def super_of(owner: Thing, below: Thing) -> Thing:
    """Return an object as the classes above one of its own see it."""
    return Thing(owner.root, Super(owner, below.value)) if of_kind(below.value, type) else owner.perhaps()


def _spread(given: Thing) -> list[Thing]:
    """Say which arguments ``*given`` stands for."""
    if given.parts and not given.root and all(isinstance(place, int) for place in given.parts):
        return [given.parts[place] for place in sorted(given.parts)]  # type: ignore[type-var]
    return [given.part().perhaps()] * _SPREAD
