"""The worker process: takes messages, runs batches, sends results. It imports little, and starts nothing of the caller's program.

Its states are the ``PHASE`` word's, which the parent reads when it has died::

    SETTING_UP ──▶ IDLE ──J──▶ TAKING_JOB ──▶ IDLE ──B, O, C──▶ READING ──▶ RUNNING ⇄ PACKING, SENDING ──▶ IDLE
"""

from __future__ import annotations

from _contextvars import copy_context
from _pickle import dumps, loads
from functools import partial
from time import monotonic_ns, perf_counter

from atonce._wire.frames import Inlet, Outlet
from atonce._workers.process.answer import Answer, Sender, pack_error
from atonce._workers.process.becoming import become, limit_memory, limit_native_threads
from atonce._workers.process.protocol import (
    HEAD,
    IDLE,
    MARK,
    PHASE,
    READ,
    READING,
    RUNNING,
    SETTING_UP,
    SINCE,
    TAKING_JOB,
    TRIES,
)
from atonce.errors import RetryAfter

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 10 ms at the start of a worker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from atonce._wire.arena_reader import ArenaReader
    from atonce._wire.arena_writer import ArenaWriter
    from atonce._workers.process.branch import Branch
    from atonce._workers.process.claims import Claims

__all__ = ("Child",)

_STRIDE_S = 100e-6  # Source: the design's measurement; between two looks at the claim, so that they cost 1 %
_MOST_IN_STRIDE = 4096
_FLUSH_S = 0.005  # a batch that takes longer sends what it has
_COLLECTED_FLUSH_S = 0.02  # where nobody looks at a result before the last one is there
_PROTOCOL = 5
_JOB = 74  # the letter J


