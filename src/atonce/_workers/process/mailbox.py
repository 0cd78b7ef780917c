"""The way from any thread to the program's one supervisor, and what sees that there is one.

A supervisor begins with the first command, lets itself go when it has nothing to do, and another one begins with the next command.
"""

from __future__ import annotations

import atexit
import os
import threading

from atonce._workers.process.launch import explained, forget_spare
from atonce._workers.process.supervisor import Supervisor

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    Command: TypeAlias = Callable[[Supervisor], None]

__all__ = ("MAILBOX", "Mailbox")

_REST_S = 2.0  # how long a caller waits for everything to have ended: as long as a process may take for its exit functions


class Mailbox:
    """Takes commands for the supervisor. Any thread.

    Attributes:
        supervisor: who carries them out now; ``None`` while there is nothing to do.
    """

    def __init__(self) -> None:
        self.supervisor: Supervisor | None = None  # Guarded by: _lock
        self._lock = threading.RLock()  # re-entrant: the garbage collector may let go of a pool anywhere

    def post(self, command: Command, *, begin: bool = True) -> bool:
        """Have something done in the supervisor's thread. Returns at once.

        Args:
            command: what.
            begin: whether there shall be a supervisor for it, if there is none.

        Returns:
            Whether it will be done.

        Raises:
            OSError: there are no descriptors for a supervisor.
        """
        with self._lock:
            while (supervisor := self.supervisor) is None:
                if not begin:
                    return False
                try:
                    fresh = Supervisor(self)
                except OSError as error:
                    explained(error)
                    raise
                if self.supervisor is None:  # else the garbage collector has run meanwhile, and has let go of a pool, which posted
                    self.supervisor = fresh
                    fresh.thread.start()
                else:
                    fresh.discard()
            supervisor.commands.append(command)
            supervisor.wake()
        return True

    def rest(self) -> None:
        """End what is only kept warm, now, and return when it has ended. While there are workers, it ends with the last one."""
        with self._lock:
            supervisor = self.supervisor
        if supervisor is None or supervisor.thread is threading.current_thread():
            return
        supervisor.linger_s = 0.0
        self.post(_nothing, begin=False)
        supervisor.thread.join(_REST_S)

    def stop(self) -> None:
        """End everything: the program ends, and whoever still has workers has forgotten them."""
        if self.post(Supervisor.stop, begin=False):
            self.rest()

    # ---- for the supervisor ------------------------------------------------------------------------------------------------------

    def retire(self, supervisor: Supervisor) -> bool:
        """Let a supervisor with nothing to do go, unless somebody has just posted something."""
        with self._lock:
            if supervisor.commands:
                return False
            self.supervisor = None
            return True

    def disown(self, supervisor: Supervisor) -> None:
        """Give this supervisor no more commands: it has failed."""
        with self._lock:
            if self.supervisor is supervisor:
                self.supervisor = None

    # ---- of the program ----------------------------------------------------------------------------------------------------------

    def begin_anew(self) -> None:
        """In a process that was forked from this one: the thread is not here."""
        supervisor, self.supervisor, self._lock = self.supervisor, None, threading.RLock()
        forget_spare()
        if supervisor is not None:
            supervisor.forget()


def _nothing(_supervisor: Supervisor) -> None:
    """Only wake up, and see what has changed."""


MAILBOX = Mailbox()

os.register_at_fork(after_in_child=MAILBOX.begin_anew)
atexit.register(MAILBOX.stop)
