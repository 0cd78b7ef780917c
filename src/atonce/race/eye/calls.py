"""Calls: what is called decides what is announced.

A function whose code is seen speaks for itself, and is called as it is. What is written in C is looked up in the table, and what it
touches is announced when its arguments are there. Everything else may change whatever it is given.
"""

# ruff: noqa: PLR0911 (one case after the other)

from __future__ import annotations

import asyncio
import contextlib
import functools
import operator
import types
from typing import Any

from atonce.race.eye import hooks
from atonce.race.eye.accesses import ALL, FILES, HANDING, IMMUTABLE, NO_FILES, Effect
from atonce.race.eye.attributes import is_cached
from atonce.race.eye.containers import BUILTINS, ITERATORS, PLAIN, base_of, can_change
from atonce.race.eye.effects import apply
from atonce.race.eye.hooks import hook, replaced
from atonce.race.eye.included import belongs, find, is_generated, is_harmless, is_mixin, only_reads, speaks
from atonce.race.eye.iterating import iterate, step_by_step
from atonce.race.eye.lookup import direct, effects, listed, method_of
from atonce.race.eye.sites import Site
from atonce.race.eye.watching import announce, cells_of, in_python, lasting, unseen
from atonce.race.operations import WHOLE, Operation, Place
from atonce.race.scheduler import Scheduler, active

__all__ = ("call", "handed", "target")

_SLOTS = (types.MethodDescriptorType, types.WrapperDescriptorType)
_BOUND = (*BUILTINS, types.MethodWrapperType)
_PYTHON = (types.FunctionType, types.MethodType)
_GETTERS = (operator.itemgetter, operator.attrgetter, operator.methodcaller)
_CONTAINED = ("_io", "_random", "_csv", "_struct", "itertools")
_CACHED = type(functools.lru_cache(maxsize=1)(len))


@hook
def call(site: Site, function: Any) -> Any:
    """A function is called next, when its arguments have been evaluated. Return what is to be called."""
    run = active()
    if run is None:
        return function
    kind = type(function)
    if replaced:
        function = replaced.get(id(function), function)
        kind = type(function)
    if kind is types.FunctionType:
        return _python(site, function, function, None)
    if id(function) in direct:
        return directly(run, site, function)
    if kind is types.MethodType:
        inner = function.__func__
        if type(inner) is types.FunctionType:
            return _python(site, inner, function, function.__self__)
        return _other(site, function, kind)
    effect = effects.get(id(function))
    if effect is not None:
        return function if effect == _NOTHING else _Call(site, function, effect)
    if kind in _BOUND:
        return _bound(site, function)
    if issubclass(kind, type):
        return _class(site, function)
    return _other(site, function, kind)


_NOTHING = Effect()
_READS = Effect(reads=ALL, deep=True)
_CHANGES = Effect("write", reads=ALL, deep=True)
_FILES = Effect(rule="files")
_STACKS = (contextlib.ExitStack, contextlib.AsyncExitStack)
_MIXED = Effect(reads=ALL, lasts=True)


def directly(run: Scheduler, site: Site, function: Any) -> Any:
    """Announce at once, before the arguments are there, what looks at the frame that calls it."""
    effect = effects.get(id(function))
    if effect is not None and effect.rule:
        apply(run, site, effect, None, (), {})
    return function


def _python(site: Site, function: types.FunctionType, called: Any, own: Any) -> Any:
    if speaks(function):
        return called
    effect = effects.get(id(function))
    if effect is not None:
        return called if effect == _NOTHING else _Call(site, called, effect, own)
    if _works_with_files(function.__module__, function.__name__) and function.__code__.co_filename[0] != "<":
        return _Call(site, called, _FILES)
    if only_reads(function.__module__):
        return _Call(site, called, (_CHANGES if can_change(own) else _READS)._replace(lasts=True), own)
    if own is not None and is_mixin(function, type(own)):
        return _Call(site, called, _MIXED)
    if function.__module__ == "logging":
        return _Call(site, called, _READS)  # of what is to be shown
    if is_harmless(function.__module__):
        return _harmless(site, called, function.__module__, own)
    if is_generated(function, called if issubclass(type(called), type) else type(own)) and function.__name__ in (
        "__init__",
        "__new__",
    ):
        return called if own is None else _Call(site, called, Effect("write"), own)
    return _Unseen(site, called, function.__qualname__, function.__module__, own, in_python=True)


def _look_at(run: Scheduler, site: Site, own: Any) -> None:
    """Look at an object of the library whose method is called while others are there."""
    if isinstance(own, _STACKS):
        announce(run, site, cells_of(run, [own], writes=True))
    elif _is_elsewhere(own):
        run.doubt(f"uses {type(own).__name__} of asyncio in a thread that does not run its event loop", site.place)


def _is_elsewhere(thing: Any) -> bool:
    """Tell whether something of asyncio belongs to an event loop that this thread does not run; loops look out for themselves."""
    if not isinstance(thing, asyncio.Future) and not any(
        parent.__module__.startswith("asyncio.") for parent in type(thing).__mro__
    ):
        return False
    if isinstance(thing, asyncio.AbstractEventLoop | asyncio.Runner | type):
        return False
    running = asyncio._get_running_loop()  # noqa: SLF001 (the public one raises where there is none)
    return running is None or getattr(thing, "_loop", None) not in (None, running)


