"""What travels to the workers and back, and whose turn it is to free the memory of what is large.

A slot of the parent's arena (see ``_wire/arena.py``) may be written again when nobody looks at it any more: neither a worker that
was sent there, nor, for a function's arrays, the desk that sends workers there. This is where that is counted. Belongs to the
supervisor's thread.
"""

from __future__ import annotations

from _pickle import dumps as pickled

from atonce._wire.arena_reader import Windows
from atonce._wire.arena_writer import ArenaWriter
from atonce._wire.pickling import dumps, dumps_apart, dumps_function, dumps_function_apart
from atonce._workers.process.link import Link
from atonce.errors import PicklingFailed

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

__all__ = ("Parcels",)

_PROTOCOL = 5


class Parcels:
    """Packs, opens, and counts who still looks.

    Attributes:
        windows: counts the large results that are looked at, for all workers.
    """

    def __init__(self, arena: int) -> None:
        self.windows = Windows()
        self._arena = ArenaWriter(arena)
        self._holders: dict[int, int] = {}  # by slot
        self._sizes: dict[int, int] = {}

    # ---- out --------------------------------------------------------------------------------------------------------------------

    def of_function(self, fn: Callable[..., Any]) -> tuple[Any, int | None]:
        """Make a parcel of a function, and what it holds: once for all workers.

        Returns:
            The parcel, and the slot where its arrays lie, held until ``drop``; ``None`` if there are none.

        Raises:
            PicklingFailed: it cannot be sent.
        """
        blob, buffers = dumps_function_apart(fn)
        if not buffers:
            return blob, None
        stored = self._store(buffers)
        if stored is None:
            return dumps_function(fn), None
        slot, spans = stored
        self._holders[slot] = 1
        return (blob, slot, spans), slot

    def of_items(self, items: Sequence[Any]) -> tuple[bytes, bytes, int | None]:
        """Pickle a batch.

        Returns:
            The message's letter, its payload, and the slot where its large buffers lie, for ``lend``.

        Raises:
            PicklingFailed: something in it cannot be sent.
        """
        blob, buffers = dumps_apart(items)
        if buffers:
            stored = self._store(buffers)
            if stored is not None:
                self._holders[stored[0]] = 0
                return b"O", pickled((blob, *stored), _PROTOCOL), stored[0]
            blob = dumps(items)  # no room in the arena: through the pipe
        return b"B", blob, None

    def of_each(self, items: Sequence[Any]) -> list[Any]:
        """Make a parcel of each item for itself, or the ``PicklingFailed`` that says why there is none. Slots are for ``lend``."""
        parcels: list[Any] = []
        for item in items:
            try:
                blob, buffers = dumps_apart(item)
                stored = self._store(buffers) if buffers else None
                if stored is not None:
                    self._holders[stored[0]] = 0
                    parcels.append((blob, *stored))
                else:
                    parcels.append(dumps(item) if buffers else blob)
            except PicklingFailed as failure:
                parcels.append(failure)
        return parcels

    def size(self, slot: int) -> int:
        """Tell how many bytes lie in a slot of ours."""
        return self._sizes[slot]

    def _store(self, buffers: list[memoryview]) -> tuple[int, list[tuple[int, int]]] | None:
        stored = self._arena.put(buffers)
        if stored is not None:
            self._sizes[stored[0]] = sum(length for _, length in stored[1])
        return stored

    def lend(self, slot: int, link: Link) -> int:
        """A worker is sent to look at a slot. Returns how many bytes there are."""
        link.slots[slot] = link.slots.get(slot, 0) + 1
        self._holders[slot] += 1
        return self._sizes[slot]

    def let_go(self, link: Link, slots: list[int]) -> None:
        """A worker has looked, and let go: once for each time that it was sent there."""
        for slot in slots:
            if times := link.slots.pop(slot, 0):
                if times > 1:
                    link.slots[slot] = times - 1
                self.drop(slot)

    def drop(self, slot: int) -> None:
        """One less looks at a slot of ours."""
        self._holders[slot] -= 1
        if self._holders[slot] == 0:
            del self._holders[slot], self._sizes[slot]
            self._arena.free(slot)

    # ---- the end ----------------------------------------------------------------------------------------------------------------

    def forget(self, link: Link) -> None:
        """A worker is dead: it looks at nothing any more."""
        self.let_go(link, [slot for slot, times in link.slots.items() for _ in range(times)])

    def close(self) -> None:
        """Let go of everything but what others still look at."""
        self._arena.close()
