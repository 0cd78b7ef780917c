"""Where a value on the stack comes from: of what that others see it is a part, and what it is, as far as that is known."""

from __future__ import annotations

from contextlib import suppress
from itertools import islice

from atonce._probe.things import is_atom

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Final

__all__ = ("OWN", "UNKNOWN", "Bound", "Choice", "Super", "Thing", "joined", "made_of", "met")

UNKNOWN: Final = object()
_MOST_PARTS = 32
_LOOKED_INTO = 16  # elements of a container that is there before, for functions among them


class Thing:
    """A value on the stack.

    Attributes:
        root: the name of the shared thing that it is, or is a part of; empty if nobody else sees it.
        value: the object; ``UNKNOWN`` if it is not known.
        sure: whether it is a part of the root, and not only made from it.
        argument: whether it is an argument as it was given.
        kind: the user's class that it is an instance of, if it was made here.
        name: the attribute that it was looked up as, where that is all that is known of it.
        parts: what was put into it here, by index, key or attribute; ``UNKNOWN`` stands for all places that are not known.
    """

    __slots__ = ("argument", "kind", "name", "parts", "root", "sure", "value")

    def __init__(
        self,
        root: str = "",
        value: Any = UNKNOWN,
        *,
        sure: bool = True,
        argument: bool = False,
        kind: type | None = None,
        name: str = "",
        parts: dict[object, Thing] | None = None,
    ) -> None:
        self.root = root
        self.value = value
        self.sure = sure
        self.argument = argument
        self.kind = kind
        self.name = name
        self.parts = parts

    @property
    def shared(self) -> bool:
        """Whether others see it, or something in it."""
        return bool(self.root) or any(part.root for part in (self.parts or {}).values())

    def part(self, place: object = UNKNOWN) -> Thing:
        """Return what is at a place in it."""
        if self.parts:
            found = _at(self.parts, place)
            if found is not None:
                return found
            if not self.root:
                known = self.parts.get(UNKNOWN)
                return known or next((part.perhaps() for part in self.parts.values() if part.root), OWN)
        value = _held(self.value, place)
        return Thing(self.root, value, sure=self.sure) if self.root or value is not UNKNOWN else OWN

    def perhaps(self) -> Thing:
        """Return what may be a part of it."""
        if self.root:
            return Thing(self.root, sure=False)
        return next((part.perhaps() for part in (self.parts or {}).values() if part.root), OWN)

    def perhaps_else(self) -> Thing:
        """Return what is this, or something of no interest."""
        return Thing(self.root, self.value, sure=False, kind=self.kind, name=self.name, parts=self.parts)

    def hold(self, place: object, thing: Thing) -> None:
        """Note that something is put into it. What others see keeps what it has: that is a write, and another matter."""
        if self is OWN or self.root:
            return
        if self.parts is None:
            self.parts = {}
        with suppress(TypeError):  # a place that cannot be hashed
            if thing.shared or self.parts.get(place) is None or place is not UNKNOWN:
                self.parts[place if len(self.parts) < _MOST_PARTS else UNKNOWN] = thing

    def absorb(self, other: Thing) -> None:
        """Note that everything that is in another container is put into it, at its end."""
        if other.parts and not other.root:
            for place, thing in list(other.parts.items()):
                self.hold(len(self.parts or {}) if isinstance(place, int) else place, thing)
        else:
            self.hold(UNKNOWN, other.part())


OWN = Thing()


class Choice(tuple):  # type: ignore[type-arg]
    """Functions, of which it is one."""

    __slots__ = ()


class Bound:
    """A function with some of its arguments: a partial that is made here."""

    def __init__(self, fn: Thing, given: list[Thing], keywords: dict[str, Thing]) -> None:
        self.fn = fn
        self.given = given
        self.keywords = keywords

    def __call__(self) -> None:
        """It looks as what it stands for: something to call."""


class Super:
    """An object as the classes above one of its own see it."""

    def __init__(self, owner: Thing, below: type) -> None:
        self.owner = owner
        self.below = below


def made_of(parts: Iterable[Thing]) -> Thing:
    """Return a new container of these."""
    return Thing(parts=dict(islice(enumerate(parts), _MOST_PARTS)))


def joined(first: Thing | None, second: Thing) -> Thing:
    """Return what is one or the other: the one that others see more of."""
    if first is None or first is OWN:
        return second
    return second if second.shared and not first.shared else first


def met(first: Thing, second: Thing) -> Thing:
    """Return what is the one or the other, depending on the way that led here."""
    if first is second:
        return first
    if first.shared == second.shared:
        return _either(first, second)
    one = first if first.shared else second
    return one.perhaps_else() if one.root else one


def _either(first: Thing, second: Thing) -> Thing:
    """Keep both, where they are functions; else it makes no difference which it is."""
    functions = [thing.value for thing in (first, second) if thing.value is not UNKNOWN and callable(thing.value)]
    if len(functions) < 2 or functions[0] is functions[1] or first.root != second.root:  # noqa: PLR2004 (both)
        return first if first.value is not UNKNOWN or first.parts or first.kind else second
    known = functions[0] if isinstance(functions[0], Choice) else (functions[0],)
    return Thing(first.root, Choice((*known, functions[1])) if functions[1] not in known else functions[0])


def _at(parts: dict[object, Thing], place: object) -> Thing | None:
    if place is UNKNOWN:
        return None
    with suppress(TypeError):
        return parts.get(place)
    return None


def _held(container: Any, place: object) -> Any:
    """Look into a plain container without asking it anything; with no place, for one that stands for all."""
    with suppress(TypeError, IndexError, RuntimeError):
        if place is not UNKNOWN:
            return _unless_atom(_get(container, place))
        if issubclass(type(container), dict):
            elements = list(islice(dict.values(container), _LOOKED_INTO))
        elif type(container) in (list, tuple):
            elements = container[:_LOOKED_INTO]
        else:
            return UNKNOWN
        if functions := [each for each in elements if callable(each)]:
            return Choice(functions)
        return next((each for each in elements if not is_atom(each)), UNKNOWN)
    return UNKNOWN


def _get(container: Any, place: Any) -> Any:
    if issubclass(type(container), dict):
        return dict.get(container, place, UNKNOWN)
    return container[place] if type(container) in (list, tuple) and type(place) is int else UNKNOWN


def _unless_atom(value: Any) -> Any:
    return UNKNOWN if is_atom(value) else value
