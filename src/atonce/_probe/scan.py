"""Does a function write to state that others see? A look at its code and at the code that it calls, not a proof.

The instructions are walked through in the order in which they stand (``walk.py``), with a stack of what each value is a part of
(``origin.py``): of a global, a variable of an enclosing function, an argument, or nothing that others see. So a write through an
alias is seen, and one behind a call (``calls.py``), where the called function is the user's. What is written in C, or belongs to
Python or to an installed package, is not entered: ``known_calls.py`` says what some of it does. A write into an argument counts:
the caller may look at its inputs afterwards.

What cannot be decided from the code is a *doubt*: the state in question has to be watched (``effects.py``).
"""

from __future__ import annotations

from functools import partial
from types import BuiltinMethodType, FunctionType, ModuleType

from atonce._probe.attributes import Attributes
from atonce._probe.calls import Calls
from atonce._probe.origin import OWN, UNKNOWN, Thing
from atonce._probe.things import (
    CACHES,
    asked,
    draws_numbers,
    is_atom,
    is_fixed_draw,
    is_global_draw,
    is_handle,
    is_library,
    is_lock,
    is_mark,
    is_mutable,
    is_one_way,
    is_part_of_python,
    of_kind,
    plain_function,
)
from atonce._probe.walk import Made, Walk, rest_of
from atonce._values.purity import is_pure

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

__all__ = ("Findings", "scan")

_TAKES_MORE = 0x04 | 0x08  # inspect.CO_VARARGS, CO_VARKEYWORDS
_MOST_BYTES = 5_000  # of code are looked through. Measured: 10 us for two bytes, an instruction


class Findings:
    """What a look at the code has brought.

    Attributes:
        write: how it certainly writes to shared state, in words that follow "because"; empty if it does not seem to.
        doubt: the same, of what may happen or not.
        here: what it reaches that is in this process only.
        reached: the state outside that it reaches, by name.
        caches: the functions that it calls whose results are kept (``functools.lru_cache``), by name.
        places: the globals among it, as modules and names, of modules that another process would import anew.
    """

    def __init__(self) -> None:
        self.write = ""
        self.doubt = ""
        self.here = ""
        self.reached: dict[str, Callable[[], Any]] = {}
        self.caches: dict[str, Any] = {}
        self.places: set[tuple[str, str]] = set()


def scan(fn: Callable[..., Any], samples: Sequence[Any] = (), *, star: bool = False, seeded: bool = False) -> Findings:
    """Look through a function.

    Args:
        fn: any callable. It is not called.
        samples: some of its inputs: where they are plain values, a function cannot write into them.
        star: whether each input is a tuple of arguments.
        seeded: whether each item has random numbers of its own.
    """
    findings = Findings()
    try:
        if not is_pure(fn):
            _Scanner(findings, fn, seeded=seeded).enter_first(fn, samples, star=star)
    except Exception as error:  # something that it reaches does not answer as others of its kind do
        findings.doubt = findings.doubt or f"it reaches what cannot be looked at ({type(error).__name__})"
    return findings


