"""Several items at once within one worker process: a place where workers of its own, threads or an event loop, pull from.

::

    main thread: reads the parent's messages ──open()──▶ trays ──take()──▶ threads, or an event loop
                 sends what has ended      ◀──a pipe─── parts ◀──deliver()──┘

A *tray* is a batch that has not been answered to the end. Its items are claimed in order, as they are taken, and end in
any order. The trays stand in a row, and whoever has a hand free takes from the first: no batch waits for an item of another.

What the pipe of the parent and the arenas need is done by the main thread alone; the lock guards the rest.
"""

from __future__ import annotations

import os
import select
import threading
from _collections import deque
from _contextvars import copy_context
from time import monotonic_ns, perf_counter, process_time

from atonce._machine.clock import SYSTEM_CLOCK
from atonce._machine.frames import current_frames
from atonce._values.batch import Batch, Delivery
from atonce._values.job import Job, Setup
from atonce._values.typed import NamedTuple
from atonce._workers.base import WorkerContext
from atonce._workers.process.answer import begin_in_users_code, flush_streams, pack_error
from atonce._workers.process.protocol import IDLE, MARK, NOTHING_BARRED, PHASE, RUNNING, SINCE

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 10 ms at the start of a worker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from atonce._wire.frames import Inlet
    from atonce._workers.base import Worker
    from atonce._workers.in_flight import InFlight
    from atonce._workers.lookout import Lookout
    from atonce._workers.process.answer import Sender
    from atonce._workers.process.claims import Claims

__all__ = ("Branch",)

_APART_S = 0.005  # between two messages, as long as the parent need not hurry: it has sent as much ahead
_HUNGRY_S = 0.001  # when there is nothing left to begin with
_NEVER_NS = 2**62
_LOOK_S = 0.02  # between two looks at what is late
_MOST_TOLD = 16  # items that are under way
_GRACE = 1  # what a coroutine may take to be cancelled, in parts of its time limit


class _Tray:
    """A batch under way.

    Attributes:
        serial: its number.
        start: index of its first item.
        items: those that it came with; nothing once all have been taken.
        first: position of the first of ``items`` in the batch that the parent knows.
        at: how many have been taken.
        end: how many there are to be taken.
        out: how many are under way.
        alone: whether the main thread waits for it, and has claimed it.
        delivery: what became of it, if it is alone and has ended.
    """

    __slots__ = ("alone", "at", "delivery", "end", "first", "items", "out", "serial", "start")

    def __init__(self, serial: int, start: int, items: Sequence[Any], first: int = 0, *, alone: bool = False) -> None:
        self.serial = serial
        self.start = start
        self.items = items
        self.first = first
        self.at = 0
        self.end = len(items)
        self.out = 0
        self.alone = alone
        self.delivery: Delivery | None = None


class _Part(NamedTuple):
    """Results that stand next to each other in a tray, from position ``first`` on."""

    serial: int
    first: int
    values: list[Any]
    failed: list[tuple[int, BaseException, int]]  # offset, error, attempts
    durations: list[float] | None
    attempts: dict[int, int]  # by offset


