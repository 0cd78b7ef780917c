"""A short switch interval, for as long as somebody is in a hurry to get the GIL from a thread that computes.

Whoever does many small things beside such a thread waits for the GIL after each of them that lets it go: opening a file, writing to
a pipe. With the usual interval of 5 ms, starting worker processes takes up to a second of that; with 0.1 ms, some milliseconds.
"""

import os
import sys
import threading

__all__ = ("HURRY", "Hurry")

_INTERVAL_S = 0.0001  # Assumes: a thread that computes does not mind to be interrupted so often for some milliseconds


class Hurry:
    """Counts who is in a hurry. The interval is the program's: it is set for the first of them, and set back for the last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0  # Guarded by: _lock
        self._before_s = 0.0  # Guarded by: _lock

    def begin(self) -> None:
        """Be in a hurry."""
        with self._lock:
            self._count += 1
            if self._count == 1:
                self._before_s = sys.getswitchinterval()
                if self._before_s > _INTERVAL_S:
                    sys.setswitchinterval(_INTERVAL_S)

    def end(self) -> None:
        """Be in no hurry any more. What somebody else has set meanwhile stays."""
        with self._lock:
            self._count -= 1
            if self._count == 0 and abs(sys.getswitchinterval() - _INTERVAL_S) < _INTERVAL_S / 10:
                sys.setswitchinterval(self._before_s)

    def __enter__(self) -> None:
        self.begin()

    def __exit__(self, *_: object) -> None:
        self.end()

    def forget(self) -> None:
        """In a process that was forked from this one: whoever was in a hurry is not here."""
        self._lock = threading.Lock()
        if self._count:
            self._count = 1
            self.end()


HURRY = Hurry()

os.register_at_fork(after_in_child=HURRY.forget)
