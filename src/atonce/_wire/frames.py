"""Messages over a pipe: a length, then so many bytes.

```
+----------------------+------------------+
| 8 bytes, little end  | payload          |
+----------------------+------------------+
```

The worker's ends block: ``Inlet`` waits for the next message, ``Outlet`` until the pipe has taken one. The parent's ends do not:
``Assembler`` makes messages of whatever bytes have come, and what the pipe does not take at once waits in the parent.
"""

from __future__ import annotations

import os
from _collections import deque  # collections, around it, costs 3 ms
from _struct import Struct
from _thread import allocate_lock

__all__ = ("READ_BYTES", "Assembler", "Inlet", "Outlet", "framed")

READ_BYTES = 1 << 16  # Source: the design's measurement; it is also what a pipe holds
_LENGTH = Struct("<Q")
_HEAD = _LENGTH.size
_JOIN_BYTES = 1 << 16  # up to here one write of a copy beats two writes


def framed(*parts: bytes) -> bytes:
    """Return a message of these parts, ready to be written."""
    return b"".join((_LENGTH.pack(sum(map(len, parts))), *parts))


class Assembler:
    """Makes messages of bytes, in whatever pieces they come. Not thread-safe."""

    __slots__ = ("_rest", "_wanted")

    def __init__(self) -> None:
        self._rest = bytearray()
        self._wanted = _HEAD  # bytes that have to be there before it is worth looking

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes, and give the messages that are complete now."""
        rest = self._rest
        if rest:
            rest += data
            if len(rest) < self._wanted:
                return []
            data = bytes(rest)
            rest.clear()
        messages: list[bytes] = []
        at, size = 0, len(data)
        while True:
            if size - at < _HEAD:
                self._wanted = _HEAD
                break
            end = at + _HEAD + _LENGTH.unpack_from(data, at)[0]
            if end > size:
                self._wanted = end - at
                break
            messages.append(data[at + _HEAD : end])
            at = end
        if at < size:
            rest += data[at:] if at else data
        return messages


class Inlet:
    """The reading end of a worker. Belongs to its main thread."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._assembler = Assembler()
        self._ready: list[bytes] = []

    @property
    def ready(self) -> bool:
        """Whether there is a message already, so that ``next`` would not even look at the pipe."""
        return bool(self._ready)

    def fileno(self) -> int:
        """Return the descriptor, for those who wait for other things, too."""
        return self._fd

    def next(self) -> bytes | None:
        """Wait for a message; ``None`` when the other end has been closed."""
        while not self._ready:
            try:
                data = os.read(self._fd, READ_BYTES)
            except OSError:
                return None
            if not data:
                return None
            self._ready = self._assembler.feed(data)
            self._ready.reverse()
        return self._ready.pop()


class Outlet:
    """The writing end of a worker. Threads that the user's function has started may send log records while it sends a result."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._line: deque[bytes] = deque()
        self._lock = allocate_lock()

    def send(self, payload: bytes) -> None:
        """Write a message. One that nobody reads any more is dropped: the parent is gone, or going.

        Whoever has the lock writes for all, so a message may still be on its way when this returns: only if another thread, or this
        one further down its stack, is writing.
        """
        # Race: 1. we write; 2. the garbage collector runs in this thread and closes a file, which warns; 3. the warning is sent:
        # a lock that is waited for would never come, and one that lets us in would mix two messages. So it waits in line.
        self._line.append(payload)
        while self._line and self._lock.acquire(blocking=False):
            try:
                self._write_message(self._line.popleft())
            except IndexError:  # another thread was quicker
                continue
            except OSError:
                return
            finally:
                self._lock.release()

    def _write_message(self, payload: bytes) -> None:
        length = _LENGTH.pack(len(payload))
        if len(payload) <= _JOIN_BYTES:
            self._write(length + payload)
        else:
            self._write(length)
            self._write(payload)

    def _write(self, payload: bytes) -> None:
        written = os.write(self._fd, payload)
        if written < len(payload):
            view = memoryview(payload)
            while written < len(payload):
                written += os.write(self._fd, view[written:])
