"""The contract between a run and its workers.

A run shows its workers a ``Place``: they take batches of inputs from it, deliver results to it, and leave when it has nothing for
them. An ``Engine`` makes workers of one kind. That is all that either side knows of the other, and why a run can hire workers of
several kinds, let some go, and change its mind between two batches.

The life of a worker::

    engine.worker() ── idle ──assign(place)──▶ working ──place.leave(self)──▶ idle ... ──close()──▶ gone
                                                │  ▲
                                   place.take() ▼  │ place.deliver()
                                               a batch

Rules that every kind keeps, and ``atonce.testing`` checks:

1. For each batch taken, its items are accounted for exactly once: in ``values`` (with the bad ones in ``failed``) or in ``undone``.
2. No item with an index of ``place.barred`` or above is started once the worker can see it.
3. ``leave`` is called once for each ``assign``, after the last delivery, and the worker holds no reference to the place after it.
4. ``take`` never waits for the consumer. A worker that gets ``None`` leaves; the run calls somebody back when there is work.
5. What is raised in the user's function is delivered. What keeps a worker from working at this place at all (the initializer
   raised, the function cannot be sent to it) is given to ``leave``: it ends the run. A worker that is no good for any other run
   either says so by ``usable``.
"""

from __future__ import annotations

from atonce._values.typed import Protocol

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from contextvars import Context

    from atonce._machine.clock import Clock
    from atonce._values.batch import Batch, Delivery, Lent
    from atonce._values.job import Job, Setup

__all__ = ("DEFAULT_IN_FLIGHT", "Engine", "Place", "PumpedPlace", "PumpedWorker", "Worker", "WorkerContext")


# Assumes: a service that nobody has measured yet bears a hundred requests at once; it is also where aiohttp's connector stops.
DEFAULT_IN_FLIGHT = 100


class Place(Protocol):
    """What a worker may touch of a run. Every method may be called from any thread.

    Attributes:
        job: what to do with each item.
        stopped: whether anything is barred at all: the cheap look before the exact one.
        barred: the index from which on nothing may be started any more.
        finished: whether there will never be a batch again.
        prompt: whether ``take`` never keeps anybody waiting, because the input is all there.
        context: the context variables of the caller; each thread works in a copy.
    """

    @property
    def job(self) -> Job: ...
    @property
    def stopped(self) -> bool: ...
    @property
    def barred(self) -> int: ...
    @property
    def finished(self) -> bool: ...
    @property
    def prompt(self) -> bool: ...
    @property
    def context(self) -> Context: ...

    def take(self, limit: int, least: int = 1) -> Batch | None:
        """Take up to ``limit`` items, and not fewer than ``least`` for fairness' sake.

        Returns ``None`` if there is nothing for this worker now. May wait for the user's input iterator, never for the consumer.
        """

    def deliver(self, delivery: Delivery) -> None:
        """Hand in results."""

    def rest(self, worker: Worker) -> None:
        """Wait while the run pauses, if this worker is to. For those who work in this program's threads, between two batches."""

    def crowded(self, worker: Worker) -> bool:
        """Whether this worker should leave after its batch: others wait for one like it, or there are more here than are wanted."""

    def grew(self, worker: Worker, in_flight: int, reason: str) -> None:
        """Say how many items this worker has in flight from now on, if its job let it find out; and why, if that is new."""

    def starved(self, worker: Worker) -> None:
        """Say that a worker stays but found nothing to take: ``worker.nudge()`` is called when there is something."""

    def leave(self, worker: Worker, fault: BaseException | None = None) -> None:
        """Say goodbye; ``fault`` if nothing like this worker can work here."""


class PumpedPlace(Place, Protocol):
    """What a worker in the calling thread may touch besides. Only the consumer's thread calls it.

    Attributes:
        alone: whether there will never be another worker at this place.
        solitary: whether there is no other one now.
        over: whether all that was taken has ended, and there will never be a batch again.
    """

    @property
    def alone(self) -> bool: ...
    @property
    def solitary(self) -> bool: ...
    @property
    def over(self) -> bool: ...

    def lend(self, limit: int) -> Lent | None:
        """Lend the input for up to ``limit`` items, if alone; ``None`` as from ``take``."""

    def give_back(self, read: int, *, ended: bool, error: BaseException | None) -> None:
        """Say how much of what was lent has been read, whether it ended, and what it raised."""

    def caller_left(self, fault: BaseException | None = None) -> None:
        """Say that the calling thread works no more; ``fault`` if it cannot work here at all."""


class Worker(Protocol):
    """One worker. All methods are called by the run or its staff, from any thread, and return at once unless they say otherwise."""

    @property
    def name(self) -> str: ...
    @property
    def usable(self) -> bool: ...

    def assign(self, place: Place) -> None:
        """Go and work at this place."""

    def nudge(self, place: Place) -> None:
        """If still at this place, look at it again: there is something to take, it has finished, or ``barred`` has changed."""

    def interrupt(self, place: Place, *, force: bool) -> None:
        """If still at this place, give up what can be given up of its work: the run does not want it any more.

        A worker that has gone on to another place meanwhile is left alone. Coroutines are cancelled. With ``force``, a process is
        killed in the middle of its item. Threads cannot give up anything.
        """

    def close(self, *, wait: bool) -> None:
        """End this worker. With ``wait``, return when it is gone, unless it hangs in somebody else's code."""


class PumpedWorker(Protocol):
    """A worker without a thread of its own: it works while the caller's thread lends it time."""

    @property
    def name(self) -> str: ...

    def assign(self, place: PumpedPlace) -> None:
        """Prepare to work at this place."""

    def close(self, *, wait: bool) -> None:
        """Leave."""

    def step(self) -> bool:
        """Do one batch in the calling thread; ``False`` if there was none."""


class WorkerContext:
    """What a new worker is given.

    Attributes:
        name: unique in its pool; the name of the thread or process.
        setup: the initializer, run once before the first item.
        clock: where the worker reads the time.
        mates: how many workers of its kind there may be, itself included, who share the CPUs.
    """

    __slots__ = ("clock", "mates", "name", "setup")

    def __init__(self, name: str, setup: Setup, clock: Clock, mates: int = 1) -> None:
        self.name = name
        self.setup = setup
        self.clock = clock
        self.mates = mates


class Engine(Protocol):
    """A kind of worker. Stateless: one engine may serve many runs.

    Attributes:
        kind: how it is called in options, plans and reports.
        pumped: whether its workers are ``PumpedWorker``.
        shared: whether workers are scarce: at most ``crew`` of them for all calls of a pool together.
        guest: whether its workers live in something of the caller's, so that no pool may keep them after the call.
    """

    kind: str
    pumped: bool
    shared: bool
    guest: bool

    def crew(self, max_workers: int | None, concurrency: int | None) -> tuple[int, int]:
        """Return how many workers to hire, and how many items each may have in flight, for these options."""

    def worker(self, context: WorkerContext) -> Worker | PumpedWorker:
        """Make a worker. Costly starts happen in the background, when it is first assigned."""
