"""What the hooks share: how cells are announced, and what to say of code that is not seen."""

from __future__ import annotations

import functools
import itertools
import linecache
import sys
import types
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from atonce.race.eye.accesses import METHODS
from atonce.race.eye.containers import BUILTINS, EXACT, ITERATORS, PLAIN, base_of, behind, can_change, consumed, dictionary, reach
from atonce.race.eye.included import announces, find, is_generated, is_harmless, is_mixin, only_reads, speaks
from atonce.race.operations import WHOLE, Cell, Operation, Place, conflict
from atonce.race.scheduler import Scheduler

if TYPE_CHECKING:
    from atonce.race.eye.sites import Site

__all__ = (
    "announce",
    "cells_of",
    "changes",
    "doubt",
    "each_of",
    "forget_kinds",
    "in_python",
    "is_fresh",
    "lasting",
    "of_callback",
    "own_dictionary",
    "read",
    "special",
    "unseen",
)  # fmt: skip


def doubt(run: Scheduler, reason: str, place: Place | None) -> None:
    """Say that nothing can be proved, unless nobody else is there who could be disturbed."""
    if len(run.live) > 1:
        run.doubt(reason, place)


def announce(run: Scheduler, site: Site, cells: list[Cell] | tuple[Cell, ...]) -> None:
    """Let others go first, before these cells are touched."""
    if cells:
        writes = any(cell[2] for cell in cells)
        run.point(Operation("write" if writes else "read", tuple(cells), site.place))


def lasting(run: Scheduler, site: Site, cells: Sequence[Cell], what: str, do: Callable[[], Any]) -> Any:
    """Do what reads or writes cells in more than one step, none of which can be seen, and has been announced already.

    Its end is announced as well. So there are runs in which others come in between, if they can: these prove nothing.
    """
    begun = len(run.trace)
    others = len(run.live) > 1
    try:
        return do()
    finally:
        if cells and (others or len(run.live) > 1) and not run.aborting:
            announce(run, site, list(cells))
            me = run.running.number
            whole = Operation("", tuple(cells))
            if any(step.task != me and conflict(step.operation, whole) for step in run.trace[begun:]):
                run.doubt(f"{what} takes several steps, and others came in between", site.place)


_DOES = (
    "__eq__", "__lt__", "__gt__", "__repr__", "__str__", "__bool__", "__len__", "__add__", "__radd__", "__hash__", "__iter__",
)  # fmt: skip
_unseen_kinds: dict[type, str] = {}


def each_of(run: Scheduler, site: Site, thing: Any) -> list[Cell]:
    """Return what C reads of a thing and of the elements of a container by methods that ``dataclass`` made.

    Those that are written in Python otherwise, and are not seen, are doubted.
    """
    if type(thing) in PLAIN:
        return []
    made: list[Any] = []
    for part in _parts_of(thing):
        how = _compared_how(type(part))
        if how == "unseen":
            unseen(run, site, type(part).__qualname__, type(part).__module__, [part])
            return []
        if how == "made":
            made.append(part)
    return cells_of(run, reach(made, objects=True)[0]) if made else []


def _parts_of(thing: Any) -> Iterator[Any]:
    yield thing
    containers = [thing] if type(thing) is tuple else [part for part in behind(thing) if base_of(type(part)) is not None]
    for container in containers:
        for item in itertools.islice(list(container), _MANY):
            yield from item if type(item) is tuple else (item,)


def forget_kinds() -> None:
    """Forget how the objects of types are compared: others are seen from now on."""
    _unseen_kinds.clear()


def _compared_how(kind: type) -> str:
    known = _unseen_kinds.get(kind)
    if known is None:
        methods = [] if kind in PLAIN else [find(kind, name)[1] for name in _DOES]
        if any(_is_unseen(method, kind) for method in methods):
            known = "unseen"
        else:
            known = "made" if any(type(method) is types.FunctionType and is_generated(method, kind) for method in methods) else ""
        _unseen_kinds[kind] = known
    return known


def _is_unseen(method: Any, kind: type) -> bool:
    if type(method) is not types.FunctionType or speaks(method) or is_generated(method, kind):
        return False
    return not (is_harmless(method.__module__) or only_reads(method.__module__) or is_mixin(method, kind))


_in_python: dict[type, bool] = {}
_MANY = 1_000


def in_python(thing: Any) -> bool:
    """Tell whether the elements of a container, or what stands in tuples there, are compared or shown by Python code."""
    return any(
        _is_in_python(type(part))
        for container in behind(thing)
        if base_of(type(container)) is not None
        for item in itertools.islice(list(container), _MANY)
        for part in (item if type(item) is tuple else (item,))
    )


def _is_in_python(kind: type) -> bool:
    known = _in_python.get(kind)
    if known is None:
        methods = [find(kind, name)[1] for name in ("__eq__", "__lt__", "__gt__", "__repr__", "__bool__", "__len__")]
        known = any(type(method) is types.FunctionType for method in methods)
        _in_python[kind] = known
    return known


def cells_of(run: Scheduler, things: Iterable[object], *, writes: bool = False) -> list[Cell]:
    """Return the cells of things as a whole."""
    return [(run.number(thing), WHOLE, writes) for thing in things]


def read(run: Scheduler, site: Site, *things: Any, deep: bool = False) -> list[Cell]:
    """Return the cells that are read when the things are iterated over, or looked into. Iterators go on, and so change."""
    moved = [cell for thing in things if type(thing) in _GO_ON for cell in _moved(run, site, thing)]
    if not deep:
        return [*(cell for thing in things for cell in cells_of(run, behind(thing))), *moved]
    found, complete = reach(list(things), objects=False)
    if not complete:
        doubt(run, "reads a structure that is too large to be followed", site.place)
    return [*cells_of(run, found), *moved]


