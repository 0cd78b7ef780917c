"""The operating system's threads that carry tasks. They are kept from run to run: to start one takes longer than a short run.

Each task finds its carrier as it would find a new thread: without thread-local values, and with an empty context.
"""

from __future__ import annotations

import _thread
import sys
import threading
from _thread import allocate_lock, get_ident, get_native_id, start_new_thread
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from typing import TYPE_CHECKING, Any

from atonce.race.belongings import Belongings

if TYPE_CHECKING:
    from atonce.race.tasks import Task

__all__ = ("Carriers", "started")


class Carriers:
    """Threads that wait for tasks. Ended by `close`.

    Guarded by: the baton; whoever runs may call `carry` and `give_back`.
    """

    def __init__(self) -> None:
        self._idle: list[_Carrier] = []
        self._all: list[_Carrier] = []
        self._carries: dict[Task, _Carrier] = {}
        self._closed = False

    def carry(self, task: Task, body: Callable[[], None]) -> None:
        """Give the task a thread. The body begins there as soon as the task's baton is released."""
        carrier = self._idle.pop() if self._idle else self._new()
        carrier.body = body
        task.baton = carrier.baton
        task.ident = carrier.ident
        self._carries[task] = carrier

    def give_back(self, task: Task) -> None:
        """Forget what belonged to the task's thread, which may carry another one from now on. Called in that thread."""
        carrier = self._carries.pop(task, None)
        if carrier is not None:
            carrier.belongings.forget()
            carrier.lost = carrier.lost or self._closed
            self._idle.append(carrier)

    def abandon(self, task: Task) -> None:
        """Give up the thread of a task, which hangs in the user's code. It ends by itself if it ever comes back."""
        carrier = self._carries.get(task)
        if carrier is not None:
            carrier.lost = True

    def close(self) -> None:
        """End all threads, and wait until they are gone. One that hangs in the user's code is left to the end of the program."""
        self._closed = True
        idle, self._idle = self._idle, []
        for carrier in idle:
            carrier.body = None
            with suppress(RuntimeError):  # it was released already, when the run was left by force: it will find nothing to do
                carrier.baton.release()
        for carrier in idle:
            carrier.join()

    def native_ids(self) -> list[int]:
        """Return the system's numbers of the threads, but not of those that may have ended: others may have their numbers now."""
        return [carrier.native_id for carrier in self._all if not carrier.lost]

    @property
    def hanging(self) -> int:
        """How many threads never came back."""
        return len(self._carries)

    def _new(self) -> _Carrier:
        carrier = _Carrier()
        self._all.append(carrier)
        return carrier


class _Carrier:
    def __init__(self) -> None:
        self.baton = allocate_lock()
        self.baton.acquire()
        self.body: Callable[[], None] | None = None
        self.ident = self.native_id = 0
        self.lost = False
        begun = allocate_lock()
        begun.acquire()
        self.join = started(lambda: self._carry(begun))
        begun.acquire()

    def _carry(self, begun: _thread.LockType) -> None:
        self.ident, self.native_id = get_ident(), get_native_id()
        self.belongings = Belongings()
        _be_traced()
        begun.release()
        while True:
            self.baton.acquire()
            body, self.body = self.body, None
            if body is None:
                return
            Context().run(body)
            del body
            if self.lost:
                return


def _be_traced() -> None:
    """Let a debugger, or who measures coverage, see what this thread does, if they asked for new threads."""
    if threading.gettrace() is not None:
        sys.settrace(threading.gettrace())
    if threading.getprofile() is not None:
        sys.setprofile(threading.getprofile())


# Not threading.Thread, whose methods are patched while a run is on; and names of _thread as they were when this was imported.
def started(function: Callable[[], None]) -> Callable[[], object]:
    """Start a thread that does not keep the program alive, and return what waits for its end."""
    thread: Any = _thread  # its names differ from version to version
    if hasattr(thread, "start_joinable_thread"):  # 3.13
        return thread.start_joinable_thread(function, daemon=True).join  # type: ignore[no-any-return]
    begun = allocate_lock()
    begun.acquire()
    sentinels = []

    def body() -> None:
        sentinels.append(thread._set_sentinel())  # noqa: SLF001 (what threading.Thread.join waits for, before 3.13)
        sentinels[0].acquire()
        begun.release()
        function()

    start_new_thread(body, ())
    begun.acquire()
    return sentinels[0].acquire  # type: ignore[no-any-return]
