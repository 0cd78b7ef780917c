"""The one source of a run: its input, read lazily, by whichever worker comes, never further ahead than allowed."""

from __future__ import annotations

import sys
import threading
from itertools import islice

from atonce._machine.clock import SYSTEM_CLOCK
from atonce._policy.batching import fair_share, read_ahead
from atonce._policy.pacing import Pacer
from atonce._run.shelf import Shelf
from atonce._values.batch import Batch, Lent
from atonce._values.typed import Protocol
from atonce.errors import JournalError

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from atonce._machine.clock import Clock

__all__ = ("Memory", "Pace", "Source")

_SAMPLE = 16  # inputs
_MOST_KNOWN = 1024  # inputs that are read at once, while all of them have a result already
_LOOK_AGAIN_S = 0.05  # whether something else has become due, while somebody waits for the input


class Pace:
    """At which pace the items of runs are started, by whoever takes them. Any thread."""

    def __init__(self, per_s: float, clock: Clock) -> None:
        self._pacer = Pacer(per_s)  # Guarded by: _lock
        self._clock = clock
        self._lock = threading.Lock()  # runs of one pool share their pace

    def allowed(self, limit: int) -> int:
        """Tell how many may be started now, at most ``limit``."""
        with self._lock:
            return min(limit, self._pacer.available(self._clock.now()))

    def started(self, items: int) -> None:
        """Hear that so many are started."""
        with self._lock:
            self._pacer.started(items, self._clock.now())

    def due_in_s(self) -> float:
        """Tell after how many seconds another may be started; 0 if that is now."""
        with self._lock:
            return self._pacer.due_in_s(self._clock.now())


class Memory(Protocol):
    """Knows the results of inputs from an earlier run."""

    def sort(self, start: int, items: Sequence[Any]) -> list[Batch]:
        """Return those of some inputs that have to be run, in batches of neighbours. One reader of the input at a time.

        Raises:
            JournalError: a result cannot be read; as if nothing had been asked for.
        """

    def hand_on(self) -> None:
        """Hand the results of the others to the run. Any thread, which holds no lock."""


_ALL_KNOWN = Batch(0, [])  # in the place of a batch: inputs were read, and none of them has to be run


