"""What a worker sends back: results and failures of a batch, a part at a time, each value by the way that suits it."""

from __future__ import annotations

import sys
from _pickle import Pickler, dumps
from functools import partial
from io import BytesIO
from time import monotonic_ns, perf_counter, process_time

from atonce._wire.arena import BIG_BYTES
from atonce._wire.outofband import dumps_with_buffers
from atonce._workers.process.protocol import PACKING, PHASE, SENDING, SINCE
from atonce.errors import RetryAfter

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 10 ms at the start of a worker

if TYPE_CHECKING:
    from typing import Any

    from atonce._wire.arena_reader import ArenaReader
    from atonce._wire.arena_writer import ArenaWriter
    from atonce._wire.frames import Outlet
    from atonce._wire.tracebacks import Packed

__all__ = ("Answer", "Sender", "begin_in_users_code", "flush_streams", "pack_error")

_PROTOCOL = 5
_HERE = __file__[: -len("process/answer.py")]  # where the frames between the worker's loop and the user's function are from
_dumps = partial(dumps, protocol=_PROTOCOL)


class Sender:
    """Packs results and sends them.

    Args:
        outlet: where they go.
        words: shared with the parent.
        results: where large results are put.
        items: where large items came from.
    """

    def __init__(self, outlet: Outlet, words: memoryview, results: ArenaWriter, items: ArenaReader) -> None:
        self._outlet = outlet
        self._words = words
        self._results = results
        self._items = items
        self._plain = True

    def begin_job(self) -> None:
        """Forget what the results of the last job were like: assume that they are builtin objects through and through."""
        self._plain = True

    def mark(self, phase: int) -> None:
        """Tell the parent what is being done from now on."""
        self._words[SINCE] = monotonic_ns()
        self._words[PHASE] = phase

    def send(self, letter: bytes, *part: Any) -> None:
        """Send a part of an answer. It may have to wait for the parent, which is not the item's time."""
        message = letter + dumps((*part, self._items.let_go()), _PROTOCOL)
        self._words[PHASE] = SENDING
        self._outlet.send(message)

    def pack(self, values: list[Any], *, apart: bool = False) -> bytes | list[Any] | tuple[()]:
        """Pickle results: as a whole, if they are small, and builtin objects through and through; else each for itself.

        Args:
            values: the results.
            apart: each for itself in any case.
        """
        if not values:
            return ()
        blob = None if apart else self._pack_whole(values)
        return [self._pack_one(value) for value in values] if blob is None else blob

    def _pack_whole(self, values: list[Any]) -> bytes | None:
        if not self._plain:
            return None
        try:
            blob = _pickle_builtins(values)
        except BaseException:  # each is packed for itself then, and whatever it raises is told of it
            blob = None
        if blob is not None and len(blob) >= BIG_BYTES * len(values):
            blob = None  # large bytes: they take the way through the arena
        self._plain = blob is not None
        return blob

    def _pack_one(self, value: Any) -> Any:
        """Make a parcel of a result; a ``Packed`` exception if it does not pickle."""
        try:
            blob, buffers = dumps_with_buffers(_dumps, value)
            slot = self._results.put(buffers) if buffers else None
            if slot is not None:
                return (blob, *slot)
            return _dumps(value) if buffers else blob
        except MemoryError as error:
            return pack_error(error)
        except BaseException:
            return _pack_by_value(value)


class Answer:
    """The results of one batch on their way to the parent.

    Attributes:
        start: index of the batch's first item.
        first: position of the first value that has not been sent.
        values: those that have not been sent; ``None`` where an item failed.
        durations: their times, where asked for.
        told: when something was sent last.
        fatal: whether a failure ends the batch.
    """

    def __init__(self, sender: Sender, serial: int, start: int, *, timed: bool) -> None:
        self.start = start
        self.first = 0
        self.values: list[Any] = []
        self.durations: list[float] | None = [] if timed else None
        self.fatal = False
        self._sender = sender
        self._serial = serial
        self._failed: list[tuple[int, Packed, int]] = []
        self._attempts: dict[int, int] | None = None
        self.told = perf_counter()
        self._cpu_told = process_time()

    def note_attempts(self, position: int, attempts: int) -> None:
        """Remember how often an item was tried, if more than once."""
        if attempts > 1:
            self._attempts = self._attempts or {}
            self._attempts[position] = attempts

    def fail(self, position: int, error: BaseException, attempts: int, *, stops: bool) -> None:
        """Put a failure where the next value belongs."""
        self.values.append(None)
        self.add_failure(position, error, attempts, stops=stops)

    def add_failure(self, position: int, error: BaseException, attempts: int, *, stops: bool) -> None:
        """Say why there is no value at a position."""
        begin_in_users_code(error)
        self._failed.append((position, pack_error(error), attempts))
        self.note_attempts(position, attempts)
        self.fatal = self.fatal or (stops and not isinstance(error, RetryAfter)) or isinstance(error, KeyboardInterrupt)

    def _take_out_answers(self) -> None:
        """Let a ``RetryAfter`` that was returned pass for one that was raised."""
        for at, value in enumerate(self.values):
            if type(value) is RetryAfter:
                self.values[at] = None
                self.add_failure(self.first + at, value, 1, stops=False)
        self._failed.sort(key=_position)

    def send(self, *, final: bool, parcels: bool = False) -> None:
        """Send what there is; the batch has ended if ``final``."""
        sender, values = self._sender, self.values
        sender.mark(PACKING)
        if RetryAfter.made:
            self._take_out_answers()
        if final:
            flush_streams()
        now, cpu = perf_counter(), process_time()
        seconds, cpu_s = now - self.told, cpu - self._cpu_told
        packed = sender.pack(values, apart=parcels)
        tail = (final, seconds, cpu_s, self.durations, self._attempts)
        sender.send(b"E" if isinstance(packed, list) else b"D", self._serial, self.first, packed, self._failed, *tail)
        self.first += len(values)
        self.values = []
        self._failed = []
        self._attempts = None
        self.durations = None if self.durations is None else []
        self.told, self._cpu_told = perf_counter(), process_time()


def _position(failure: tuple[int, Packed, int]) -> int:
    return failure[0]


class _Watcher(Pickler):
    """Pickles, and notices whether anything in it is more than a builtin object: only for those is ``reducer_override`` asked."""

    special = False

    def reducer_override(self, _thing: object) -> Any:
        self.special = True
        return NotImplemented


def _pickle_builtins(values: list[Any]) -> bytes | None:
    file = BytesIO()
    watcher = _Watcher(file, _PROTOCOL)
    watcher.dump(values)
    return None if watcher.special else file.getvalue()


def _pack_by_value(value: Any) -> Any:
    """Pickle what plain pickle cannot: an object whose class came by value, a lambda."""
    from atonce._wire.pickling import dumps as dumps_anything  # noqa: PLC0415 (25 ms that few need)

    try:
        return dumps_anything(value)
    except BaseException as error:
        return pack_error(error)


def pack_error(error: BaseException) -> Packed:
    from atonce._wire.tracebacks import pack  # noqa: PLC0415 (15 ms that only failures need)

    return pack(error)


def begin_in_users_code(error: BaseException) -> None:
    """Let the traceback begin in the user's function: the frames above it are ours.

    Not by assignment: exceptions may refuse that.
    """
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_frame.f_code.co_filename.startswith(_HERE):
        traceback = traceback.tb_next
    if traceback is not None:
        BaseException.with_traceback(error, traceback)


def flush_streams() -> None:
    """Let what was printed be seen before the results are. Lines are flushed anyway; this is for one without an end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            continue