def _works_with_files(module: object, name: str) -> bool:
    known = FILES.get(module.partition(".")[0], frozenset()) if type(module) is str else frozenset()
    return name not in NO_FILES if known is None else name in known


def _harmless(site: Site, called: Any, module: object, own: Any = None) -> Any:
    return _Handing(site, called, own) if type(module) is str and belongs(module, HANDING) else called


def _bound(site: Site, function: Any) -> Any:
    """A method written in C, with its object; or a function of a module."""
    own = function.__self__
    if type(own) in hooks.LOCKS:
        return getattr(hooks.shadow(own), function.__name__)
    if own is None or issubclass(type(own), types.ModuleType):
        module = function.__module__
        if _works_with_files(module, function.__name__):
            return _Call(site, function, _FILES)
        if only_reads(module):
            return _Call(site, function, _READS)
        return (
            _harmless(site, function, module) if is_harmless(module) else _Unseen(site, function, function.__name__, module, None)
        )
    base = base_of(type(own))
    if base is not None:
        return _Call(site, function, method_of(base, function.__name__), own)
    if type(own) in ITERATORS or type(own) is types.GeneratorType:
        return _Call(site, function, Effect(rule="next_item"), own, passes_own=True)
    if is_harmless(type(own).__module__):
        return _harmless(site, function, type(own).__module__, own)
    effect = listed(type(own), function.__name__)
    if effect is not None:
        return function if effect == _NOTHING else _Call(site, function, effect, own)
    return _Unseen(site, function, function.__qualname__, type(own).__module__, own if can_change(own) else None)


def _class(site: Site, kind: type) -> Any:
    for name in ("__init__", "__new__"):
        owner, method = find(kind, name)
        method = getattr(method, "__func__", method)
        if type(method) is types.FunctionType:
            return _python(site, method, kind, None)
        if owner is not None and owner is not object:
            effect = effects.get(id(owner))
            if effect is not None:
                return _Call(site, kind, effect)
            if issubclass(owner, BaseException) or is_harmless(owner.__module__):
                return kind
            if only_reads(owner.__module__) or owner.__module__ in _CONTAINED:
                return _Call(site, kind, _READS)
            return _Unseen(site, kind, kind.__qualname__, owner.__module__, None)
    return kind


def _other(site: Site, function: Any, kind: type) -> Any:
    if kind in _SLOTS:
        return _Call(site, function, None)
    if kind is functools.partial:
        inner = call(site, function.func)
        return function if inner is function.func else functools.partial(inner, *function.args, **function.keywords)
    if kind in _GETTERS:
        return _Getter(site, function)
    if kind is _CACHED:
        inner = function.__wrapped__
        if type(inner) is types.FunctionType and not speaks(inner) and not is_harmless(inner.__module__):
            return _Unseen(site, function, inner.__qualname__, inner.__module__, None, in_python=True)
        return _Call(site, function, Effect("write"))
    _, method = find(kind, "__call__")
    if type(method) is types.FunctionType:
        return _python(site, method, function, function)
    if is_harmless(kind.__module__):
        return function
    if only_reads(kind.__module__):
        return _Call(site, function, _READS)
    return _Unseen(site, function, kind.__qualname__, kind.__module__, function if can_change(function) else None)


