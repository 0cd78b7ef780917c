"""A selector that opens nothing until something is registered with it.

The loop under control needs none to wake up or to sleep, and to open one for each run would take longer than the run. Sockets are
outside of what the checker decides: they are served for real, and the run proves nothing.
"""

from __future__ import annotations

import selectors
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from _typeshed import FileDescriptorLike

__all__ = ("LazySelector",)


class LazySelector(selectors.BaseSelector):
    """What a loop takes for its selector.

    Args:
        on_use: called whenever something is registered.
    """

    def __init__(self, on_use: Callable[[], None]) -> None:
        self._on_use = on_use
        self._real: selectors.BaseSelector | None = None

    @property
    def watches(self) -> bool:
        """Whether there is anything to wait for."""
        return self._real is not None and bool(self._real.get_map())

    def register(self, fileobj: FileDescriptorLike, events: int, data: object = None) -> selectors.SelectorKey:
        """Watch a file, from now on."""
        self._on_use()
        if self._real is None:
            self._real = selectors.DefaultSelector()
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        """Watch a file no longer."""
        if self._real is None:
            raise KeyError(fileobj)
        return self._real.unregister(fileobj)

    def modify(self, fileobj: FileDescriptorLike, events: int, data: object = None) -> selectors.SelectorKey:
        """Watch a file for something else."""
        if self._real is None:
            raise KeyError(fileobj)
        return self._real.modify(fileobj, events, data)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready."""
        return [] if self._real is None else self._real.select(timeout)

    def get_map(self) -> Mapping[FileDescriptorLike, selectors.SelectorKey]:
        """Return what is watched."""
        return {} if self._real is None else self._real.get_map()

    def close(self) -> None:
        """Close what was opened."""
        if self._real is not None:
            self._real.close()
            self._real = None
