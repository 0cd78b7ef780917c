"""Hooks for loops and unpacking: what is read step by step, and what at once."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any, Self

from atonce.race.eye.containers import ITERATORS, PLAIN, behind, consumed
from atonce.race.eye.hooks import hook
from atonce.race.eye.included import find
from atonce.race.eye.sites import Site
from atonce.race.eye.watching import announce, doubt, is_fresh, of_callback, read, special
from atonce.race.operations import WHOLE
from atonce.race.scheduler import Scheduler, active

__all__ = ("announce_step", "delegate", "iterate", "step_by_step", "steps", "unpack")


@hook
def iterate(site: Site, thing: Any) -> Any:
    """A loop over something: each step reads it."""
    run = active()
    if run is None or type(thing) in PLAIN or (type(thing) is tuple and not site.sign) or not special(run, site, thing, "__iter__"):
        return thing
    if site.sign or behind(thing) or type(thing) is types.GeneratorType or type(thing) in ITERATORS:
        return steps(site, thing)
    return thing


def steps(site: Site, thing: Any) -> Iterator[Any]:
    """Yield what an iterator gives, each step announced."""
    own = type(thing) is types.GeneratorType or find(type(thing), "__next__")[0] is not None
    iterator = None
    while True:
        run = active()
        if run is not None:
            announce_step(run, site, thing, own=own)
        if iterator is None:
            iterator = iter(thing)  # which takes down the size of a mapping
        try:
            item = next(iterator)
        except StopIteration:
            return
        if site.sign and run is not None:
            unpack(site, item)
        yield item


def announce_step(run: Scheduler, site: Site, thing: Any, *, own: bool) -> None:
    """Announce one step of an iterator: it changes the iterator itself, and reads the containers behind it."""
    cells = [*read(run, site, thing), *of_callback(run, site, thing)]
    if own and type(thing) not in ITERATORS and type(thing) is not types.GeneratorType:
        cells.append((run.number(thing), WHOLE, True))
    announce(run, site, cells)


@hook
def unpack(site: Site, thing: Any) -> Any:
    """All of it is read at once."""
    run = active()
    deep = site.sign == "nested"
    if run is None or type(thing) in PLAIN or (type(thing) is tuple and not deep):
        return thing
    if special(run, site, thing, "__iter__") or deep:
        announce(run, site, read(run, site, thing, deep=deep))
    return step_by_step(site, thing)


def step_by_step(site: Site, thing: Any) -> Any:
    """Return what C iterates over, announcing each step where Python code runs in between."""
    if type(thing) is types.GeneratorType:
        return thing if is_fresh(site, thing) else steps(site, thing)
    return steps(site, thing) if type(thing) in ITERATORS and _runs_python(thing) else thing


def _runs_python(thing: Any) -> bool:
    return any(
        type(part) in (types.FunctionType, types.MethodType, types.GeneratorType)
        or (type(part) in ITERATORS and _runs_python(part))
        for part in consumed(thing)
    )


@hook
def captured(site: Site, thing: Any) -> Any:
    """A comprehension over something begins, whose variable is read by a function that it makes."""
    return thing if active() is None else _captured(site, thing)


def _captured(site: Site, thing: Any) -> Iterator[Any]:
    for item in thing:
        run = active()
        if run is not None:
            doubt(run, "a comprehension changes a variable that a function reads, which may run meanwhile", site.place)
        yield item


@hook
def delegate(site: Site, thing: Any) -> Any:
    """``yield from``: what is sent and thrown goes in, and what it returns comes out."""
    run = active()
    if run is None or type(thing) is not types.GeneratorType:
        return iterate(site, thing)
    return _Delegate(site, thing)


class _Delegate:
    """A generator, each step of which is announced."""

    __slots__ = ("_generator", "_site")

    def __init__(self, site: Site, generator: types.GeneratorType[Any, Any, Any]) -> None:
        self._site = site
        self._generator = generator

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        return self._step().send(None)

    def send(self, value: Any) -> Any:
        return self._step().send(value)

    def throw(self, *error: Any) -> Any:
        return self._step().throw(*error)

    def close(self) -> None:
        self._generator.close()

    def _step(self) -> types.GeneratorType[Any, Any, Any]:
        run = active()
        if run is not None:
            announce_step(run, self._site, self._generator, own=True)
        return self._generator
