"""A worker with a thread that pulls batches: what the thread and the process workers have in common."""

from __future__ import annotations

import threading
from _queue import SimpleQueue
from abc import ABC, abstractmethod

from atonce._policy.batching import Batching
from atonce._probe.clocks import own_clocks

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from atonce._probe.clocks import Clocks
    from atonce._values.batch import Batch, Delivery
    from atonce._workers.base import Place, WorkerContext

__all__ = ("Puller",)

_READING_GRACE_S = 0.2


class Puller(ABC):
    """One thread: waits for a place, pulls batches from it until there are none, waits for the next.

    Subclasses say how a batch is carried out. All their attributes belong to this thread but those they name otherwise.
    """

    batch_s: float  # how long a batch should take

    def __init__(self, context: WorkerContext) -> None:
        self.name = context.name
        self.setup = context.setup
        self.clock = context.clock
        self.usable = True  # Written by the thread, before it leaves its first place
        self._mail: SimpleQueue[Place | None] = SimpleQueue()  # the way in, for all threads
        self.clocks: Clocks | None = None  # Written by the thread, first of all
        self._reading = False  # Written by the thread, read by close(): whether it is inside the user's input iterator
        # A daemon, so that a thread that hangs in the user's code cannot keep the program from ending. Every ordinary end joins it.
        self.thread = threading.Thread(target=self._life, name=context.name, daemon=True)
        try:
            self.thread.start()
        except BaseException:  # Ctrl-C, while the thread is waited for: it may be there, and nobody will know of it
            self._mail.put(None)
            raise

    def assign(self, place: Place) -> None:
        """Go and work at this place."""
        self._mail.put(place)

    def nudge(self, place: Place) -> None:  # noqa: B027 (most have nothing to do)
        """Nothing to do: a thread looks at ``barred`` before each item, and leaves instead of starving."""

    def interrupt(self, place: Place, *, force: bool) -> None:  # noqa: B027 (most have nothing to do)
        """Nothing to do: a thread cannot be stopped from outside."""

    def close(self, *, wait: bool) -> None:
        """End the thread once it is idle; with ``wait``, return when it has ended."""
        self._mail.put(None)
        if not wait or self.thread is threading.current_thread():
            return
        while self.thread.is_alive():
            self.thread.join(_READING_GRACE_S)
            if self._reading:
                return  # It waits in the user's input (for a line of stdin, say). It takes nothing more when that returns.

    def _life(self) -> None:
        self.clocks = own_clocks()
        unfit = self._begin()
        while (place := self._mail.get()) is not None:
            place.leave(self, place.context.copy().run(self._serve, place) if unfit is None else unfit)
            del place  # an idle worker must not keep a run alive
        self.dismiss()

    def _begin(self) -> BaseException | None:
        try:
            self.hire()
        except BaseException as error:
            self.usable = False
            return error
        return None

    def _serve(self, place: Place) -> BaseException | None:
        """Work at a place until it has nothing more; return why the work there cannot go on, if it cannot."""
        try:
            self.arrive(place)
            try:
                self._pull_batches(place)
            finally:
                self._reading = False
                self.depart()
        except BaseException as error:
            return error
        return None

    def _pull_batches(self, place: Place) -> None:
        now = self.clock.now
        batching = Batching(self.batch_s, place.job.chunksize)
        fewest = self.fewest(place)
        while True:
            begun = now()
            self._reading = True
            batch = place.take(max(batching.size, fewest), fewest)
            self._reading = False
            if batch is None:
                return
            try:
                delivery = self.carry(place, batch)
            except BaseException:
                place.deliver(Delivery(batch.start, [], (), 0.0, 0.0, self.name, undone=len(batch.items)))
                raise
            batching.saw(len(delivery.values), now() - begun)
            place.deliver(delivery)
            place.rest(self)
            if place.crowded(self):
                return

    def fewest(self, place: Place) -> int:  # noqa: ARG002 (for subclasses)
        """Return how many items a batch needs at least."""
        return 1

    @abstractmethod
    def hire(self) -> None:
        """Begin: run once, before the first batch. What it raises makes this worker useless."""

    @abstractmethod
    def arrive(self, place: Place) -> None:
        """Prepare for a place."""

    @abstractmethod
    def carry(self, place: Place, batch: Batch) -> Delivery:
        """Carry out a batch, accounting for each of its items."""

    @abstractmethod
    def depart(self) -> None:
        """Forget the place."""

    @abstractmethod
    def dismiss(self) -> None:
        """End: run once, after the last batch."""
