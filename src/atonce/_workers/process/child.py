"""The worker process: what runs on the other side. It imports little, and starts nothing of the caller's program."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from mmap import mmap
from typing import Any

from atonce._machine.clock import SystemClock
from atonce._machine.nesting import enter_worker_process
from atonce._values.batch import Batch, Delivery
from atonce._values.job import Job
from atonce._wire.frames import receive, send
from atonce._wire.pickling import dumps, dumps_each, loads
from atonce._wire.tracebacks import Packed, pack
from atonce._workers.carry import begin_in_users_code, call_of, carry_out
from atonce._workers.process.protocol import (
    BARRED,
    HEARD,
    NOTHING_BARRED,
    PACKING,
    PAGE_BYTES,
    PHASE,
    READING,
    RUNNING,
    START,
    STARTED,
    Done,
    JobParts,
    Page,
)
from atonce._workers.process.side_by_side import carry_side_by_side
from atonce.errors import PicklingFailed

__all__ = ("main",)


class _ChildClock(SystemClock):
    """Threads that the function starts (BLAS, for one) count as well."""

    thread_cpu = SystemClock.process_cpu


class PageBar:
    """What may still be started, read from the page."""

    def __init__(self, page: Page) -> None:
        self._words = page.words

    @property
    def stopped(self) -> bool:
        return self._words[BARRED] != NOTHING_BARRED

    @property
    def barred(self) -> int:
        return self._words[BARRED]


class Child:
    """Answers the parent's messages, one after the other."""

    def __init__(self, inbox: int, outbox: int, page: Page) -> None:
        self._inbox = inbox
        self._outbox = outbox
        self._words = page.words
        self._bar = PageBar(page)
        self._clock = _ChildClock()
        self._job: Job | None = None
        self._calls: Any = None
        self._call: Callable[[Any], Any] = _nobody
        self._last: tuple[Delivery, list[Any]] | None = None  # for a parent that could not read the whole

    def serve(self) -> None:
        """Answer until the parent closes the pipe."""
        answers = {
            b"S": self._set_up,
            b"J": self._take_job,
            b"B": self._run_whole,
            b"A": self._run_apart,
            b"X": self._again,
        }
        while True:
            try:
                message = receive(self._inbox)
            except (EOFError, OSError):
                break
            self._words[STARTED] = 0
            self._words[PHASE] = READING
            self._words[HEARD] += 1
            reply = answers[bytes(message[:1])](memoryview(message)[1:])
            try:
                send(self._outbox, reply)
            except BrokenPipeError:
                break
        self._drop_job()

    def _set_up(self, payload: memoryview) -> bytes:
        try:
            path, argv, recursion_limit, initializer, initargs = loads(payload.tobytes())
            sys.path[:], sys.argv[:] = path, argv
            sys.setrecursionlimit(recursion_limit)
            if initializer is not None:
                loads(initializer)(*loads(initargs))
        except BaseException as error:
            return b"F" + dumps(pack(error))
        return b"R"

    def _take_job(self, payload: memoryview) -> bytes:
        self._drop_job()
        try:
            parts = JobParts(*loads(payload.tobytes()))
            job = Job(
                loads(parts.fn),
                star=parts.star,
                name=parts.name,
                is_async=parts.is_async,
                timed=parts.timed,
                in_flight=parts.in_flight,
                stops=parts.stops,
            )
        except BaseException as error:
            return b"F" + dumps(pack(error))
        self._calls = call_of(job)
        self._call = self._calls.__enter__()
        self._job = job
        return b"R"

    def _drop_job(self) -> None:
        self._job, self._call, self._last = None, _nobody, None
        if self._calls is not None:
            calls, self._calls = self._calls, None
            calls.__exit__(None, None, None)

    def _run_whole(self, payload: memoryview) -> bytes:
        (start,) = START.unpack(payload[: START.size])
        try:
            items = loads(payload[START.size :].tobytes())
        except BaseException:
            return b"U"
        return self._run(start, items, {})

    def _run_apart(self, payload: memoryview) -> bytes:
        (start,) = START.unpack(payload[: START.size])
        items, unreadable = [], {}
        for position, blob in enumerate(loads(payload[START.size :].tobytes())):
            try:
                items.append(loads(blob))
            except BaseException as error:
                unreadable[position] = error
                items.append(None)
        return self._run(start, items, unreadable)

    def _run(self, start: int, items: list[Any], unreadable: dict[int, BaseException]) -> bytes:
        """Run a batch. Items that could not be read fail with what reading them raised."""
        job, words, call = self._job, self._words, self._call
        assert job is not None
        started = 0

        def marked(item: Any) -> Any:
            nonlocal started
            started += 1
            words[STARTED] = started
            if unreadable and (error := unreadable.get(started - 1)) is not None:
                raise error
            return call(item)

        words[PHASE] = RUNNING
        batch = Batch(start, items)
        if job.in_flight > 1:
            delivery = carry_side_by_side(job, batch, unreadable, self._bar, self._clock)
        else:
            delivery = carry_out(marked, job, batch, self._bar, self._clock, "")
            delivery.undone = len(items) - len(delivery.values)
            for bad in delivery.failed:
                begin_in_users_code(bad.error)  # behind the function that marks what is started
        words[PHASE] = PACKING
        _flush()
        self._last = delivery, items
        try:
            values: bytes | list[bytes | Packed] = dumps(delivery.values)
        except PicklingFailed:
            values = _each(delivery)
        return _done(delivery, values)

    def _again(self, _payload: memoryview) -> bytes:
        assert self._last is not None
        delivery = self._last[0]
        return _done(delivery, _each(delivery))


def _each(delivery: Delivery) -> list[bytes | Packed]:
    return [blob if isinstance(blob, bytes) else pack(blob) for blob in dumps_each(delivery.values)]


def _done(delivery: Delivery, values: bytes | list[bytes | Packed]) -> bytes:
    failed = [(misfortune.position, pack(misfortune.error)) for misfortune in delivery.failed]
    done = Done(values, failed, delivery.seconds, delivery.cpu_s, delivery.durations, delivery.undone)
    return b"D" + dumps(tuple(done))


def _nobody(_item: Any) -> Any:
    raise AssertionError("a batch came before its job")


def _flush() -> None:
    """Let what was printed be seen now, whole, and not when the process ends."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()


def _close_all(*descriptors: int) -> None:
    for descriptor in descriptors:
        with suppress(OSError):
            os.close(descriptor)


def _die_with_parent(lifeline: int) -> None:
    """End at once when the parent is gone, even in the middle of an item: its end of this pipe closes whatever ends it."""
    try:
        os.read(lifeline, 1)
    finally:
        os._exit(1)


def main() -> None:
    """Serve the parent over the descriptors named on the command line: inbox, outbox, lifeline, page."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to every process of the terminal; the parent decides for all
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    enter_worker_process()
    inbox, outbox, lifeline, memory = (int(word) for word in sys.argv[-4:])
    for descriptor in (inbox, outbox, lifeline, memory):
        os.set_inheritable(descriptor, False)
    threading.Thread(target=_die_with_parent, args=(lifeline,), name="atonce lifeline", daemon=True).start()
    page = Page(mmap(memory, PAGE_BYTES))
    os.close(memory)
    # What the function forks must not hold our ends open: the parent would not see this process die.
    os.register_at_fork(after_in_child=lambda: _close_all(inbox, outbox, lifeline))
    Child(inbox, outbox, page).serve()
