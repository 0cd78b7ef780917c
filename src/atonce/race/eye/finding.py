"""Finding the functions that are alive, wherever the program keeps them."""

from __future__ import annotations

import gc
import os
import sys
import types
import weakref
from collections.abc import Iterator
from typing import Any

__all__ = ("functions_alive",)

_TRACKED_KIND = 1 << 14  # Py_TPFLAGS_HAVE_GC: objects of other types hold nothing
_HOLD_NO_FUNCTION = (
    types.CodeType, types.BuiltinFunctionType, types.GetSetDescriptorType, types.MemberDescriptorType,
    types.MethodDescriptorType, types.ClassMethodDescriptorType, types.WrapperDescriptorType,
)  # fmt: skip
_OLDEST = os.makedirs  # made before anybody could freeze it


def functions_alive() -> list[types.FunctionType]:
    """Return all functions of the program.

    The garbage collector lists them all, but for what was frozen (`gc.freeze`) and, in free-threaded 3.13, for those that it has
    met once there was a thread: these live for ever, and are not tracked any more. Other things lead to them.
    """
    listed = gc.get_objects()
    found = [thing for thing in listed if type(thing) is types.FunctionType]
    if _OLDEST in found:
        return found
    return [*found, *_unlisted.functions(listed)]


class _Unlisted:
    """The functions that the garbage collector does not list. Looked for again (100 ms) only when there may be more of them."""

    def __init__(self) -> None:
        self._known: weakref.WeakSet[types.FunctionType] = weakref.WeakSet()
        self._frozen = 0  # objects
        self._collections = 0

    def functions(self, listed: list[Any]) -> list[types.FunctionType]:
        """Return them.

        Args:
            listed: what the garbage collector lists.
        """
        frozen = gc.get_freeze_count()
        collections = 0 if gc.is_tracked(_OLDEST) else sum(generation["collections"] for generation in gc.get_stats())
        if frozen > self._frozen or collections > self._collections:
            self._known.update(_led_to(listed))
        self._frozen, self._collections = frozen, collections
        return list(self._known)


_unlisted = _Unlisted()


def _led_to(listed: list[Any]) -> Iterator[types.FunctionType]:
    """Yield the functions that things, modules, and callers on the stacks lead to, but for those among the things."""
    met = set(map(id, listed))
    holds = _Holds()
    left = [*listed, sys.modules, *_locals()]
    while left:
        # not the modules themselves: 3.12's _asyncio leads to objects that are freed already, and then to no end of them
        behind = gc.get_referents(*[vars(thing) if issubclass(type(thing), types.ModuleType) else thing for thing in left])
        once = dict(zip(map(id, behind), behind, strict=True))
        left = [thing for key, thing in once.items() if key not in met and holds[type(thing)]]
        met.update(map(id, left))
        yield from [thing for thing in left if type(thing) is types.FunctionType]


def _locals() -> Iterator[dict[str, Any]]:
    for top in list(sys._current_frames().values()):  # noqa: SLF001  # the only way to other threads' frames
        frame: types.FrameType | None = top
        while frame is not None:
            yield dict(frame.f_locals)
            frame = frame.f_back


class _Holds(dict[type, bool]):
    """Tells of types whether their objects may lead to functions."""

    def __missing__(self, kind: type) -> bool:
        self[kind] = known = bool(kind.__flags__ & _TRACKED_KIND) and kind not in _HOLD_NO_FUNCTION
        return known
