"""Hooks for loops and unpacking: what is read step by step, and what at once."""

from __future__ import annotations

import types
import weakref
from collections.abc import Iterator
from typing import Any

from atonce.race.eye.containers import ITERATORS, PLAIN, behind, consumed
from atonce.race.eye.hooks import hook
from atonce.race.eye.sites import Site
from atonce.race.eye.watching import announce, find, of_callback, read, special
from atonce.race.operations import WHOLE
from atonce.race.scheduler import Scheduler, active

__all__ = ("announce_step", "iterate", "steps", "unpack")


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
    cells = [*read(run, site, thing), *of_callback(run, thing)]
    if own:
        cells.append((run.number(_stand_in(thing)), WHOLE, True))
    announce(run, site, cells)


_tokens: weakref.WeakKeyDictionary[Any, object] = weakref.WeakKeyDictionary()


def _stand_in(iterator: Any) -> Any:
    """Return what stands for an iterator: no generator may live longer for being numbered, since its ``finally`` has to run."""
    if type(iterator) is types.GeneratorType:
        return _tokens.setdefault(iterator, object())
    for part in consumed(iterator):
        if type(part) is types.GeneratorType or type(part) in ITERATORS:
            inner = _stand_in(part)
            if inner is not part:
                return inner
    return iterator


@hook
def unpack(site: Site, thing: Any) -> Any:
    """All of it is read at once."""
    run = active()
    if run is not None and type(thing) not in PLAIN and type(thing) is not tuple and special(run, site, thing, "__iter__"):
        announce(run, site, read(run, site, thing))
    return thing