class Child:
    """Answers the parent's messages, one after the other, in the main thread."""

    def __init__(
        self, inlet: Inlet, outlet: Outlet, words: memoryview, claims: Claims, results: ArenaWriter, items: ArenaReader
    ) -> None:
        self._inlet = inlet
        self._outlet = outlet
        self._words = words
        self._claims = claims
        self._sender = Sender(outlet, words, results, items)
        self._results = results  # freed here; the sender fills it
        self._items = items  # where large items come from
        self._unfit = False  # whether the initializer has failed
        self._failed = False  # whether it has, or taking the job: then nothing is run
        self._threads = 1
        self._job: dict[str, Any] = {}
        self._call: Callable[[Any], Any] = _nobody
        self._branch: Branch | None = None  # where several items are under way at once
        self._stride = 1

    def serve(self) -> None:
        """Answer until the parent closes the pipe."""
        answers = {
            66: self._run_batch,
            67: self._run_carefully,
            71: self._reuse,
            _JOB: self.take_job,
            79: self._run_from_arena,
            81: self._tell_what_is_under_way,
            83: self.set_up,
        }
        words, following = self._words, self._following
        context = own = copy_context()
        while (message := following()) is not None:
            if message[0] == _JOB:
                context = own.copy()  # with the caller's variables, and none of the last job's
            context.run(answers[message[0]], memoryview(message)[1:])
            words[PHASE] = IDLE
            del message
        self._drop_job()

    def _following(self) -> bytes | None:
        return self._inlet.next() if self._branch is None else self._branch.attend(self._inlet)

    # ---- before the first item --------------------------------------------------------------------------------------------------

    def set_up(self, payload: memoryview) -> None:
        """Become like the parent, and run the initializer.

        ``payload`` is a pickled dict: ``path``, ``argv``, ``recursion_limit``, ``environ``, ``cwd``, ``prefixes``, ``threads`` that
        BLAS and OpenMP may use, ``initializer`` (pickled function and pickled arguments, or ``None``), and ``logging`` and
        ``warnings`` (see ``forward.py``).
        """
        self._words[PHASE] = SETTING_UP
        try:
            settings = loads(payload)
            become(settings)
            self._threads = settings["threads"]
            self._adopt(settings)
            if settings["initializer"] is not None:
                initializer, arguments = settings["initializer"]
                loads(initializer)(*loads(arguments))
        except BaseException as error:
            self._unfit = True
            self._refuse("S", error)
        else:
            self._outlet.send(b"R")

    def take_job(self, payload: memoryview) -> None:
        """Get ready for what follows.

        ``payload`` is a pickled dict: ``fn`` (a parcel), ``star``, ``name``, ``is_async``, ``timed``, ``in_flight``, ``elastic``,
        ``strict``, ``stops``, ``patient``, ``timeout_s``, ``retries``, ``memory_bytes``, ``collected``, ``context``, ``logging``
        and ``warnings``.
        """
        self._words[PHASE] = TAKING_JOB
        if self._unfit:
            self._pass_over(loads(payload)["fn"])
            return  # there is nothing more to be said
        self._drop_job()
        self._failed = False
        self._sender.begin_job()
        self._stride = 1
        try:
            self._job = job = loads(payload)
            self._adopt(job)
            if job["context"]:
                from atonce._wire.contexts import unpack_context  # noqa: PLC0415 (few have any)

                unpack_context(job["context"], loads)
            job["fn"] = self._open(job["fn"])
            job["stops"] = job["stops"] and not job["patient"]
            self._call = self._calls_of(job)
            self._claims.forget()
            limit_native_threads(self._threads)
            limit_memory(job["memory_bytes"])
        except BaseException as error:
            self._refuse("J", error)

    def _adopt(self, settings: dict[str, Any]) -> None:
        from atonce._workers.process.forward import adopt_logging, adopt_warnings  # noqa: PLC0415 (only what the parent uses)

        send = self._outlet.send
        adopt_logging(settings["logging"], lambda record: send(b"L" + record))
        adopt_warnings(settings["warnings"], lambda warning: send(b"W" + warning))

    def _calls_of(self, job: dict[str, Any]) -> Callable[[Any], Any]:
        fn = job["fn"]
        if job["is_async"] or job["in_flight"] > 1:
            from atonce._workers.process.branch import Branch  # noqa: PLC0415 (for those who asked for it)

            self._claims.exact = False
            self._branch = Branch(job, self._claims, self._words, self._sender, partial(self._refuse, "J"))
            return _nobody
        self._claims.exact = job["timeout_s"] is not None
        return (lambda item: fn(*item)) if job["star"] else fn

    def _drop_job(self) -> None:
        if self._branch is not None:
            branch, self._branch = self._branch, None
            branch.close()
        self._job, self._call = {}, _nobody

    def _refuse(self, stage: str, error: BaseException) -> None:
        self._failed = True
        self._outlet.send(b"F" + dumps((stage, pack_error(error)), _PROTOCOL))

    def _reuse(self, payload: memoryview) -> None:
        for slot in loads(payload):
            self._results.free(slot)

    def _tell_what_is_under_way(self, _payload: memoryview) -> None:
        found = ([], 0) if self._branch is None else self._branch.in_flight()
        self._outlet.send(b"I" + dumps(found, _PROTOCOL))

    # ---- batches ----------------------------------------------------------------------------------------------------------------

    def _run_batch(self, payload: memoryview) -> None:
        self._read_and_run(payload, loads, large=False)

    def _run_from_arena(self, payload: memoryview) -> None:
        self._read_and_run(payload, lambda blob: self._open(loads(blob)), large=True)

    def _read_and_run(self, payload: memoryview, read: Callable[[memoryview], Sequence[Any]], *, large: bool) -> None:
        serial, start = HEAD.unpack_from(payload)
        words, branch = self._words, self._branch
        words[READ] = serial
        if branch is None:
            words[MARK] = 0
            words[SINCE] = monotonic_ns()
        words[PHASE] = READING
        items: Sequence[Any] = []
        if self._failed or self._claims.is_taken(serial):  # then there is nothing to be read for
            if large:
                self._pass_over(loads(payload[HEAD.size :]))
        else:
            try:
                rest = payload[HEAD.size :]
                items = read(rest) if branch is None else branch.read(serial, lambda: read(rest))
            except BaseException:
                self._outlet.send(b"U" + dumps(serial, _PROTOCOL))
                return
        self._run(serial, start, items)

    def _run(self, serial: int, start: int, items: Sequence[Any]) -> None:
        if not items:
            self._sender.send(b"D", serial, 0, [], (), True, 0.0, 0.0, None, None)
        elif self._branch is not None:
            self._branch.open(serial, start, items)
        else:
            self._run_in_strides(serial, start, items)

    def _run_in_strides(self, serial: int, start: int, items: Sequence[Any]) -> None:
        """Run a batch one item after the other, and look up from it every 100 µs."""
        words, claims, call, job, now = self._words, self._claims, self._call, self._job, perf_counter
        answer = Answer(self._sender, serial, start, timed=job["timed"])
        values, durations = answer.values, answer.durations
        one_by_one = claims.exact or durations is not None
        flush_s = _COLLECTED_FLUSH_S if job["collected"] else _FLUSH_S
        stride = 1 if one_by_one else self._stride
        at, total = 0, len(items)
        looked = now()
        words[PHASE] = RUNNING
        while at < total:
            end = claims.claim(serial, start, at, min(at + stride, total))
            if end <= at:
                break
            try:
                if durations is None:
                    _run_stride(call, items if end - at == total else items[at:end], values.append, words, at + 1)
                else:
                    durations.append(0.0)
                    begun = now()
                    values.append(call(items[at]))
                    durations[-1] = now() - begun
                at = end
            except BaseException as error:
                at = answer.first + len(values)
                if durations is not None:
                    durations[-1] = now() - begun
                if not self._stumble(answer, at, items[at], error, 0):
                    break
                at += 1
                if answer.fatal:
                    claims.bar(start + at)
                    break
            time = now()
            if not one_by_one:
                stride = _fitting(stride, time - looked)
            looked = time
            if time - answer.told > flush_s and at < total:
                answer.send(final=False)
                values, durations = answer.values, answer.durations
                words[PHASE] = RUNNING
        self._stride = stride
        _let_go(items)
        answer.send(final=True)

    def _stumble(self, answer: Answer, position: int, item: Any, error: BaseException, earlier: int) -> bool:
        """Try an item that failed again, as often as the job allows; put its value, or its failure, into the answer.

        Returns:
            Whether that was done: not if the run was stopped while the item had attempts left. It is then neither.
        """
        job, attempts = self._job, earlier + 1
        while attempts <= job["retries"] and isinstance(error, Exception) and not isinstance(error, RetryAfter):
            if answer.start + position >= self._claims.barred:
                return False
            attempts += 1
            self._words[SINCE] = monotonic_ns()
            self._words[TRIES] = attempts - earlier
            try:
                answer.values.append(self._call(item))
            except BaseException as another:
                error = another
            else:
                answer.note_attempts(position, attempts)
                break
        else:
            answer.fail(position, error, attempts, stops=job["stops"])
        self._words[TRIES] = 0
        return True

    def _run_carefully(self, payload: memoryview) -> None:
        """Do everything item by item, so that whatever kills this process is known by the item that it happened to."""
        words, claims, job = self._words, self._claims, self._job
        if self._branch is not None:
            self._branch.drain()  # what was claimed before is done, and nothing else can be what kills this process
        serial, start = HEAD.unpack_from(payload)
        words[READ] = serial
        parcels = loads(payload[HEAD.size :])
        answer = Answer(self._sender, serial, start, timed=not self._failed and job["timed"])
        opened = 0
        for position, (parcel, earlier) in enumerate(parcels):
            if self._failed or claims.claim(serial, start, position, position + 1) <= position:
                break
            words[SINCE] = monotonic_ns()
            words[PHASE] = READING
            begun = perf_counter()
            opened += 1
            try:
                item = self._open(parcel)
            except BaseException as error:
                answer.fail(position, error, earlier + 1, stops=job["stops"])
            else:
                words[PHASE] = RUNNING
                if not self._run_one(answer, serial, position, item, earlier):
                    break
                del item
            if answer.durations is not None:
                answer.durations.append(perf_counter() - begun)
            answer.send(final=False, parcels=True)
            if answer.fatal:
                claims.bar(start + position + 1)
                break
        for parcel, _ in parcels[opened:]:
            self._pass_over(parcel)
        answer.send(final=True)

    def _run_one(self, answer: Answer, serial: int, position: int, item: Any, earlier: int) -> bool:
        if self._branch is not None:
            delivery = self._branch.run_alone(serial, answer.start + position, position, item)
            if delivery.failed:
                bad = delivery.failed[0]
                answer.fail(position, bad.error, earlier + bad.attempts, stops=self._job["stops"])
            else:
                answer.values += delivery.values
                answer.note_attempts(position, earlier + (delivery.attempts or {}).get(0, 1))
            return bool(delivery.values)
        try:
            answer.values.append(self._call(item))
        except BaseException as error:
            return self._stumble(answer, position, item, error, earlier)
        answer.note_attempts(position, earlier + 1)
        return True

    # ---- parcels ----------------------------------------------------------------------------------------------------------------

    def _pass_over(self, parcel: Any) -> None:
        if not isinstance(parcel, bytes):
            self._items.pass_over(parcel[1])

    def _open(self, parcel: Any) -> Any:
        if isinstance(parcel, bytes):
            return loads(parcel)
        blob, slot, spans = parcel
        return loads(blob, buffers=self._items.open(slot, spans))


def _run_stride(
    call: Callable[[Any], Any], items: Sequence[Any], append: Callable[[Any], None], words: memoryview, mark: int
) -> None:
    # A loop, and not list.extend(map(...)): that would take a StopIteration of the function for the end of the items. The mark
    # costs 29 ns an item, and is why the item that kills this process is known. (Source: the design's measurement)
    for words[MARK], item in enumerate(items, mark):
        append(call(item))


def _let_go(items: Sequence[Any]) -> None:
    """Forget the items: what lies in an arena is let go of with this answer, and not with the next."""
    if isinstance(items, list):  # a piece of a range has nothing to forget
        items.clear()


def _fitting(stride: int, seconds: float) -> int:
    """Size the next stride so that it takes about 100 µs."""
    if seconds < _STRIDE_S / 2:
        return min(2 * stride, _MOST_IN_STRIDE)
    return max(1, int(stride * _STRIDE_S / seconds)) if seconds > 4 * _STRIDE_S else stride


def _nobody(_item: Any) -> Any:
    raise AssertionError("a batch came before its job")
