"""Attributes: which cells ``a.b`` touches, by what the type of ``a`` makes of ``b``."""

# ruff: noqa: PLR0911, PLR0912, C901 (one case after the other)

from __future__ import annotations

import _thread
import enum
import functools
import gc
import types
from typing import Any

from atonce.race.eye.containers import BUILTINS, PLAIN, dictionary
from atonce.race.eye.included import find, is_generated, is_harmless, is_watched, speaks
from atonce.race.eye.sites import Site
from atonce.race.eye.watching import doubt, own_dictionary, unseen
from atonce.race.operations import WHOLE, Cell
from atonce.race.scheduler import Scheduler

__all__ = ("forget_types", "is_cached", "loaded", "stored")

_FUNCTIONS = (
    types.FunctionType, types.MethodDescriptorType, types.WrapperDescriptorType, types.ClassMethodDescriptorType, staticmethod,
    classmethod, *BUILTINS, functools.partialmethod,
)  # fmt: skip
_MEMBERS = (types.MemberDescriptorType, types.GetSetDescriptorType)
_SKIPPED = PLAIN | {tuple, frozenset, super, _thread._local, types.MethodType, types.TracebackType, types.FrameType}  # noqa: SLF001
_HEAP = 1 << 9  # in a type's flags: it was made by Python code, and can be changed
_cache: dict[tuple[type, str], tuple[str, Any, type | None]] = {}


def forget_types() -> None:
    """Forget what types make of names: one of them has changed."""
    _cache.clear()


def _meaning(kind: type, name: str) -> tuple[str, Any, type | None]:
    """Return what a type makes of a name: a word, what it has under that name, and the class that has it."""
    key = (kind, name)
    known = _cache.get(key)
    if known is None:
        owner, found = find(kind, name)
        known = _cache[key] = (_word(kind, name, owner, found), found, owner)
    return known


def _word(kind: type, name: str, owner: type | None, found: Any) -> str:
    if issubclass(kind, _thread._local) and owner is not None and not hasattr(type(found), "__get__"):  # noqa: SLF001
        return "of its class"
    if kind in _SKIPPED or issubclass(kind, _thread._local) or str(kind.__module__).startswith("atonce.race."):  # noqa: SLF001
        return "nothing"
    if name in ("__class__", "__doc__", "__module__"):
        return "plain" if name == "__class__" else "nothing"
    if name == "__dict__" and type(found) is types.GetSetDescriptorType:
        return "dictionary"
    if owner is None:
        return "custom" if _is_custom(kind) else "plain"
    if issubclass(type(found), property) and find(type(found), "__get__")[0] is property:
        return "property"
    if issubclass(type(found), functools.cached_property):
        return "cached"
    if issubclass(type(found), _MEMBERS):
        return "custom" if _is_custom(kind) else "plain"
    if issubclass(type(found), _FUNCTIONS):
        return "method"
    if hasattr(type(found), "__set__") or hasattr(type(found), "__delete__"):
        return "descriptor"
    return "lazy" if hasattr(type(found), "__get__") else "class value"


def _is_custom(kind: type) -> bool:
    return any(type(find(kind, name)[1]) is types.FunctionType for name in ("__getattribute__", "__getattr__"))


def is_cached(kind: type, name: str) -> bool:
    """Tell whether an attribute is computed by ``functools.cached_property``."""
    return _meaning(kind, name)[0] == "cached"


def loaded(run: Scheduler, site: Site, base: Any, name: str) -> list[Cell]:
    """Return the cells that loading an attribute reads."""
    kind = type(base)
    if kind is types.MethodType and name in (dictionary(base.__func__) or ()):
        return [(run.number(base.__func__), name, False)]
    if issubclass(kind, type):
        return _loaded_from_class(run, base, name)
    if kind is super:
        return _loaded_from_parents(run, site, base, name)
    if issubclass(kind, types.ModuleType):
        module = base.__dict__
        return [(run.number(module), name, False)] if is_watched(module, name) else []
    word, found, owner = _meaning(kind, name)
    if word == "plain":
        if kind.__module__ in ("threading", "queue") and name.startswith("_"):
            return [(run.number(base), WHOLE, False)]  # its methods name what they touch in their own way
        return [(run.number(base), name, False), *_missed(run, base, kind, name, owner)]
    if word == "custom":
        _custom(run, site, kind, base, "__getattribute__")
        if name not in (dictionary(base) or ()):
            _custom(run, site, kind, base, "__getattr__")
        return [(run.number(base), name, False), *_missed(run, base, kind, name, owner)]
    if word == "method":
        attributes = dictionary(base)
        shadowed = attributes is not None and name in attributes
        return [(run.number(base), name, False)] if shadowed else []
    if word == "of its class":
        return _inherited(run, kind, name, owner)
    if word == "class value":
        return [(run.number(base), name, False), *_inherited(run, kind, name, owner)]
    if word == "property":
        _seen(run, site, found.fget, base)
    elif word == "dictionary":
        own_dictionary(run, base)
    elif word == "cached":
        return [(run.number(base), name, False)]
    elif word in ("descriptor", "lazy"):
        _descriptor(run, site, found, base, "__get__")
        return [(run.number(base), name, False)]
    return []


