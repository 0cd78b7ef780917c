"""The parent's end of one worker process: its pipes, its words, the batches it has, and what became of them.

Everything belongs to the supervisor's thread.
"""

from __future__ import annotations

import os
import select
from _pickle import dumps, loads
from collections import deque
from contextlib import ExitStack, suppress
from itertools import pairwise
from mmap import mmap
from time import monotonic, monotonic_ns

from atonce._policy.supervision import Flight, Hand
from atonce._wire.arena import open_arena, reclaim
from atonce._wire.arena_reader import ArenaReader, Windows
from atonce._wire.frames import READ_BYTES, Assembler, framed
from atonce._workers.process.launch import Nursery, above_standard_streams
from atonce._workers.process.poller import Poller
from atonce._workers.process.protocol import (
    BARRED,
    CLAIM,
    DEPTH,
    HEAD,
    IDLE,
    LAST_SERIAL,
    LIMIT,
    MARK,
    NOTHING_BARRED,
    PACKING,
    PHASE,
    READ,
    READING,
    RUNNING,
    SENDING,
    SETTING_UP,
    SINCE,
    STACKS,
    TAKING_JOB,
    TRIES,
    WORDS_BYTES,
)
from atonce._workers.process.voices import LineRelay

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

__all__ = ("Link", "Piece", "Sent")

_POSITION = 0xFFFFFFFF
_PHASES = {
    SETTING_UP: "setting up",
    TAKING_JOB: "taking up the function",
    READING: "reading",
    RUNNING: "running",
    PACKING: "packing",
    SENDING: "sending",
}
_TAIL_LINES = 40  # a dump of a stack takes about 20


def _pipe(readers: ExitStack, writers: ExitStack) -> tuple[int, int]:
    """Make a pipe, and let each end be closed with the others of its side. PEP 446: no sibling inherits them."""
    reader, writer = map(above_standard_streams, os.pipe())
    readers.callback(os.close, reader)
    writers.callback(os.close, writer)
    return reader, writer


class Piece:
    """Items that stand next to each other and nobody has now: from the input, or taken back from a worker.

    Attributes:
        start: index of the first.
        items: the items.
        careful: whether one of them may have killed a worker.
    """

    __slots__ = ("careful", "items", "start")

    def __init__(self, start: int, items: Sequence[Any], *, careful: bool = False) -> None:
        self.start = start
        self.items = items
        self.careful = careful


class Sent:
    """A batch that was sent to a worker and has not been answered to the end: a flight.

    Attributes:
        serial: its number at this worker.
        start: index of its first item.
        items: all its items.
        done: how many of them have been answered, from the first one on.
        beyond: positions of those that have been answered before their turn.
        limit: how many have not been given away to another worker.
        careful: whether they are run one by one.
        moved_bytes: what it took to send it, not yet reported.
    """

    __slots__ = ("beyond", "careful", "done", "items", "limit", "moved_bytes", "serial", "start")

    def __init__(self, serial: int, piece: Piece) -> None:
        self.serial = serial
        self.start = piece.start
        self.items = piece.items
        self.done = 0
        self.beyond: set[int] = set()
        self.limit = len(piece.items)
        self.careful = piece.careful
        self.moved_bytes = 0

    @property
    def left(self) -> int:
        """How many items have been neither answered nor given away."""
        return self.limit - self.done - len(self.beyond)

    def answered(self, first: int, count: int) -> None:
        """Note that so many items have been answered, from a position on."""
        if first != self.done:
            self.beyond.update(range(first, first + count))
            return
        self.done += count
        while self.done in self.beyond:
            self.beyond.remove(self.done)
            self.done += 1

    def pieces(self, first: int, end: int, *, careful: bool) -> list[Piece]:
        """Make pieces of the items from ``first`` to ``end`` that have not been answered."""
        cuts = [first - 1, *(position for position in sorted(self.beyond) if first <= position < end), end]
        spans = [(before + 1, after) for before, after in pairwise(cuts) if before + 1 < after]
        return [Piece(self.start + begin, self.items[begin:stop], careful=careful) for begin, stop in spans]

    def rest(self) -> list[Piece]:
        """Make pieces of all that has been neither answered nor given away."""
        return self.pieces(self.done, self.limit, careful=self.careful)

    def known(self) -> Flight:
        """What the policy wants to know of it."""
        return Flight(len(self.items), self.done, self.limit, self.careful, frozenset(self.beyond))


