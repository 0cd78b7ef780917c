"""Hooks for operators, comparisons, truth tests and texts: what reads a value without naming a part of it."""

from __future__ import annotations

import types
from typing import Any

from atonce.race.eye.containers import PLAIN, base_of, behind, reach
from atonce.race.eye.hooks import hook, named
from atonce.race.eye.included import find, is_generated, is_included
from atonce.race.eye.iterating import step_by_step
from atonce.race.eye.sites import Site
from atonce.race.eye.watching import announce, cells_of, doubt, each_of, in_python, lasting, read, special
from atonce.race.operations import Cell
from atonce.race.scheduler import Scheduler, active

__all__ = ("augment", "binary", "compare", "operand", "shown", "truth")

_MANY = 1_000


@hook
def truth(site: Site, thing: Any) -> Any:
    """The truth of a value is asked for."""
    if type(thing) in PLAIN:
        return thing
    run = active()
    if run is not None and special(run, site, thing, "__bool__", "__len__"):
        announce(run, site, read(run, site, thing))
    return thing


@hook
def binary(site: Site, left: Any, right: Any) -> Any:
    """``left + right``."""
    if type(left) in PLAIN and type(right) in PLAIN:
        return site.operator(left, right)
    run = active()
    if run is not None:
        shows = site.sign == "%" and type(left) in (str, bytes)
        name = site.operator.__name__.strip("_")
        special(run, site, left, f"__{name}__")
        special(run, site, right, f"__r{name}__")
        if shows:
            announce(run, site, [*read(run, site, right, deep=True), *each_of(run, site, right)])
        else:
            announce(run, site, read(run, site, left, right))
    return site.operator(left, right)


@hook
def operand(site: Site, thing: Any) -> Any:
    """The operand of ``-a``, ``+a`` or ``~a``, which follows."""
    if type(thing) in PLAIN:
        return thing
    run = active()
    if run is not None:
        special(run, site, thing, site.sign)
        announce(run, site, read(run, site, thing))
    return thing


@hook
def augment(site: Site, old: Any, value: Any) -> Any:
    """``old += value``, without the assignment."""
    if type(old) in PLAIN and type(value) in PLAIN:
        return site.operator(old, value)
    run = active()
    if run is not None:
        name = f"__{site.operator.__name__}__"
        in_place = find(type(old), name)[1] is not None
        if special(run, site, old, name if in_place else name.replace("__i", "__", 1)):
            cells = [*cells_of(run, behind(old), writes=in_place), *read(run, site, value)]
            announce(run, site, cells)
            given = step_by_step(site, value)
            if given is not value:
                return lasting(run, site, cells, site.place.text, lambda: site.operator(old, given))
    return site.operator(old, value)


@hook
def compare(site: Site, left: Any, right: Any) -> Any:
    """``left == right``, ``left in right``."""
    if type(left) in PLAIN and type(right) in PLAIN:
        return site.operator(left, right)
    run = active()
    if run is None:
        return site.operator(left, right)
    cells = compared(run, site, left, right)
    announce(run, site, cells)
    made = [side for side in (left, right) if _compares_fields(site, side)]
    if made:
        cells = [*cells, *cells_of(run, reach(made, objects=True)[0])]
    if made or (cells and any(type(thing) not in PLAIN and in_python(thing) for thing in (left, right))):
        return lasting(run, site, cells, site.place.text, lambda: site.operator(left, right))
    return site.operator(left, right)


def _compares_fields(site: Site, thing: Any) -> bool:
    """Tell whether a method that ``dataclass`` made compares a thing, one field after the other."""
    method = find(type(thing), f"__{site.operator.__name__}__")[1]
    return type(method) is types.FunctionType and is_generated(method, type(thing))


_REFLECTED = {"lt": "gt", "gt": "lt", "le": "ge", "ge": "le"}


def compared(run: Scheduler, site: Site, left: Any, right: Any) -> list[Cell]:
    """Return the cells that a comparison reads."""
    if site.sign in ("in", "not in"):
        if not special(run, site, right, "__contains__", "__iter__"):
            return []
        base = base_of(type(right))
        if base is not None and issubclass(base, dict | set):
            return [(run.number(right), named(run, site, base, left), False)]
        _calls_back(run, site, left, right)
        each = [*each_of(run, site, left), *each_of(run, site, right)]
        return [*read(run, site, right, deep=True), *each]
    if site.sign in ("is", "is not"):
        return []
    name = site.operator.__name__
    for side, method in ((left, name), (right, _REFLECTED.get(name, name))):
        special(run, site, side, f"__{method}__", "__eq__" if site.sign in ("==", "!=") else "__lt__")
    _calls_back(run, site, left, right)
    each = [*each_of(run, site, left), *each_of(run, site, right)]
    return [*read(run, site, left, right, deep=True), *each]


def _calls_back(run: Scheduler, site: Site, *things: Any) -> None:
    """Doubt what C does while it compares the elements of a container by the user's code, which others may interrupt."""
    for thing in things:
        if len(run.live) > 1:
            for container in behind(thing):
                for item in list(container)[:_MANY]:
                    _, method = find(type(item), "__eq__")
                    code = getattr(method, "__code__", None)
                    if code is not None and is_included(code):
                        doubt(run, f"compares elements by {method.__qualname__} while it reads the container", site.place)
                        return


@hook
def chained(site: Site, thing: Any) -> Any:
    """One operand of ``a < b < c``."""
    run = active()
    if run is not None and type(thing) not in PLAIN:
        cells = read(run, site, thing, deep=True)
        if cells:
            announce(run, site, cells)
            doubt(run, "compares containers in a chain", site.place)
    return thing


_OPPOSITE = {
    "==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<", "in": "not in", "not in": "in", "is": "is not",
    "is not": "is",
}  # fmt: skip


@hook
def asserted(site: Site, left: Any, right: Any) -> Any:
    """An assertion without a message: what it compared is kept, in case that it fails."""
    result = compare(site, left, right)
    site.failed = None if result is True else (left, right)
    return result


@hook
def message(site: Site) -> str:
    """Say why an assertion failed."""
    left, right = site.failed or (None, None)
    site.failed = None
    try:
        return f"{left!r} {_OPPOSITE[site.sign]} {right!r}"
    except Exception as error:
        return f"{site.place.text} (which cannot be shown: {type(error).__name__})"


@hook
def shown(site: Site, thing: Any) -> Any:
    """A value is made into a text."""
    run = active()
    if run is not None and type(thing) not in PLAIN:
        special(run, site, thing, "__format__", "__str__", "__repr__")
        announce(run, site, [*read(run, site, thing, deep=True), *each_of(run, site, thing)])
    return thing


@hook
def matched(site: Site, thing: Any) -> Any:
    """A value is matched against patterns, which look into it."""
    run = active()
    if run is not None and type(thing) not in PLAIN:
        found, complete = reach([thing], objects=True)
        if not complete:
            doubt(run, "matches a structure that is too large to be followed", site.place)
        announce(run, site, cells_of(run, found))
    return thing
