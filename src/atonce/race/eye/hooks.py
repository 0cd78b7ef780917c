"""The hooks: what rewritten code calls. Each does, beside announcing an access, exactly what the expression did before.

Outside of a run, and in threads that no run decides over, they only do that: a closure that survives a run keeps its hooks.
"""

from __future__ import annotations

import _thread
import types
from collections.abc import Callable, Hashable, Iterable
from typing import Any

from atonce.race.eye.attributes import forget_types, is_cached, loaded, stored
from atonce.race.eye.containers import PLAIN, base_of, behind, element
from atonce.race.eye.included import find, is_included, is_watched
from atonce.race.eye.sites import Site
from atonce.race.eye.watching import announce, cells_of, doubt, each_of, of_callback, read, special
from atonce.race.operations import WHOLE, Cell, Operation
from atonce.race.scheduler import Scheduler, active

__all__ = ("HOOKS", "hook", "replaced", "shadow")

HOOKS: dict[str, Callable[..., Any]] = {}
"""All hooks, by the names that the rewriting uses."""

replaced: dict[int, Any] = {}
"""What is to be called in place of an original, by its id: ``time.sleep`` that user code holds under a name of its own."""

LOCKS = (_thread.LockType, _thread.RLock)


def shadow(lock: Any) -> Any:
    """Return what stands for a real lock during a run. The primitives put their own function here."""
    return lock


