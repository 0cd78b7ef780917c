"""A process worker, as the run and its staff know it; and the engine that makes them."""

from __future__ import annotations

import os
import sys
import threading

from atonce._machine.cpus import usable_cpus
from atonce._probe.clocks import Clocks, process_clocks
from atonce._wire.pickling import dumps, dumps_function
from atonce._workers.base import Place, WorkerContext
from atonce._workers.process.desk import Desk
from atonce._workers.process.link import Link
from atonce._workers.process.mailbox import MAILBOX
from atonce._workers.process.supervisor import Supervisor

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from typing import Any

__all__ = ("ProcessEngine", "ProcessWorker")


class ProcessWorker:
    """One worker, whose process may die and be replaced while it goes on. All methods only tell the supervisor, and return at once.

    Attributes:
        preload: modules that the zygote should have imported.
        link: its process; ``None`` while it has none. Belongs to the supervisor's thread.
        desk: where it works, or worked last. Belongs to the supervisor's thread.
    """

    def __init__(self, context: WorkerContext, preload: tuple[str, ...] = ()) -> None:
        self.preload = preload
        self.name = context.name
        self.unfit: BaseException | None = None  # why no process of its can get ready. Belongs to the supervisor's thread
        self.usable = True  # Written by the supervisor, before the worker leaves its place
        self.closing = False  # whether it has been asked to close. Belongs to the supervisor's thread
        self.link: Link | None = None
        self.desk: Desk | None = None
        self._setup = context.setup
        self._threads = max(1, usable_cpus() // context.mates)  # of BLAS and OpenMP
        self._supervisor: Supervisor | None = None  # the last one that had it; belongs to that one's thread
        self._gone = threading.Event()

    # ---- for the run and the staff: any thread -----------------------------------------------------------------------------------

    def assign(self, place: Place) -> None:
        """Go and work at this place."""

        def command(supervisor: Supervisor) -> None:
            self._supervisor = supervisor
            supervisor.assign(self, place)

        try:
            MAILBOX.post(command)
        except OSError as error:
            place.leave(self, error)

    def nudge(self, place: Place) -> None:
        """Let the process see what is barred."""
        MAILBOX.post(lambda supervisor: supervisor.bar(place), begin=False)

    def interrupt(self, place: Place, *, force: bool) -> None:
        """Let the process start nothing more; with ``force``, kill it, also if it is only starting."""
        MAILBOX.post(lambda supervisor: supervisor.interrupt(self, place, force=force), begin=False)

    def close(self, *, wait: bool) -> None:
        """End the process; with ``wait``, return when it has ended."""
        if not self._gone.is_set():
            if not MAILBOX.post(lambda supervisor: supervisor.close(self), begin=False):
                self._gone.set()  # without a supervisor there are no processes
            if wait:
                self._gone.wait()

    # ---- for the supervisor ------------------------------------------------------------------------------------------------------

    @property
    def getting_ready(self) -> bool:
        """Whether its initializer is still to be waited for."""
        return self._setup.initializer is not None and (self.link is None or not self.link.ready)

    def get_link(self) -> Link:
        """Return its process; start one, if it has none."""
        if self.link is None:
            assert self._supervisor is not None
            self.link = self._supervisor.start(self)
        return self.link

    def renew(self) -> None:
        """Let its process end, for a fresh one."""
        link, self.link = self.link, None
        if link is not None:
            assert self._supervisor is not None
            self._supervisor.let_end(link)

    def settings(self) -> dict[str, Any]:
        """What a new process of this worker is told first."""
        setup = self._setup
        initializer = None if setup.initializer is None else (dumps_function(setup.initializer), dumps(setup.initargs))
        try:
            cwd = os.getcwd()  # noqa: PTH109 (for another process to go to)
        except OSError:
            cwd = None  # it has been removed
        return {
            "path": list(sys.path),
            "argv": list(sys.argv),
            "recursion_limit": sys.getrecursionlimit(),
            "environ": dict(os.environ),
            "cwd": cwd,
            "threads": self._threads,
            "prefixes": (sys.prefix, sys.exec_prefix),
            "initializer": initializer,
        }

    @property
    def clocks(self) -> Clocks | None:
        """The clocks of its process, if it has one. Any thread: they may be those of the process before."""
        link = self.link
        return None if link is None or not link.pid else process_clocks(link.pid)

    @property
    def thread(self) -> threading.Thread | None:
        """The thread that hands in its results, and runs the callbacks of futures: it must not be made to wait for the pool."""
        return None if self._supervisor is None else self._supervisor.thread

    def buried(self) -> None:
        """Its processes have ended, and it has been asked to close."""
        self._gone.set()


class ProcessEngine:
    """A process for each CPU, each with one item in flight, or more where ``concurrency`` asks for it.

    Args:
        preload: names of modules that the zygote imports once, before it forks workers, so that none of them has to. For modules
            that open nothing and start no threads as they are imported: workers would share what is open. Give such an engine as
            ``engine=ProcessEngine(preload=("my.module",))``.
    """

    kind = "process"
    pumped = False
    shared = True
    guest = False

    def __init__(self, preload: tuple[str, ...] = ()) -> None:
        self._preload = preload

    def crew(self, max_workers: int | None, concurrency: int | None) -> tuple[int, int]:
        """``max_workers`` processes, and what ``concurrency`` leaves to each of them."""
        workers = max_workers or min(usable_cpus(), concurrency or usable_cpus())
        return min(workers, concurrency or workers), max(1, (concurrency or 0) // workers)

    def worker(self, context: WorkerContext) -> ProcessWorker:
        """Start a process, in the background."""
        return ProcessWorker(context, self._preload)