def _loaded_from_class(run: Scheduler, base: type, name: str) -> list[Cell]:
    if name == "__dict__":
        run.same(gc.get_referents(type.__getattribute__(base, name))[0], base)
    if name.startswith("__") or (issubclass(type(base), enum.EnumMeta) and name in vars(base).get("_member_map_", ())):
        return []
    owner, found = find(base, name)
    if owner is None:
        return [*_inherited(run, base, name, None), *_inherited(run, type(base), name, None)]
    if issubclass(type(found), _FUNCTIONS) or hasattr(type(found), "__get__"):
        return []
    return _inherited(run, base, name, owner)


def _loaded_from_parents(run: Scheduler, site: Site, base: Any, name: str) -> list[Cell]:
    """Return the cells that ``super().name`` reads."""
    if base.__self_class__ is None or name.startswith("__"):
        return []
    mro = base.__self_class__.__mro__
    asked: list[type] = []
    for parent in mro[mro.index(base.__thisclass__) + 1 :]:
        found = parent.__dict__.get(name, _NOTHING)
        if parent.__flags__ & _HEAP:
            asked.append(parent)
        if found is _NOTHING:
            continue
        if isinstance(found, property):
            _seen(run, site, found.fget, base.__self__)
        if hasattr(type(found), "__get__"):
            return []
        break
    return [(run.number(parent), name, False) for parent in asked]


_NOTHING: Any = object()


def _missed(run: Scheduler, base: Any, kind: type, name: str, owner: type | None) -> list[Cell]:
    """Return the cells of the classes in which an attribute is looked for in vain."""
    return [] if owner is not None or name in (dictionary(base) or ()) else _inherited(run, kind, name, None)


def _inherited(run: Scheduler, kind: type, name: str, owner: type | None) -> list[Cell]:
    """Return the cells of the classes that are asked for an attribute, from the first to the one that has it."""
    asked: list[type] = []
    for parent in kind.__mro__:
        if parent.__flags__ & _HEAP or parent is owner:
            asked.append(parent)
        if parent is owner:
            break
    return [(run.number(parent), name, False) for parent in asked]


def stored(run: Scheduler, site: Site, base: Any, name: str) -> list[Cell]:
    """Return the cells that storing or deleting an attribute writes."""
    kind = type(base)
    if issubclass(kind, types.ModuleType):
        module = base.__dict__
        if not is_watched(module, name, own=True):
            doubt(run, f"sets {module.get('__name__')}.{name}, whose readers are not seen", site.place)
        return [(run.number(module), name, True)]
    if issubclass(kind, type):
        return [(run.number(base), name, True)]
    word, found, _ = _meaning(kind, name)
    if word in ("nothing", "of its class"):
        return []
    if word == "property":
        _seen(run, site, found.fset, base)
        return []
    if word == "descriptor":
        _descriptor(run, site, found, base, "__set__")
        return [(run.number(base), name, True)]
    if name in ("__dict__", "__class__"):
        run.doubt(f"sets {name}", site.place)  # whoever else has the dictionary: the two stay one
        return [(run.number(base), WHOLE, True)]
    if word == "method":
        doubt(run, f"hides the method {name} of {kind.__qualname__}", site.place)
    _custom(run, site, kind, base, "__setattr__")
    return [(run.number(base), name, True)]


def _custom(run: Scheduler, site: Site, kind: type, base: Any, name: str) -> None:
    """Look at a type that handles attributes by itself."""
    _, method = find(kind, name)
    if type(method) is types.FunctionType:
        _seen(run, site, method, base)


def _descriptor(run: Scheduler, site: Site, descriptor: Any, base: Any, name: str) -> None:
    """Look at a descriptor: one written in C counts as a plain attribute."""
    _, method = find(type(descriptor), name)
    if type(method) is types.FunctionType:
        _seen(run, site, method, base)


def _seen(run: Scheduler, site: Site, function: Any, base: Any) -> None:
    """Say what cannot be proved if a function that the interpreter calls is not seen."""
    if function is None:
        return
    if type(function) is not types.FunctionType:
        unseen(run, site, repr(type(function).__name__), None, [base])
    elif not speaks(function) and not is_harmless(function.__module__) and not is_generated(function, type(base)):
        unseen(run, site, function.__qualname__, function.__module__, [base])
