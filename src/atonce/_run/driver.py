"""One run: the place where its workers come to work, and from where the consumer takes the results.

::

    workers ──take()────▶ Source          (any thread, under the source's lock)
            ──deliver()─▶ outbox          (any thread; a deque, no lock)
            ──leave()───▶ staff           (any thread)

    consumer ──poll()──▶ drains the outbox ──▶ counts, failures ──▶ ordering ──▶ a delivery that is due

The consumer is one thread or one coroutine. ``poll`` never waits for anybody, so it serves both: in between, the one blocks on its
bell and the other awaits it. Everything but the five methods of ``Place`` belongs to the consumer.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from contextvars import copy_context

from atonce._run.account import Account
from atonce._run.again import Again
from atonce._run.pause import Pausing
from atonce._values.batch import Delivery
from atonce._values.events import BatchDone, RunBegan, RunEnded, WorkersHired
from atonce._values.typed import NamedTuple, Protocol
from atonce.errors import JournalError

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from atonce._journal.journal import Journal
    from atonce._machine.clock import Clock
    from atonce._policy.ordering import Ordering
    from atonce._policy.retrying import Rule
    from atonce._run.bell import Bell
    from atonce._run.source import Source
    from atonce._run.staff import Staff
    from atonce._values.batch import Batch, Lent
    from atonce._values.events import Event
    from atonce._values.job import Job
    from atonce._values.retry import Retry
    from atonce._workers.base import Engine, PumpedWorker, Worker

__all__ = ("Crew", "Run", "Witnessed", "is_of_kind")

_WITNESSED = 10_000  # deliveries
_MANY = 64  # deliveries that a consumer who waits for all of them is woken for
_GRACE_S = 0.05  # for batches in worker processes that are nearly done, before their processes are killed
# How long the calling thread works on before it writes into a journal what nobody waits for. Measured: between other work, to begin
# and to commit take 130 µs, an outcome 10. Assumes: nobody minds that so much work is done again after a kill.
_TOGETHER_S = 0.05
_READING_GRACE_S = 0.5  # for workers that are on their way out; longer only if they wait inside the user's input


class Crew:
    """Workers of one engine that a run wants: at most ``workers``, each with ``in_flight`` items at once.

    ``limit`` says how many of them there may be in the pool, for all runs together; as many, if it is not given.
    """

    __slots__ = ("engine", "in_flight", "limit", "workers")

    def __init__(self, engine: Engine, workers: int, in_flight: int, limit: int | None = None) -> None:
        self.engine = engine
        self.workers = workers
        self.in_flight = in_flight
        self.limit = workers if limit is None else limit


class Witnessed(NamedTuple):
    """A delivery, as far as the manager is concerned.

    Attributes:
        start: index of its first item.
        items: how many it has.
        seconds: wall time of all of them together.
        worker: the name of who made it.
    """

    start: int
    items: int
    seconds: float
    worker: str


def is_of_kind(worker: str, kind: str) -> bool:
    """Tell whether a delivery is signed by a worker of this kind, and not by one of those who were here before it."""
    return worker.startswith("process ") == (kind == "process")


class Ending(Protocol):
    """Something that ends with a run."""

    def end(self, *, wait: bool) -> None:
        """End; with ``wait``, return when it has."""


class Run:
    """The work of one call. See the module's picture for who may touch what."""

    def __init__(
        self,
        job: Job,
        source: Source,
        *,
        ordering: Ordering,
        in_place: bool,
        collected: bool,
        staff: Staff,
        bell: Bell,
        clock: Clock,
        emit: Callable[[Event], None] | None = None,
        retry: Retry | Rule | None = None,
        journal: Journal | None = None,
    ) -> None:
        """Prepare a run; ``hire`` begins it.

        Args:
            job: what to do with each item.
            source: the items.
            ordering: in which order results are handed on.
            in_place: whether what stands before a failed item in the input is still wanted: an ordered stream.
            collected: whether nothing is wanted before everything is there, and nothing any more once an item has failed: a call
                that returns all or raises.
            staff: who lends the workers.
            bell: rung when the consumer should look.
            clock: where the time is read.
            emit: told of what happens, from any thread.
            retry: which items that have failed are started again, and when.
            journal: where outcomes go before they are handed on, and come from if they are there; ends with the run.
        """
        self.job = job
        self.source = source
        self.again = Again(source, clock, retry, job.called_with)
        self.account = Account(job, clock)
        self.report = self.account.report
        self.fault: BaseException | None = None  # why no worker can work; Guarded by: _lock for writing
        self.closed = False
        self.context = copy_context()
        self.alone = False  # whether the calling thread is the only worker there will be
        self.caller_helps = False  # whether the calling thread works while it polls
        self._ordering = ordering
        self._in_place = in_place
        self._collected = collected
        self._waits_for_all = collected and journal is None  # what a journal is to keep should not wait
        self.staff = staff
        self._bell = bell
        self._clock = clock
        self._emit = emit
        self._outbox: deque[Delivery] = deque()  # any thread appends, the consumer pops
        self._counter = threading.RLock()  # held by who empties the outbox: a stream may be closed while another thread is in it
        self._crew: Crew | None = None
        self._companions: list[Ending] = []  # who end with it
        self._pumped: PumpedWorker | None = None
        self._caller_stays = False
        self._pausing: Pausing | None = None  # while there is a pause
        self.staffing = threading.RLock()  # held by who changes the crew, or asks for workers; before the staff's lock
        self._lock = threading.RLock()  # re-entrant: the garbage collector may abandon a run anywhere
        self._out: Counter[Worker] = Counter()  # how often each has come and not left. Guarded by: _lock
        self._kinds: dict[Worker, Engine] = {}  # of those who are out. Guarded by: _lock
        self._dismissed: set[Worker] = set()  # of those, who has been told to leave. Guarded by: _lock
        self._overstaffed = False  # whether there may be more workers here than are wanted
        self._queued = 0  # workers asked for and not come yet. Guarded by: _lock
        self._starved: set[Worker] = set()  # Guarded by: _lock
        self._again_at_s: float | None = None  # when to look for workers again. Belongs to the consumer
        self._heard_from: set[str] = set()  # names of those hired last who have delivered. Belongs to the consumer
        self._witnesses: deque[Witnessed] | None = None  # any thread appends, the manager pops
        self.journal = journal
        self._kept_s = 0.0  # when something was written there last. Guarded by: _counter for writing
        if journal is not None:
            source.memory = journal
            journal.to = self._hand_in
        if emit is not None:
            emit(RunBegan(job.name, source.length))

    # ---- the Place, for workers: any thread -------------------------------------------------------------------------------------

    @property
    def stopped(self) -> bool:
        """Whether anything is barred."""
        return self.source.stopped

    @property
    def barred(self) -> int:
        """The index from which on nothing may be started."""
        return self.source.barred

    @property
    def finished(self) -> bool:
        """Whether there will never be a batch again, unless what is under way fails and is to be started once more."""
        return self.source.finished

    @property
    def prompt(self) -> bool:
        """Whether reading the input never keeps anybody waiting."""
        return self.source.prompt

    def take(self, limit: int, least: int = 1) -> Batch | None:
        """Take up to ``limit`` items, if there are any for a worker now."""
        crew = self._crew
        return self.source.take(limit, max(1, crew.workers * crew.in_flight) if crew is not None else 1, least)

    def deliver(self, delivery: Delivery) -> None:
        """Hand in results. What is to be started again is put aside, before anybody may think that the run is over."""
        parts = [delivery]
        if delivery.failed or self.again.waits:
            parts = self.again.sort_out(delivery)
        for part in parts:
            self._hand_in(part)
        if parts[0] is not delivery:
            self._bell.ring()  # there may be nobody to start what was put aside

    def _hand_in(self, delivery: Delivery) -> None:
        """Take in results. A failure that stops the run does so here and now, not when the consumer comes to look."""
        for bad in delivery.failed:
            if self.account.is_fatal(bad.error):
                self._bar(delivery.start + bad.position if self._in_place else 0)
                break
        self._outbox.append(delivery)
        witnesses = self._witnesses
        if witnesses is not None and delivery.values and not delivery.recalled:
            witnesses.append(Witnessed(delivery.start, len(delivery.values), delivery.seconds, delivery.worker))
        if not self._waits_for_all or self.source.exhausted or delivery.failed or len(self._outbox) >= _MANY:
            self._bell.ring()
        if self._emit is not None:
            self._emit(BatchDone(len(delivery.values), len(delivery.failed), delivery.worker, delivery.seconds))

    @property
    def solitary(self) -> bool:
        """Whether the calling thread is the only worker now."""
        crew = self._crew
        return crew is None or not (crew.workers or self._out)

    def lend(self, limit: int) -> Lent | None:
        """Lend the input to the calling thread, which is alone."""
        return self.source.lend(limit)

    def give_back(self, read: int, *, ended: bool, error: BaseException | None) -> None:
        """Hear how much of what was lent has been read."""
        self.source.give_back(read, ended=ended, error=error)

    def rest(self, worker: Worker) -> None:
        """Wait while the run pauses, if this worker is to."""
        pausing = self._pausing
        # Race: 1. the run ends, and with it its pauses; 2. another begins, and nobody may come to end it.
        if pausing is not None and not self.source.exhausted:
            pausing.rest(worker)

    def crowded(self, worker: Worker) -> bool:
        """Whether this worker should leave after its batch: another run waits for one like it, or it is one too many here."""
        crew = self._crew
        if crew is None:
            return False
        return self.staff.crowded(crew.engine) or (self._overstaffed and self._is_one_too_many(worker))

    def _is_one_too_many(self, worker: Worker) -> bool:
        with self._lock:
            crew = self._crew
            if worker not in self._dismissed and crew is not None:
                if self._kinds.get(worker) is crew.engine and self._staying(crew) <= crew.workers:
                    return False
                self._dismissed.add(worker)
            return True

    def _staying(self, crew: Crew) -> int:
        """Count the workers of this crew that are here and have not been told to leave. Under the lock."""
        return sum(kind is crew.engine and worker not in self._dismissed for worker, kind in self._kinds.items())

    def grew(self, worker: Worker, in_flight: int, reason: str) -> None:
        """Hear how many items a worker has in flight from now on: the window of a stream grows with it."""
        with self.staffing:
            crew = self._crew
            if crew is None or self._kinds.get(worker) is not crew.engine:
                return  # it is on its way out
            self._crew = Crew(crew.engine, crew.workers, in_flight, crew.limit)
            self.report.plan.in_flight = in_flight
            if reason:
                self.report.plan.reasons.append(reason)

    def starved(self, worker: Worker) -> None:
        """Remember to nudge this worker when there is room."""
        with self._lock:
            self._starved.add(worker)
        self._bell.ring()

    def leave(self, worker: Worker, fault: BaseException | None = None) -> None:
        """Let a worker go, back to the staff."""
        with self._lock:
            self._starved.discard(worker)
            if fault is not None and self.fault is None and self.source.barred > 0:  # else the end of the run may have caused it
                self.fault = fault
            if not worker.usable:
                self.report.workers_lost += 1
        self.staff.back(worker)  # before it counts as gone: who waits for the last to leave then finds it on the bench
        with self._lock:
            self._out[worker] -= 1
            if not self._out[worker]:
                del self._out[worker], self._kinds[worker]
                self._dismissed.discard(worker)
        self._bell.ring()

    def caller_left(self, fault: BaseException | None = None) -> None:
        """Hear that the calling thread works no more."""
        self.caller_helps = False
        if fault is not None and self.fault is None:
            self.fault = fault

    # ---- the Customer, for the staff: any thread, under the staff's lock --------------------------------------------------------

    def joined(self, worker: Worker, engine: Engine) -> None:
        """Hear that a worker that was asked for comes now."""
        with self._lock:
            self._out[worker] += 1
            self._kinds[worker] = engine
            self._dismissed.discard(worker)  # it comes straight back
            self._queued -= 1
            self.report.workers_hired += 1

    # ---- hiring: the consumer, or the manager on its behalf --------------------------------------------------------------------

    def lend_caller(self, worker: PumpedWorker, *, for_good: bool = False, alone: bool = False) -> None:
        """Let the calling thread work, whenever it polls.

        Args:
            worker: the calling thread, as a worker.
            for_good: not only until others deliver.
            alone: there will be no others.
        """
        self.alone = alone
        self._pumped = worker
        self._caller_stays = for_good
        self.caller_helps = True
        self.report.workers_hired += 1
        worker.assign(self)

    def manage(self, manager: Ending) -> deque[Witnessed]:
        """Remember who manages this run, to end with it; return where it can hear of what is delivered from now on."""
        self._companions.append(manager)
        witnesses: deque[Witnessed] = deque(maxlen=_WITNESSED)
        self._witnesses = witnesses  # a manager who looks no more does not mind the oldest
        return witnesses

    def watch_over(self, watcher: Ending) -> None:
        """Remember who looks after this run, or its loops, to end with it."""
        self._companions.append(watcher)

    @property
    def caller_name(self) -> str:
        """What the calling thread is called as a worker; empty if it is none."""
        return "" if self._pumped is None else self._pumped.name

    @property
    def caller(self) -> PumpedWorker | None:
        """The calling thread as a worker, if it is one."""
        return self._pumped

    @property
    def ended(self) -> int:
        """How many items have ended so far, also those that nobody has looked at yet. Any thread; an estimate while it works."""
        waiting = list(self._outbox)  # in one step: workers append
        return self.account.accounted + sum(len(delivery.values) + delivery.undone for delivery in waiting)

    def send_home(self) -> None:
        """Let those go who were hired, and the calling thread work alone, as from the beginning. Any thread."""
        crew, plan = self._crew, self.report.plan
        if crew is not None:
            self.hire(Crew(crew.engine, 0, 1))
        plan.engine, plan.workers, plan.in_flight = "inline", 1, 1
        with self._lock:
            self.caller_helps = True
        self._bell.ring()

    def pause(self, pausing: Pausing) -> None:
        """Let the calling thread, and threads that were hired, begin no further batch while there is this pause. The manager."""
        self._pausing = pausing

    def resume(self) -> None:
        """Go on, without a pause. Any thread."""
        pausing, self._pausing = self._pausing, None
        if pausing is not None:
            pausing.end()
            self._bell.ring()

    def present(self) -> list[Worker]:
        """List those who were hired last, or before, and are here. Any thread."""
        with self._lock:
            return list(self._kinds)

    def hire(self, crew: Crew) -> None:
        """Want this crew from now on, beside the caller if it works too, and nobody else.

        Its workers come as there is room for their work, and those who are here and not of it leave after their batches.
        """
        with self.staffing:
            before, fewer = self._crew, False
            if before is not None and (before.engine is not crew.engine or before.workers > crew.workers):
                fewer = True
                withdrawn = self.staff.withdraw(self)
                with self._lock:
                    self._queued -= withdrawn
            if crew.in_flight != self.job.in_flight:
                self.job = self.job.side_by_side(crew.in_flight)
            self._crew = crew
            self._heard_from = set()
        if fewer:
            self._overstaffed = True
            self._nudge_all()
        plan = self.report.plan
        plan.engine, plan.workers, plan.in_flight = crew.engine.kind, crew.workers, crew.in_flight
        if self._emit is not None:
            self._emit(WorkersHired(crew.engine.kind, crew.workers, crew.in_flight))
        self._top_up()
        self._bell.ring()

    def _top_up(self) -> None:
        """Ask for the workers that are missing, and wake those that wait, if there is room for their work. Any thread."""
        with self.staffing:
            if self._crew is not None and self._crew.workers:
                self._ask_for(self._crew)

    def _ask_for(self, crew: Crew) -> None:
        source = self.source
        if self._starved and (source.finished or source.has_room(crew.workers * crew.in_flight)):
            with self._lock:
                starved, self._starved = self._starved, set()
            for worker in starved:
                worker.nudge(self)
        if source.finished or self.fault is not None or not source.has_room(crew.workers * crew.in_flight):
            return
        with self._lock:
            missing = crew.workers - self._staying(crew) - self._queued
            if source.length is not None:
                missing = min(missing, source.length - source.taken + len(source.shelf))  # a wrong hint is mended by the next look
                missing = max(missing, 0 if self._out or self._queued else 1)
            if missing <= 0:
                return
            self._queued += missing
        asked = 0
        try:
            asked = self.staff.request(self, crew.engine, missing, crew.limit)
        finally:
            with self._lock:
                self._queued -= missing - asked

    # ---- the consumer -----------------------------------------------------------------------------------------------------------

    @property
    def over(self) -> bool:
        """Whether every item that was read has been accounted for, and none will follow."""
        return self.source.exhausted and self.account.accounted == self.source.taken and not self._outbox

    @property
    def failing(self) -> bool:
        """Whether the consumer should not wait for more results."""
        return self.fault is not None or (bool(self.account.failures) and self._collected)

    def poll(self, until_s: float | None = None) -> Delivery | None:
        """Give the results that are due.

        While there are none, let the calling thread work, if it is one of the workers.

        Args:
            until_s: the clock's time from which on the calling thread begins no further batch.

        Returns:
            A delivery; ``None`` if nothing is due now: the run is ``over`` or ``failing``, it is too late, or the bell will ring.
        """
        while True:
            self._bell.reset()
            put_off = self._may_put_off()
            if not put_off:
                self._drain()
            if self.failing:
                return None
            due = self._ordering.pop()
            if due is not None:
                return due
            # Race: 1. there is nothing for workers, because it is too early; 2. it is not any more, by the time that we ask when to
            # come again; 3. nobody wakes us. So we ask first: whoever finds nothing after that, says so.
            due_in_s = self.source.due_in_s()
            self._again_at_s = None if due_in_s is None else self._clock.now() + due_in_s
            self._top_up()
            if not self._steps(until_s):
                if put_off and self._outbox:
                    self._drain()  # there is nothing more to wait for
                    continue
                return None

    def _steps(self, until_s: float | None) -> bool:
        """Let the calling thread do a batch, if it is one of the workers; ``False`` if it has done none."""
        if not self.caller_helps or self._pumped is None or (self._pausing is not None and self._pausing.begun):
            return False
        if until_s is not None and self._clock.now() >= until_s:
            return False
        return self._pumped.step()

    def _may_put_off(self) -> bool:
        """Whether what the calling thread has done may wait for more of it, to be written into a journal together."""
        if self.journal is None or not (self._collected and self.caller_helps) or self.source.exhausted:
            return False
        return self._clock.now() - self._kept_s < _TOGETHER_S

    def again_in_s(self) -> float | None:
        """Tell after how many seconds to poll again, if nobody rings before; ``None`` for not before somebody does."""
        return None if self._again_at_s is None else max(0.0, self._again_at_s - self._clock.now())

    def _drain(self) -> None:
        outbox = self._outbox
        if outbox:
            with self._counter:
                for _ in range(self.keep()):
                    self._account_for(outbox.popleft())

    @property
    def keeps_slowly(self) -> bool:
        """Whether something waits to be written into a journal, which takes as long as a disk does."""
        return bool(self._outbox) and self.journal is not None and self.journal.durable

    def keep(self) -> int:
        """Write down what was handed in and is not accounted for, if there is a journal. Any thread, for the consumer.

        Returns:
            How many deliveries these are. They wait on, and will not be written twice.
        """
        outbox = self._outbox
        with self._counter:
            count = len(outbox)  # workers may add more meanwhile
            if self.journal is not None:
                self._kept_s = self._clock.now()
                try:
                    self.journal.keep([outbox[place] for place in range(count)])
                except JournalError as error:  # nothing is handed on that is not kept
                    if self.fault is None:
                        self.fail(error)
            return count

    def _account_for(self, delivery: Delivery) -> None:
        self.account.enter(delivery)
        if self.account.mistake is not None and self.fault is None:
            self.fail(self.account.mistake)
        self._ordering.add(delivery)
        if not self.caller_helps or self._caller_stays or self._pumped is None or delivery.recalled:
            return
        if delivery.worker in {"", self._pumped.name}:
            return
        if self._crew is not None and is_of_kind(delivery.worker, self._crew.engine.kind):
            self._heard_from.add(delivery.worker)
            with self._lock:  # Race: 1. all have delivered; 2. the manager sends them home; 3. nobody would work
                if self._crew is not None and 0 < self._crew.workers <= len(self._heard_from):
                    self.caller_helps = False  # all who were hired deliver: the caller is more useful at the counter

    def _bar(self, index: int) -> None:
        with self._lock:
            self.source.bar(index)
        for dropped in self.source.shelf.drop_from(self.source.barred):
            self._outbox.append(Delivery(dropped, [], (), 0.0, 0.0, "", undone=1))
        self._nudge_all()

    def _nudge_all(self) -> None:
        with self._lock:
            out = list(self._out)
        for worker in out:
            worker.nudge(self)

    # ---- the end ----------------------------------------------------------------------------------------------------------------

    @property
    def stoppable(self) -> bool:
        """Whether all workers that are here can give up what they are doing."""
        with self._lock:
            return all(engine.kind != "thread" for engine in self._kinds.values())

    def closing(self, *, patient: bool = True) -> Iterator[float]:
        """End the run, in steps: nothing new is started, what runs is given up where it can be, and everybody leaves.

        Args:
            patient: wait for items in threads, which cannot be given up, for as long as they take.

        Yields:
            Seconds to wait for the bell before the next step, at most.
        """
        if self.closed:
            return
        self._stop()
        self._interrupt(force=not patient)
        forced = not patient
        until = self._clock.now() + _GRACE_S
        while not self.closed:
            self._bell.reset()
            everybody_has_left = not self._out
            self._drain()
            if everybody_has_left or self.account.accounted == self.source.taken:
                break
            left = until - self._clock.now()
            if left > 0:
                yield left
            elif not patient:
                break
            elif not forced:
                self._interrupt(force=True)
                forced = True
            else:
                yield 3600.0
        until = self._clock.now() + (_READING_GRACE_S if patient else 0.0)
        while self._out and not self.closed and (left := until - self._clock.now()) > 0:
            self._bell.reset()
            if self._out:
                yield left
        self._finish(wait=True)

    def left_over(self) -> Iterator[Delivery]:
        """Give what had finished when the run ended, and was never handed on."""
        while (delivery := self._ordering.pop()) is not None:
            yield delivery
        yield from self._ordering.waiting()

    def fail(self, fault: BaseException) -> None:
        """Stop the run from outside, in any thread. Its consumer, if it still comes, hears why, and clears up."""
        with self._lock:
            if self.fault is None:
                self.fault = fault
        self._bar(0)
        self._interrupt(force=True)
        for companion in list(self._companions):
            companion.end(wait=False)
        self._bell.ring()

    def abandon(self) -> None:
        """End the run without waiting for anybody: it became garbage, or Ctrl-C came a second time."""
        if not self.closed:
            self._stop()
            self._interrupt(force=True)
            self._finish(wait=False)

    def _stop(self) -> None:
        with self._lock:  # as in _bar: a failure that is delivered meanwhile must not raise the bar again
            self.source.close()
        self.source.shelf.drop_from(0)
        self.resume()  # for those who rest, to leave
        self.staff.withdraw(self)
        if self._pumped is not None:
            self._pumped.close(wait=False)

    def _interrupt(self, *, force: bool) -> None:
        with self._lock:
            out = list(self._out)
        for worker in out:
            worker.nudge(self)
            worker.interrupt(self, force=force)

    def _finish(self, *, wait: bool) -> None:
        self.closed = True
        try:
            for companion in list(self._companions):
                companion.end(wait=wait)
            self._drain()
            self.account.close(self.source.taken)
        finally:
            if self.journal is not None:
                self.report.notices += self.journal.notices()
                self.journal.close()
        if self._emit is not None:
            self._emit(RunEnded())
        self._bell.ring()  # for another thread that is in a stream which this one has closed