def hook(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function known as a hook."""
    HOOKS[function.__name__] = function
    return function


# ---------------------------------------------------------------- attributes


@hook
def attribute_load(site: Site, base: Any) -> Any:
    """``base.name`` is loaded next."""
    run = active()
    if run is None or type(base) in PLAIN:
        return base
    if type(base) in LOCKS:
        return shadow(base)
    cells = loaded(run, site, base, site.name)
    if cells:
        run.point(Operation("read", tuple(cells), site.place))
        if is_cached(type(base), site.name):
            return _Cached(site, base)
    return base


class _Cached:
    """Loads an attribute that ``functools.cached_property`` computes, as it does since 3.12: without a lock."""

    def __init__(self, site: Site, base: Any) -> None:
        self.__dict__["\0"] = site, base

    def __getattr__(self, name: str) -> Any:
        site, base = self.__dict__["\0"]
        attributes = base.__dict__
        if name in attributes:
            return attributes[name]
        value = getattr(type(base), name).func(base)
        run = active()
        if run is not None:
            announce(run, site, [(run.number(base), name, True)])
        attributes[name] = value
        return value


@hook
def attribute_store(site: Site, base: Any) -> Any:
    """``base.name`` is stored next."""
    run = active()
    if run is None:
        return base
    cells = stored(run, site, base, site.name)
    announce(run, site, cells)
    return _Class(run, site, base) if issubclass(type(base), type) else base


attribute_delete = HOOKS["attribute_delete"] = attribute_store


class _Class:
    """Stands for a class whose attribute is assigned, to see what is assigned."""

    def __init__(self, run: Scheduler, site: Site, base: type) -> None:
        self.__dict__["\0"] = run, site, base

    def __setattr__(self, name: str, value: Any) -> None:
        run, site, base = self.__dict__["\0"]
        _, old = find(base, name)
        if hasattr(type(old), "__get__") or hasattr(type(value), "__get__"):
            doubt(run, f"replaces {base.__qualname__}.{name}", site.place)
        forget_types()
        setattr(base, name, value)

    def __delattr__(self, name: str) -> None:
        _, _, base = self.__dict__["\0"]
        forget_types()
        delattr(base, name)


# ---------------------------------------------------------------- items


def item_cell(run: Scheduler, site: Site, container: Any, index: Any, method: str) -> list[Cell]:
    """Return the cell of one element, for an operation that does not change the container's size."""
    if type(container) in PLAIN or issubclass(type(container), type):
        return []
    if not special(run, site, container, method):
        return []
    base = base_of(type(container))
    if base is not None:
        return [(run.number(container), named(run, site, base, index), False)]
    return read(run, site, container)


def named(run: Scheduler, site: Site, base: type, key: Any) -> Hashable:
    """Name an element, and doubt a lookup that calls the user's code, which others may interrupt."""
    name = element(base, key)
    if name is WHOLE and issubclass(base, dict | set):
        announce(run, site, each_of(run, site, key) if type(key) is not tuple else ())
    if name is WHOLE and issubclass(base, dict | set) and len(run.live) > 1:
        _, method = find(type(key), "__hash__")
        if type(method) is types.FunctionType and is_included(method.__code__):
            doubt(run, f"looks up a key by {method.__qualname__}", site.place)
    return name


def _missing(container: Any, base: type | None, index: Any) -> bool:
    """Tell whether a mapping lacks a key now."""
    return (
        base is not None
        and issubclass(base, dict)
        and element(base, index) is not WHOLE
        and not dict.__contains__(container, index)
    )


@hook
def item_load(site: Site, container: Any, index: Any) -> Any:
    """``container[index]``."""
    run = active()
    if run is None:
        return container[index]
    cells = item_cell(run, site, container, index, "__getitem__")
    announce(run, site, cells)
    if cells and _missing(container, base_of(type(container)), index) and find(type(container), "__missing__")[0] is not None:
        return _made(run, site, container, index)
    return container[index]


def _made(run: Scheduler, site: Site, container: Any, index: Any) -> Any:
    """Do what ``defaultdict`` does where a key is missing: the factory runs first, and then the value is put in."""
    _, method = find(type(container), "__missing__")
    if isinstance(method, types.FunctionType):
        special(run, site, container, "__missing__")
        return container[index]
    if container.default_factory is None:
        return container[index]
    of_callback(run, site, container.default_factory)
    value = container.default_factory()
    announce(run, site, [(run.number(container), WHOLE, True)])
    dict.__setitem__(container, index, value)
    return value


@hook
def item_box(site: Site, container: Any, index: Any) -> Any:
    """``container[index]`` is stored or deleted next."""
    return _Item(site, container, index)


class _Item:
    __slots__ = ("_container", "_index", "_site")

    def __init__(self, site: Site, container: Any, index: Any) -> None:
        self._site = site
        self._container = container
        self._index = index

    def __setitem__(self, _: None, value: Any) -> None:
        run = active()
        if run is not None:
            if type(value) is types.GeneratorType and base_of(type(self._container)) is list:
                value = list(value)  # as the interpreter does, before it looks at the list
            taken = read(run, self._site, value) if type(self._index) is slice else ()
            store_item(run, self._site, self._container, self._index, taken)
        self._container[self._index] = value

    def __delitem__(self, _: None) -> None:
        run = active()
        if run is not None and special(run, self._site, self._container, "__delitem__"):
            announce(run, self._site, cells_of(run, behind(self._container), writes=True))
        del self._container[self._index]


def store_item(run: Scheduler, site: Site, container: Any, index: Any, taken: Iterable[Cell] = ()) -> None:
    """Announce that an element is stored: all of a mapping changes if it had no such key.

    Args:
        run: the run.
        site: where.
        container: where it is stored.
        index: under what.
        taken: what is read for it.
    """
    if not special(run, site, container, "__setitem__"):
        return
    base = base_of(type(container))
    if base is None:
        announce(run, site, [*cells_of(run, behind(container), writes=True), *taken])
        return
    number = run.number(container)
    key = named(run, site, base, index)
    whole = _missing(container, base, index)
    run.point(Operation("write", ((number, WHOLE if whole else key, True), *taken), site.place))
    if whole is not _missing(container, base, index):
        run.replace(Operation("write", ((number, key if whole else WHOLE, True),), site.place))
    owner = run.kept[number]
    if owner is not container and type(index) is str and isinstance(find(type(owner), index)[1], types.FunctionType):
        doubt(run, f"hides the method {index} of {type(owner).__qualname__}", site.place)
    if is_module(container) and not is_watched(container, str(index), own=True):
        doubt(run, f"sets {container['__name__']}.{index}, whose readers are not seen", site.place)


def is_module(thing: Any) -> bool:
    """Tell whether a dictionary is that of a module."""
    return type(thing) is dict and "__name__" in thing and "__builtins__" in thing


# ---------------------------------------------------------------- variables


def _name_cell(run: Scheduler, site: Site, where: Any, *, writes: bool) -> Cell:
    return (run.number(where), site.name, writes)


@hook
def name_load(site: Site, where: Any) -> None:
    """A variable that others may change is loaded next."""
    run = active()
    if run is not None:
        run.point(Operation("read", (_name_cell(run, site, where, writes=False),), site.place))


@hook
def name_store(site: Site, where: Any, value: Any) -> Any:
    """A variable that others may change is bound next."""
    run = active()
    if run is not None:
        run.point(Operation("write", (_name_cell(run, site, where, writes=True),), site.place))
    return value


@hook
def name_box(site: Site, where: Any) -> Any:
    """A variable that others may change is assigned next."""
    return _Variable(site, where)


class _Variable:
    __slots__ = ("_site", "_where")

    def __init__(self, site: Site, where: Any) -> None:
        self._site = site
        self._where = where

    def __setitem__(self, _: None, value: Any) -> None:
        name_store(self._site, self._where, None)
        if isinstance(self._where, types.CellType):
            self._where.cell_contents = value
        else:
            self._where[self._site.name] = value


# ---------------------------------------------------------------- with


@hook
def enter(site: Site, manager: Any) -> Any:
    """A ``with`` begins."""
    run = active()
    if run is None:
        return manager
    if type(manager) in LOCKS:
        return shadow(manager)
    special(run, site, manager, "__enter__")
    special(run, site, manager, "__exit__")
    return manager
