"""Memory for large buffers that several processes share: one sparse file, cut into regions.

The parent opens the file (``open_file``) and every worker inherits it. Region 0 is written by the parent, region n by worker n,
each through its own ``Region``; what one side has written the other reads through a ``Reader``. A region is cut into **slots**; one
slot carries all large buffers of one message.

```
          Region (writer)                      a pipe                       Reader (another process)
 free ──put()──▶ written ──────── slot, spans ─────────▶ open() ──▶ views of private mappings, or copies
  ▲                                                                     │ the last view dies
  └──────────── free(slot) ◀────── "let go: slot" ────── let_go() ◀─────┘
```

The writer writes with ``pwrite`` and never maps what it sends: a full memory or disk is then an error to answer (``put`` returns
``None``, the message goes over the pipe), never a SIGBUS. The reader maps privately (copy on write): what arrives may be written
to, as with any unpickled object, and nobody else sees it.

Who may touch the bytes of a slot, and when:

* *free*: only the owner of the region, to write them anew or to give their memory back.
* *written*, until it is announced: only the owner. A ``put`` that fails, or is interrupted, frees the slot itself.
* *announced*: nobody writes. Any number of windows in one other process read. Pages of a private mapping that were not yet written
  to still show the file, so a write here would change an object that somebody has in hand.
* *let go*: the reader has no window left. Nobody reads; the owner frees the slot when it hears of it.

Race: a slot is written again while it is read. 1. The reader's last view dies; its lease says so. 2. The reader tells. 3. The owner
calls ``free``. 4. The owner writes. Each step follows from the one before, and the writes of 4 come after the last read. The end of
a view is not told by a weak reference: a garbage collector that finds views in a cycle calls these back *before* finalizers that
may still read the views, or revive them. See ``_Window``.

Race: the reader dies. 1. It is killed with windows open. 2. Its pipes show the end of file, perhaps before the last of its threads
is off the CPU. 3. The owner frees what that reader held. So 3 must wait until the process was *reaped*; an end of file is no proof.

Race: the owner dies. 1. It is killed, perhaps inside ``put``. 2. A new worker starts with the same number, and its new ``Region``
begins at the first byte. 3. The parent still has windows on the old one's slots, and sees them change. So a number is never used
twice; what the dead one held is given back by ``reclaim``, all but the windows that the reader still has.

Assumes: nobody forks while it holds a view and lets the child live longer than the view. The child's copy of the mapping would show
later messages: the child's views are not counted.
"""

from __future__ import annotations

import mmap
import os
import sys

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which a worker would have to import

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

__all__ = ("BIG_BYTES", "REGION_BYTES", "VIEW_BYTES", "Reader", "Region", "open_file", "reclaim")

REGION_BYTES = 1 << 40  # addresses, not memory: the file is sparse
BIG_BYTES = 64 << 10  # smaller buffers stay inside the pickle, and go over the pipe
VIEW_BYTES = 1 << 20  # smaller buffers are copied out: a mapping costs two system calls and its page faults
_WINDOWS = 1_000  # a process may have 65,530 mappings, and the user's own libraries want some
_GRAIN = 64 << 10  # slots begin and end on multiples of this, which no page size exceeds
_PAGE = mmap.PAGESIZE
_LOWEST_FD = 3  # below are the standard streams, which a worker replaces

# Until Python 3.13 every mapping keeps a duplicate of its descriptor, so windows also count against the limit of open files.
_UNTRACKED: dict[str, Any] = {"trackfd": False} if sys.version_info >= (3, 13) else {}


def open_file(*, forced_file: bool = False) -> int:
    """Open the shared file: memory where the system has ``memfd_create``, otherwise a temporary file without a name.

    Nothing is left of it when the last process that has it open is gone, however it went.

    Args:
        forced_file: take the temporary file in any case.

    Returns:
        A descriptor of at least 3, closed on exec. The file is as long as its file system allows, all of it a hole. ext4 allows
        16 TiB, 15 whole regions; a ``put`` into a region beyond the end answers ``None``.

    Raises:
        OSError: no such file can be had: no positioned writes, no room, or a limit on the size of files (``ulimit -f``).
    """
    if not hasattr(os, "pwrite") or not hasattr(os, "preadv"):
        raise OSError("this system has no positioned reads and writes")
    fd = _open_temporary() if forced_file else _open_memory()
    try:
        _stretch(fd)
    except BaseException:
        os.close(fd)
        raise
    return fd


