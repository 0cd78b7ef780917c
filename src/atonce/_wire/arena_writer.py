"""The writing side of an arena: cuts the file into slots, and uses them again. ``arena.py`` tells who may touch what, and when."""

from __future__ import annotations

import os

from atonce._wire.arena import GRAIN, PAGE, copy_in, is_memory, map_pages, punch, round_up, write_in

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which a worker would have to import

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ("ArenaWriter",)

_WRITES_TO_MAP = 2
_MAPPED_BYTES = 1 << 20
_MOST_MAPPED = 32  # slots: a mapping keeps a descriptor (Python before 3.13)


class _Slot:
    """Some bytes of the file.

    Attributes:
        offset: where they begin: the slot's key.
        room: how many there are.
        warm_bytes: how many of them were written, and so cost memory.
        pages: those, mapped to be written to; ``None`` until they have been written often enough for that to pay.
        writes: how often they were written, since they were warm.
    """

    __slots__ = ("offset", "pages", "room", "warm_bytes", "writes")

    def __init__(self, offset: int, room: int) -> None:
        self.offset = offset
        self.room = room
        self.warm_bytes = 0
        self.pages: memoryview | None = None
        self.writes = 0


class ArenaWriter:
    """The writing side of an arena. It has one owner, a single thread of a single process: nothing here is locked.

    Freed slots are written again, the newest first, as writing to fresh pages takes three times as long (measured: 8 MiB by
    ``pwrite`` into a memfd, 2.6 ms cold, 0.8 ms warm). At most as much as was ever in use at one time is kept for that.

    What has been written twice is mapped, and copied to from then on, which takes two thirds of the time that ``pwrite`` does, but
    costs 1.4 ms at first (measured: 8 MiB). Only memory, and only pages that are there: so it cannot fail.

    Args:
        fd: the file. It stays the caller's to close.
        header_bytes: so many bytes at its beginning are somebody else's.
    """

    def __init__(self, fd: int, *, header_bytes: int = 0) -> None:
        self._fd = fd
        self._next = round_up(header_bytes, GRAIN)  # from here on nothing was ever given out
        self._end = os.fstat(fd).st_size
        self._used: dict[int, _Slot] = {}  # by offset
        self._free: dict[int, list[_Slot]] = {}  # by room; the newest last
        self._idle: dict[int, _Slot] = {}  # by offset: those free slots that cost memory; the oldest first
        self._idle_bytes = 0
        self._used_bytes = 0
        self._peak_bytes = 0  # the most that was in use at one time since the last ``trim``
        self._closed = False
        self._mapped = 0  # slots that are

    @property
    def held_bytes(self) -> int:
        """Memory that the arena costs, rounded up to pages: of slots in use, and of free ones kept for their warm pages."""
        return self._used_bytes + self._idle_bytes

    @property
    def in_use(self) -> int:
        """How many slots are in use."""
        return len(self._used)

    def put(self, buffers: Sequence[memoryview]) -> tuple[int, list[tuple[int, int]]] | None:
        """Write the large buffers of one message into one slot.

        Args:
            buffers: flat views of bytes (format "B", one dimension) of any length, in the order in which they shall arrive.

        Returns:
            The slot's key, and for each buffer its offset in the file (on a page's boundary) and its length in bytes. ``None`` if
            there is no room: memory, disk, a limit, or the arena is full. Nothing is held then; send the buffers over the pipe.
        """
        need = _room(sum(round_up(view.nbytes, PAGE) for view in buffers))
        while not self._closed:
            slot = self._take(need)
            if slot is None:
                return None
            spans = self._fill(slot, buffers)
            if spans is not None:
                return slot.offset, spans
            if not self._idle_bytes:
                return None
            self.trim()  # what was kept for speed may be what is missing now
            if self._idle_bytes:
                return None
        return None

    def free(self, slot: int) -> None:
        """Take a slot back, because its reader has let go of it. After ``close`` this does nothing.

        Args:
            slot: the key that ``put`` returned.

        Raises:
            ValueError: the slot is not in use. This is refused and not ignored: whoever frees twice will one day do so after the
                slot was given to another message, and silently change that message's bytes under its reader.
        """
        if self._closed:
            return
        taken = self._used.pop(slot, None)
        if taken is None:
            raise ValueError(f"slot {slot:#x} is not in use")
        self._used_bytes -= taken.warm_bytes
        self._keep(taken)
        if self._idle_bytes > self._peak_bytes:
            self._shrink(self._peak_bytes)

    def trim(self, keep_bytes: int = 0) -> None:
        """Give the memory of free slots back to the system, the longest unused first; where that is not possible, do nothing.

        Args:
            keep_bytes: at most so much of it is kept for the next messages.
        """
        self._peak_bytes = self._used_bytes
        self._shrink(keep_bytes)

    def close(self) -> None:
        """Give back what is free, and put nothing more. Slots in use keep their bytes for as long as the file is open."""
        self.trim()
        self._closed = True
        for slot in (*self._used.values(), *(slot for slots in self._free.values() for slot in slots)):
            slot.pages = None

    def _take(self, room: int) -> _Slot | None:
        """Find a free slot of this room, the newest first, or cut a new one."""
        free = self._free.get(room)
        if free:
            slot = free.pop()
            if self._idle.pop(slot.offset, None) is not None:
                self._idle_bytes -= slot.warm_bytes
            return slot
        if self._next + room > self._end:
            return None
        slot = _Slot(self._next, room)
        self._next += room
        return slot

    def _fill(self, slot: _Slot, buffers: Sequence[memoryview]) -> list[tuple[int, int]] | None:
        """Write the buffers and count the slot as used; whatever fails, the slot is free again, and costs nothing."""
        spans, offset = [], slot.offset
        try:
            for view in buffers:
                end = round_up(offset + view.nbytes, PAGE)
                if slot.pages is not None and end - slot.offset <= len(slot.pages):
                    copy_in(slot.pages, view, offset - slot.offset)
                else:
                    slot.warm_bytes = max(slot.warm_bytes, end - slot.offset)
                    write_in(self._fd, view, offset)
                spans.append((offset, view.nbytes))
                offset = end
        except OSError:
            self._give_up(slot)
            return None
        except BaseException:  # a signal's handler may raise in the midst of it, as for Ctrl-C
            self._give_up(slot)
            raise
        self._map(slot)
        self._used[slot.offset] = slot
        self._used_bytes += slot.warm_bytes
        self._peak_bytes = max(self._peak_bytes, self._used_bytes)
        return spans

    def _map(self, slot: _Slot) -> None:
        """Map what is written again and again, if it is large enough for that to pay, and not too many are."""
        slot.writes += 1
        if slot.writes == _WRITES_TO_MAP and slot.warm_bytes >= _MAPPED_BYTES and self._mapped < _MOST_MAPPED:
            slot.pages = map_pages(self._fd, slot.offset, slot.warm_bytes) if is_memory(self._fd) else None
            self._mapped += slot.pages is not None

    def _cool(self, slot: _Slot) -> bool:
        """Give the memory of a slot back; return whether that was possible."""
        self._mapped -= slot.pages is not None
        slot.pages = None  # first: a store into pages that are gone might find no room for new ones
        if not punch(self._fd, slot.offset, slot.warm_bytes):
            return False
        slot.warm_bytes = slot.writes = 0
        return True

    def _give_up(self, slot: _Slot) -> None:
        self._cool(slot)
        self._keep(slot)

    def _keep(self, slot: _Slot) -> None:
        self._free.setdefault(slot.room, []).append(slot)
        if slot.warm_bytes:
            self._idle[slot.offset] = slot
            self._idle_bytes += slot.warm_bytes

    def _shrink(self, keep_bytes: int) -> None:
        for slot in list(self._idle.values()):
            warm_bytes = slot.warm_bytes
            if self._idle_bytes <= keep_bytes or not self._cool(slot):
                return
            del self._idle[slot.offset]
            self._idle_bytes -= warm_bytes


def _room(need: int) -> int:
    """Round up to a power of two or a quarter of the way to the next one, so that sizes that differ a little share their slots."""
    quarter = 1 << max(need.bit_length() - 3, 0)  # of the power of two below
    return max(round_up(need, max(quarter, GRAIN)), GRAIN)
