"""Items and containers: what is put into them, taken out of them, and what operators do to them."""

from __future__ import annotations

from atonce._probe.flow import Flow
from atonce._probe.origin import OWN, UNKNOWN, Thing
from atonce._probe.things import is_array, is_mutable, of_kind

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    import dis

    from atonce._probe.attributes import Attributes
    from atonce._probe.walk import Scanner

__all__ = ("Items",)

_PLAIN = (list, tuple, dict, set)
_LIST_TO_TUPLE = 6  # CALL_INTRINSIC_1
_OPERATORS = {
    "+": "add", "-": "sub", "*": "mul", "/": "truediv", "//": "floordiv", "%": "mod", "@": "matmul", "**": "pow", "|": "or",
    "&": "and", "^": "xor", "<<": "lshift", ">>": "rshift", "<": "lt", "<=": "le", "==": "eq", "!=": "ne", ">": "gt", ">=": "ge",
}  # fmt: skip


class Items(Flow):
    """The instructions that have to do with items."""

    scanner: Scanner
    attributes: Attributes
    made: dict[int, Thing]  # containers, by the instruction that makes them

    def _store_subscr(self, step: dis.Instruction) -> None:
        depth = {"STORE_SUBSCR": 2, "DELETE_SUBSCR": 2, "STORE_SLICE": 3}[step.opname]
        owner = self.stack[-depth]
        if owner.root and not (of_kind(owner.value, tuple | str | bytes) and owner.value is not UNKNOWN):
            self.scanner.write(f"it writes into {owner.root!r}", sure=owner.sure)
        if step.opname == "STORE_SUBSCR":
            owner.hold(self.stack[-1].value, self.stack[-3])
            self.attributes.special(owner, "__setitem__", self.stack[-1], self.stack[-3])
        self._other(step)

    _delete_subscr = _store_slice = _store_subscr

    def _binary_subscr(self, _step: dis.Instruction) -> None:
        place, owner = self._pop(), self._pop()
        special = self.attributes.special(owner, "__getitem__", place)
        if special is not None:
            self._push(special)
        elif of_kind(place.value, slice) or place.name == "slice":
            self._push(self._slice_of(owner))
        else:
            if owner.root and _adds_what_is_missing(owner.value):
                self.scanner.write(f"it may add to {owner.root!r}", sure=False)
            self._push(_item_of(owner, place))

    def _binary_slice(self, _step: dis.Instruction) -> None:
        self._pop(), self._pop()
        self._push(self._slice_of(self._pop()))

    def _build_slice(self, step: dis.Instruction) -> None:
        del self.stack[-(step.arg or 2) :]
        self._push(Thing(name="slice"))

    @staticmethod
    def _slice_of(owner: Thing) -> Thing:
        """A slice of an array shows the array's data; one of a list is a new list, and so it is of what may be a list."""
        if is_array(owner.value) or of_kind(owner.value, memoryview):
            return owner
        return Thing(parts={UNKNOWN: owner.part()})

    def _binary_op(self, step: dis.Instruction) -> None:
        if step.argrepr == "[]":
            self._binary_subscr(step)
            return
        right, left = self._pop(), self._pop()
        in_place = step.argrepr.endswith("=")
        if in_place and left.root:
            known = left.value is not UNKNOWN
            if known and is_mutable(left.value):
                self.scanner.write(f"it changes {left.root!r} ({step.argrepr})", sure=left.sure)
            elif left.argument:
                self.scanner.write(f"it changes {left.root!r} ({step.argrepr})", sure=False)
        self._operate(step.argrepr.removesuffix("="), left, right)
        self._push(left if in_place and left.parts is not None else self._combined(left, right))

    @staticmethod
    def _combined(left: Thing, right: Thing) -> Thing:
        """Return what holds what both hold, where they are containers: lists that are added, dicts that are merged."""
        both = [thing for thing in (left, right) if thing.parts or type(thing.value) in _PLAIN]
        made = Thing() if any(thing.shared for thing in both) else OWN
        for thing in both:
            made.absorb(thing)
        return made

    def _operate(self, sign: str, left: Thing, right: Thing) -> None:
        if name := _OPERATORS.get(sign):
            self.attributes.special(left, f"__{name}__", right)
            self.attributes.special(right, f"__r{name}__", left)

    def _compare_op(self, step: dis.Instruction) -> None:
        right, left = self._pop(), self._pop()
        self._operate(step.argrepr.removeprefix("bool(").removesuffix(")"), left, right)
        self._push(OWN)

    def _contains_op(self, _step: dis.Instruction) -> None:
        container, element = self._pop(), self._pop()
        self.attributes.special(container, "__contains__", element)
        self._push(OWN)

    def _get_iter(self, _step: dis.Instruction) -> None:
        """What an iterator gives is a part of what it goes through."""
        special = self.attributes.special(self.stack[-1], "__iter__")
        if special is not None:
            self.stack[-1] = special

    def _for_iter(self, _step: dis.Instruction) -> None:
        self._push(self.stack[-1].part())

    def _unpack_sequence(self, step: dis.Instruction) -> None:
        whole = self._pop()
        self.stack += [whole.part(place) for place in reversed(range(step.arg or 0))]

    def _unpack_ex(self, step: dis.Instruction) -> None:
        whole, before, after = self._pop(), (step.arg or 0) & 0xFF, (step.arg or 0) >> 8
        part = whole.part()
        self.stack += [part] * after + [Thing(parts={UNKNOWN: part})] + [whole.part(place) for place in reversed(range(before))]

    # ---- what is made ----------------------------------------------------------------------------------------------------------

    def _fresh(self) -> Thing:
        """A container that is made by this instruction, the same in both rounds."""
        return self.made.setdefault(self.position, Thing())

    def _build(self, step: dis.Instruction) -> None:
        count, made = step.arg or 0, self._fresh()
        elements = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        for place, thing in enumerate(elements):
            made.hold(place, thing)
        self._push(made)

    def _build_map(self, step: dis.Instruction) -> None:
        count, made = 2 * (step.arg or 0), self._fresh()
        pairs = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        for key, thing in zip(pairs[::2], pairs[1::2], strict=True):
            made.hold(key.value, thing)
        self._push(made)

    def _build_const_key_map(self, step: dis.Instruction) -> None:
        keys, count, made = self._pop().value, step.arg or 0, self._fresh()
        values = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        for key, thing in zip(keys, values, strict=True):
            made.hold(key, thing)
        self._push(made)

    def _add(self, step: dis.Instruction) -> None:
        thing = self._pop()
        self.stack[-(step.arg or 1)].hold(UNKNOWN, thing)

    def _map_add(self, step: dis.Instruction) -> None:
        thing, _ = self._pop(), self._pop()
        self.stack[-(step.arg or 1)].hold(UNKNOWN, thing)

    def _absorb(self, step: dis.Instruction) -> None:
        other = self._pop()
        self.stack[-(step.arg or 1)].absorb(other)

    def _call_intrinsic_1(self, step: dis.Instruction) -> None:
        if step.arg != _LIST_TO_TUPLE:
            self.stack[-1] = OWN


def _item_of(owner: Thing, place: Thing) -> Thing:
    if is_array(owner.value) and hasattr(owner.value, "columns") and not of_kind(place.value, str | int):
        return OWN  # rows of a table, or several columns, are a new table
    return owner.part(place.value)


def _adds_what_is_missing(value: object) -> bool:
    return type(value).__name__ == "defaultdict"
