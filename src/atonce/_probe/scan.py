"""Does a function write to state that others see? A look at its code and at the code that it calls, not a proof.

The instructions are walked through in the order in which they stand (``walk.py``), with a stack of what each value is a part of: of
a global, a variable of an enclosing function, an argument, or nothing that anybody else sees. So a write through an alias is seen,
and one behind a call, where the called function is the user's. What is written in C, or belongs to Python or to an installed
package, is not entered: ``known_calls.py`` says what some of it does. A write into an argument counts: the caller may look at its
inputs afterwards.

What cannot be decided from the code is a *doubt*: the state in question has to be watched (``effects.py``).
"""

from __future__ import annotations

from functools import partial
from types import BuiltinMethodType, FunctionType, ModuleType

from atonce._probe.known_calls import CHANGES_PROCESS, MUTATORS, WRITES_INTO_FIRST
from atonce._probe.things import (
    CACHES,
    draws_numbers,
    is_atom,
    is_handle,
    is_library,
    is_lock,
    is_mutable,
    is_one_way,
    is_path,
    of_kind,
    plain_function,
)
from atonce._probe.walk import OWN, UNKNOWN, Thing, Walk
from atonce._values.purity import is_pure

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import CodeType
    from typing import Any

__all__ = ("Findings", "scan")

_MOST_FUNCTIONS = 60  # more are not entered: to look through these takes some milliseconds
_LONGEST_MODE = 3  # rb+


class Findings:
    """What a look at the code has brought.

    Attributes:
        write: how it certainly writes to shared state, in words that follow "because"; empty if it does not seem to.
        doubt: the same, of what may happen or not.
        here: what it reaches that is in this process only.
        reached: the state outside that it reaches, by name.
        places: the globals among it, as modules and names, of modules that another process would import anew.
    """

    def __init__(self) -> None:
        self.write = ""
        self.doubt = ""
        self.here = ""
        self.reached: dict[str, Callable[[], Any]] = {}
        self.places: set[tuple[str, str]] = set()


def scan(fn: Callable[..., Any], samples: Sequence[Any] = (), *, star: bool = False) -> Findings:
    """Look through a function.

    Args:
        fn: any callable. It is not called.
        samples: some of its inputs: where they are plain values, a function cannot write into them.
        star: whether each input is a tuple of arguments.
    """
    findings = Findings()
    if is_pure(fn):
        return findings
    _Scanner(findings, fn).enter_first(fn, samples, star=star)
    return findings


