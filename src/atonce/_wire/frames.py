"""Messages over a pipe: a length, then so many bytes.

```
+----------------------+------------------+
| 8 bytes, little end  | payload          |
+----------------------+------------------+
```
"""

import os
import struct

__all__ = ("receive", "send")

_LENGTH = struct.Struct("<Q")
_READ_BYTES = 1 << 20
_JOIN_BYTES = 1 << 16  # up to here one write of a copy beats two writes


def send(fd: int, payload: bytes) -> None:
    """Write one message.

    Raises:
        OSError: the other end is gone (``BrokenPipeError``), or the pipe cannot be written to.
    """
    length = _LENGTH.pack(len(payload))
    if len(payload) <= _JOIN_BYTES:
        _write(fd, length + payload)
    else:
        _write(fd, length)
        _write(fd, payload)


def receive(fd: int) -> bytes | bytearray:
    """Read one message.

    Raises:
        EOFError: the other end was closed, also in the middle of a message.
        OSError: the pipe cannot be read.
    """
    (length,) = _LENGTH.unpack(_read(fd, _LENGTH.size))
    return _read(fd, length)


def _write(fd: int, payload: bytes) -> None:
    view = memoryview(payload)
    while view:
        view = view[os.write(fd, view) :]


def _read(fd: int, length: int) -> bytes | bytearray:
    chunk = os.read(fd, min(length, _READ_BYTES)) if length else b""
    if len(chunk) == length:
        return chunk
    payload = bytearray()
    while chunk:
        payload += chunk
        if len(payload) == length:
            return payload
        chunk = os.read(fd, min(length - len(payload), _READ_BYTES))
    raise EOFError("the other end of the pipe was closed")
