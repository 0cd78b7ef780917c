"""What a run starts again, and when: it takes failures out of what workers deliver, and puts their items on the shelf."""

from __future__ import annotations

import threading
from contextlib import suppress

from atonce._values.batch import LOST, Delivery
from atonce._values.trial import Trial
from atonce._values.typed import Protocol
from atonce.errors import RetryAfter, is_crash

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    from atonce._machine.clock import Clock
    from atonce._policy.retrying import Retrying, Rule
    from atonce._run.shelf import Shelf
    from atonce._values.batch import Misfortune
    from atonce._values.retry import Retry

    Call: TypeAlias = Callable[[Any], tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]]

__all__ = ("Again",)


class Keeper(Protocol):
    """Where items come from, and where they are kept meanwhile: a run's source, or a pool's line of calls.

    Attributes:
        shelf: items that are to be started again.
    """

    shelf: Shelf

    @property
    def barred(self) -> int:
        """The index from which on nothing may be started."""

    @property
    def stopped(self) -> bool:
        """Whether anything is barred."""

    def item(self, index: int) -> Any:
        """Return an input once more.

        Raises:
            LookupError: the input cannot be read twice.
        """


class Again:
    """Decides for one run. Any thread."""

    def __init__(self, source: Keeper, clock: Clock, retry: Retry | Rule | None, call: Call) -> None:
        """Prepare.

        Args:
            source: gets what is to be started again.
            clock: where the time is read.
            retry: what the caller has said; ``None`` for nothing.
            call: tells what is called for an item: the function, its arguments, those by name.
        """
        self._source = source
        self._clock = clock
        self._retry = retry
        self._call = call
        self._lock = threading.RLock()  # re-entrant: the garbage collector may abandon a run anywhere
        self._retrying: Retrying | None = None  # Guarded by: _lock, as what follows
        self._attempts: dict[int, int] = {}  # of items that have failed and not ended, by index
        self._crashes: dict[int, int] = {}  # times that a worker died of such an item, by index
        self._begun_s: dict[int, float] = {}  # when its first attempt began, as far as is known, by index
        self._idle_s: dict[int, float] = {}  # for how long it was made to wait in all, by index

    @property
    def waits(self) -> bool:
        """Whether there are items that have failed and not ended."""
        return bool(self._attempts)

    def sort_out(self, delivery: Delivery) -> list[Delivery]:
        """Take what is to be started again out of a delivery; return the rest in pieces, each of neighbours, one at least."""
        with self._lock:
            self._add_earlier(delivery)
            aside = {bad.position for bad in delivery.failed if self._puts_aside(delivery, bad)}
            if self._retrying is not None:
                self._retrying.succeeded(len(delivery.values) - len(delivery.failed))
            self._forget_ended(delivery, aside)
        return _without(delivery, aside) + self._given_up() if aside else [delivery]

    def _add_earlier(self, delivery: Delivery) -> None:
        """Add the attempts that were made before."""
        earlier = self._attempts
        if not earlier:
            return
        start, failed = delivery.start, {bad.position for bad in delivery.failed}
        if failed:
            delivery.failed = [
                bad._replace(attempts=bad.attempts + earlier.get(start + bad.position, 0)) for bad in delivery.failed
            ]
        for position in self._known(delivery):
            if position not in failed:
                tries = (delivery.attempts or {}).get(position, 1) + earlier[start + position]
                delivery.attempts = {**(delivery.attempts or {}), position: tries}

    def _known(self, delivery: Delivery) -> list[int]:
        """List the positions in a delivery of items that have failed before. Few have, and deliveries may be long."""
        start, end = delivery.start, delivery.start + len(delivery.values)
        return [index - start for index in self._attempts if start <= index < end]

    def _puts_aside(self, delivery: Delivery, bad: Misfortune) -> bool:
        index, error, item = delivery.start + bad.position, bad.error, bad.item
        if self._retry is None and not isinstance(error, RetryAfter):
            return False
        if is_crash(error):
            self._crashes[index] = self._crashes.get(index, 0) + 1
        wait_s = self._asked(delivery, bad)
        if wait_s is None:
            return False
        if item is LOST:
            try:
                item = self._source.item(index)
            except LookupError:
                with suppress(Exception):  # an exception may refuse notes
                    error.add_note("raise it, do not return it: this input can be read only once, so that the item is gone")
                return False
        self._attempts[index] = bad.attempts
        self._idle_s[index] = self._idle_s.get(index, 0.0) + wait_s
        due_s = self._clock.now() + wait_s
        if isinstance(error, RetryAfter):
            self._source.shelf.hold(due_s)
        self._source.shelf.put(index, item, due_s)
        return True

    def _asked(self, delivery: Delivery, bad: Misfortune) -> float | None:
        """Ask the policy. A rule that is not ours may raise anything: then the failure is final, and says so."""
        index, now_s = delivery.start + bad.position, self._clock.now()
        took_s = 0.0 if delivery.durations is None else delivery.durations[bad.position]
        begun_s = self._begun_s.setdefault(index, now_s - took_s)
        called = () if bad.item is LOST else self._call(bad.item)
        trial = Trial(now_s - begun_s, self._idle_s.get(index, 0.0), *called)
        try:
            return self._policy().wait_s(bad.error, bad.attempts, self._crashes.get(index, 0), trial)
        except Exception as fault:
            with suppress(Exception):  # an exception may refuse notes
                bad.error.add_note(f"not started again: what was given as retries raised {type(fault).__name__}: {fault}")
            return None

    def _policy(self) -> Retrying:
        if self._retrying is None:
            from random import Random  # noqa: PLC0415 (for those who have failures)

            from atonce._policy.retrying import Retrying  # noqa: PLC0415

            self._retrying = Retrying(self._retry, Random().random)  # noqa: S311 (to spread attempts)
        return self._retrying

    def _forget_ended(self, delivery: Delivery, aside: set[int]) -> None:
        ended = {*self._known(delivery), *(bad.position for bad in delivery.failed)} - aside
        for index in (delivery.start + position for position in ended):
            for facts in (self._attempts, self._crashes, self._begun_s, self._idle_s):
                facts.pop(index, None)

    def _given_up(self) -> list[Delivery]:
        """Account for what is not wanted any more. Race: 1. somebody bars an item, and looks for it; 2. we put it aside."""
        if not self._source.stopped:
            return []
        return [Delivery(index, [], (), 0.0, 0.0, "", undone=1) for index in self._source.shelf.drop_from(self._source.barred)]


def _without(delivery: Delivery, aside: set[int]) -> list[Delivery]:
    parts: list[Delivery] = []
    begin, count = 0, len(delivery.values)
    for cut in [*sorted(aside), count]:
        if begin < cut:
            parts.append(_cut(delivery, begin, cut))
        begin = cut + 1
    first = parts[0] if parts else Delivery(delivery.start, [], (), 0.0, 0.0, delivery.worker)
    first.seconds, first.cpu_s, first.moved_bytes = delivery.seconds, delivery.cpu_s, delivery.moved_bytes
    first.notice, first.undone = delivery.notice, delivery.undone
    return parts or [first]


def _cut(delivery: Delivery, begin: int, end: int) -> Delivery:
    failed = [bad._replace(position=bad.position - begin) for bad in delivery.failed if begin <= bad.position < end]
    durations = None if delivery.durations is None else delivery.durations[begin:end]
    attempts = {at - begin: tries for at, tries in (delivery.attempts or {}).items() if begin <= at < end}
    part = Delivery(delivery.start + begin, delivery.values[begin:end], failed, 0.0, 0.0, delivery.worker, durations)
    part.attempts = attempts or None
    return part
