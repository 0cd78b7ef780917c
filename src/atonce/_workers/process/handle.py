"""The parent's half of a process worker: ships batches to the process, and finds out what killed it if it dies."""

import signal
import sys
import threading
from collections import deque
from typing import Any

from atonce._machine.cpus import usable_cpus
from atonce._values.batch import Batch, Delivery, Misfortune
from atonce._values.job import Job
from atonce._wire.pickling import dumps, dumps_each, dumps_function, loads
from atonce._wire.tracebacks import unpack
from atonce._workers.base import Place, WorkerContext
from atonce._workers.process.launch import ChildDied, ChildProcess
from atonce._workers.process.protocol import NOTHING_BARRED, RUNNING, START, Done, JobParts
from atonce._workers.puller import Puller
from atonce.errors import PicklingFailed

__all__ = ("ProcessEngine", "ProcessWorker")

_LEAVE_S = 2.0  # how long a process that was asked to end may take for its atexit functions
_IDLE_DEATHS = 3  # in a row, before it is called a fault of the machine and not bad luck


class ProcessWorker(Puller):
    """A process, and the thread of the parent that carries batches to it.

    Everything belongs to that thread, but for what ``_lock`` guards.
    """

    batch_s = 0.005  # Source: the design's measurement, batches of about 5 ms with static costs; longer ones delay results

    def __init__(self, context: WorkerContext) -> None:
        self._lock = threading.RLock()  # re-entrant: the garbage collector may abandon a run anywhere
        self._child: ChildProcess | None = None  # Guarded by: _lock, for writing and for use from other threads
        self._place: Place | None = None  # Guarded by: _lock, in the same way
        self._unwanted = False  # Guarded by: _lock. Whether the work in hand is to be given up
        self._job_blob: bytes | None = None
        self._job_sent = False
        super().__init__(context)

    def assign(self, place: Place) -> None:
        """Go and work at this place."""
        with self._lock:
            self._place = place
            self._unwanted = False
        super().assign(place)

    def nudge(self, place: Place) -> None:
        """Let the process see what is barred."""
        with self._lock:
            if self._child is not None and self._place is place:
                self._child.bar(place.barred)

    def interrupt(self, place: Place, *, force: bool) -> None:
        """Let the process start nothing more; with ``force``, kill it, also if it is only starting."""
        with self._lock:
            if self._place is not place:
                return
            self._unwanted = self._unwanted or force
            if self._child is not None:
                self._child.bar(0)
                if force:
                    self._child.kill()

    def hire(self) -> None:
        """Start the process and run the initializer there."""
        # Ctrl-C is for the parent alone. A child inherits this thread's mask, and ignores the signal before it lifts the mask.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        self._start()

    def arrive(self, place: Place) -> None:
        """Pickle the job; it is sent with the first batch."""
        job = place.job
        parts = JobParts(dumps_function(job.fn), job.star, job.name, job.is_async, job.timed, job.in_flight, job.stops)
        self._job_blob = b"J" + dumps(tuple(parts))
        self._job_sent = False

    def depart(self) -> None:
        """Forget the job. A process that was killed is replaced when the next one comes."""
        with self._lock:
            self._place = None
        self._job_blob = None

    def dismiss(self) -> None:
        """End the process."""
        self._lay_off(_LEAVE_S)

    def fewest(self, place: Place) -> int:
        """Return as many items as the process runs side by side."""
        return place.job.in_flight

    def carry(self, place: Place, batch: Batch) -> Delivery:
        """Have a batch run by the process, or by its successors if it dies."""
        job = place.job
        try:
            message = b"B" + START.pack(batch.start) + dumps(batch.items)
        except PicklingFailed:
            return self._carry_apart(job, batch)
        return self._ship(job, batch, message)

    def _carry_apart(self, job: Job, batch: Batch) -> Delivery:
        """Send each item for itself, because they do not pickle, or do not unpickle, together."""
        blobs = dumps_each(batch.items)
        bad = {position: blob for position, blob in enumerate(blobs) if isinstance(blob, PicklingFailed)}
        if not bad:
            return self._ship(job, batch, b"A" + START.pack(batch.start) + dumps(blobs))
        # Cut the batch around the items that cannot be sent.
        whole = Delivery(batch.start, [], [], 0.0, 0.0, self._signature())
        begun = 0
        for position in [*bad, len(batch.items)]:
            if position > begun and not whole.undone:
                part = Batch(batch.start + begun, batch.items[begun:position])
                message = b"A" + START.pack(part.start) + dumps(blobs[begun:position])
                _append(whole, self._ship(job, part, message), job)
            if position in bad and not whole.undone:
                failure = Delivery(
                    batch.start + position,
                    [None],
                    [Misfortune(0, bad[position], batch.items[position], 0)],
                    0.0,
                    0.0,
                    whole.worker,
                )
                _append(whole, failure, job)
            begun = position + 1
        whole.undone = len(batch.items) - len(whole.values)
        return whole

    def _ship(self, job: Job, batch: Batch, message: bytes) -> Delivery:
        """Have a batch run; if the process dies of it, have the rest run by its successors."""
        try:
            return self._ask_for(job, batch, message)
        except ChildDied as death:
            return self._survive(job, batch, death)

    def _ask_for(self, job: Job, batch: Batch, message: bytes) -> Delivery:
        pid = 0
        for _ in range(_IDLE_DEATHS):
            try:
                letter, payload = self._converse(message)
                if letter == b"D":
                    delivery = self._unpack(batch, Done(*loads(bytes(payload))))
                    delivery.moved_bytes = len(message) + len(payload)
                    return delivery
            except ChildDied as death:
                if self._given_up():
                    return self._none_of(batch)
                if death.heard:
                    raise
                pid = death.pid
                continue  # It died before it had the message: nothing of the batch was begun.
            assert letter == b"U", letter
            return self._carry_apart(job, batch)
        return self._blame(batch, "its processes end before they take up any work", pid)

    def _survive(self, job: Job, batch: Batch, death: ChildDied) -> Delivery:
        """Blame the item that killed the process, and have the others run.

        Items that had finished, but whose results died with the process, are run again: a crash makes at least once out of once.
        """
        whole = Delivery(batch.start, [], [], 0.0, 0.0, self._signature())
        todo = deque(_cuts(batch, death))
        while todo and not whole.undone:
            part, blamed = todo.popleft()
            try:
                _append(whole, self._blame(part, blamed.how, blamed.pid) if blamed else self._carry_part(job, part), job)
            except ChildDied as another:
                todo.extendleft(reversed(_cuts(part, another)))
        whole.undone = len(batch.items) - len(whole.values)
        return whole

    def _carry_part(self, job: Job, part: Batch) -> Delivery:
        with self._lock:
            barred = self._place is not None and self._place.barred <= part.start
        if barred:
            return self._none_of(part)
        return self._ask_for(job, part, b"A" + START.pack(part.start) + dumps(dumps_each(part.items)))

    def _none_of(self, batch: Batch) -> Delivery:
        return Delivery(batch.start, [], (), 0.0, 0.0, self._signature(), undone=len(batch.items))

    def _blame(self, batch: Batch, how: str, pid: int) -> Delivery:
        from atonce.errors import WorkerCrashed  # noqa: PLC0415 (18 ms, for those who need it)

        fact = f"the worker process {how} in the middle of this item"
        failed = [Misfortune(position, WorkerCrashed(fact), item) for position, item in enumerate(batch.items)]
        return Delivery(batch.start, [None] * len(batch.items), failed, 0.0, 0.0, f"process {pid}")

    def _unpack(self, batch: Batch, done: Done) -> Delivery:
        failed = [Misfortune(position, unpack(packed), batch.items[position]) for position, packed in done.failed]
        values: list[Any] | None = None
        if isinstance(done.values, bytes):
            try:
                values = loads(done.values)
            except BaseException:
                _, payload = self._converse(b"X")
                done = Done(*loads(bytes(payload)))
        if values is None:
            values = []
            for position, blob in enumerate(done.values):
                try:
                    if isinstance(blob, tuple):
                        raise unpack(blob)  # noqa: TRY301 (treated like one that loads() raises)
                    assert isinstance(blob, bytes)
                    values.append(loads(blob))
                except BaseException as error:
                    values.append(None)
                    failed.append(Misfortune(position, error, batch.items[position]))
            failed.sort(key=_position)
        return Delivery(batch.start, values, failed, done.seconds, done.cpu_s, self._signature(), done.durations, done.undone)

    def _converse(self, message: bytes) -> tuple[bytes, memoryview]:
        """Send a message that needs the job, to a process that has it."""
        child = self._child
        if child is None:
            child = self._start()
        try:
            if not self._job_sent:
                assert self._job_blob is not None
                with self._lock:
                    child.bar(NOTHING_BARRED if self._place is None else self._place.barred)
                _expect_ready(child.ask(self._job_blob))
                self._job_sent = True
            return child.ask(message)
        except ChildDied:
            self._lay_off(0.0)
            raise

    def _start(self) -> ChildProcess:
        child = ChildProcess(self.name)
        with self._lock:
            self._child = child
            if self._unwanted:  # while it was being started
                child.kill()
        self._job_sent = False
        setup = self.setup
        initializer = None if setup.initializer is None else dumps_function(setup.initializer)
        try:
            _expect_ready(
                child.ask(b"S" + dumps((sys.path, sys.argv, sys.getrecursionlimit(), initializer, dumps(setup.initargs))))
            )
        except ChildDied as death:
            self._lay_off(0.0)
            from atonce.errors import WorkerCrashed  # noqa: PLC0415 (18 ms, for those who need it)

            raise WorkerCrashed(f"the worker process {death.how} while it was starting") from None
        except BaseException:
            self._lay_off(_LEAVE_S)
            raise
        return child

    def _lay_off(self, patience_s: float) -> None:
        with self._lock:
            child, self._child = self._child, None
        if child is not None:
            child.reap(patience_s)
            child.page.close()

    def _given_up(self) -> bool:
        with self._lock:
            return self._unwanted

    def _signature(self) -> str:
        child = self._child
        return f"process {child.pid}" if child is not None else self.name


