"""What the table's entries mean: from an `Effect` and the arguments of a call to the cells that it touches."""

from __future__ import annotations

import functools
import io
import operator
import os
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from atonce.race.eye.accesses import ALL, Effect
from atonce.race.eye.attributes import forget_types, loaded, stored
from atonce.race.eye.containers import EXACT, ITERATORS, PLAIN, base_of, behind, consumed, reach
from atonce.race.eye.hooks import is_module, item_cell, store_item
from atonce.race.eye.hooks import named as key_of
from atonce.race.eye.iterating import announce_step
from atonce.race.eye.sites import Site
from atonce.race.eye.watching import announce, cells_of, doubt, each_of, of_callback, own_dictionary, read, special
from atonce.race.operations import WHOLE, Cell
from atonce.race.scheduler import Scheduler

__all__ = ("apply",)


class _Called(NamedTuple):
    run: Scheduler
    site: Site
    own: Any
    arguments: Sequence[Any]
    named: Mapping[str, Any] = {}


Rule = Callable[[_Called], list[Cell] | None]
_rules: dict[str, Rule] = {}


def apply(run: Scheduler, site: Site, effect: Effect, own: Any, arguments: Sequence[Any], named: Mapping[str, Any]) -> list[Cell]:
    """Announce what a call touches, and return it, as far as it is known at once.

    Args:
        run: the run.
        site: the call.
        effect: what the table says of the function.
        own: the object whose method it is.
        arguments: what is given by position.
        named: what is given by name.
    """
    if effect.own.startswith("write") and is_module(own):
        doubt(run, f"changes the variables of {own['__name__']} at once", site.place)
    if effect.rule:
        for thing in named.values():
            of_callback(run, site, thing)
        return _rules[effect.rule](_Called(run, site, own, arguments, named)) or []
    if not effect.reads and not effect.writes and effect.own in ("read", "write") and type(own) in EXACT:
        callbacks = [cell for thing in arguments if type(thing) not in PLAIN for cell in of_callback(run, site, thing)]
        cells = [(run.number(own), WHOLE, effect.own == "write"), *callbacks]
        announce(run, site, cells)
        return cells
    cells = []
    if effect.own == "write item":
        key = arguments[0] if arguments else None
        store_item(run, site, own, key)
    elif effect.own == "read item":
        cells += _item(run, site, own, arguments)
    elif effect.own:
        cells += cells_of(run, behind(own) or [own], writes=effect.own == "write")
    cells += _given(run, site, effect, arguments, named)
    cells += [cell for thing in [*arguments, *named.values()] for cell in of_callback(run, site, thing)]
    cells += _through_getters(run, site, [*arguments, *named.values()])
    cells += cells_of(run, [thing for i in effect.writes if i < len(arguments) for thing in behind(arguments[i])], writes=True)
    announce(run, site, cells)
    return cells


def _given(run: Scheduler, site: Site, effect: Effect, arguments: Sequence[Any], named: Mapping[str, Any]) -> list[Cell]:
    """Return what is read of the arguments."""
    everything = effect.reads == ALL or effect.deep
    given = [*arguments, *named.values()] if everything else [arguments[i] for i in effect.reads if i < len(arguments)]
    cells: list[Cell] = []
    for thing in given:
        special(run, site, thing, "__iter__", "__len__")
        if effect.deep:
            special(run, site, thing, "__str__", "__repr__")
        if effect.deep or effect.each:
            cells += each_of(run, site, thing)
    return [*cells, *read(run, site, *given, deep=effect.deep)]


def _through_getters(run: Scheduler, site: Site, given: Sequence[Any]) -> list[Cell]:
    """Return what C code touches that calls ``attrgetter`` and its like, or methods of classes, for all that it is given."""
    getters = [getter for thing in given for getter in _getters(thing)]
    if not getters:
        return []
    reads = all(type(getter) in (operator.itemgetter, operator.attrgetter) for getter in getters)
    bound = [part for getter in getters if type(getter) is functools.partial for part in _bound_to(getter)]
    found, complete = reach([*given, *bound], objects=True)
    if not complete:
        doubt(run, "reads a structure that is too large to be followed", site.place)
    return cells_of(run, found, writes=not reads)


_METHODS = (types.MethodDescriptorType, types.WrapperDescriptorType)
_GETTERS = (operator.itemgetter, operator.attrgetter, operator.methodcaller, functools.partial, *_METHODS)
_UNCHANGING = (str, bytes, int, float, tuple, frozenset)


def _getters(thing: Any) -> list[Any]:
    if type(thing) in ITERATORS:
        return [getter for part in consumed(thing) for getter in _getters(part)]
    found = type(thing) in _GETTERS and not (type(thing) in _METHODS and thing.__objclass__ in _UNCHANGING)
    return [thing] if found else []


def _bound_to(partial: Any) -> list[Any]:
    return [*partial.args, *partial.keywords.values(), getattr(partial.func, "__self__", None)]


def _item(run: Scheduler, site: Site, own: Any, arguments: Sequence[Any]) -> list[Cell]:
    base = base_of(type(own))
    if base is None or not arguments:
        return read(run, site, own)
    return [(run.number(own), key_of(run, site, base, arguments[0]), False)]


def _rule(function: Rule) -> Rule:
    _rules[function.__name__.strip("_")] = function
    return function


