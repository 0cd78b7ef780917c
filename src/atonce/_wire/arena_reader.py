"""The reading side of an arena: hands out what lies in it, and notices when it is no longer needed."""

from __future__ import annotations

import mmap
import os
import sys

from atonce._wire.arena import read_out

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which a worker would have to import

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

__all__ = ("VIEW_BYTES", "ArenaReader", "Windows")

VIEW_BYTES = 1 << 20  # smaller buffers are copied out: a mapping costs two system calls and its page faults
_MOST_WINDOWS = 1_000  # a process may have 65,530 mappings, and the user's own libraries want some

# Until Python 3.13 every mapping keeps a duplicate of its descriptor, so windows also count against the limit of open files.
_UNTRACKED: dict[str, Any] = {"trackfd": False} if sys.version_info >= (3, 13) else {}


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


class Windows:
    """Counts the windows that a process has, over all arenas that it reads: mappings and descriptors are limited.

    Args:
        most: at most so many messages are handed out as views at one time, further ones as copies. Before Python 3.13 a quarter of
            the limit of open files, if that is less.
    """

    def __init__(self, most: int = _MOST_WINDOWS) -> None:
        self._most = most if _UNTRACKED else min(most, _open_files() // 4)
        self._alive: list[int] = []  # one entry for each. Guarded by: single operations. Any thread may take one out
        self.opened = self._alive.append
        self.closed = self._alive.pop

    @property
    def full(self) -> bool:
        """Whether there are as many as there may be."""
        return len(self._alive) >= self._most


class ArenaReader:
    """The reading side of an arena: hands out buffers, and notices when they are no longer needed.

    One thread opens and asks; the views may die in any thread.

    Args:
        fd: the file. It stays the caller's to close; views outlive it.
        windows: counts what this process maps; one of its own if none is given.
    """

    def __init__(self, fd: int, windows: Windows | None = None) -> None:
        self._fd = fd
        self._windows = Windows() if windows is None else windows
        self._gone: list[int] = []  # Guarded by: single operations, which no other thread divides. Any thread may append
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
        window = self._map(slot, large) if large and not self._windows.full and self._fd >= 0 else None
        if window is None:
            try:
                return [read_out(self._fd, offset, length) for offset, length in spans]
            finally:
                self._gone.append(slot)
        whole = memoryview(window)
        first = large[0][0]
        return [
            whole[offset - first : offset - first + length] if length >= VIEW_BYTES else read_out(self._fd, offset, length)
            for offset, length in spans
        ]

    def pass_over(self, slot: int) -> None:
        """Do without what lies in a slot: nobody needs it any more. It is let go like one that was opened."""
        self._opened += 1
        self._gone.append(slot)

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

    def live(self) -> list[tuple[int, int]]:
        """List what of the file, as offset and length, is under views that ``let_go()`` has not returned: see ``reclaim``."""
        return list(self._mapped.values())

    def close(self) -> None:
        """Open nothing more. Views that are alive stay so, and are still told of."""
        self._fd = -1

    def _map(self, slot: int, spans: list[tuple[int, int]]) -> _Window | None:
        """Map from the first of the spans to the last: one mapping a message, as mappings and descriptors are limited."""
        first = spans[0][0]
        length = sum(spans[-1]) - first
        try:
            window = _Window(self._fd, length, access=mmap.ACCESS_COPY, offset=first, **_UNTRACKED)
        except (OSError, MemoryError, ValueError):  # no descriptor, mapping or address left; or a file too short: see read_out
            return None
        self._mapped[slot] = first, length
        self._windows.opened(slot)
        window.slot, window.tell_end = slot, self._window_ends  # from here on the window tells
        return window

    def _window_ends(self, slot: int) -> None:
        self._gone.append(slot)
        self._windows.closed()


def _open_files() -> int:
    limit = os.sysconf("SC_OPEN_MAX")
    return limit if limit > 0 else 4 * _MOST_WINDOWS  # -1: there is none
