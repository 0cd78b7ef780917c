"""Small files in the user's cache directory: what a program may find there again, and can do without.

Whoever reads has to check what he gets: it may be anything, written by anybody.
"""

# ruff: noqa: PTH102, PTH105, PTH108, PTH111, PTH112, PTH117, PTH118, PTH120
# pathlib takes 3.5 ms of a program's first result

from __future__ import annotations

import os
import sys
from contextlib import suppress

__all__ = ("cache_directory", "read_beginning", "replace_file")


def cache_directory() -> str:
    """Return where atonce may keep files, as the environment says; empty for nowhere.

    Source:
        https://specifications.freedesktop.org/basedir-spec/latest/ (a relative path counts as none).
    """
    chosen = os.environ.get("ATONCE_CACHE_DIR")
    if chosen is not None:
        return chosen
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", "")
    elif sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME", "")
        base = base if os.path.isabs(base) else os.path.expanduser("~/.cache")
    return os.path.join(base, "atonce") if os.path.isabs(base) else ""  # nobody's home: "~" stays as it is


def read_beginning(path: str, size: int) -> bytes:
    """Read so many bytes of a file, or fewer if it is shorter; none where it cannot be read."""
    try:
        with open(path, "rb", buffering=0, opener=_open_at_once) as file:
            return file.read(size) or b""  # None: nothing yet, in a pipe
    except OSError:
        return b""


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # a pipe in its place would wait for somebody who writes


def replace_file(path: str, content: bytes) -> None:
    """Put a file in its place all at once, so that nobody ever reads half of it, and leave nothing else behind.

    Raises:
        OSError: it cannot be written; what was there before is still there.
    """
    _make_directory(os.path.dirname(path))
    fresh = f"{path}.{os.urandom(8).hex()}"
    try:
        with open(fresh, "xb", opener=_open_for_user) as file:
            file.write(content)
        os.replace(fresh, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(fresh)
        raise


def _open_for_user(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _make_directory(directory: str) -> None:
    """Make a directory for the user only, and those above it that are missing too."""
    if not directory or os.path.isdir(directory):
        return
    _make_directory(os.path.dirname(directory))
    with suppress(FileExistsError):  # somebody was faster; or it is a file, as will turn out
        os.mkdir(directory, 0o700)