def _named(arguments: Sequence[Any]) -> tuple[Any, str]:
    return arguments[0], str(arguments[1]) if len(arguments) > 1 else ""


@_rule
def _getattr(called: _Called) -> None:
    run, site, _, arguments, _ = called
    if len(arguments) > 1:
        announce(run, site, loaded(run, site, *_named(arguments)))


@_rule
def _setattr(called: _Called) -> None:
    run, site, _, arguments, _ = called
    if len(arguments) > 1:
        announce(run, site, stored(run, site, *_named(arguments)))
        if issubclass(type(arguments[0]), type):
            doubt(run, f"sets {arguments[0].__qualname__}.{arguments[1]} by its name", site.place)


_rules["delattr"] = _setattr


@_rule
def _get_attribute(called: _Called) -> None:
    _, _, own, arguments, _ = called
    if arguments:
        _getattr(called._replace(arguments=[own, *arguments]))


@_rule
def _set_attribute(called: _Called) -> None:
    run, site, own, arguments, _ = called
    if arguments:
        _plain_store(run, site, own, str(arguments[0]))


_rules["delete_attribute"] = _set_attribute


def _plain_store(run: Scheduler, site: Site, thing: Any, name: str) -> None:
    """Announce what ``object.__setattr__`` does, which asks no ``__setattr__`` of the type."""
    if issubclass(type(thing), type | types.ModuleType):
        announce(run, site, stored(run, site, thing, name))
        if issubclass(type(thing), type):
            forget_types()
            doubt(run, f"sets {thing.__qualname__}.{name} by its name", site.place)
    else:
        announce(run, site, [(run.number(thing), name, True)])


@_rule
def _vars(called: _Called) -> None:
    run, _, _, arguments, _ = called
    if arguments and issubclass(type(arguments[0]), type):
        loaded(run, called.site, arguments[0], "__dict__")
    elif arguments:
        own_dictionary(run, arguments[0])


@_rule
def _read_all(called: _Called) -> None:
    run, site, own, arguments, _ = called
    things = [thing for thing in [own, *arguments[:1]] if thing is not None]
    found = [thing for thing in things if reach([thing], objects=True)[0]]
    announce(run, site, [*cells_of(run, found), *read(run, site, *things)])


@_rule
def _read_deep(called: _Called) -> list[Cell]:
    run, site, _, arguments, named = called
    arguments = [*arguments, *named.values()]
    for thing in arguments:
        special(run, site, thing, "__format__", "__str__", "__repr__")
    found, complete = reach([*arguments], objects=True)
    cells = cells_of(run, found)
    announce(run, site, cells)
    if not complete:
        doubt(run, "reads a structure that is too large to be followed", site.place)
    return cells


_CONVERTING = (
    "__bool__", "__len__", "__int__", "__float__", "__complex__", "__index__", "__hash__", "__abs__", "__round__", "__trunc__",
    "__divmod__", "__rdivmod__", "__pow__", "__rpow__",
)  # fmt: skip


@_rule
def _convert(called: _Called) -> list[Cell]:
    run, site, _, arguments, _ = called
    cells = read(run, site, *arguments)
    for thing in arguments:
        if type(thing) not in PLAIN:
            for name in _CONVERTING:
                special(run, site, thing, name)
    announce(run, site, cells)
    return cells


@_rule
def _files(called: _Called) -> None:
    doubt(called.run, "works with files, and who else does is not seen", called.site.place)


@_rule
def _environment(called: _Called) -> None:
    announce(called.run, called.site, cells_of(called.run, [os.environ]))


@_rule
def _print(called: _Called) -> list[Cell]:
    run, site, _, arguments, named = called
    for thing in arguments:
        special(run, site, thing, "__str__", "__repr__")
    file = named.get("file") or sys.stdout
    kept = "file" in named or type(file) is io.StringIO
    cells = [cell for thing in arguments for cell in each_of(run, site, thing)]
    cells += [*read(run, site, *arguments, deep=True), *(cells_of(run, behind(file), writes=True) if kept else ())]
    announce(run, site, cells)
    return cells


@_rule
def _next_item(called: _Called) -> None:
    run, site, _, arguments, _ = called
    for thing in arguments[:1]:
        if type(thing) is types.GeneratorType or type(thing) in ITERATORS:
            announce_step(run, site, thing, own=True)
        else:
            special(run, site, thing, "__next__")


@_rule
def _weak(called: _Called) -> None:
    run, site, _, arguments, _ = called
    if len(arguments) > 1:
        run.doubt("waits for the end of an object, which lives longer here", site.place)


@_rule
def _exec(called: _Called) -> None:
    run, site, _, _, _ = called
    run.doubt("runs code from a text, which cannot be seen", site.place)


@_rule
def _getitem(called: _Called) -> None:
    run, site, _, arguments, _ = called
    if len(arguments) == 2:  # noqa: PLR2004
        announce(run, site, item_cell(run, site, arguments[0], arguments[1], "__getitem__"))


@_rule
def _setitem(called: _Called) -> None:
    run, site, _, arguments, _ = called
    if len(arguments) == 3:  # noqa: PLR2004
        store_item(run, site, arguments[0], arguments[1])


@_rule
def _delitem(called: _Called) -> None:
    run, site, _, arguments, _ = called
    announce(run, site, [(run.number(thing), WHOLE, True) for thing in behind(arguments[0])] if arguments else [])
