"""How control and values flow through a code object: jumps, the stack, and the variables at each place.

The instructions are gone through in the order in which they stand, loops twice: what their end does, their beginning sees. Where
two ways meet, a value is what it is on one of them, and if only one of the two is seen by others, then perhaps.
"""

from __future__ import annotations

import dis
from contextlib import suppress

from atonce._probe.origin import OWN, Thing, met

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

__all__ = ("NULL", "Flow")

NULL = Thing()  # what the interpreter pushes where no object has to be
_LEAST = 8  # values that are always on the stack, also where an unusual order has led us astray
_TOP_IS_NEW = ("CALL_INTRINSIC", "CONVERT", "DICT", "FORMAT", "GET_", "IS_OP", "LIST", "MAKE", "SET", "TO_BOOL", "UNARY", "BUILD")
_GO_ELSEWHERE = ("JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT", "RETURN_", "RAISE_VARARGS", "RERAISE")
_JUMPS = frozenset(dis.hasjrel) | frozenset(dis.hasjabs)


class Flow:
    """Goes through the instructions of one code object."""

    def __init__(self, code: CodeType, locals_: dict[str, Thing]) -> None:
        self.code = code
        self.locals = locals_
        self.stack: list[Thing] = []
        self.steps: list[dis.Instruction] = []
        self.position = 0
        self._falls = True  # whether what stands before an instruction leads to it
        self._arrivals: dict[int, tuple[list[Thing], dict[str, Thing]]] = {}  # what jumps bring, by offset

    def flow(self) -> None:
        """Go through all instructions."""
        listing = dis.Bytecode(self.code)
        self.steps = [step for step in listing if step.opname != "CACHE"]
        handled = [(step, self._handler(step.opname)) for step in self.steps]
        guards = {entry.start: entry for entry in listing.exception_entries}  # type: ignore[attr-defined]
        beginning = dict(self.locals)
        for _ in range(2 if any("JUMP_BACKWARD" in step.opname for step in self.steps) else 1):
            self.stack, self.locals, self._falls = [OWN] * _LEAST, dict(beginning), True
            for self.position, (step, handle) in enumerate(handled):
                self._arrive(step.offset)
                if step.offset in guards:
                    entry = guards[step.offset]
                    self._bring(entry.target, self.stack[: _LEAST + entry.depth] + [OWN] * (1 + entry.lasti))
                before = list(self.stack) if step.opcode in _JUMPS else []
                with suppress(IndexError, KeyError, TypeError, ValueError):  # an unusual order: it is a look, not a proof
                    handle(step)
                self._leave(step, before)

    def _arrive(self, offset: int) -> None:
        """Take in what jumps to here have brought."""
        brought = self._arrivals.get(offset)
        if brought is None:
            return
        stack, variables = brought
        if not self._falls:
            self.stack, self.locals = list(stack), dict(variables)
            return
        if len(stack) == len(self.stack):
            self.stack = list(map(met, self.stack, stack))
        for name, thing in variables.items():
            self.locals[name] = met(self.locals[name], thing) if name in self.locals else thing

    def _leave(self, step: dis.Instruction, before: list[Thing]) -> None:
        if len(self.stack) < _LEAST:
            self.stack[:0] = [OWN] * (_LEAST - len(self.stack))
        if step.opcode in _JUMPS:
            effect = dis.stack_effect(step.opcode, step.arg, jump=True)
            self._bring(step.argval, before[:effect] if effect < 0 else before + [OWN] * effect)
        self._falls = not step.opname.startswith(_GO_ELSEWHERE)

    def _bring(self, target: int, stack: list[Thing]) -> None:
        """Bring the values of here to another place."""
        known = self._arrivals.get(target)
        if known is None or len(known[0]) != len(stack):
            self._arrivals[target] = stack, dict(self.locals)
            return
        variables = dict(known[1])
        for name, thing in self.locals.items():
            variables[name] = met(variables[name], thing) if name in variables else thing
        self._arrivals[target] = list(map(met, known[0], stack)), variables

    def _handler(self, op: str) -> Callable[[dis.Instruction], None]:
        handler: Callable[[dis.Instruction], None] | None = getattr(self, f"_{op.lower()}", None)
        return handler or self._family(op) or self._other

    def _family(self, op: str) -> Callable[[dis.Instruction], None] | None:
        """Return what does instructions of a kind of which there are several."""
        raise NotImplementedError

    def _push(self, thing: Thing) -> None:
        self.stack.append(thing)

    def _pop(self) -> Thing:
        return self.stack.pop()

    def _copy(self, step: dis.Instruction) -> None:
        self._push(self.stack[-(step.arg or 1)])

    def _swap(self, step: dis.Instruction) -> None:
        deep = -(step.arg or 1)
        self.stack[-1], self.stack[deep] = self.stack[deep], self.stack[-1]

    def _load_const(self, step: dis.Instruction) -> None:
        self._push(Thing("", step.argval))

    _load_small_int = _load_const

    def _push_null(self, _step: dis.Instruction) -> None:
        self._push(NULL)

    def _other(self, step: dis.Instruction) -> None:
        effect = dis.stack_effect(step.opcode, step.arg, jump=False)
        if effect < 0:
            del self.stack[effect:]
        if effect <= 0 and step.opname.startswith(_TOP_IS_NEW):
            self.stack[-1] = OWN
        self.stack += [OWN] * max(0, effect)
