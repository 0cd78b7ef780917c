"""What a call does and gives: the user's functions are walked through, and of others it is known what their names say."""

from __future__ import annotations

from functools import partial, reduce
from types import BuiltinMethodType, FunctionType, MethodDescriptorType, MethodType, ModuleType, WrapperDescriptorType

from atonce._probe.known_calls import (
    ARRAY_VIEWS,
    CHANGES_PROCESS,
    DRAWS_ON_CURRENT,
    FILLS_ARGUMENT,
    HOLDS_PARTS,
    ITERATES,
    MUTATORS,
    PUTS_IN,
    RETURNS_NEW,
    WRITES_INTO_FIRST,
)
from atonce._probe.origin import OWN, UNKNOWN, Bound, Choice, Thing, joined, made_of
from atonce._probe.things import (
    CACHES,
    asked,
    draws_numbers,
    is_array,
    is_global_draw,
    is_mutable,
    is_own_class,
    is_path,
    of_kind,
    plain_function,
)
from atonce._probe.walk import Made
from atonce._values.purity import is_pure

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from atonce._probe.attributes import Attributes
    from atonce._probe.walk import Scanner

__all__ = ("Calls",)

_LONGEST_MODE = 3  # rb+
_MOST_ARGUMENTS = 4  # that a function gets which is handed on