_GO_ON = ITERATORS | {types.GeneratorType}
_tokens: weakref.WeakKeyDictionary[Any, object] = weakref.WeakKeyDictionary()


def is_fresh(site: Site, thing: Any) -> bool:
    """Tell whether a generator was made by the very expression that hands it on, so that nobody else has it."""
    return site.sign == "fresh" and type(thing) is types.GeneratorType and thing.gi_code.co_name == "<genexpr>"


def _moved(run: Scheduler, site: Site, iterator: Any) -> list[Cell]:
    """Return the cells of an iterator, and of those that it goes through."""
    if is_fresh(site, iterator):
        return []
    return cells_of(run, _stand_ins(run, site, iterator), writes=True)


def _stand_ins(run: Scheduler, site: Site, iterator: Any) -> list[Any]:
    """Return what stands for an iterator: no generator may live longer for being numbered, since its ``finally`` has to run."""
    if type(iterator) is types.GeneratorType:
        _look_into(run, site, iterator)
        return [_tokens.setdefault(iterator, object())]
    inner = [token for part in consumed(iterator) if type(part) in _GO_ON for token in _stand_ins(run, site, part)]
    return inner if any(type(token) is object for token in inner) else [iterator, *inner]


def _look_into(run: Scheduler, site: Site, generator: types.GeneratorType[Any, Any, Any]) -> None:
    """Doubt a generator whose code is not seen: each of its steps may read what it was given long ago."""
    frame = generator.gi_frame
    if frame is not None and not announces(generator.gi_code) and not is_harmless(frame.f_globals.get("__name__")):
        doubt(run, f"{generator.__qualname__} does what cannot be seen", site.place)


def of_callback(run: Scheduler, site: Site, thing: Any) -> list[Cell]:
    """Return what a method written in C touches that is handed on, and called by other C code: ``max(names, key=ages.get)``.

    A function that is written in Python, and is not seen, is doubted.
    """
    kind = type(thing)
    if kind in _METHODS and base_of(type(thing.__self__)) is not None:
        return cells_of(run, [thing.__self__], writes=changes(thing))
    if kind in ITERATORS:
        return [cell for part in consumed(thing) for cell in of_callback(run, site, part)]
    if kind is functools.partial:
        return of_callback(run, site, thing.func)
    if kind is types.MethodType:
        _called_back(run, site, thing.__func__, [thing.__self__])
    elif kind is types.FunctionType:
        _called_back(run, site, thing, [])
    return []


def _called_back(run: Scheduler, site: Site, function: Any, own: list[Any]) -> None:
    if type(function) is not types.FunctionType:
        return
    if not speaks(function) and not is_harmless(function.__module__) and not only_reads(function.__module__):
        unseen(run, site, function.__qualname__, function.__module__, own)


_METHODS = (*BUILTINS, types.MethodWrapperType)


def changes(method: Any) -> bool:
    """Tell whether a bound method of a container changes it."""
    base: Any = base_of(type(method.__self__))
    effect = METHODS[f"{base.__module__}.{base.__name__}"].get(method.__name__)
    return effect is None or effect.own.startswith("write")


def special(run: Scheduler, site: Site, thing: Any, *names: str) -> bool:
    """Tell whether the interpreter does something with a thing by itself, so that we have to say what it touches.

    Args:
        run: the run.
        site: where.
        thing: what something is done with.
        names: the special methods that do it; the first one that the type has counts.
    """
    if type(thing) in EXACT:
        return True
    for name in names:
        owner, method = find(type(thing), name)
        if owner is object:
            continue
        if isinstance(method, types.FunctionType):
            _implicitly(run, site, thing, method)
            return False
        if method is not None:
            return True
    return True


def _implicitly(run: Scheduler, site: Site, thing: Any, method: types.FunctionType) -> None:
    """Look at a special method that the interpreter calls by itself."""
    if speaks(method):
        return
    if is_generated(method, type(thing)):
        found, complete = reach([thing], objects=True)
        announce(run, site, cells_of(run, found))
        if not complete:
            doubt(run, "reads a structure that is too large to be followed", site.place)
    elif only_reads(method.__module__):
        announce(run, site, cells_of(run, [thing] if can_change(thing) else [], writes=True))
    elif not is_harmless(method.__module__) and not is_mixin(method, type(thing)):
        unseen(run, site, method.__qualname__, method.__module__, [thing])


def unseen(run: Scheduler, site: Site, name: str, module: object, things: list[Any], *, always: bool = True) -> None:
    """Announce a call of code that we do not see: it may change everything that it is given.

    Args:
        run: the run.
        site: the call.
        name: of what is called.
        module: where that comes from.
        things: what it is given.
        always: doubt it even if it is given nothing that can change: it is Python code, and may have globals of its own.
    """
    found, complete = reach(things, objects=True)
    announce(run, site, cells_of(run, found, writes=True))
    if found or not complete or always:
        doubt(run, f"{name} does what cannot be seen{_hint(module) if always and module else ''}", site.place)


def _hint(module: object) -> str:
    file = getattr(sys.modules.get(str(module)), "__file__", None)
    if not linecache.getlines(str(file)):
        return ": its source is not there. Write it into a file"
    return f'; include=["{str(module).partition(".")[0]}"] looks into it'


def own_dictionary(run: Scheduler, thing: Any) -> dict[str, Any] | None:
    """Return the attributes of an object, and let the dictionary stand for it."""
    found = dictionary(thing)
    if found is not None and found is not thing and not issubclass(type(thing), types.ModuleType):
        run.same(found, thing)
    return found