class ProcessEngine:
    """A process for each CPU, each with one item in flight, or more where ``concurrency`` asks for it."""

    kind = "process"
    pumped = False
    shared = True
    guest = False

    def crew(self, max_workers: int | None, concurrency: int | None) -> tuple[int, int]:
        """``max_workers`` processes, and what ``concurrency`` leaves to each of them."""
        workers = max_workers or min(usable_cpus(), concurrency or usable_cpus())
        return min(workers, concurrency or workers), max(1, (concurrency or 0) // workers)

    def worker(self, context: WorkerContext) -> ProcessWorker:
        """Start a process, in the background."""
        return ProcessWorker(context)


def _cuts(batch: Batch, death: ChildDied) -> list[tuple[Batch, ChildDied | None]]:
    """Cut a batch of which a process died: in the parts to be run again, and the item to be blamed.

    Nobody can tell which item it was while the batch was read or packed, or with several under way. Then each is run for itself:
    the culprit shows itself.
    """
    size = len(batch.items)
    if size == 1:
        return [(batch, death)]
    culprit = death.started - 1 if death.phase == RUNNING and 1 <= death.started <= size else None
    if culprit is None:
        return [(Batch(batch.start + position, [item]), None) for position, item in enumerate(batch.items)]
    cuts = [(0, culprit, None), (culprit, culprit + 1, death), (culprit + 1, size, None)]
    return [(Batch(batch.start + begin, batch.items[begin:end]), blamed) for begin, end, blamed in cuts if begin < end]


def _append(whole: Delivery, part: Delivery, job: Job) -> None:
    """Put a part behind what is there; mark the whole as cut short where the part was, or where its failure stops the run."""
    offset = len(whole.values)
    assert isinstance(whole.failed, list)
    whole.values += part.values
    whole.failed += [bad._replace(position=offset + bad.position) for bad in part.failed]
    whole.moved_bytes += part.moved_bytes
    whole.seconds += part.seconds
    whole.cpu_s += part.cpu_s
    if job.timed:
        mean = part.seconds / len(part.values) if part.values else 0.0
        whole.durations = (whole.durations or []) + (part.durations or [mean] * len(part.values))
    whole.worker = part.worker
    if part.undone or (part.failed and job.stops):
        whole.undone = 1  # the exact count is the caller's, who knows the length of the batch


def _expect_ready(answer: tuple[bytes, memoryview]) -> None:
    letter, payload = answer
    if letter == b"F":
        raise unpack(loads(bytes(payload)))
    assert letter == b"R", letter


def _position(misfortune: Misfortune) -> int:
    return misfortune.position