class _Scanner:
    """Walks through the functions, each once for each set of arguments that others see."""

    def __init__(self, findings: Findings, fn: Callable[..., Any], *, seeded: bool) -> None:
        self.findings = findings
        self.seeded = seeded
        plain, _ = plain_function(fn)
        self._first_package = (plain.__module__ or "").partition(".")[0] if plain else ""
        self._known: dict[object, Thing] = {}
        self._looked_through = 0
        self._calls = Calls(self, Attributes(self))

    def enter_first(self, fn: Any, samples: Sequence[Any], *, star: bool) -> None:
        given: list[Thing] = []
        keywords: dict[str, Thing] = {}
        while of_kind(fn, partial):
            given = [self.outside(f"argument {number}", value) for number, value in enumerate(fn.args)] + given
            keywords = {name: self.outside(name, value) for name, value in fn.keywords.items()} | keywords
            fn = fn.func
        if of_kind(fn, CACHES):
            self.fills_cache(fn)
        if is_global_draw(fn):
            self._calls.builtin(fn, [Thing("its argument", argument=True)])
            return
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

    def enter(self, fn: FunctionType | Made, given: Sequence[Thing], keywords: dict[str, Thing]) -> Thing:
        """Walk through a function that is called with these arguments; return what it returns."""
        if of_kind(fn, FunctionType) and is_pure(fn):
            return OWN
        if isinstance(fn, FunctionType):
            code, variables = fn.__code__, _bound(fn, given, keywords)
        else:
            code, variables = fn.code, fn.bind(list(given), keywords)
        known_as = fn if isinstance(fn, FunctionType) else code
        key = known_as, tuple(sorted((name, _seen_as(thing)) for name, thing in variables.items()))
        if key in self._known or self.findings.write:  # nothing more has to be known
            return self._known.get(key, OWN)
        if self._looked_through >= _MOST_BYTES:
            self.write("it calls more than was looked through", sure=False)
            return OWN
        self._looked_through += len(code.co_code)
        self._known[key] = OWN  # that is what it returns to itself
        if isinstance(fn, FunctionType):
            cells = dict(zip(code.co_freevars, fn.__closure__ or (), strict=True))
            walk = Walk(self, code, fn.__globals__, cells, variables)
        else:
            walk = Walk(self, code, fn.walk.globals, fn.cells(), variables)
        self._known[key] = result = walk.walk()
        return result

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
        elif of_kind(value, CACHES):
            self.fills_cache(value)
        elif is_mutable(value) or of_kind(value, type):
            findings.reached.setdefault(name, lambda: value)
        return Thing("" if is_atom(value) else name, value)

    def named(self, name: str, value: object, again: Callable[[], Any], module: str = "") -> Thing:
        """Take in a global, or a variable of an enclosing function: other values may come to stand there."""
        thing = self.outside(name, value)
        if self.seeded and is_fixed_draw(value):  # its own name, which nobody can lead to the numbers of an item
            self.write(f"it draws by {name!r}, a name taken from its module before, from the numbers that all items share")
        if not callable(value) and not of_kind(value, ModuleType):
            self.findings.reached[name] = again
            if module and module != "__main__":
                self.findings.places.add((module, name.rpartition(".")[2]))
        elif of_kind(value, FunctionType) and vars(value):
            self.findings.reached.setdefault(name, lambda: value)
        return thing

    def fills_cache(self, fn: Any) -> None:
        """Take in a function whose results are kept.

        Threads may fill it side by side, and find in it what a loop would have found; it is only in this process. What the standard
        library keeps (the parts of an address, a pattern) is quickly made again, and nobody looks there.
        """
        if is_part_of_python(fn):
            return
        name = asked(fn, "__name__") or "a function"
        self.findings.caches[f"the cache of {name}"] = fn

    def keeps(self, fn: Any) -> Thing | None:
        """Take in a call whose result is there already; ``None`` if that is not certain.

        What it once did to make it, it does not do again: not here.
        """
        plain, owner = plain_function(fn)
        if plain is None or owner is not None or not fn.cache_info().currsize:
            return None
        if plain.__code__.co_argcount or plain.__code__.co_kwonlyargcount or plain.__code__.co_flags & _TAKES_MORE:
            return None
        here, known = self.findings, dict(self._known)
        self.findings = Findings()
        self.enter(plain, [], {})
        once, self.findings, self._known = self.findings, here, known
        here.here = here.here or once.here or (once.write and f"it uses what {plain.__name__} keeps, and for that {once.write}")
        return Thing(f"what {plain.__name__} keeps")

    def _bound_builtin(self, fn: Any) -> None:
        if of_kind(fn, BuiltinMethodType) and not of_kind(fn.__self__, ModuleType | type):
            self._calls.builtin(fn, [])

    def call(self, callee: Thing, given: list[Thing], keywords: dict[str, Thing]) -> Thing:
        """Follow a call; return what comes of it."""
        return self._calls.follow(callee, given, keywords)


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
        if name not in bound and is_mutable(value) and not is_mark(value):
            bound[name] = Thing(name, value)
    return bound | rest_of(code, list(given), keywords)


def _seen_as(thing: Thing) -> tuple[object, ...]:
    """Say what makes a difference to a function that gets it."""
    fn = id(thing.value) if callable(thing.value) and thing.value is not UNKNOWN else 0
    parts = tuple(part.root for part in (thing.parts or {}).values())
    return thing.root, thing.sure, fn, id(thing.kind), parts


def _a(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"