class _Call:
    """Calls what the table knows."""

    __slots__ = ("_effect", "_function", "_own", "_passes_own", "_site")

    def __init__(self, site: Site, function: Any, effect: Effect | None, own: Any = None, *, passes_own: bool = False) -> None:
        self._site = site
        self._function = function
        self._effect = effect
        self._own = own
        self._passes_own = passes_own

    def __call__(self, /, *arguments: Any, **named: Any) -> Any:
        run = active()
        if run is None:
            return self._function(*arguments, **named)
        if self._effect is None:
            return self._unbound(arguments, named)
        given = (self._own, *arguments) if self._passes_own else arguments
        if self._function is getattr and len(arguments) > 1 and is_cached(type(arguments[0]), arguments[1]):
            return getattr(hooks.attribute_load(Site(self._site.place, arguments[1]), arguments[0]), arguments[1])
        cells = apply(run, self._site, self._effect, self._own, given, named)
        stepped = self._stepping(self._effect, arguments, named) if self._effect.reads else arguments
        sorts = self._effect.own == "write" and type(named.get("key")) in _PYTHON  # the list is empty meanwhile
        if sorts or self._lasts(stepped, arguments):
            name = getattr(self._function, "__qualname__", repr(self._function))
            return lasting(run, self._site, cells, name, lambda: self._function(*stepped, **named))
        return self._function(*stepped, **named)

    def _lasts(self, stepped: tuple[Any, ...], arguments: tuple[Any, ...]) -> bool:
        """Tell whether Python code runs while it is called, so that others may come in between."""
        effect = self._effect
        if effect is None or effect.lasts:
            return effect is not None
        if effect.own == "write" and any(
            new is not old or type(old) is types.GeneratorType for new, old in zip(stepped, arguments, strict=True)
        ):
            return True
        return effect.deep and any(type(thing) not in PLAIN and in_python(thing) for thing in (self._own, *arguments))

    def _stepping(self, effect: Effect, arguments: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
        """Return the arguments, so that each step over them is announced where the user's code runs in between."""
        given = [step_by_step(self._site, argument) for argument in arguments]
        at = effect.steps
        if at is None:
            return tuple(given)
        calls_back = any(type(thing) in _PYTHON for thing in (*arguments, *named.values()))
        if calls_back and len(given) > at and (at or len(given) == 1) and given[at] is arguments[at]:
            given[at] = iterate(self._site, given[at])
        return tuple(given)

    def _unbound(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """``list.append(items, 1)``: the method belongs to the first argument."""
        function = self._function
        if isinstance(function, _SLOTS) and arguments:
            own, *rest = arguments
            bound = function.__get__(own, type(own))
            return call(self._site, bound)(*rest, **named)
        return function(*arguments, **named)


class _Handing:
    """Calls what will call what it is given, in another thread perhaps: what does not speak for itself is announced then."""

    __slots__ = ("_function", "_own", "_site")

    def __init__(self, site: Site, function: Any, own: Any = None) -> None:
        self._site = site
        self._function = function
        self._own = own

    def __call__(self, /, *arguments: Any, **named: Any) -> Any:
        run = active()
        if run is not None:
            if self._own is not None and len(run.live) > 1:
                _look_at(run, self._site, self._own)
            arguments = tuple(handed(self._site, argument) for argument in arguments)
            named = {name: handed(self._site, argument) for name, argument in named.items()}
        return self._function(*arguments, **named)


def handed(site: Site, thing: Any) -> Any:
    """Return what is to be called, wherever that will be, in place of a function that does not speak for itself."""
    kind = type(thing)
    known = kind in _PYTHON or kind in _BOUND or kind is functools.partial or kind in _GETTERS or id(thing) in effects
    return call(site, thing) if known and not issubclass(kind, type) else thing


def target(function: Any, place: Place | None) -> Any:
    """Return what a task is to run in place of a function that the user gave it: `call` for those who start threads.

    Args:
        function: what the user wants to run.
        place: where the user said so.
    """
    return call(Site(place or Place("", 0)), function)


_states: dict[object, object] = {}


def _state_of(module: object) -> object:
    """Return what stands for all that the C code of a module may keep to itself."""
    return _states.setdefault(module, object())


class _Unseen:
    """Calls what we cannot look into."""

    __slots__ = ("_function", "_in_python", "_module", "_name", "_own", "_site")

    def __init__(self, site: Site, function: Any, name: str, module: object, own: Any, *, in_python: bool = False) -> None:
        self._in_python = in_python
        self._site = site
        self._function = function
        self._name = name
        self._module = module
        self._own = own

    def __call__(self, /, *arguments: Any, **named: Any) -> Any:
        run = active()
        if run is None:
            return self._function(*arguments, **named)
        own = [] if self._own is None else [self._own]
        given = [*own, *arguments, *named.values()]
        behind_methods = [thing.__self__ for thing in given if type(thing) in _BOUND and base_of(type(thing.__self__)) is not None]
        if not self._in_python and self._own is None and self._module and self._module not in IMMUTABLE:
            run.point(Operation("write", ((run.number(_state_of(self._module)), WHOLE, True),), self._site.place))
        unseen(run, self._site, self._name, self._module, [*given, *behind_methods], always=self._in_python)
        tasks = len(run.tasks)
        try:
            return self._function(*arguments, **named)
        finally:
            if len(run.tasks) > tasks:
                run.doubt(f"{self._name} starts threads, and what it does itself meanwhile cannot be seen", self._site.place)


class _Getter:
    """Calls ``operator.itemgetter`` and its kin, by doing what they do."""

    __slots__ = ("_function", "_site")

    def __init__(self, site: Site, function: Any) -> None:
        self._site = site
        self._function = function

    def __call__(self, /, *arguments: Any, **named: Any) -> Any:
        run = active()
        if run is None or len(arguments) != 1 or named:
            return self._function(*arguments, **named)
        parts = self._function.__reduce__()[1]
        thing = arguments[0]
        if isinstance(self._function, operator.itemgetter):
            found = tuple(hooks.item_load(self._site, thing, part) for part in parts)
        elif isinstance(self._function, operator.attrgetter):
            found = tuple(functools.reduce(self._attribute, part.split("."), thing) for part in parts)
        else:
            return self.method_of(thing)
        return found if len(found) > 1 else found[0]

    def _attribute(self, thing: Any, name: str) -> Any:
        site = Site(self._site.place, name)
        return getattr(hooks.attribute_load(site, thing), name)

    def method_of(self, thing: Any) -> Any:
        reduced: Any = self._function.__reduce__()
        made, parts = reduced[:2]
        first: Any = made if type(made) is functools.partial else functools.partial(len)
        name, *rest = list[Any]([*first.args, *parts])
        return call(self._site, self._attribute(thing, name))(*rest, **first.keywords)
