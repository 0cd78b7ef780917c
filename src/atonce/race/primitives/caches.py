"""`functools.cached_property` in a task: it writes into the object, which is a step. Before 3.12 it also holds a lock."""

from __future__ import annotations

from contextlib import nullcontext
from functools import cached_property
from typing import Any

from atonce.race.operations import Operation
from atonce.race.places import here
from atonce.race.primitives.replacing import instead_of
from atonce.race.primitives.shadows import control
from atonce.race.scheduler import Scheduler

__all__ = ()

_MISSING = object()
_original: Any = vars(cached_property)["__get__"]


@instead_of(cached_property, "__get__")
def _get(run: Scheduler, self: Any, instance: Any, owner: type | None = None) -> Any:
    kept = getattr(instance, "__dict__", None)
    if instance is None or self.attrname is None or kept is None:
        return _original(self, instance, owner)  # gives itself, or raises what is to be raised
    place = here()
    name = self.attrname
    value = _look(run, kept, instance, name)
    if value is not _MISSING:
        return value
    lock = getattr(self, "lock", None)
    with nullcontext() if lock is None else control(run, lock):
        value = _MISSING if lock is None else _look(run, kept, instance, name)
        if value is _MISSING:
            value = self.func(instance)
            run.point(Operation("write", ((run.number(instance), name, True),), place))
            kept[name] = value
    return value


def _look(run: Scheduler, kept: Any, instance: Any, name: str) -> Any:
    run.point(Operation("read", ((run.number(instance), name, False),), here()))
    return kept.get(name, _MISSING)
