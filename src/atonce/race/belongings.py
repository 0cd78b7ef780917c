"""What belongs to one thread, and has to be forgotten before the thread carries another task: the values of `threading.local`."""

from __future__ import annotations

import ctypes
import gc
from _thread import _local
from typing import Any
from weakref import ReferenceType, getweakrefcount, getweakrefs

__all__ = ("Belongings",)

_dict_of_thread = ctypes.pythonapi.PyThreadState_GetDict  # where they are kept until Python 3.12
_dict_of_thread.restype = ctypes.c_void_p


class Belongings:
    """Of the thread that makes it.

    From Python 3.13 on, each `threading.local` that a thread uses watches, by a weak reference, an object that dies with the
    thread, and forgets the thread's values then. So a local of our own leads to that object, and that one to the watchers, who
    are told that it has died. (Source: CPython, Modules/_threadmodule.c, `create_sentinel_wr`, `clear_locals`)
    """

    def __init__(self) -> None:
        self._own = _local()
        watchers = [each for thing in gc.get_referents(self._own) if isinstance(thing, set) for each in thing]
        self._watcher: ReferenceType[Any] | None = watchers[0] if watchers else None

    def forget(self) -> None:
        """Forget the values that this thread has. Called in it."""
        address = _dict_of_thread()
        if address:
            ctypes.cast(address, ctypes.py_object).value.clear()
        if self._watcher is None:
            return
        watched = self._watcher()
        if watched is not None and getweakrefcount(watched) > 1:
            for watcher in getweakrefs(watched):
                if watcher is not self._watcher and watcher.__callback__ is not None:
                    watcher.__callback__(watcher)
