"""Somebody who calls when it is time, where there is no consumer who could look at the clock."""

from __future__ import annotations

import threading

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ("Alarm",)

_LONGEST_S = 3600.0  # a lock cannot wait for as long as a policy may say
_ONCE_MORE_S = 0.1


class Alarm:
    """Has a thread, from the first ``look`` until there is nothing to wait for. Any thread."""

    def __init__(self, due_in_s: Callable[[], float | None], ring: Callable[[], None], name: str) -> None:
        """Prepare.

        Args:
            due_in_s: tells for how many seconds to wait; ``None`` if there is nothing to wait for.
            ring: called when it is time, and not again before ``look``.
            name: of the thread.
        """
        self._due_in_s = due_in_s
        self._ring = ring
        self._name = name
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None  # Guarded by: _changed, as what follows
        self._looks = 0
        self._closed = False

    def look(self) -> None:
        """Hear that something else may be due first."""
        with self._changed:
            self._looks += 1
            self._changed.notify()
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._live, name=self._name, daemon=True)
                self._thread.start()

    def close(self) -> None:
        """End the thread, and wait for that."""
        with self._changed:
            self._closed = True
            self._changed.notify()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _live(self) -> None:
        while True:
            with self._changed:
                looks = self._looks
            due_in_s = self._due_in_s()
            if due_in_s is not None and due_in_s <= 0:
                due_in_s = self._rung()
            with self._changed:
                # Race: 1. there is nothing to wait for; 2. somebody puts something aside, and says so; 3. we end, and nobody looks.
                if self._closed or (due_in_s is None and looks == self._looks):
                    self._thread = None
                    return
                if looks == self._looks:
                    self._changed.wait(None if due_in_s is None else min(due_in_s, _LONGEST_S))

    def _rung(self) -> float:
        """Ring; return for how many seconds to wait, unless somebody says that something has changed."""
        try:
            self._ring()
        except Exception:  # there is no room for another worker, it may be
            return _ONCE_MORE_S
        return _LONGEST_S