class Branch:
    """See the module. It is a ``Place`` for its workers.

    Args:
        settings: the parts of the job, as in ``Child.take_job``.
        claims: says what may be begun.
        words: shared with the parent.
        sender: sends results.
        refuse: told what keeps everybody from working here.
    """

    finished = False
    prompt = True

    def __init__(
        self,
        settings: dict[str, Any],
        claims: Claims,
        words: memoryview,
        sender: Sender,
        refuse: Callable[[BaseException], None],
    ) -> None:
        names = ("star", "patient", "name", "is_async", "timed", "in_flight", "elastic", "strict", "stops", "timeout_s", "retries")
        self.job = Job(self._counted(settings), **{name: settings[name] for name in names})
        self.context = copy_context()
        self._claims = claims
        self._words = words
        self._sender = sender
        self._refuse = refuse
        self._lock = threading.Lock()
        self._row: deque[_Tray] = deque()  # those with items to be taken. Guarded by: _lock, as all that follows
        self._waiting = 0  # items in the row
        self._under_way: dict[int, _Tray] = {}  # by index
        self._since: dict[int, int] = {}  # by index, when it began, in order; where there is a time limit
        self._parts: list[_Part] = []  # to be sent
        self._ended: list[int] = []  # serials of trays that have been answered to the end
        self._faults: list[BaseException] = []
        self._broken = False  # whether somebody could not work here: then the parent has given up all that is here
        self._notices: list[str] = []
        self._grown: int | None = None  # how many are under way now, if that has changed
        self._rung = False  # whether there is a byte in the pipe
        self._idle: list[Worker] = []
        self._everybody: list[Worker] = []
        self._starved: Worker | None = None
        self._told, self._cpu_told = perf_counter(), process_time()
        self._bell, self._ringer = os.pipe()
        self._news = select.poll()
        self._news.register(self._bell, select.POLLIN)
        self._inbox = -1
        self._mine = threading.local()  # the item that a thread took last
        self._slots = 1 if self.job.is_async else self.job.in_flight
        self._make: Callable[[WorkerContext], Worker] = _maker(is_async=self.job.is_async)
        self._idle.append(self._hire())  # one at least, while there is memory for it
        self._lookout: Lookout | None = None
        self._told_of: set[tuple[str, int]] = set()  # what has blocked, and is known
        if self.job.is_async:
            self._look_out()

    # ---- for the main thread ----------------------------------------------------------------------------------------------------

    def attend(self, inlet: Inlet) -> bytes | None:
        """Wait for a message, and send meanwhile what has ended; ``None`` when the other end has been closed."""
        self._send_due()
        if not inlet.ready and self._inbox < 0:
            self._inbox = inlet.fileno()
            self._news.register(self._inbox, select.POLLIN)
        while not inlet.ready and not self._wait():
            continue
        return inlet.next()

    def open(self, serial: int, start: int, items: Sequence[Any]) -> None:
        """Put a batch at the end of the row."""
        self._put(_Tray(serial, start, items))

    def run_alone(self, serial: int, index: int, position: int, item: Any) -> Delivery:
        """Run one item, which has been claimed, when nothing else is under way; return what became of it.

        Args:
            serial: number of its batch.
            index: its own.
            position: in its batch.
            item: the item.
        """
        tray = _Tray(serial, index, [item], position, alone=True)
        self._put(tray)
        while tray.delivery is None and not self._broken:
            self._wait()
        return tray.delivery or Delivery(index, [], (), 0.0, 0.0, "", undone=1)

    def read(self, serial: int, read: Callable[[], Any]) -> Any:
        """Read a batch, which may take longer than an item may."""
        if self.job.timeout_s is None:
            return read()
        tray = _Tray(serial, -1, (), -1)
        with self._lock:
            self._under_way[-1] = tray
            self._begin(-1, 1)
        try:
            return read()
        finally:
            with self._lock:
                del self._under_way[-1]
                self._end([-1])

    def in_flight(self) -> tuple[list[tuple[int, float | None, str]], int]:
        """Tell what is under way: index, for how long, and where, of some; and how many more there are."""
        from atonce._workers.in_flight import awaited_by, carried_by, stacks  # noqa: PLC0415 (for those who ask)

        threads, now_s = stacks(), SYSTEM_CLOCK.now()
        found = carried_by(self._everybody, threads, now_s)
        if self.job.is_async:
            found += awaited_by(self._everybody[0], threads, now_s).items
        found.sort(key=_oldest_first)
        with self._lock:
            more = len(self._under_way) - len(found)
        return [(each.index, each.for_s, each.at) for each in found[:_MOST_TOLD]], max(0, more + len(found) - _MOST_TOLD)

    def drain(self) -> None:
        """Return when everything has ended and has been sent. What else the parent says waits."""
        if self._inbox >= 0:
            self._news.unregister(self._inbox)
            self._inbox = -1
        while self._is_busy():
            self._wait()

    def close(self) -> None:
        """Return when everything has ended and has been sent, and nobody works here any more."""
        self.drain()
        self.finished = True
        if self._starved is not None:
            self._starved.nudge(self)
        if self._lookout is not None:
            self._lookout.end(wait=False)
            self._watching.join()
        for worker in self._everybody:
            worker.close(wait=True)
        os.close(self._bell)
        os.close(self._ringer)

    def _look_out(self) -> None:
        """Have somebody look after the loop."""
        from atonce._workers.lookout import Lookout  # noqa: PLC0415 (for those who have coroutines)

        self._lookout = Lookout(SYSTEM_CLOCK, lambda: self._everybody, self.job.name, strict=self.job.strict)
        self._watching = threading.Thread(target=self._lookout.watch, name="atonce-lookout", daemon=True)
        try:
            self._watching.start()
        except (RuntimeError, MemoryError):  # there is no room for another thread
            self._lookout = None

    def _is_busy(self) -> bool:
        with self._lock:
            here = self._row or self._under_way or self._parts or self._ended
            return bool(self._faults or (here and not self._broken))

    def _wait(self) -> bool:
        """Wait for news of any kind, and send what is due; tell whether the parent has something to say."""
        due_s, late_s = self._due_in_s(), self._late_in_s()
        if late_s is not None:
            due_s = max(_LOOK_S, late_s) if due_s is None else min(due_s, max(_LOOK_S, late_s))
        self._words[PHASE] = RUNNING if self._row or self._under_way else IDLE
        ready = [end for end, _ in self._news.poll(None if due_s is None else max(0.0, due_s * 1e3))]
        if self._bell in ready:
            with self._lock:
                self._rung = False
                os.read(self._bell, 1)
        self._send_due()
        late_s = self._late_in_s()
        if late_s is not None and late_s <= 0.0:
            self._blame_late()
        return self._inbox in ready

    def _late_in_s(self) -> float | None:
        """Tell after how many seconds an item should have ended that the loop was to end; ``None`` if there is none."""
        if not self._since or not self.job.is_async:
            return None
        with self._lock:
            oldest = next(iter(self._since.values()), _NEVER_NS)
        limit_s = (self.job.timeout_s or 0.0) * (1 + self.job.retries + _GRACE)
        return limit_s - (monotonic_ns() - oldest) * 1e-9

    def _blame_late(self) -> None:
        """Let the parent end this process, because of the item that keeps the loop, or does not let itself be cancelled."""
        from atonce._workers.shift import item_of  # noqa: PLC0415 (loaded: there is a loop)

        frame = current_frames().get(self._everybody[0].thread_id)  # type: ignore[attr-defined]
        culprit = None
        while frame is not None and culprit is None:
            culprit, frame = item_of(frame), frame.f_back
        with self._lock:
            index = next(iter(self._since), None) if culprit is None else culprit[1]
            if index in self._since:
                self._show(index, 0)

    def _due_in_s(self) -> float | None:
        """Tell in how many seconds something is to be sent; ``None`` if there is nothing."""
        with self._lock:
            if not (self._parts or self._ended or self._faults or self._grown is not None):
                return None
            apart_s = _APART_S if self._row else _HUNGRY_S if self._under_way else 0.0
            return self._told + apart_s - perf_counter()

    def _send_due(self) -> None:
        due_s = self._due_in_s()
        if due_s is None or due_s > 0.0:
            return
        with self._lock:
            parts, self._parts = self._parts, []
            ended, self._ended = self._ended, []
            faults, self._faults = self._faults, []
        if parts or ended or self._grown is not None:
            self._send(parts, ended)
        for fault in faults:
            self._refuse(fault)

    def _news_of_loop(self) -> list[str]:
        """Say what has blocked the loop, each place once: when that is over, or nothing else is under way."""
        if self._lookout is None:
            return []
        news = [each for each in self._lookout.worst(over=bool(self._under_way)) if each.place not in self._told_of]
        self._told_of.update(each.place for each in news)
        return [f"{each.words(self.job.name)} (in process {os.getpid()})" for each in news]

    def _send(self, parts: list[_Part], ended: list[int]) -> None:
        with self._lock:
            notices, self._notices = self._notices, []
            grown, self._grown = self._grown, None
        notices += self._news_of_loop()
        flush_streams()
        now, cpu = perf_counter(), process_time()
        measured = (now - self._told, cpu - self._cpu_told)
        self._told, self._cpu_told = now, cpu
        parts.sort(key=_place_of)
        runs: list[tuple[int, int, int]] = []
        values: list[Any] = []
        failed: list[tuple[int, Any, int]] = []
        durations: list[float] | None = [] if self.job.timed else None
        attempts: dict[int, int] = {}
        for part in parts:
            offset = len(values)
            _prolong(runs, part.serial, part.first, len(part.values))
            values += part.values
            for at, error, tries in part.failed:
                begin_in_users_code(error)
                failed.append((offset + at, pack_error(error), tries))
            attempts.update((offset + at, tries) for at, tries in part.attempts.items())
            if durations is not None:
                durations += part.durations or ()
        packed = self._sender.pack(values)
        self._sender.send(b"M", packed, runs, failed, ended, *measured, durations, attempts or None, notices, grown)

    def _put(self, tray: _Tray) -> None:
        with self._lock:
            self._row.append(tray)
            self._waiting += tray.end
            starved, self._starved = self._starved, None
            called = self._called()
        if starved is not None:
            starved.nudge(self)
        for worker in called:
            worker.assign(self)

    def _called(self) -> list[Worker]:
        """Choose who is to come: the idle, and new ones, as many as there are items for. The caller has the lock."""
        called: list[Worker] = []
        wanted = min(self._slots, self._waiting)
        while self._idle and len(called) < wanted:
            called.append(self._idle.pop())
        while len(self._everybody) < self._slots and len(called) < wanted:
            try:
                called.append(self._hire())
            except (RuntimeError, MemoryError):  # there is no room for another thread: those that there are have to do
                self._slots = len(self._everybody)
        return called

    def _hire(self) -> Worker:
        worker = self._make(WorkerContext(f"side-{len(self._everybody) + 1}", Setup(), SYSTEM_CLOCK))
        self._everybody.append(worker)
        return worker

    # ---- a place, for the workers -----------------------------------------------------------------------------------------------

    @property
    def barred(self) -> int:
        """The index from which on nothing may be started any more."""
        return self._claims.barred

    @property
    def stopped(self) -> bool:
        """Whether anything is barred at all."""
        return self._claims.barred < NOTHING_BARRED

    def take(self, limit: int, least: int = 1) -> Batch | None:  # noqa: ARG002 (everybody's turn comes)
        """Take items that stand next to each other, and claim them."""
        with self._lock:
            if self.job.timeout_s is not None:
                limit = 1  # what is taken is begun at once: its time is counted from now on
            elif self._slots > 1:
                limit = max(1, min(limit, self._waiting // self._slots))
            batch = None
            while self._row and batch is None:
                tray = self._row[0]
                batch = self._take_from(tray, limit)
                if tray.at >= tray.end:
                    self._row.popleft()
                    tray.items = ()
                    if not tray.out:
                        self._ended.append(tray.serial)
                        self._ring()
            return batch

    def _take_from(self, tray: _Tray, limit: int) -> Batch | None:
        at, wanted = tray.at, min(tray.at + limit, tray.end)
        end = wanted if tray.alone else max(at, self._claims.reserve(tray.serial, tray.start, at, wanted))
        if end < wanted:  # somebody else has what follows, or nobody may
            self._waiting -= tray.end - end
            tray.end = end
        count = end - at
        self._waiting -= count
        if not count:
            return None
        tray.at = end
        tray.out += count
        index = self._mine.index = tray.start + at
        self._under_way.update(dict.fromkeys(range(index, index + count), tray))
        self._begin(index, count)
        items = tray.items if count == len(tray.items) else tray.items[at:end]
        return Batch(index, items)

    def deliver(self, delivery: Delivery) -> None:
        """Take results, and see whose they are: a worker knows nothing of trays."""
        start, count = delivery.start, len(delivery.values)
        with self._lock:
            at = 0
            while at < count + delivery.undone:
                tray, end = self._under_way[start + at], at
                while end < count + delivery.undone and self._under_way.get(start + end) is tray:
                    del self._under_way[start + end]
                    end += 1
                self._end(range(start + at, start + end))
                tray.out -= end - at
                if tray.alone:
                    tray.delivery = delivery
                elif at < count:
                    self._parts.append(_part_of(delivery, at, min(end, count), tray))
                if tray.at >= tray.end and not tray.out and not tray.alone:
                    self._ended.append(tray.serial)
                at = end
            if delivery.notice:
                self._notices.append(delivery.notice)
            for bad in delivery.failed:
                if self.job.ends_with(bad.error):
                    self._claims.bar(start + bad.position + 1)
            self._ring()

    def _begin(self, index: int, count: int) -> None:
        """Note since when items have been under way, where their time is limited."""
        if self.job.timeout_s is not None:
            if not self._since:
                self._ring()  # there is something to look after
            self._since.update(dict.fromkeys(range(index, index + count), monotonic_ns()))
            self._show_oldest()

    def _end(self, indexes: Sequence[int]) -> None:
        if self.job.timeout_s is not None:
            for index in indexes:
                self._since.pop(index, None)
            self._show_oldest()

    def _counted(self, settings: dict[str, Any]) -> Callable[..., Any]:
        """Return the function; if need be, one that counts the time of each attempt of a thread for itself."""
        fn: Callable[..., Any] = settings["fn"]
        if settings["is_async"] or settings["timeout_s"] is None or not settings["retries"]:
            return fn

        def call(*arguments: Any) -> Any:
            with self._lock:
                index = self._mine.index
                self._since.pop(index, None)
                self._begin(index, 1)
            return fn(*arguments)

        return call

    def _show_oldest(self) -> None:
        """Let the parent know which item has been under way for the longest, and since when."""
        words = self._words
        oldest = next(iter(self._since), None)
        if oldest is None:
            words[SINCE] = _NEVER_NS
            return
        # A loop ends its items by itself, unless something keeps it from doing anything: see ``_blame_late``.
        self._show(oldest, _NEVER_NS if self.job.is_async and oldest >= 0 else self._since[oldest])

    def _show(self, index: int, since_ns: int) -> None:
        tray, words = self._under_way[index], self._words
        words[SINCE] = since_ns  # before the mark: who reads the mark first, and then the time, never blames an item for another's
        words[MARK] = tray.serial << 32 | (tray.first + index - tray.start + 1)

    def rest(self, worker: Worker) -> None:
        """Nobody pauses here."""

    def crowded(self, worker: Worker) -> bool:  # noqa: ARG002 (as every place)
        """There are never more than are wanted."""
        return False

    def grew(self, worker: Worker, in_flight: int, reason: str) -> None:  # noqa: ARG002 (it is the only one)
        """Let the parent know how many it has to send ahead."""
        with self._lock:
            self._grown = in_flight
            self._ring()

    def starved(self, worker: Worker) -> None:
        """Remember who waits for something to take."""
        with self._lock:
            if not self._row:
                self._starved = worker
                return
        worker.nudge(self)  # something has come meanwhile

    def leave(self, worker: Worker, fault: BaseException | None = None) -> None:
        """Remember who is idle, unless something has come meanwhile."""
        with self._lock:
            if fault is not None:
                self._faults.append(fault)
                self._broken = True
                self._ring()
                return
            busy = bool(self._row) and not self.finished
            if not busy:
                self._idle.append(worker)
        if busy:
            worker.assign(self)

    def _ring(self) -> None:
        """Let the main thread look up. The caller has the lock."""
        if not self._rung:
            self._rung = True
            os.write(self._ringer, b"!")


def _oldest_first(each: InFlight) -> float:
    return -(each.for_s or 0.0)


def _maker(*, is_async: bool) -> Callable[[WorkerContext], Worker]:
    if is_async:
        from atonce._workers.loop import LoopWorker  # noqa: PLC0415 (50 ms that only coroutines need)

        return LoopWorker
    from atonce._workers.thread import ThreadWorker  # noqa: PLC0415 (only for those who asked for threads)

    return ThreadWorker


def _place_of(part: _Part) -> tuple[int, int]:
    return part.serial, part.first


def _part_of(delivery: Delivery, begin: int, end: int, tray: _Tray) -> _Part:
    """Cut what belongs to a tray out of a delivery."""
    failed = [(bad.position - begin, bad.error, bad.attempts) for bad in delivery.failed if begin <= bad.position < end]
    tries = delivery.attempts or {}
    return _Part(
        tray.serial,
        tray.first + delivery.start + begin - tray.start,
        delivery.values if end - begin == len(delivery.values) else delivery.values[begin:end],
        failed,
        None if delivery.durations is None else delivery.durations[begin:end],
        {at - begin: count for at, count in tries.items() if begin <= at < end},
    )


def _prolong(runs: list[tuple[int, int, int]], serial: int, first: int, count: int) -> None:
    """Add results to runs of neighbours: to the last one, if they follow it."""
    if runs and runs[-1][0] == serial and runs[-1][1] + runs[-1][2] == first:
        runs[-1] = (serial, runs[-1][1], runs[-1][2] + count)
    else:
        runs.append((serial, first, count))
