"""Threads that wait for a while for something to do, so that whoever needs one for a moment does not have to start one.

To wake a thread that waits takes a few microseconds, to start one a hundred; and while a call of a few microseconds goes on, the
thread does not even get to run: it needs the GIL, which a caller that computes keeps for 5 ms.
"""

from __future__ import annotations

import os
import threading
from _queue import Empty, SimpleQueue

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ("ATTENDANTS", "Attendants", "Errand")

_LINGER_S = 0.5  # as the supervisor of worker processes


class Errand:
    """Something to be done by an attendant, unless it is called off before anybody has begun."""

    __slots__ = ("begun", "call")

    def __init__(self, call: Callable[[], object]) -> None:
        self.call: Callable[[], object] | None = call  # Guarded by: the attendants' lock
        self.begun = False  # Guarded by: the attendants' lock


class Attendants:
    """Does errands, each in a thread of its own, which it keeps for the next ones. Any thread."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._errands: SimpleQueue[Errand | None] = SimpleQueue()
        self._lock = threading.RLock()  # re-entrant: the garbage collector may end a run anywhere
        self._wanted = 0  # errands that nobody has begun and nobody has called off. Guarded by: _lock
        self._idle = 0  # threads that wait, or are about to. Guarded by: _lock
        self._threads: set[threading.Thread] = set()  # Guarded by: _lock

    def send(self, call: Callable[[], object]) -> Errand:
        """Have something done. Returns at once.

        Raises:
            RuntimeError: there is no thread, and none can be started.
        """
        errand = Errand(call)
        with self._lock:
            self._wanted += 1
            if self._wanted > self._idle:
                self._begin_another()
        try:
            self._errands.put(errand)
        except BaseException:  # Ctrl-C
            self.call_off(errand)
            raise
        return errand

    def call_off(self, errand: Errand) -> bool:
        """Forget an errand; ``False`` if somebody has already begun it."""
        with self._lock:
            if errand.begun:
                return False
            if errand.call is not None:
                errand.call = None
                self._wanted -= 1
            return True

    def rest(self) -> None:
        """Let all threads end that have nothing to do, and return when they have ended."""
        with self._lock:
            threads = [thread for thread in self._threads if thread is not threading.current_thread()]
        for _ in threads:
            self._errands.put(None)
        for thread in threads:
            thread.join(_LINGER_S)

    def _begin_another(self) -> None:
        thread = threading.Thread(target=self._attend, name=self._name, daemon=True)
        self._idle += 1
        self._threads.add(thread)
        try:
            thread.start()
        except BaseException:  # also Ctrl-C, which leaves a thread behind that has started
            self._wanted -= 1
            if thread.ident is None:
                self._idle -= 1
                self._threads.discard(thread)
            raise

    def _attend(self) -> None:
        while True:
            try:
                errand = self._errands.get(timeout=_LINGER_S)
            except Empty:
                errand = None
            if errand is None:
                with self._lock:
                    if self._wanted and self._wanted >= self._idle:  # somebody counts on this thread: what he sends is on its way
                        continue
                    self._idle -= 1
                    self._threads.discard(threading.current_thread())
                    return
            with self._lock:
                call, errand.call, errand.begun = errand.call, None, True
                if call is None:
                    continue
                self._wanted -= 1
                self._idle -= 1
            del errand
            try:
                call()
            except BaseException:  # this thread ends with it
                with self._lock:
                    self._threads.discard(threading.current_thread())
                raise
            del call
            with self._lock:
                self._idle += 1

    def forget(self) -> None:
        """In a process that was forked from this one: the threads are not here."""
        self.__init__(self._name)  # type: ignore[misc]


ATTENDANTS = Attendants("atonce-manager")

os.register_at_fork(after_in_child=ATTENDANTS.forget)