class Link:
    """One worker process, from the first wish for it to its end.

    Attributes:
        number: of the worker and its birth.
        pid: 0 until it is born.
        flights: its batches by serial number, in the order in which it begins them.
        job: whose job it has, whatever that is; ``None`` for none.
        in_flight: how many items it has found that it should have under way at once; 0 if it has not.
        slots: slots of the parent's arena that it may be looking at, and how often it was sent there.
        arena: the file of its words and its large results.
        reader: opens its large results.
        ready: whether its initializer has run.
        dead: whether it has ended.
        doomed: whether we have had it killed.
        orphaned: whether it died with its nursery, through no fault of its items.
        condemned: claim and mark of the item whose time was up, if that is why.
        tasks: items that it was sent.
    """

    def __init__(
        self, number: int, name: str, nursery: Nursery, poller: Poller, readers: dict[int, Link], windows: Windows
    ) -> None:
        """Begin one.

        Args:
            number: its own.
            name: of its worker.
            nursery: bears it.
            poller: told what to wait for.
            readers: who reads which descriptor; told of ours, and of their end, which is before another can have the number.
            windows: onto arenas.

        Raises:
            OSError: there are no descriptors, or no memory, for it.
        """
        self.number = number
        self.name = name
        self.pid = 0
        self.flights: dict[int, Sent] = {}
        self.job: object = None
        self.in_flight = 0
        self.slots: dict[int, int] = {}
        self.ready = False
        self.dead = False
        self.doomed = False
        self.orphaned = False
        self.condemned: tuple[int, int] | None = None
        self.tasks = 0
        self._poller = poller
        self._readers = readers
        self._nursery = nursery
        self._serial = 0
        self._limited: deque[Sent] = deque()  # flights, but for the first ones, of which it will never look at the limit again
        self._assembler = Assembler()
        self._unsent: deque[memoryview] = deque()
        self._open: dict[int, LineRelay | None] = {}
        self._late: list[bytes] = []
        self._stderr = LineRelay("stderr", _TAIL_LINES)
        with ExitStack() as ours, ExitStack() as theirs:
            self.arena = open_arena()
            ours.callback(os.close, self.arena)
            self.reader = ArenaReader(self.arena, windows)
            os.pwrite(self.arena, bytes(WORDS_BYTES), 0)  # a full disk says so here; a store into a hole would be a SIGBUS
            self.words = memoryview(mmap(self.arena, WORDS_BYTES)).cast("q")
            self.words[BARRED] = NOTHING_BARRED
            their_inbox, self.inbox = _pipe(theirs, ours)
            self.outbox, their_outbox = _pipe(ours, theirs)
            stdout, their_stdout = _pipe(ours, theirs)
            stderr, their_stderr = _pipe(ours, theirs)
            for end in (self.inbox, self.outbox, stdout, stderr):
                os.set_blocking(end, False)
            for end in (self.outbox, stdout, stderr):
                poller.register(end)
                ours.callback(poller.unregister, end)
            nursery.bear(number, name, [their_inbox, their_outbox, self.arena, their_stdout, their_stderr])
            ours.pop_all()
        self._open = {self.outbox: None, stdout: LineRelay("stdout"), stderr: self._stderr}
        readers.update(dict.fromkeys(self._open, self))

    @property
    def room(self) -> int:
        """How many batches more it may have: each has a ``LIMIT`` word of its own, until it has been claimed as a whole."""
        limited = self._limited
        while limited and self._is_past(limited[0]):
            limited.popleft()
        return DEPTH - 1 - (self._serial - limited[0].serial) if limited else DEPTH

    @property
    def load(self) -> int:
        """How many items it has that have not been answered."""
        return sum(flight.left for flight in self.flights.values())

    def _is_past(self, flight: Sent) -> bool:
        """Tell whether it will never look at a flight's limit again: it has ended, or has been claimed to the last item."""
        # Not "up to its limit": it may have claimed so far, and be about to read that the rest is somebody else's.
        claim = self.words[CLAIM]
        claimed = claim & _POSITION if claim >> 32 == flight.serial else 0
        return flight.serial not in self.flights or claim >> 32 > flight.serial or claimed == len(flight.items)

    @property
    def worn(self) -> bool:
        """Whether it has had as many batches as can be told apart."""
        return self._serial >= LAST_SERIAL - DEPTH

    @property
    def ends(self) -> list[int]:
        """The descriptors that there may be something to read from."""
        return list(self._open)

    # ---- sending ----------------------------------------------------------------------------------------------------------------

    def send(self, *parts: bytes) -> int:
        """Send a message, now or when the pipe has room. Returns its size."""
        message = framed(*parts)
        if self.inbox >= 0:
            if self._unsent:
                self._unsent.append(memoryview(message))
            else:
                self._write(memoryview(message))
        return len(message)

    def ship(self, piece: Piece, letter: bytes, payload: bytes) -> Sent:
        """Send a batch."""
        self._serial += 1
        flight = Sent(self._serial, piece)
        self.words[LIMIT + self._serial % DEPTH] = 0
        self.flights[flight.serial] = flight
        self._limited.append(flight)
        self.tasks += len(piece.items)
        flight.moved_bytes = self.send(letter, HEAD.pack(flight.serial, flight.start), payload)
        return flight

    def return_slots(self) -> None:
        """Tell it which slots of its arena nobody looks at any more."""
        if slots := self.reader.let_go():
            self.send(b"G", dumps(slots, 5))

    def flush(self) -> None:
        """Go on with what the pipe had no room for."""
        if not self._unsent:
            return  # there was room for another pipe, which had this number before
        while self._unsent:
            if not self._write(self._unsent.popleft()):
                return
        self._poller.watch_room(self.inbox, wanted=False)

    def _write(self, view: memoryview) -> bool:
        try:
            written = os.write(self.inbox, view)
        except BlockingIOError:
            written = 0
        except OSError:
            return True  # it is dying, which we shall hear of
        if written == len(view):
            return True
        if not self._unsent:
            with suppress(FileExistsError, KeyError):
                self._poller.watch_room(self.inbox, wanted=True)
        self._unsent.appendleft(view[written:])
        return False

    # ---- receiving --------------------------------------------------------------------------------------------------------------

    def read(self, end: int) -> list[bytes]:
        """Read all that there is at one of the ends; give the messages, and let voices be heard."""
        messages: list[bytes] = []
        while end in self._open:
            try:
                data = os.read(end, READ_BYTES)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                self._close_end(end)
                break
            relay = self._open[end]
            if relay is None:
                messages += self._assembler.feed(data)
            else:
                relay.feed(data)
            if len(data) < READ_BYTES:
                break
        return messages

    def open(self, parcel: Any) -> Any:
        """Unpickle a result; its large buffers stay where the worker put them, for as long as anybody uses the result."""
        if isinstance(parcel, bytes):
            return loads(parcel)
        blob, slot, spans = parcel
        return loads(blob, buffers=self.reader.open(slot, spans))

    def listen(self, *, all_said: bool = False) -> None:
        """Let be heard what it has printed so far; if that is all for now, lines without an end, too."""
        for end, relay in list(self._open.items()):
            if relay is not None:
                self.read(end)
                if all_said:
                    relay.end()

    def _close_end(self, end: int) -> None:
        if end in self._open:
            relay = self._open.pop(end)
            del self._readers[end]
            self._poller.unregister(end)
            os.close(end)
            if relay is not None:
                relay.end()

    # ---- the words --------------------------------------------------------------------------------------------------------------

    def bar(self, index: int) -> None:
        """Let it start nothing from this index on."""
        self.words[BARRED] = min(index, NOTHING_BARRED)

    def unclaimed(self, flight: Sent) -> int:
        """Count the items at the end of a flight that are still to be had. An estimate: it may be claiming more at this moment."""
        return max(0, flight.limit - max(self._claimed(flight), flight.done))

    def take_back(self, flight: Sent, keep: int, fence: Callable[[int], object]) -> Sequence[Any]:
        """Take the end of a flight away from this worker, but for ``keep`` of the items that it has not begun.

        Args:
            flight: whose items.
            keep: how many unbegun items it may have.
            fence: orders our store before our load, for the worker too; given the arena. See ``protocol.py``.

        Returns:
            The items that nobody has now, which are the last ones; maybe none.
        """
        limit = max(self._claimed(flight), flight.done) + keep
        if limit >= flight.limit:
            return []
        self.words[LIMIT + flight.serial % DEPTH] = flight.serial << 32 | limit
        fence(self.arena)
        limit = max(limit, self._claimed(flight))
        if limit >= flight.limit:
            return []
        taken = flight.items[limit : flight.limit]
        flight.limit = limit
        return taken

    def is_reading(self, flight: Sent) -> bool:
        """Tell whether it is just unpickling a flight."""
        return bool(self.words[PHASE] == READING and self.words[READ] == flight.serial)

    def _claimed(self, flight: Sent) -> int:
        """Return up to where a flight has been claimed. Batches are begun by rising serial numbers: earlier ones have been."""
        claim = self.words[CLAIM]
        serial = claim >> 32
        return claim & _POSITION if serial == flight.serial else len(flight.items) if serial > flight.serial else 0

    def overdue(self, now_ns: int, timeout_ns: int) -> int:
        """Tell for how many nanoseconds the item in hand may go on: 0 or less if its time is up, all of it if there is none."""
        words = self.words
        if not self.flights or words[PHASE] not in {READING, RUNNING, PACKING}:
            return timeout_ns
        return min(timeout_ns, int(words[SINCE] + timeout_ns - now_ns))

    def condemn_if_late(self, now_ns: int, timeout_ns: int) -> None:
        """Have it killed, if the time of the item in hand is up."""
        # Race: 1. the time of one item is up; 2. the worker goes on to another one; 3. we note which one was in hand. It writes the
        # time first, so that if we read its mark first, the time is that item's or of one that came later.
        in_hand = self._in_hand()
        if not self.doomed and self.overdue(now_ns, timeout_ns) <= 0:
            self.condemned = in_hand
            self.kill()

    def _in_hand(self) -> tuple[int, int]:
        claim, mark = self.words[CLAIM], self.words[MARK]
        return (0 if mark > _POSITION else claim, mark)

    def hand(self, flight: Sent, *, together: bool) -> Hand:
        """Tell what a dead worker had in hand."""
        words = self.words
        claim, mark = words[CLAIM], words[MARK]
        mine = flight.serial == (mark >> 32 or claim >> 32)
        phase = _PHASES.get(words[PHASE], "waiting")
        if together:  # it is that of the thread that reads, and says nothing of those that run
            phase = "reading" if self.is_reading(flight) else "running"
        condemned = self.condemned is not None
        if self.orphaned or (condemned and self.condemned != self._in_hand()):
            phase = "waiting"  # what it had in hand is innocent: it had gone on to another item before the kill came
        return Hand(phase, (mark & _POSITION) - 1 if mine else -1, self._claimed(flight), together, condemned)

    @property
    def tries(self) -> int:
        """How often a dead worker had started the item in hand."""
        return max(1, self.words[TRIES])

    @property
    def doing(self) -> str:
        """What it is doing, or was doing when it died, in words."""
        return _PHASES.get(self.words[PHASE], "waiting")

    def item_in_hand(self) -> tuple[int, Any, float | None] | None:
        """Tell which item is in hand, where it is one at a time: its index, the item, and for how long, where that is known."""
        words = self.words
        phase, claim, mark = words[PHASE], words[CLAIM], words[MARK]
        serial = words[READ] if phase == READING and not mark else claim >> 32
        flight = self.flights.get(serial)
        if flight is None or phase in {SETTING_UP, TAKING_JOB}:
            flight = next((each for each in self.flights.values() if each.left), None)
            mark = 0
        if flight is None or (phase == IDLE and self.pid):  # its answer is on its way
            return None
        at = max(flight.done, (mark & _POSITION) - 1)
        if at >= flight.limit:  # others have the rest
            return None
        # It writes the time when it begins to read a batch; what it has at first, it has since then.
        for_s = (monotonic_ns() - words[SINCE]) * 1e-9 if self.pid and phase in {READING, RUNNING} and mark <= 1 else None
        return flight.start + at, flight.items[at], for_s

    @property
    def shows(self) -> int:
        """The descriptor, there, of the file that it writes its stacks to when it is asked; -1 if it cannot."""
        return int(self.words[STACKS]) - 1

    # ---- the end ----------------------------------------------------------------------------------------------------------------

    def kill(self) -> None:
        """End it now."""
        if not self.dead and not self.doomed:
            self.doomed = True
            self._nursery.kill(self.number)

    def outlast(self, limit_s: float) -> None:
        """Wait until it has ended, which shows at its pipe, so that nothing of it runs beside those who take its items over."""
        self.orphaned = True
        waiting = select.poll()
        waiting.register(self.outbox, select.POLLIN)
        end = monotonic() + limit_s
        while self.outbox in self._open and waiting.poll(max(0.0, end - monotonic()) * 1e3):
            self._late += self.read(self.outbox)

    def late(self) -> list[bytes]:
        """Give the messages that were read while waiting for its end."""
        messages, self._late = self._late, []
        return messages

    def hang_up(self) -> None:
        """Let it end by itself, after what it has been sent."""
        if self.inbox >= 0:
            if self._unsent:
                self._poller.watch_room(self.inbox, wanted=False)
                self._unsent.clear()
            os.close(self.inbox)
            self.inbox = -1

    def tail(self) -> tuple[str, ...]:
        """The last lines that it wrote to standard error."""
        return self._stderr.tail()

    def close(self) -> None:
        """Close what is open, and give its memory back, but for what somebody looks at. It is dead."""
        self.hang_up()
        for end in list(self._open):
            self._close_end(end)
        self.flights.clear()
        self.words.release()
        self.reader.let_go()
        reclaim(self.arena, self.reader.live())
        self.reader.close()
        os.close(self.arena)

    def forget(self) -> None:
        """In a process that was forked from this one: close the ends."""
        for end in (self.inbox, self.arena, *self._open):
            if end >= 0:
                with suppress(OSError):
                    os.close(end)
