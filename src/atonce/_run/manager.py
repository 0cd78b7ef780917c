"""The manager of an ``engine="auto"`` run: watches the first worker, hires by what it sees, and writes down why."""

import threading
from collections.abc import Callable
from typing import Protocol

from atonce._machine.cpus import gil_is_held, usable_cpus
from atonce._policy.hiring import LOOK_AFTER_S, Seen, decide
from atonce._probe.clocks import queued_s
from atonce._probe.effects import shared_writes
from atonce._run.bell import ThreadBell
from atonce._run.driver import Crew, Run
from atonce._wire.pickling import dumps, dumps_function
from atonce.errors import PicklingFailed, PoolClosed

__all__ = ("Manager", "RuleOfThumb")


class Manager(Protocol):
    """Decides who works at a run, while it goes on."""

    def begin(self, run: Run) -> None:
        """Start to watch; the run has its first worker."""
        ...

    def end(self, *, wait: bool) -> None:
        """Stop: the run has ended. With ``wait``, return when nothing of the manager is left."""
        ...


class RuleOfThumb:
    """Looks once, after 50 ms of work, from a thread of its own: the first worker may be in the middle of its first item."""

    def __init__(self, crew_of: Callable[[str], Crew], *, inside_worker: bool) -> None:
        """Make a manager.

        Args:
            crew_of: the crew that the caller's options allow, for the name of an engine.
            inside_worker: whether this program is itself a worker process, whose siblings have the other CPUs.
        """
        self._crew_of = crew_of
        self._inside_worker = inside_worker
        self._bell = ThreadBell()  # rung at the end
        self._ended = False
        self._thread: threading.Thread | None = None
        self._caller = 0
        self._queued_before_s = 0.0

    def begin(self, run: Run) -> None:
        """Start to watch. The calling thread does so, whose work it is, unless it is on an event loop."""
        self._caller = threading.get_native_id() if run.caller_helps else 0
        self._thread = threading.Thread(target=self._watch, args=(run,), name=f"{run.job.name}-manager", daemon=True)
        self._thread.start()

    def end(self, *, wait: bool) -> None:
        """Stop; with ``wait``, return when the thread has ended."""
        self._ended = True
        self._bell.ring()
        if wait and self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _watch(self, run: Run) -> None:
        self._queued_before_s = queued_s(self._caller)
        while True:
            self._bell.wait(LOOK_AFTER_S)
            if self._ended:
                return
            wall_s, cpu_s, done = run.account.worked()
            if wall_s >= LOOK_AFTER_S:
                try:
                    self._hire(run, wall_s, cpu_s, done)
                except Exception as error:  # the user's objects are looked at, and may answer with anything
                    run.report.plan.reasons.append(
                        f"the work could not be looked at ({type(error).__name__}: {error}), so it stays"
                    )
                return

    def _hire(self, run: Run, wall_s: float, cpu_s: float, done: int) -> None:
        source = run.source
        remaining = None if source.length is None else max(0, source.length - source.taken)
        # Time in the queue for a CPU is not time that the work waits for something else.
        cpu_s = min(wall_s, cpu_s + queued_s(self._caller) - self._queued_before_s)
        cpus = 1 if self._inside_worker else usable_cpus()
        seen = Seen(wall_s, cpu_s, done, remaining, cpus, gil_is_held(), shared_writes(run.job.fn), "")
        decision = decide(seen)
        if decision.engine == "process":
            decision = decide(seen._replace(stays=_stays(run)))
        run.report.plan.reasons.append(decision.reason)
        if decision.engine != "inline" and not self._ended:
            try:
                run.hire(self._crew_of(decision.engine))
            except PoolClosed:
                return  # closed meanwhile: the consumer hears of it from the pool


def _stays(run: Run) -> str:
    """Say why the work cannot go to another process; empty if it can: the function, an input and a result are tried."""
    try:
        dumps_function(run.job.fn)
        for sample in (*run.source.sample, *run.account.sample):
            dumps(sample)
    except PicklingFailed as failure:
        return f"it has to stay in this process: {str(failure).splitlines()[0]}"
    return ""