class Calls:
    """Follows the calls for a scanner."""

    def __init__(self, scanner: Scanner, attributes: Attributes) -> None:
        self._scanner = scanner
        self._attributes = attributes

    def follow(self, callee: Thing, given: list[Thing], keywords: dict[str, Thing]) -> Thing:  # noqa: PLR0911 (a kind a line)
        """Follow a call; return what comes of it."""
        fn = callee.value
        if fn is UNKNOWN:
            return self._method(callee, given, keywords)
        if type(fn) is Choice:
            return reduce(joined, [self.follow(Thing(callee.root, each), given, keywords) for each in fn], OWN)
        if type(fn) is Bound:
            return self.follow(fn.fn, [*fn.given, *given], fn.keywords | keywords)
        if type(fn) is Made:
            return self._scanner.enter(fn, given, keywords)
        if is_pure(fn):
            return OWN
        while of_kind(fn, partial):
            given = [Thing(callee.root, value) if is_mutable(value) else OWN for value in fn.args] + given
            fn = fn.func
        if of_kind(fn, CACHES):
            self._scanner.fills_cache(fn)
            if not given and not keywords and (kept := self._scanner.keeps(fn)) is not None:
                return kept
        return self._makes(fn, given, keywords) if of_kind(fn, type) else self._function(callee, fn, given, keywords)

    def _function(self, callee: Thing, fn: Any, given: list[Thing], keywords: dict[str, Thing]) -> Thing:
        plain, owner = plain_function(fn)
        if plain is not None and self._scanner.enters(plain) and not is_global_draw(fn):
            bound = [] if owner is None else [Thing(_name_of(owner) or callee.root or "self", owner)]
            return self._scanner.enter(plain, [*bound, *given], keywords)
        inner = vars(plain).get("__wrapped__") if plain is not None else None
        if of_kind(inner, FunctionType):
            self.follow(Thing("", inner), given, keywords)
        return self._library(fn, given, keywords)

    # ---- methods of which the name is known ------------------------------------------------------------------------------------

    def _method(self, callee: Thing, given: list[Thing], keywords: dict[str, Thing]) -> Thing:
        owner, name, others = given[0] if given else OWN, callee.name, given[1:]
        self._writes_where_told(owner, keywords)
        self._hand_on([*others, *keywords.values()])
        fills = name in FILLS_ARGUMENT or (name == "at" and type(owner.value).__name__ == "ufunc")
        if fills and others and others[0].root:
            self._scanner.write(f"it calls {name}({others[0].root})", sure=others[0].sure)
        if name in PUTS_IN and others:
            put = others[-1]
            owner.absorb(put) if name in ("extend", "extendleft", "update") else owner.hold(UNKNOWN, put)
        if given and not (is_array(owner.value) or owner.kind):
            if name in ("get", "pop", "setdefault") and others:
                return self._given_back(owner, others)
            if name in ("pop", "popleft", "popitem"):
                return owner.part().perhaps()
            if name == "values":
                return Thing(parts={UNKNOWN: owner.part()})
            if name == "items":
                return Thing(parts={UNKNOWN: made_of([OWN, owner.part()])})
            if name == "copy":
                return Thing(parts={UNKNOWN: owner.part().perhaps()})
        return callee.perhaps()  # what a method of something shared gives may be a part of it

    @staticmethod
    def _given_back(owner: Thing, others: list[Thing]) -> Thing:
        found = owner.part(others[0].value)
        if found.root:
            return Thing(found.root, found.value, sure=False)
        return joined(found, others[-1].perhaps()) if len(others) > 1 else found

    # ---- classes ---------------------------------------------------------------------------------------------------------------

    def _makes(self, kind: type, given: list[Thing], keywords: dict[str, Thing]) -> Thing:
        if kind is partial and given:
            return Thing(value=Bound(given[0], given[1:], keywords))
        if kind is type and len(given) == 1:
            return self._class_of(given[0])
        if is_own_class(kind):
            return self._instance(kind, given, keywords)
        full = _full_name(kind)
        self._runs_special(full, given)
        if kind is memoryview and given:
            return Thing(given[0].root, sure=given[0].sure)
        if kind is map and given:
            elements = [thing.part() for thing in given[1:]]
            return Thing(parts={UNKNOWN: self.follow(given[0], elements, {})})
        self._hand_on([*given, *keywords.values()])
        return _holding(full, given, keywords) if full in HOLDS_PARTS else OWN

    def _instance(self, kind: type, given: list[Thing], keywords: dict[str, Thing]) -> Thing:
        made = Thing(kind=kind)
        self._attributes.special(Thing(kind.__name__, kind, kind=type(kind)), "__call__", *given)
        for name, first in (("__new__", Thing(kind.__name__, kind)), ("__init__", made)):
            method = self._attributes.in_class(kind, name)
            if of_kind(method, staticmethod):
                method = method.__func__
            if of_kind(method, FunctionType) and self._scanner.enters(method):
                self._scanner.enter(method, [first, *given], keywords)
        if self._attributes.in_class(kind, "__init__") is None:
            made.hold(UNKNOWN, next((thing for thing in given if thing.root), OWN))
        return made

    @staticmethod
    def _class_of(thing: Thing) -> Thing:
        kind = thing.kind or (None if thing.value is UNKNOWN else type(thing.value))
        return Thing(kind.__name__, kind) if kind is not None and is_own_class(kind) else OWN

    # ---- functions that are not the user's -------------------------------------------------------------------------------------

    def _library(self, fn: Any, given: list[Thing], keywords: dict[str, Thing]) -> Thing:
        full, first = _full_name(fn), given[0] if given else OWN
        special = self._of_python(fn, given)
        if special is not None:
            return special
        everything = [*given, *keywords.values()]
        self.builtin(fn, everything)
        self._writes_where_told(first, keywords)
        self._runs_special(full, given)
        self._hand_on(everything)
        if full in RETURNS_NEW or _makes_array(fn, full):
            return OWN
        if full in HOLDS_PARTS:
            return _holding(full, given, keywords)
        return next((thing.perhaps() for thing in everything if thing.shared and not callable(thing.value)), OWN)

    def _of_python(self, fn: Any, given: list[Thing]) -> Thing | None:
        """Follow what looks into things by name, or runs what nobody sees here."""
        if fn is getattr and len(given) > 1 and of_kind(given[1].value, str):
            return self._attributes.find(given[0], given[1].value)[0]
        if fn is vars and given:
            return Thing(given[0].root, sure=given[0].sure)
        if fn is globals:
            return Thing("the globals")
        if fn is exec or fn is eval:
            self._scanner.write(f"it calls {fn.__name__}", sure=False)
        return None

    def builtin(self, fn: Any, given: list[Thing]) -> None:
        """Notice what a function that is not the user's is known to write."""
        full = _full_name(fn)
        name = full.rpartition(".")[2]
        if full in CHANGES_PROCESS:
            self._scanner.write(f"it calls {full.replace('posix.', 'os.').lstrip('_')}, which is one for the whole program")
        if full.partition(".")[0] and full.rpartition(".")[0] in DRAWS_ON_CURRENT:
            self._scanner.write(f"it calls {full}, and all items share what that draws on")
        unbound = of_kind(fn, MethodDescriptorType | WrapperDescriptorType) and name in MUTATORS
        if (full in WRITES_INTO_FIRST or unbound) and given and given[0].root:
            self._scanner.write(f"it calls {name}({given[0].root})", sure=given[0].sure)
        if full in ("_io.open", "io.open", "builtins.open"):
            self._opens(given, given[0].value if given else UNKNOWN)
        owner = asked(fn, "__self__")
        if of_kind(owner, ModuleType | type | None):
            return
        if draws_numbers(owner) and self._scanner.seeded and is_global_draw(fn):
            if name in FILLS_ARGUMENT and given and given[0].root:
                self._scanner.write(f"it calls {name}({given[0].root})", sure=given[0].sure)
        elif draws_numbers(owner):
            self._scanner.write(
                f"it calls {name} of {type(owner).__module__.partition('.')[0]}'s random numbers, which all items share"
            )
        elif name in MUTATORS and is_mutable(owner):
            self._scanner.write(f"it calls {name} of a {type(owner).__name__} that is there before it")

    def _opens(self, given: list[Thing], path: object) -> None:
        """Notice when one and the same file is written by all items."""
        words = [thing.value for thing in given if of_kind(thing.value, str) and thing.value is not path]
        writes = any(len(word) <= _LONGEST_MODE and set(word) & set("wax+") for word in words)
        if writes and (of_kind(path, str | bytes | int) or is_path(path)):
            self._scanner.write(f"it writes the file {str(path)!r}")

    def _writes_where_told(self, owner: Thing, keywords: dict[str, Thing]) -> None:
        """Notice the keywords that make a function of NumPy or pandas write into what is there."""
        for target in (keywords.get("out", OWN), *(keywords.get("out", OWN).parts or {}).values()):
            if target.root:
                self._scanner.write(f"it writes into {target.root!r} (out=)", sure=target.sure)
        if owner.root and keywords.get("inplace", OWN).value is True:
            self._scanner.write(f"it changes {owner.root!r} (inplace=True)", sure=owner.sure)

    def _runs_special(self, full: str, given: list[Thing]) -> None:
        """Follow the methods of the user's classes that Python's own functions call: ``len``, ``sum``."""
        module, _, name = full.rpartition(".")
        if module == "builtins" and given:
            self._attributes.special(given[0], f"__{name}__")
        if full in ITERATES:
            for thing in given:
                self._attributes.special(thing, "__iter__")

    def _hand_on(self, everything: list[Thing]) -> None:
        """Follow functions that are arguments of others: of ``map``, ``sorted``, a thread."""
        for handed in everything:
            if _is_function(handed.value):
                shared = next((thing for thing in everything if thing.shared and thing is not handed), OWN)
                inner, _ = plain_function(handed.value)
                count = inner.__code__.co_argcount if inner is not None else _MOST_ARGUMENTS
                if inner is None or self._scanner.enters(inner):
                    self.follow(handed, [shared.perhaps()] * count, {})


