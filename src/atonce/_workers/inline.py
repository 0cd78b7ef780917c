"""Inline: the calling thread itself. The reference that every other kind must agree with."""

from __future__ import annotations

from contextlib import nullcontext

from atonce._policy.batching import Batching
from atonce._workers.carry import call_of, carry_out

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from typing import Any

    from atonce._values.batch import Delivery
    from atonce._workers.base import PumpedPlace, WorkerContext

__all__ = ("InlineEngine", "InlineWorker")

# How long the caller works before it looks at anything else: results of others, its consumer, the manager.
# Assumes: a person or a stream does not mind a wait of 5 ms; at 60 ns an item this is more than a full batch.
_BATCH_S = 0.005
_MANY = 64  # items of a batch


class InlineWorker:
    """Works while the caller's thread lends it time. Everything here belongs to that thread."""

    def __init__(self, context: WorkerContext) -> None:
        self.name = "calling thread"
        self._setup = context.setup
        self._clock = context.clock
        self._place: PumpedPlace | None = None
        self._ready = False
        self._batching = Batching(_BATCH_S)
        self._calls: AbstractContextManager[Callable[[Any], Any]] = nullcontext(_nobody)
        self._call: Callable[[Any], Any] = _nobody

    def assign(self, place: PumpedPlace) -> None:
        """Prepare for this place; work is done in ``step``."""
        self._place = place
        self._batching = Batching(_BATCH_S, place.job.chunksize)
        self._calls = call_of(place.job)
        self._call = self._calls.__enter__()

    def step(self) -> bool:
        """Do one batch in the calling thread; ``False`` if there was none."""
        place = self._place
        if place is None:
            return False
        if not self._ready and not self._get_ready():
            return False
        begun = self._clock.now()
        # While many items make a batch, one more batch without others costs them no more than a moment.
        alone = place.alone or (self._batching.size >= _MANY and place.solitary)
        delivery = self._work_alone(place) if alone else None
        if delivery is None:  # perhaps one that has failed is to be started again
            delivery = self._work_with_others(place)
        if delivery is None:
            if place.over:  # not before: what others have in hand may fail, and be to be started again
                self._leave()
            return False
        self._batching.saw(len(delivery.values), self._clock.now() - begun)
        place.deliver(delivery)
        return True

    def _work_alone(self, place: PumpedPlace) -> Delivery | None:
        """Read an input, run it, read the next: what the built-in ``map`` does, and a quarter faster than reading a batch first."""
        batch = place.lend(self._batching.size)
        if batch is None:
            return None
        delivery = carry_out(self._call, place.job, batch, None, self._clock, self.name)
        place.give_back(len(delivery.values), ended=len(delivery.values) < batch.limit, error=delivery.trouble)
        return delivery

    def _work_with_others(self, place: PumpedPlace) -> Delivery | None:
        batch = place.take(self._batching.size)
        if batch is None:
            return None
        delivery = carry_out(self._call, place.job, batch, place, self._clock, self.name)
        delivery.undone = len(batch.items) - len(delivery.values)
        if delivery.trouble is not None:  # not of an item's making: Ctrl-C, or what another signal's handler raised
            place.deliver(delivery)
            raise delivery.trouble
        return delivery

    def _get_ready(self) -> bool:
        try:
            self._setup.once_in_this_thread()
        except BaseException as error:
            self._leave(error)
            return False
        self._ready = True
        return True

    def _leave(self, fault: BaseException | None = None) -> None:
        """Leave the place, if at one."""
        place, self._place = self._place, None
        if place is not None:
            calls, self._calls, self._call = self._calls, nullcontext(_nobody), _nobody
            calls.__exit__(None, None, None)
            place.caller_left(fault)

    def close(self, *, wait: bool) -> None:  # noqa: ARG002 (there is nothing to wait for)
        """Leave."""
        self._leave()


def _nobody(_item: Any) -> Any:
    raise AssertionError("a worker was asked to work at no place")


class InlineEngine:
    """The calling thread, alone."""

    kind = "inline"
    pumped = True
    shared = False
    guest = False

    def crew(self, max_workers: int | None, concurrency: int | None) -> tuple[int, int]:  # noqa: ARG002 (one caller)
        """One worker, one item in flight, whatever was asked for."""
        return 1, 1

    def worker(self, context: WorkerContext) -> InlineWorker:
        """Make the caller a worker."""
        return InlineWorker(context)