class _Scanner:
    """Walks through the functions, each once for each set of arguments that others see."""

    def __init__(self, findings: Findings, fn: Callable[..., Any]) -> None:
        self.findings = findings
        plain, _ = plain_function(fn)
        self._first_package = (plain.__module__ or "").partition(".")[0] if plain else ""
        self._known: set[tuple[CodeType, tuple[str, ...]]] = set()

    def enter_first(self, fn: Any, samples: Sequence[Any], *, star: bool) -> None:
        given: list[Thing] = []
        keywords: dict[str, Thing] = {}
        while of_kind(fn, partial):
            given = [self.outside(f"argument {number}", value) for number, value in enumerate(fn.args)] + given
            keywords = {name: self.outside(name, value) for name, value in fn.keywords.items()} | keywords
            fn = fn.func
        if of_kind(fn, CACHES):
            self._cache(fn)
        plain, owner = plain_function(fn)
        if plain is None:
            self._bound_builtin(fn)
            return
        if owner is not None:
            given.insert(0, self.outside("self", owner))
            if not of_kind(owner, type):
                self.findings.reached["self"] = lambda: owner
        names = plain.__code__.co_varnames
        positions = len(samples[0]) if star and samples and of_kind(samples[0], tuple) else 1
        for place in range(positions):
            values = [sample[place] for sample in samples if len(sample) > place] if star else samples
            other = next((value for value in values if not is_atom(value)), UNKNOWN)
            name = names[len(given)] if len(given) < plain.__code__.co_argcount else "its argument"
            given.append(OWN if values and other is UNKNOWN else Thing(name, other, argument=True))
        self.enter(plain, given, keywords)

    def enter(self, fn: FunctionType, given: Sequence[Thing], keywords: dict[str, Thing]) -> None:
        """Walk through a function that is called with these arguments."""
        if is_pure(fn):
            return
        locals_ = _bound(fn, given, keywords)
        key = fn.__code__, tuple(sorted(name for name, thing in locals_.items() if thing.root))
        if key in self._known or len(self._known) >= _MOST_FUNCTIONS:
            return
        self._known.add(key)
        cells = dict(zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=True))
        Walk(self, fn.__code__, fn.__globals__, cells, locals_).walk()

    def enters(self, fn: FunctionType) -> bool:
        """Whether a called function is looked through."""
        return not is_library(fn.__code__) or (fn.__module__ or "").partition(".")[0] == self._first_package != ""

    def write(self, words: str, *, sure: bool = True) -> None:
        if sure and not self.findings.write:
            self.findings.write = words
        elif not sure and not self.findings.doubt:
            self.findings.doubt = words

    def outside(self, name: str, value: object) -> Thing:
        """Take in something that is there before the function is called, and after."""
        findings = self.findings
        if is_one_way(value):
            self.write(f"it takes from the iterator {name!r}")
        elif is_handle(value):
            self.write(f"it uses {name!r}, {_a(type(value).__name__)} that is open")
        elif draws_numbers(value):
            self.write(f"it draws from the random numbers of {name!r}")
        elif is_lock(value):
            findings.here = findings.here or f"it uses {name!r}, {_a(type(value).__name__)} that other processes do not see"
        elif is_mutable(value) or of_kind(value, type):
            findings.reached.setdefault(name, lambda: value)
        return Thing("" if is_atom(value) else name, value)

    def named(self, name: str, value: object, again: Callable[[], Any], module: str = "") -> Thing:
        """Take in a global, or a variable of an enclosing function: other values may come to stand there."""
        thing = self.outside(name, value)
        if not callable(value) and not of_kind(value, ModuleType):
            self.findings.reached[name] = again
            if module and module != "__main__":
                self.findings.places.add((module, name.rpartition(".")[2]))
        elif of_kind(value, FunctionType) and vars(value):
            self.findings.reached.setdefault(name, lambda: value)
        return thing

    def _cache(self, fn: Any) -> None:
        name = getattr(fn, "__name__", "a function")
        self.findings.reached[f"the cache of {name}"] = lambda: fn
        self.write(f"it fills the cache of {name}", sure=False)

    def _bound_builtin(self, fn: Any) -> None:
        if of_kind(fn, BuiltinMethodType) and not of_kind(fn.__self__, ModuleType | type):
            self.called_builtin(fn, [])

    # ---- calls -----------------------------------------------------------------------------------------------------------------

    def call(self, callee: Thing, given: list[Thing], keywords: dict[str, Thing]) -> Thing:
        """Follow a call; return what comes of it."""
        fn = callee.value
        if fn is UNKNOWN:
            return callee.perhaps()  # what a method of something shared gives may be a part of it
        if is_pure(fn):
            return OWN
        while of_kind(fn, partial):
            given = [Thing(callee.root, value) if is_mutable(value) else OWN for value in fn.args] + given
            fn = fn.func
        if of_kind(fn, CACHES):
            self._cache(fn)
        everything = [*given, *keywords.values()]
        if of_kind(fn, type):
            init = vars(fn).get("__init__")
            if of_kind(init, FunctionType) and self.enters(init):
                self.enter(init, [OWN, *given], keywords)
            return OWN
        plain, owner = plain_function(fn)
        if plain is not None and self.enters(plain):
            bound = [] if owner is None else [Thing(callee.root or "self", owner) if not of_kind(owner, type) else OWN]
            self.enter(plain, [*bound, *given], keywords)
        else:
            self.called_builtin(fn, everything)
            for handed in everything:  # to map, sorted, a thread
                inner, owner = plain_function(handed.value)
                if inner is not None and self.enters(inner):
                    shared = next((thing for thing in everything if thing.root and thing is not handed), OWN)
                    self.enter(inner, [shared.perhaps()] * inner.__code__.co_argcount, {})
        return next((thing.perhaps() for thing in everything if thing.root and not callable(thing.value)), OWN)

    def called_builtin(self, fn: Any, given: list[Thing]) -> None:
        name = getattr(fn, "__name__", "")
        full = f"{getattr(fn, '__module__', None) or ''}.{name}"
        if full in CHANGES_PROCESS:
            self.write(f"it calls {full.replace('posix.', 'os.').lstrip('_')}, which is one for the whole program")
        if full in WRITES_INTO_FIRST and given and given[0].root:
            self.write(f"it calls {name}({given[0].root})", sure=given[0].sure)
        if full in ("_io.open", "io.open", "builtins.open"):
            self.opens(given, given[0].value if given else UNKNOWN)
        owner = getattr(fn, "__self__", None)
        if of_kind(owner, ModuleType | type | None):
            return
        if draws_numbers(owner):
            self.write(f"it calls {name} of {type(owner).__module__.partition('.')[0]}'s random numbers, which all items share")
        elif name in MUTATORS and is_mutable(owner):
            self.write(f"it calls {name} of a {type(owner).__name__} that is there before it")

    def opens(self, given: list[Thing], path: object) -> None:
        """Notice when one and the same file is written by all items."""
        words = [thing.value for thing in given if of_kind(thing.value, str) and thing.value is not path]
        writes = any(len(word) <= _LONGEST_MODE and set(word) & set("wax+") for word in words)
        if writes and (of_kind(path, str | bytes | int) or is_path(path)):
            self.write(f"it writes the file {str(path)!r}")


def _bound(fn: FunctionType, given: Sequence[Thing], keywords: dict[str, Thing]) -> dict[str, Thing]:
    """Say which parameter gets which argument; those that get none have their defaults, which are there before and after."""
    code = fn.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    bound = dict(zip(names[: code.co_argcount], given, strict=False)) | keywords
    defaults = fn.__defaults__ or ()
    values = dict(zip(names[code.co_argcount - len(defaults) : code.co_argcount], defaults, strict=True)) | (
        fn.__kwdefaults__ or {}
    )
    for name, value in values.items():
        if name not in bound and is_mutable(value):
            bound[name] = Thing(name, value)
    if code.co_flags & 0x04:  # *args: inspect.CO_VARARGS
        rest = next((thing for thing in given[code.co_argcount :] if thing.root), OWN)
        bound[code.co_varnames[len(names)]] = rest
    return bound


def _a(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"
