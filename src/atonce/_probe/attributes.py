"""What an attribute of a value is: a part of it, a method, or a call of the user's code, as a property or ``+`` may be."""

from __future__ import annotations

import functools
import sys
import threading
from types import FunctionType, MethodType, ModuleType

from atonce._probe.known_calls import ARRAY_VIEWS, MAKES_NEW, MUTATORS, PATH_WRITERS
from atonce._probe.origin import OWN, UNKNOWN, Super, Thing
from atonce._probe.things import held_by, is_array, is_global_draw, is_mutable, is_own_class, is_own_module, is_path, of_kind

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from typing import Any

    from atonce._probe.walk import Scanner

__all__ = ("Attributes",)

_PLAIN = (dict, list, set, str, bytes, bytearray)


class Attributes:
    """Looks attributes up, as Python does, but runs nothing."""

    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner

    def find(self, owner: Thing, name: str) -> tuple[Thing, bool]:
        """Return an attribute, and whether it is a method that gets its owner as first argument."""
        value = owner.value
        if of_kind(value, ModuleType):
            return self._of_module(value, name), False
        if of_kind(value, Super):
            return self._of_class(value.owner, value.owner, _kind_of(value.owner), name, below=value.below)
        if owner.parts and name in owner.parts:
            return owner.parts[name], False
        if owner.kind is not None:
            return self._of_class(owner, owner, owner.kind, name)
        if value is UNKNOWN or of_kind(value, _PLAIN):
            self._mutates(owner, name)
            return self._method(owner, name), True
        return self._of_object(owner, value, name)

    def special(self, owner: Thing, name: str, *given: Thing) -> Thing | None:
        """Follow what an operator does where the user's class says so; return what comes of it, ``None`` if it does not."""
        kind = _kind_of(owner)
        if kind is None or not is_own_class(kind):
            return None
        found = _in_classes(kind, name)
        return self._scanner.call(Thing(owner.root, found), [owner, *given], {}) if of_kind(found, FunctionType) else None

    def sets(self, owner: Thing, name: str, thing: Thing) -> None:
        """Follow an assignment to an attribute, where the user's class has something to say about it."""
        self.special(owner, "__setattr__", OWN, thing)
        kind = _kind_of(owner)
        found = _in_classes(kind, name) if kind is not None else None
        setter = found.fset if isinstance(found, property) else None
        if isinstance(setter, FunctionType):
            self._scanner.enter(setter, [owner, thing], {})

    @staticmethod
    def in_class(kind: type, name: str) -> Any:
        """Find what a class of the user, or one above it that is the user's too, has under a name."""
        return next((vars(base)[name] for base in _order(kind) if name in vars(base) and is_own_class(base)), None)

    def _of_module(self, module: ModuleType, name: str) -> Thing:
        space: dict[str, Any] = vars(module)
        if name not in space:
            return OWN
        found, label = space[name], f"{module.__name__}.{name}"
        if (
            is_mutable(found)
            and not is_global_draw(found)
            and not any(found is stream for stream in (sys.stdout, sys.stderr, sys.stdin))
        ):
            home = module.__name__ if is_own_module(module) else ""
            return self._scanner.named(label, found, lambda: space.get(name), home)
        return Thing(label, found)

    def _of_object(self, owner: Thing, value: Any, name: str) -> tuple[Thing, bool]:
        kind = value if of_kind(value, type) else type(value)
        held: dict[str, Any] = (held_by(value) or {}) if value is not kind else {}
        if name in held and owner.argument:
            return Thing(owner.root, held[name], argument=True), False
        if name in held:
            thing = self._scanner.outside(f"{owner.root}.{name}", held[name])
            return Thing(owner.root if thing.root else "", held[name]), False
        return self._of_class(owner, value, kind, name)

    def _of_class(self, owner: Thing, value: Any, kind: type | None, name: str, *, below: type | None = None) -> tuple[Thing, bool]:
        """Look an attribute up in a class and those above it."""
        found = _in_classes(kind, name, below)
        if kind is not None and is_own_class(kind):
            if of_kind(found, FunctionType):
                return Thing(owner.root, found, name=name), value is not kind
            asked = self.special(owner, "__getattr__", OWN) if found is None else None
            described = asked or self._described(owner, kind, name, found)
            if described is not None:
                return described, False
        if of_kind(owner.value, type | FunctionType):
            return Thing("" if found is None else owner.root, UNKNOWN if found is None else found, name=name), False
        self._mutates(owner, name)
        return self._method(owner, name), True

    def _described(self, owner: Thing, kind: type, name: str, found: Any) -> Thing | None:
        """Return what the user's class gives for an attribute that is no plain method; ``None`` if that is not known."""
        if isinstance(found, staticmethod):
            return Thing(owner.root, found.__func__)
        if isinstance(found, classmethod):
            return Thing(kind.__name__, MethodType(found.__func__, kind))
        if isinstance(found, property):
            return self._scanner.enter(found.fget, [owner], {}) if isinstance(found.fget, FunctionType) else None
        if isinstance(found, functools.cached_property):
            if owner.root:
                self._scanner.write(f"it fills {owner.root}.{name}", sure=False)
            return self._scanner.call(Thing("", found.func), [owner], {})
        described = self.special(Thing("", found), "__get__", owner, OWN)
        if described is not None:
            return described
        shared = is_mutable(found) and not hasattr(type(found), "__get__")
        return self._scanner.outside(f"{kind.__name__}.{name}", found) if shared else None

    @staticmethod
    def _method(owner: Thing, name: str) -> Thing:
        """Return a method that is known by its name only, or a part."""
        new = name in MAKES_NEW or (is_array(owner.value) and name not in ARRAY_VIEWS)
        return Thing("" if new else owner.root, sure=owner.sure, name=name)

    def _mutates(self, owner: Thing, name: str) -> None:
        if not owner.root:
            return
        kind = type(owner.value).__name__
        if name in MUTATORS and not of_kind(owner.value, threading.local) and not is_path(owner.value):
            self._scanner.write(f"it calls {owner.root}.{name}", sure=owner.sure)
        elif name == "set" and kind in ("ContextVar", "Event"):
            self._scanner.write(f"it calls {owner.root}.set")
        elif name in PATH_WRITERS and is_path(owner.value):
            self._scanner.write(f"it changes the file {str(owner.value)!r}")


def _kind_of(thing: Thing) -> type | None:
    if thing.kind is not None or thing.value is UNKNOWN:
        return thing.kind
    return None if of_kind(thing.value, type | ModuleType) else type(thing.value)


def _in_classes(kind: type | None, name: str, below: type | None = None) -> Any:
    """Find what a class, or one above it, has under a name; ``below``: only above that one."""
    order = _order(kind) if kind is not None else ()
    if below in order:
        order = order[order.index(below) + 1 :]
    return next((vars(base)[name] for base in order if name in vars(base)), None)


def _order(kind: type) -> tuple[type, ...]:
    """Return a class and those above it, without asking its metaclass."""
    order: tuple[type, ...] = type.__dict__["__mro__"].__get__(kind)
    return order
