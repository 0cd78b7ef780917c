"""What happened, written down where every thread and process can write, and how a test waits for it."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ("Evidence", "wait_until")

_LOOK_EVERY_S = 0.005


class Evidence:
    """A file to which any worker adds lines. Can be sent to other processes.

    A line is added with one write at the end of the file, so lines of several writers do not mix.
    """

    def __init__(self, path: "str | os.PathLike[str]") -> None:
        self._path = os.fspath(path)

    def note(self, line: object) -> None:
        """Add a line."""
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, f"{line}\n".encode())
        finally:
            os.close(file)

    def lines(self) -> list[str]:
        """Return all lines so far."""
        try:
            return Path(self._path).read_text().splitlines()
        except FileNotFoundError:
            return []


def wait_until(happened: Callable[[], bool], what: str, patience_s: float = 30.0) -> None:
    """Wait for something that other threads or processes bring about.

    Args:
        happened: looked at every 5 ms.
        what: said in the error, in words that follow "waited for".
        patience_s: after which it is taken not to come any more; long, because a machine may be busy.

    Raises:
        AssertionError: it did not happen.
    """
    until = time.monotonic() + patience_s
    pause = threading.Event()
    while not happened():
        if time.monotonic() > until:
            raise AssertionError(f"waited {patience_s:g} s in vain for {what}")
        pause.wait(_LOOK_EVERY_S)