def reclaim(fd: int, number: int, spared: Iterable[tuple[int, int]] = ()) -> None:
    """Give back the memory of a region whose owner is dead.

    Call it when the owner has been reaped, and again when the last of the spared windows has died.

    Args:
        fd: the shared file. Its file position moves; nothing here uses it.
        number: of the region, which must not be used again.
        spared: what somebody still reads (``Reader.live``), and the header if somebody reads that.
    """
    position = number * REGION_BYTES
    for offset, length in sorted(spared):
        _punch_data(fd, position, offset // _PAGE * _PAGE)
        position = max(position, _up(offset + length, _PAGE))
    _punch_data(fd, position, (number + 1) * REGION_BYTES)


class _Slot:
    """Some bytes of the file: the slot's key, the room it has, and how much of it was written and so costs memory."""

    __slots__ = ("offset", "room", "warm_bytes")

    def __init__(self, offset: int, room: int) -> None:
        self.offset = offset
        self.room = room
        self.warm_bytes = 0


class Region:
    """The writing side of one region. It has one owner, a single thread of a single process: nothing here is locked.

    Freed slots are written again, the newest first, as writing to fresh pages takes three times as long (measured: 8 MiB by
    ``pwrite`` into a memfd, 2.6 ms cold, 0.8 ms warm). At most as much as was ever in use at one time is kept for that.

    Args:
        fd: the shared file. It stays the caller's to close.
        number: which region, from 0.
        header_bytes: so many bytes at its beginning are somebody else's.
    """

    def __init__(self, fd: int, number: int, *, header_bytes: int = 0) -> None:
        self._fd = fd
        self._next = number * REGION_BYTES + _up(header_bytes, _GRAIN)  # from here on nothing was ever given out
        self._end = (number + 1) * REGION_BYTES
        self._used: dict[int, _Slot] = {}  # by offset
        self._free: dict[int, list[_Slot]] = {}  # by room; the newest last
        self._idle: dict[int, _Slot] = {}  # by offset: those free slots that cost memory; the oldest first
        self._idle_bytes = 0
        self._used_bytes = 0
        self._peak_bytes = 0  # the most that was in use at one time since the last ``trim``
        self._closed = False

    @property
    def held_bytes(self) -> int:
        """Memory that the region costs, rounded up to pages: of slots in use, and of free ones kept for their warm pages."""
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
            there is no room: memory, disk, a limit, or the region is full. Nothing is held then; send the buffers over the pipe.
        """
        need = _room(sum(_up(view.nbytes, _PAGE) for view in buffers))
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
                end = _up(offset + view.nbytes, _PAGE)
                slot.warm_bytes = max(slot.warm_bytes, end - slot.offset)
                _write(self._fd, view, offset)
                spans.append((offset, view.nbytes))
                offset = end
        except OSError:
            self._give_up(slot)
            return None
        except BaseException:  # a signal's handler may raise in the midst of it, as for Ctrl-C
            self._give_up(slot)
            raise
        self._used[slot.offset] = slot
        self._used_bytes += slot.warm_bytes
        self._peak_bytes = max(self._peak_bytes, self._used_bytes)
        return spans

    def _give_up(self, slot: _Slot) -> None:
        if _punch(self._fd, slot.offset, slot.warm_bytes):
            slot.warm_bytes = 0
        self._keep(slot)

    def _keep(self, slot: _Slot) -> None:
        self._free.setdefault(slot.room, []).append(slot)
        if slot.warm_bytes:
            self._idle[slot.offset] = slot
            self._idle_bytes += slot.warm_bytes

    def _shrink(self, keep_bytes: int) -> None:
        for slot in list(self._idle.values()):
            if self._idle_bytes <= keep_bytes or not _punch(self._fd, slot.offset, slot.warm_bytes):
                return
            del self._idle[slot.offset]
            self._idle_bytes -= slot.warm_bytes
            slot.warm_bytes = 0


class _Lease:
    """Says, when it dies, that its slot is let go."""

    __slots__ = ("_slot", "_tell")

    def __init__(self, slot: int, tell: Callable[[int], None]) -> None:
        self._slot = slot
        self._tell = tell

    def __del__(self) -> None:
        self._tell(self._slot)


class _Window(mmap.mmap):
    """A private mapping of one message's bytes. Views of it, and arrays over these, keep it alive.

    Race: 1. A garbage collector finds the window in a cycle, and finalizes all objects of the cycle, in any order. 2. A finalizer
    that comes later reads the window's view, or revives it. So the window's own finalizer tells nobody: it makes a lease, which the
    collector has not found, and which therefore dies when the window's content is cleared, after all finalizers, or not at all if
    the window lives on. (Source: PEP 442. Not seen: a window that was revived, and is found in a cycle a second time.)
    """

    __slots__ = ("lease", "slot", "tell_end")

    lease: _Lease
    slot: int
    tell_end: Callable[[int], None]
    make_lease = _Lease  # found here even when the interpreter ends and has emptied the module

    def __del__(self) -> None:
        if hasattr(self, "tell_end"):  # else the mapping has failed
            self.lease = self.make_lease(self.slot, self.tell_end)


class Reader:
    """The reading side, for all regions that one process reads: hands out buffers, and notices when they are no longer needed.

    One thread opens and asks; the views may die in any thread.

    Args:
        fd: the shared file. It stays the caller's to close; views outlive it.
        windows: at most so many messages are handed out as views at one time, further ones as copies. Before Python 3.13 a quarter
            of the limit of open files, if that is less.
    """

    def __init__(self, fd: int, *, windows: int = _WINDOWS) -> None:
        self._fd = fd
        self._limit = windows if _UNTRACKED else min(windows, _open_files() // 4)
        self._gone: list[int] = []  # Guarded by: single operations, which no other thread divides. Any thread may append
        self._tell = self._gone.append
        self._opened = 0  # and not yet returned by let_go()
        self._mapped: dict[int, tuple[int, int]] = {}  # slot: what of the file its window covers

    @property
    def outstanding(self) -> int:
        """How many messages are held by views."""
        return self._opened - len(self._gone)

    def open(self, slot: int, spans: Sequence[tuple[int, int]]) -> list[memoryview | bytearray]:
        """Hand out the buffers of one message, as ``pickle.loads(..., buffers=...)`` takes them.

        Large ones (``VIEW_BYTES``) are writable views of one private mapping, the others copies. If a mapping cannot be had, or too
        many are alive, all are copies. However it ends, the slot appears in ``let_go()``: when the last view has died, or at once.

        Args:
            slot: the key that the writer's ``put`` returned.
            spans: offset and length in bytes of each buffer, in the order of their offsets.

        Raises:
            EOFError: the file ends before the buffer does.
            MemoryError: there is none left for a copy.
            OSError: the file cannot be read.
        """
        self._opened += 1
        large = [span for span in spans if span[1] >= VIEW_BYTES]
        window = self._map(slot, large) if large and self.outstanding <= self._limit else None
        if window is None:
            try:
                return [_copy(self._fd, offset, length) for offset, length in spans]
            finally:
                self._tell(slot)
        whole = memoryview(window)
        first = large[0][0]
        return [
            whole[offset - first : offset - first + length] if length >= VIEW_BYTES else _copy(self._fd, offset, length)
            for offset, length in spans
        ]

    def let_go(self) -> list[int]:
        """Return the slots that no view holds any more, each once. Their owners may have them back."""
        if not self._gone:
            return []
        slots = self._gone[:]
        # Race: 1. The line above copies. 2. Another thread's view dies; its slot is appended. 3. Only what was copied is deleted.
        del self._gone[: len(slots)]
        self._opened -= len(slots)
        for slot in slots:
            self._mapped.pop(slot, None)
        return slots

    def live(self, number: int) -> list[tuple[int, int]]:
        """List what of a region, as offset and length, is under views that ``let_go()`` has not returned: see ``reclaim``."""
        return [span for slot, span in self._mapped.items() if slot // REGION_BYTES == number]

    def close(self) -> None:
        """Open nothing more. Views that are alive stay so, and are still told of."""
        self._fd = -1
        self._limit = 0  # a mapping of descriptor -1 would be one of zeros

    def _map(self, slot: int, spans: list[tuple[int, int]]) -> _Window | None:
        """Map from the first of the spans to the last: one mapping a message, as mappings and descriptors are limited."""
        first = spans[0][0]
        length = sum(spans[-1]) - first
        try:
            window = _Window(self._fd, length, access=mmap.ACCESS_COPY, offset=first, **_UNTRACKED)
        except (
            OSError,
            MemoryError,
            ValueError,
        ):  # no descriptor, no mapping or no address space left; or a file too short: see _copy
            return None
        self._mapped[slot] = first, length
        window.slot, window.tell_end = slot, self._tell  # from here on the window tells
        return window


def _open_memory() -> int:
    try:
        fd = os.memfd_create("atonce")
    except (AttributeError, OSError):  # another system, an old kernel, or a sandbox that forbids it
        return _open_temporary()
    return fd if fd >= _LOWEST_FD else _lift(fd)


def _open_temporary() -> int:
    import tempfile  # noqa: PLC0415 (12 ms, and only here)

    with tempfile.TemporaryFile(prefix="atonce-", buffering=0) as file:
        return _lift(os.dup(file.fileno()))


def _lift(fd: int) -> int:
    """Move a descriptor out of the range of the standard streams."""
    import fcntl  # noqa: PLC0415 (only here)

    try:
        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _LOWEST_FD)
    finally:
        os.close(fd)


def _stretch(fd: int) -> None:
    """Make the file as long as its file system lets it be: from 4,194,304 regions down to one, each but for a grain.

    The grain is missing because file systems' limits are a page below a power of two.
    """
    for size in (REGION_BYTES << doublings for doublings in range(22, 0, -1)):
        try:
            os.ftruncate(fd, size - _GRAIN)
        except OSError:
            continue
        return
    os.ftruncate(fd, REGION_BYTES - _GRAIN)


def _open_files() -> int:
    limit = os.sysconf("SC_OPEN_MAX")
    return limit if limit > 0 else 4 * _WINDOWS  # -1: there is none


def _up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple


def _room(need: int) -> int:
    """Round up to a power of two or a quarter of the way to the next one, so that sizes that differ a little share their slots."""
    quarter = 1 << max(need.bit_length() - 3, 0)  # of the power of two below
    return max(_up(need, max(quarter, _GRAIN)), _GRAIN)


def _write(fd: int, view: memoryview, offset: int) -> None:
    while view:
        count = os.pwrite(fd, view, offset)  # at most 2 GiB at a time, and less where the room ends
        if not count:
            raise OSError("nothing could be written")
        view, offset = view[count:], offset + count


def _copy(fd: int, offset: int, length: int) -> bytearray:
    buffer = bytearray(length)
    rest = memoryview(buffer)
    while rest:
        count = os.preadv(fd, [rest], offset)
        if not count:
            raise EOFError(f"the shared file ends before byte {offset + len(rest):#x}")
        rest, offset = rest[count:], offset + count
    return buffer


def _punch(fd: int, offset: int, length: int) -> bool:
    """Give the memory, or the disk space, of some pages back to the system; return whether that was possible."""
    advice = getattr(mmap, "MADV_REMOVE", None)
    if advice is None:
        return False
    try:
        with mmap.mmap(fd, length, offset=offset) as pages:
            pages.madvise(advice)
    except (OSError, ValueError):  # no descriptor or no address space left, or a file system that has no holes
        return not length
    return True


def _punch_data(fd: int, start: int, stop: int) -> None:
    """Give back what is not a hole between two offsets that are multiples of the page size."""
    while start < stop:
        try:
            start = os.lseek(fd, start, os.SEEK_DATA) // _PAGE * _PAGE
            end = min(os.lseek(fd, start, os.SEEK_HOLE), stop)
        except OSError:  # no data up to the end of the file
            return
        if start < stop:
            _punch(fd, start, end - start)
        start = max(end, start + _PAGE)