def _name_of(owner: Any) -> str:
    return str(owner.__name__) if of_kind(owner, type) else ""


def _is_function(value: object) -> bool:
    if value is UNKNOWN:
        return False
    if of_kind(value, BuiltinMethodType):
        return not of_kind(value.__self__, ModuleType | type | None)  # type: ignore[attr-defined]
    if of_kind(value, FunctionType | MethodType | partial | Made | Bound):
        return True
    return is_own_class(value) if of_kind(value, type) else is_own_class(type(value)) and callable(value)  # type: ignore[arg-type]


def _holding(full: str, given: list[Thing], keywords: dict[str, Thing]) -> Thing:
    """Return a new container that holds what is in the arguments."""
    if full in ("builtins.zip", "itertools.zip_longest", "itertools.product"):
        return Thing(parts={UNKNOWN: made_of(thing.part() for thing in given)})
    if full == "builtins.enumerate" and given:
        return Thing(parts={UNKNOWN: made_of([OWN, given[0].part()])})
    made = Thing()
    for thing in given:
        if not callable(thing.value) or thing.value is UNKNOWN:
            made.absorb(thing)
    for name, thing in keywords.items():
        made.hold(name, thing)
    return made


def _makes_array(fn: Any, full: str) -> bool:
    """Tell whether it is a function of NumPy or pandas that returns a new array or table."""
    if type(fn).__name__ == "ufunc":
        return True
    return full.startswith(("numpy.", "pandas.")) and full.rpartition(".")[2] not in ARRAY_VIEWS


def _full_name(fn: Callable[..., Any] | type) -> str:
    return f"{asked(fn, '__module__') or ''}.{asked(fn, '__name__') or ''}"