class Source:
    """Numbers the inputs and hands them out in batches.

    Attributes:
        taken: inputs handed out so far. Guarded by: ``_lock`` for writing.
        handed: results handed to the consumer so far. Written by the consumer only.
        exhausted: whether nothing will come from the input any more. Only ever set, by any thread.
        shelf: items that have failed, and are to be started again.
        error: what the user's input raised, if it did. Guarded by: ``_lock``.
        barred: the index from which on nothing may be started; only ever lowered. Guarded by: the run's lock for writing.
        stopped: whether anything is barred.
        prompt: whether reading the input never keeps anybody waiting.
        sample: some of the inputs that were taken last, for those who want to know what they are like.
        length: how many inputs there are in all, where the input can tell; ``None`` where it cannot.
        memory: knows which inputs need not be run.
    """

    memory: Memory | None = None

    def __init__(
        self,
        inputs: Iterable[Any],
        *,
        length: int | None = None,
        buffersize: int | None = None,
        consumed_at_once: bool = False,
        prompt: bool = False,
        pace: Pace | None = None,
        clock: Clock = SYSTEM_CLOCK,
        whole: Sequence[Any] | None = None,
    ) -> None:
        self.shelf = Shelf(clock)
        self.length = length
        self.prompt = prompt
        self.sample: tuple[Any, ...] = ()
        self.taken = 0
        self.handed = 0
        self.exhausted = False
        self.error: BaseException | None = None
        self.barred = sys.maxsize
        self.stopped = False
        self._inputs: Iterator[Any] = iter(inputs)
        self._whole = whole
        self._range = inputs if type(inputs) is range else None  # what is left of it, if nothing else has read from it
        self._buffersize = buffersize
        self._bounded = not consumed_at_once
        self._pace = pace
        self._lent = False  # Guarded by: _lock for writing
        self._ended = False  # whether the input has, before all that was read is taken. Guarded by: _lock
        self._known = 0  # inputs that had results, one behind the other, when the last were read. Guarded by: _lock
        self._lock = threading.Lock()

    def take(self, limit: int, workers: int, least: int = 1) -> Batch | None:
        """Read up to ``limit`` inputs.

        Reading happens under the lock, because most iterators bear one reader at a time: the others wait.

        Args:
            limit: inputs, at most.
            workers: items that may be in flight side by side, for the size of the window.
            least: items that this worker runs side by side.

        Returns:
            A batch; ``None`` if the input has ended, the run is stopped, or the consumer has to take something first.
        """
        memory = self.memory
        if memory is None:
            return self._take(limit, workers, least)
        while True:
            batch = self._take(limit, workers, least)
            memory.hand_on()
            if batch is not _ALL_KNOWN:
                return batch

    def _take(self, limit: int, workers: int, least: int) -> Batch | None:
        while not self._lock.acquire(blocking=False):  # somebody reads the input, which may take long
            if self.shelf.is_due and not self._lent:
                return self._take_again()
            if self._lock.acquire(timeout=_LOOK_AGAIN_S):
                break
        try:
            if self.shelf.holds or (self.shelf.is_due and not self._lent):
                return self._take_again()
            return None if self.exhausted or self._lent else self._take_new(limit, workers, least)
        finally:
            self._lock.release()

    def _take_new(self, limit: int, workers: int, least: int) -> Batch | None:
        """Take what the input gives next."""
        limit = self._fair(limit, workers, least)
        if limit < 1:
            return None
        if self._known and self.prompt:  # else an input may wait for what the consumer is given, and that for its next one
            limit = max(limit, self._at_once(workers))
        batch = self._next(self._read(min(limit, self.barred - self.taken)))
        # Race: 1. we say that the input has ended; 2. the consumer finds that all that was taken has, too, and goes; 3. we take the
        # last ones. So we take them first.
        self.exhausted = self.exhausted or self._ended
        if batch is None:
            return None
        self.sample = tuple(batch.items[-_SAMPLE:]) or self.sample
        if self._pace is not None:
            self._pace.started(len(batch.items))
        return batch

    def _fair(self, limit: int, workers: int, least: int) -> int:
        """Return how many inputs a worker may take now that wants ``limit``."""
        if self._bounded:
            limit = min(limit, self._room(limit, workers))
        remaining = None if self.length is None else max(0, self.length - self.taken)
        limit = fair_share(limit, remaining, workers, min(least, limit)) if limit > 1 else limit
        return limit if self._pace is None else self._pace.allowed(limit)

    def _next(self, items: Sequence[Any]) -> Batch | None:
        """Take what was read; return what has to be run of it."""
        if not items:
            return None
        batch = Batch(self.taken, items)
        unknown = batch if self.memory is None else self._unknown(batch, self.memory)
        if unknown is not None:
            self.taken += len(items)
        return unknown

    def _at_once(self, workers: int) -> int:
        """Return how many inputs to read where the last ones all had results already."""
        most = min(_MOST_KNOWN, 2 * self._known)
        return min(most, self._room(most, workers)) if self._bounded else most

    def _unknown(self, batch: Batch, memory: Memory) -> Batch | None:
        """Return the first inputs of a batch that have to be run; others of them go on the shelf, for whoever comes next.

        ``None`` if nobody can tell: then the input has ended with an error.
        """
        try:
            first, *others = memory.sort(batch.start, batch.items) or [_ALL_KNOWN]
        except JournalError as error:
            self.error, self._ended = error, True
            return None
        self._known = len(batch.items) if first is _ALL_KNOWN else 0
        for other in others:
            for index, item in enumerate(other.items, other.start):
                self.shelf.put(index, item, 0.0)
        return first

    def _take_again(self) -> Batch | None:
        """Take an item that is to be started again, if nothing keeps it from being started."""
        if self._pace is not None and self._pace.allowed(1) < 1:
            return None
        if (found := self.shelf.take()) is None:
            return None
        if self._pace is not None:
            self._pace.started(1)
        index, item = found
        return Batch(index, [item])

    def lend(self, limit: int) -> Lent | None:
        """Lend the input itself to a worker that is alone, for up to ``limit`` items. As ``take``, without reading anything.

        Until it is given back, nobody else gets anything: they come again when there is room.
        """
        with self._lock:
            if self._bounded:
                limit = min(limit, self._room(limit, 1))
            if self._pace is not None:
                limit = self._pace.allowed(limit)
            if self.exhausted or limit < 1 or not self._may_lend:
                return None
            self._lent = True
            if self._range is not None:
                return Lent(self.taken, iter(self._range[:limit]), limit)
            return Lent(self.taken, islice(self._inputs, limit), limit)

    def give_back(self, read: int, *, ended: bool, error: BaseException | None) -> None:
        """Hear how much of what was lent has been read."""
        with self._lock:
            self._lent = False
            if self._range is not None:
                self._range = self._range[read:]
            self.taken += read
            if self._pace is not None:
                self._pace.started(read)
            self.error = error
            self.exhausted = self.exhausted or ended or error is not None

    @property
    def _may_lend(self) -> bool:
        """Whether nothing else is to be started first, and nothing keeps all from being started."""
        return self.memory is None and not (self.shelf.holds or self.shelf.is_due)

    def item(self, index: int) -> Any:
        """Return an input once more.

        Raises:
            LookupError: the input cannot be read twice.
        """
        inputs = self._whole
        if inputs is None:
            raise LookupError("the input can be read only once")
        return inputs[index]

    @property
    def finished(self) -> bool:
        """Whether there is nothing more to be started, as far as is known: what fails now may be to be started again."""
        return self.exhausted and not self.shelf

    def has_room(self, workers: int) -> bool:
        """Tell whether ``take`` would give something."""
        if self.shelf.holds:
            return False
        if self.shelf.is_due and not self._lent:
            return self._pace is None or self._pace.allowed(1) > 0
        if self.exhausted or self._lent or (self._bounded and self._room(1, workers) <= 0):
            return False
        return self._pace is None or self._pace.allowed(1) > 0

    def due_in_s(self) -> float | None:
        """Tell after how many seconds another item may be started, if it is only time that keeps it back; else ``None``."""
        again_s, held_s = self.shelf.due_in_s(), self.shelf.held_for_s()
        pace_s = 0.0 if self._pace is None else self._pace.due_in_s()
        new_s = None if self.exhausted else max(pace_s, held_s)
        dues = [due_s for due_s in (None if again_s is None else max(again_s, pace_s), new_s) if due_s]
        return min(dues, default=None)

    def bar(self, index: int) -> None:
        """Let nothing be started from this index on."""
        self.barred = min(self.barred, index)
        self.stopped = True
        if self.barred <= self.taken:
            self.exhausted = True

    def close(self) -> None:
        """Read no more, and let go of the input."""
        self.bar(0)
        if self._lock.acquire(blocking=False):  # else somebody waits inside the input, and finds it closed afterwards
            self._inputs, self._range, self._whole = iter(()), None, None
            self._lock.release()

    def _room(self, limit: int, workers: int) -> int:
        window = self._buffersize or read_ahead(workers, limit)
        return window - (self.taken - self.handed)

    def _read(self, limit: int) -> Sequence[Any]:
        items = self._read_list(limit) if self._range is None else self._read_range(max(0, limit))
        if self._is_over(len(items), limit):
            self._ended = True
        if self.barred <= self.taken:  # The run was stopped while the input was being read: what was read is not started.
            self._ended = True
            return []
        return items

    def _is_over(self, items: int, limit: int) -> bool:
        return items < limit or limit <= 0

    def _read_range(self, limit: int) -> range:
        """Cut a piece of the range: nobody needs its numbers before they are used, least of all who sends them on."""
        assert self._range is not None
        piece, self._range = self._range[:limit], self._range[limit:]
        return piece

    def _read_list(self, limit: int) -> list[Any]:
        items: list[Any] = []
        try:
            if limit > 0:
                items.extend(islice(self._inputs, limit))  # what was read before an error stays in the list
        except BaseException as error:
            self.error = error
            self._ended = True
        return items
