"""Whether one event loop is enough for a run, or each of several processes should have one: from what is seen to what to do.

::

    watching ──▶ computes all the time ──▶ safe? ──▶ worth it? ──▶ processes ──▶ kept if they bring more
     ▲  one loop works                                                            │
     └──────────────────────────────── not worth it ──────────────────────────────┘

A loop that waits has time for thousands of coroutines. One that computes all the time has one CPU, however many are in flight.

Everything here is pure, as in ``hiring.py``: the same manager looks and obeys.
"""

from __future__ import annotations

from atonce._policy.action import Hire, Inspect, Nap, Prepare, Return, Stay, Verified, Weigh
from atonce._policy.cost import saved_s
from atonce._policy.observation import Payload, Seen, Span, left_of
from atonce._values.words import in_words

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable

    from atonce._policy.action import Action
    from atonce._policy.observation import Scene

__all__ = ("Looping",)

_FIRST_NAP_S = 0.01
_LONGEST_NAP_S = 0.05
_BUSY = 0.9  # part of the time in which the loop computes
_SPAN_S = 0.02  # of the time that this is told by
_BUSY_SPANS = 3  # in a row, before it counts
_START_S = 0.12  # Measured: until a worker process has imported asyncio and has its first coroutine, beyond what others need
_WORTH = 0.15  # part of what is left that processes have to save
_WATCHED_ITEMS = 3  # that have to end between two looks at the state around them
_DELIVER_S = 0.5  # Assumes: who has not delivered by then brings nothing
_VERIFY_S = 0.1  # over which it is told what they bring
_KEEP = 1.15  # times as many items a second
_LIGHTEST = Payload(0.0)  # as long as nobody has weighed it


class Looping:
    """Decides on the workers of one run of a coroutine function, look by look.

    Attributes:
        scene: what is known from the beginning.
        ruled_out: why kinds of workers are not taken, by kind.
        flips: what would turn the choice.
    """

    def __init__(self, scene: Scene, seen: Seen) -> None:
        """Begin, with a first look at the run."""
        self.scene = scene
        self.ruled_out: dict[str, str] = {}
        self.flips: list[str] = []
        self._go_on: Callable[[Seen], Action] = self._watch
        self._mark = seen
        self._busy = 0  # spans in a row in which it computed all the time
        self._rate = 0.0  # items a second of the one loop
        self._cpu_s = 0.0  # CPU seconds an item
        self._patience_s = 0.0

    def look(self, seen: Seen) -> Action:
        """Say what to do now."""
        return self._go_on(seen)

    def _watch(self, seen: Seen) -> Action:
        since = Span(self._mark, seen)
        if since.wall_s < _SPAN_S or not since.done:
            return Nap(_FIRST_NAP_S if since.wall_s < _LONGEST_NAP_S else _LONGEST_NAP_S)
        self._mark = seen
        wall_s = since.wall_s - since.queued_s
        if since.first_cpu_s < _BUSY * wall_s:
            self._busy = 0
            return Nap(_LONGEST_NAP_S)
        self._busy += 1
        self._rate, self._cpu_s = since.done / since.wall_s, since.first_cpu_s / since.done
        if self._busy < _BUSY_SPANS or not self._is_worth_it(seen):
            return Nap(_SPAN_S)
        return self._consider(seen)

    def _is_worth_it(self, seen: Seen) -> bool:
        items, workers = left_of(seen), self.scene.most_processes
        ship_s, imports_s, _ = seen.payload or _LIGHTEST
        start_s = self.scene.start_s + imports_s + _START_S
        saves_s = saved_s(items=items, item_s=self._cpu_s, ship_s=ship_s, start_s=start_s, workers=workers)
        return saves_s > _WORTH * items * self._cpu_s

    def _consider(self, seen: Seen) -> Action:
        self._go_on = self._consider
        safety, payload = seen.safety, seen.payload
        if safety is None:
            return Inspect()
        if stays := safety.together or safety.apart or ("" if payload is None else payload.stays):
            return self._stay(f"the event loop computes all the time, but {stays}, so it stays the only one")
        if not safety.watched:
            return Inspect() if seen.done >= safety.done + _WATCHED_ITEMS else Nap(_FIRST_NAP_S)
        if payload is None:
            return Weigh()
        if not self._is_worth_it(seen):
            self._go_on = self._watch  # it may turn out that there is more to do than was thought
            return Nap(_SPAN_S)
        return Prepare(self.scene.most_processes) if not seen.ready else self._hire(seen)

    def _hire(self, seen: Seen) -> Action:
        workers = self.scene.most_processes
        self._go_on, self._mark, self._patience_s = self._await, seen, seen.now_s + _DELIVER_S
        self.flips = ["if it waited more one loop would do"]
        reason = f"the event loop computed all the time, {in_words(self._cpu_s)} an item"
        return Hire("process", workers, max(1, self.scene.in_flight // workers), reason)

    def _await(self, seen: Seen) -> Action:
        if seen.delivered < self.scene.most_processes and seen.now_s < self._patience_s:
            return Nap(_FIRST_NAP_S)
        self._go_on, self._mark = self._verify, seen
        return Nap(_VERIFY_S)

    def _verify(self, seen: Seen) -> Action:
        since = Span(self._mark, seen)
        if since.wall_s < _VERIFY_S:
            return Nap(_VERIFY_S)
        gained = since.done / since.wall_s / self._rate
        if gained >= _KEEP or seen.left == 0:
            self._go_on = self._rest
            return Verified(min(gained, self.scene.cpus))
        self.ruled_out["process"] = f"brought {gained:.2f}x one loop"
        self.flips = []
        self._go_on = self._rest
        return Return(f"processes brought {gained:.2f}x one loop, so they were let go")

    def _stay(self, reason: str) -> Action:
        self._go_on = self._rest
        return Stay(reason)

    def _rest(self, seen: Seen) -> Action:  # noqa: ARG002 (nothing changes it any more)
        return Nap(3600.0)
