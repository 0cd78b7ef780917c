"""A journal as a file: whether it is one at all, and who may write to it.

A program that writes holds a lock on a file beside it, which goes with the last writer. The system takes the lock back when the
program ends, however it does. The journal itself would not do: SQLite unlocks all of a file where it unlocks some of it.
"""

from __future__ import annotations

import os
import struct
import sys
from contextlib import suppress

from atonce.errors import JournalError

__all__ = ("APPLICATION_ID", "VERSION", "Lock", "check_file", "key_of")

APPLICATION_ID = 0x61746E63  # "atnc"; who reads the file by SQL finds it by PRAGMA application_id
VERSION = 1
_HEADER_BYTES = 100  # Source: "Database File Format", 1.3
_FLOCK = "hhqqi4x"  # struct flock of Linux, 64 bits


def key_of(path: str) -> tuple[int, int] | None:
    """Return what is the same for all paths of a file; ``None`` if there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return found.st_dev, found.st_ino


def check_file(path: str) -> None:
    """Refuse a file that is no journal, without having changed anything. None, or an empty one, is as good as a new one.

    Assumes: this program does not have it open by other means: POSIX takes all locks of a process from a file that it closes once.

    Raises:
        JournalError: it cannot be read, is something else, was made by a newer version, or has lost its end.
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123 (a path that may mean anything to pathlib)
            header, size = file.read(_HEADER_BYTES), os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unwritable(path, error) from None
    if not header:
        return
    left = "It was left as it is; give another path."
    if not header.startswith(b"SQLite format 3\0"[: len(header)]):
        raise JournalError(f"{path} is no journal, but some other file. {left}")
    if len(header) < _HEADER_BYTES:
        raise JournalError(f"journal {path} has lost its end: there are {len(header)} bytes. {left}")
    change, pages, valid_for = struct.unpack(">I I 60x I", header[24:96])
    version, application = struct.unpack(">I 4x I", header[60:72])
    if application != APPLICATION_ID:
        raise JournalError(f"{path} is no journal, but a database of another program. {left}")
    if version > VERSION:
        raise JournalError(
            f"journal {path} was made by a newer version of atonce (its form is {version}, this version knows {VERSION}). {left}"
        )
    page_bytes = struct.unpack(">H", header[16:18])[0]
    needed = pages * (65536 if page_bytes == 1 else page_bytes)
    # What was cut off in the middle leaves a file that is too short, and beside it what is missing.
    if change == valid_for and size < needed and not (_is_there(f"{path}-wal") or _is_there(f"{path}-journal")):
        raise JournalError(f"journal {path} has lost its end: {size:,} of {needed:,} bytes are there. {left}")


class Lock:
    """Keeps other programs from writing to a journal, until it is closed. The path has to be a real, absolute one."""

    def __init__(self, path: str) -> None:
        """Take the lock.

        Raises:
            JournalError: another program has it, or there can be no file.
        """
        self._path = f"{path}-lock"
        self._pid = os.getpid()
        while True:
            try:
                self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
            except OSError as error:
                raise _unwritable(path, error) from None
            try:
                _lock(path, self._descriptor)
                if self._is_there():
                    return
            except BaseException:
                os.close(self._descriptor)
                raise
            os.close(self._descriptor)  # Race: 1. we open it; 2. the one before us removes it, and ends; 3. we have what is nowhere

    def _is_there(self) -> bool:
        found = os.fstat(self._descriptor)
        return key_of(self._path) == (found.st_dev, found.st_ino)

    def close(self) -> None:
        """Give the lock back. A process that was forked from the one that has it only lets go of it."""
        if sys.platform != "win32" and os.getpid() == self._pid:  # Windows removes nothing that is open
            with suppress(OSError):  # somebody may have removed it, or its folder
                os.unlink(self._path)  # noqa: PTH108 (while it is ours)
        os.close(self._descriptor)


def _lock(path: str, descriptor: int) -> None:
    if sys.platform == "win32":
        return  # SQLite locks the whole journal there
    import fcntl  # noqa: PLC0415 (POSIX only)

    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise JournalError(
            f"journal {path} is being written by {_holder(descriptor)}, and takes one program at a time.\n"
            f"Wait for it, or give this call a journal of its own; nothing was started."
        ) from None


def _holder(descriptor: int) -> str:
    """Name the process that holds the lock, where the system tells in the way that Linux does."""
    if sys.platform != "linux":
        return "another program"
    import fcntl  # noqa: PLC0415 (POSIX only)

    asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    try:
        pid = struct.unpack(_FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))[4]
    except (OSError, struct.error):
        pid = 0
    return f"process {pid}" if pid > 0 else "another program"


def _unwritable(path: str, error: OSError) -> JournalError:
    return JournalError(f"journal {path} cannot be opened: {error.strerror}")


def _is_there(path: str) -> bool:
    try:
        return os.stat(path).st_size > 0  # noqa: PTH116
    except OSError:
        return False
