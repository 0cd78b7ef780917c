"""One place's work for its process workers: who gets which items, and what becomes of what they answer, or fail to.

::

    place.take() ──▶ pieces ──▶ flights at workers ──D, E──▶ place.deliver()
                       ▲              │
                       └── taken back, left over, survived a death

Every item that was taken is at each moment in exactly one piece or one flight, between its ``done`` and its ``limit``, until it has
been delivered. Everything belongs to the supervisor's thread.
"""

from __future__ import annotations

import os
from _pickle import loads
from collections import deque

from atonce._policy.batching import Batching
from atonce._policy.supervision import bundled, share
from atonce._values.batch import Delivery, Misfortune
from atonce._values.typed import Protocol
from atonce._wire.tracebacks import unpack
from atonce._workers.base import Worker
from atonce._workers.process.dispatch import Dispatch, Unsent
from atonce._workers.process.inquest import FailedItem, Inquest
from atonce._workers.process.launch import explained
from atonce._workers.process.link import Link, Piece, Sent
from atonce._workers.process.parcels import Parcels
from atonce._workers.process.reading import InputReader
from atonce.errors import PicklingFailed

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from atonce._workers.base import Place

__all__ = ("Desk", "Member")

# What the parent does for a batch, 0.2 ms, it takes from the workers where there are no more CPUs than these. (Measured:
# benchmarks/peers/even.py, 100 µs items: batches of 5 ms cost the parent 6 % of two CPUs, of 20 ms 2 %.) A long batch makes nobody
# wait: results come back meanwhile, and whoever has nothing to do takes half of it.
_BATCH_S = 0.02
_TELLING_S = 0.004  # an answer about less work than this tells more about the pipe than about the items
# Batches at each worker, so that it never waits for us. One with many items under way has as many more, of a quarter of these each.
# (Measured: benchmarks/peers/loops.py, 10 ms of waiting and 50 µs of CPU: with one more 34 µs an item, with two or four 31 to 33)
_AHEAD = 2
_ROOM_TO_GROW = 2  # times as many items as a worker has under way: it never has more than half as many again in one step
_PART = 4  # where a worker has many items under way at once, it gets them in pieces of this part of them, and so do the others


class Member(Worker, Protocol):
    """A worker at a desk, as the desk sees it."""

    usable: bool
    link: Link | None

    @property
    def getting_ready(self) -> bool:
        """Whether its initializer is still to be waited for, before it is known to be good for anything."""

    def get_link(self) -> Link:
        """Return its process; start one, if it has none.

        Raises:
            OSError: no process can be had.
            PicklingFailed: its initializer cannot be sent.
        """

    def renew(self) -> None:
        """Let its process end, for a fresh one."""


class Host(Protocol):
    """The supervisor, as a desk sees it."""

    def fence(self, arena: int) -> None:
        """Order what was stored before what is loaded after, on both sides."""

    def release_one(self) -> bool:
        """Let the process of a worker without work end, for somebody who cannot have one. Returns whether a process is ending."""

    def surroundings(self) -> dict[str, Any]:
        """What a worker takes over from the parent, for each job."""

    def call_later(self, call: Callable[[], None]) -> None:
        """Have something called in the supervisor's thread. Any thread."""


class Desk:
    """The work of one place.

    Attributes:
        place: whose work it is.
        members: the workers that are here.
        hungry: those of them that have nothing to do, while others do, or while the input keeps everybody waiting.
        stranded: those for which no process can be had, while others have one, or one is about to end.
    """

    def __init__(self, place: Place, parcels: Parcels, host: Host) -> None:
        self.place = place
        self.job = place.job
        self.members: list[Member] = []
        self.hungry: set[Member] = set()
        self.stranded: set[Member] = set()
        self._parcels = parcels
        self._host = host
        self._batching = Batching(_BATCH_S, self.job.chunksize)
        self._item_s: float | None = None
        self._together = self.job.together  # whether a worker has several items under way at once
        self._pieces: deque[Piece] = deque()
        self._notice = ""  # what the caller should know, and has not been told
        self._inquest = Inquest(self.job)
        self._reader = None if place.prompt else InputReader(place, self._arrived)
        self._dispatch = Dispatch(self.job, parcels, host.surroundings(), place.context)
        if left := self._dispatch.left_behind:
            self._notice = f"context variables that no other process can have stay behind: {', '.join(sorted(left))}"

    # ---- members ----------------------------------------------------------------------------------------------------------------

    def join(self, member: Member) -> None:
        """Put a worker to work."""
        self.members.append(member)
        if self._together:
            self._host.call_later(self.feed_all)  # others may be about to come, too: nobody takes all that there is
        else:
            self.feed(member)

    def dismiss(self, member: Member, fault: BaseException | None = None) -> None:
        """Let a worker go. What it had in hand has been dealt with."""
        if member.link is not None:
            member.link.listen(all_said=True)
        self.members.remove(member)
        self.hungry.discard(member)
        self.stranded.discard(member)
        self.place.leave(member, fault)
        if len(self.stranded) == len(self.members):
            self.try_again()  # there is nobody else for what is left

    def close(self) -> None:
        """Nobody is here any more: account for what nobody has, and let go."""
        while self._pieces:
            piece = self._pieces.popleft()
            self._give_up(piece.start, len(piece.items))
        if self._reader is not None:
            self._reader.close()
        self._dispatch.close()

    # ---- feeding ----------------------------------------------------------------------------------------------------------------

    def feed(self, member: Member) -> None:
        """Give a worker as much to do as it should have; let it go if there is nothing."""
        if self._is_out(member):
            return
        while self._give(member):
            continue
        self._see_off(member)

    def _see_off(self, member: Member) -> None:
        """Decide what a worker does that gets nothing more: work, wait, take from another one, or go."""
        if member not in self.members:
            return  # it could not have a process
        link = member.link
        if link is not None and link.flights:
            if self._together and self._has_hands_free(member, link):
                self._look_for_work(member, patient=True)
        elif link is not None and self._is_spent(link):
            member.renew()
            self.feed(member)
        elif member not in self.stranded:
            if not self._pieces and self.place.crowded(member) and not self._is_needed():
                self.dismiss(member)
            else:
                self._look_for_work(member, patient=True)

    def _has_hands_free(self, member: Member, link: Link) -> bool:
        """Tell whether a worker with something to do could begin with more at once."""
        free = link.load < self._in_flight(link) and self._wanted(link) > 0
        return free and not self._is_spent(link) and not self.place.crowded(member)

    def _give(self, member: Member) -> bool:
        """Give a worker a batch, if it should have one more and there is one; tell whether it got one."""
        link = member.link
        size = self._wanted(link)
        crowded = self.place.crowded(member)
        if size < 1 or self._is_spent(link) or (crowded and not self._pieces and self._reader is None):
            return False
        piece = self._next_piece(size, crowded=crowded)
        if piece is None:
            return False
        link = link or self._start(member, piece)
        if link is None:
            return False
        self._ship(link, piece)
        self.hungry.discard(member)
        return True

    def _in_flight(self, link: Link | None) -> int:
        """Tell how many items a worker has under way at once; if it finds that out itself, with room to find that it bears more."""
        if not self.job.elastic:
            return self.job.in_flight
        return _ROOM_TO_GROW * (link.in_flight if link is not None and link.in_flight else _AHEAD)

    def _wanted(self, link: Link | None) -> int:
        """Return how many items a worker should be given now: none, if it has enough."""
        job, flights = self.job, () if link is None else link.flights
        size = self._batching.size if job.chunksize is None else bundled(job.chunksize, self._item_s)
        if self._together:
            most = self._in_flight(link)
            size = max(size, -(-most // _PART))
            ahead = 0 if job.paced else _AHEAD * size
            size = min(size, most + ahead - (0 if link is None else link.load))
            if link is not None and not link.room:
                return 0
        elif len(flights) >= (1 if job.paced else _AHEAD):
            return 0
        if job.max_tasks is not None:
            size = min(size, job.max_tasks - (0 if link is None else link.tasks))
        return size

    def _is_out(self, member: Member) -> bool:
        """Tell whether nothing can be given to a worker now: there is no process for it, or its initializer has not run."""
        if member in self.stranded:
            return True
        if member.getting_ready:
            self._start(member)
            return True
        return False

    def _start(self, member: Member, piece: Piece | None = None) -> Link | None:
        """Return a worker's process, and start it if need be; ``None`` if it cannot be had, which has been dealt with.

        Args:
            member: the worker.
            piece: what it would have got: somebody else will have it, otherwise.
        """
        try:
            return member.get_link()
        except (OSError, PicklingFailed) as error:
            if piece is not None:
                self._pieces.appendleft(piece)
            if isinstance(error, OSError):
                self._strand(member, explained(error))
            else:
                self.dismiss(member, error)  # its initializer does not pickle
            self._feed_hungry()
            return None

    def _strand(self, member: Member, error: OSError) -> None:
        """No process can be had for a worker: the others do its work. If there are none, that is why nobody can work."""
        member.usable = False  # it stays here, in case that there is a process later; nobody else need try
        if any(other.link is not None for other in self.members) or self._host.release_one():
            self.stranded.add(member)
            self.hungry.discard(member)
            self._notice = f"not all workers could be started: {error}"
        else:
            self.dismiss(member, error)

    def try_again(self) -> None:
        """A process has ended, or whoever had one has gone: perhaps there is one now for those who have none."""
        busy = self._pieces or not self.place.finished or self._is_waiting_for_input()
        if not busy and len(self.stranded) < len(self.members):
            return  # there is nothing for them now; those who work may leave something
        stranded, self.stranded, self._notice = self.stranded, set(), ""
        for member in stranded:
            if busy:
                member.usable = True
                self.feed(member)
            else:
                self.dismiss(member)

    def _feed_hungry(self) -> None:
        for member in list(self.hungry):
            self.feed(member)

    def _is_spent(self, link: Link | None) -> bool:
        return link is not None and (link.worn or (self.job.max_tasks is not None and link.tasks >= self.job.max_tasks))

    def _next_piece(self, size: int, *, crowded: bool) -> Piece | None:
        place = self.place
        while self._pieces:
            piece = self._pieces.popleft()
            if place.stopped and place.barred <= piece.start:
                self._give_up(piece.start, len(piece.items))
                continue
            if len(piece.items) > size:
                self._pieces.appendleft(Piece(piece.start + size, piece.items[size:], careful=piece.careful))
                piece.items = piece.items[:size]
            return piece
        least = size if self._together else 1
        batch = place.take(size, least) if self._reader is None else self._reader.take(size, least, ask=not crowded)
        return None if batch is None else Piece(batch.start, batch.items)

    def _look_for_work(self, member: Member, *, patient: bool) -> None:
        """Find something for a worker that has nothing: wait for the input, or take from another, or let it go.

        One that could do with more only evens out what it and another one have.
        """
        others = [other.link for other in self.members if other is not member and other.link is not None and other.link.flights]
        flights = [[*link.flights.values()] for link in others]
        unstarted = [[link.unclaimed(flight) for flight in theirs] for link, theirs in zip(others, flights, strict=True)]
        own = 0 if member.link is None else member.link.load
        choice = share(unstarted, self._item_s, patient=patient)
        if choice is not None:
            victim = others[choice.worker]
            flight, unclaimed = flights[choice.worker][choice.flight], unstarted[choice.worker][choice.flight]
            keep = choice.keep if not own else max(choice.keep, unclaimed - (victim.load - own) // 2)
            taken = victim.take_back(flight, keep, self._host.fence) if keep < unclaimed else []
            if taken:
                # One of them may be what keeps the victim reading: passed on as it is, it would keep one worker after the other.
                careful = flight.careful or victim.is_reading(flight)
                self._pieces.append(Piece(flight.start + flight.limit, taken, careful=careful))
                self.feed(member)
                return
        if member.link is not None and member.link.flights:  # maybe nothing but answers that are on their way
            self.hungry.discard(member)
        elif any(map(any, unstarted)) or self._is_waiting_for_input():
            self.hungry.add(member)
        else:
            self.dismiss(member)

    def _is_needed(self) -> bool:
        """Tell whether a member has to stay for a batch that is being read, because it is the only one."""
        return len(self.members) == 1 and self._is_waiting_for_input()

    def _is_waiting_for_input(self) -> bool:
        # The last batch of an input that has ended may still be on its way; that of a run that was stopped is not waited for.
        place = self.place
        return self._reader is not None and self._reader.busy and not (place.stopped and place.finished)

    @property
    def sharing(self) -> bool:
        """Whether there may soon be something for the hungry that others have, or reason to let them go."""
        if not self.hungry or not self._is_waiting_for_input():
            return bool(self.hungry)
        links = [member.link for member in self.members if member.link is not None]
        return any(link.unclaimed(flight) for link in links for flight in link.flights.values())

    def look_again(self) -> None:
        """Some time has passed: what looked too small to be shared may be large."""
        for member in list(self.hungry):
            if self._pieces or self.place.crowded(member):
                self.feed(member)
            else:
                self._look_for_work(member, patient=False)

    def _arrived(self) -> None:
        """Hear from the thread that reads the input. Any thread."""
        self._host.call_later(self.feed_all)

    def feed_all(self) -> None:
        """Offer everybody what there is now."""
        if self._together:
            self._feed_in_turns()
            return
        for member in list(self.members):
            self.feed(member)

    def _feed_in_turns(self) -> None:
        able = deque(member for member in list(self.members) if not self._is_out(member))
        everybody = list(able)
        while able:
            member = able.popleft()
            if member in self.members and self._give(member):
                able.append(member)
            elif self._reader is not None and not self._reader.busy:
                break  # nothing has come: whoever asked again would be waiting again
        for member in everybody:
            self._see_off(member)

    # ---- sending ----------------------------------------------------------------------------------------------------------------

    def _ship(self, link: Link, piece: Piece) -> None:
        if link.job is not self:
            link.job = self
            link.in_flight = 0
            link.bar(self.place.barred)
            self._dispatch.send_job(link)
        unsent = self._dispatch.send(link, piece, self._inquest.attempts)
        if unsent is not None:
            self._take_unsent(link, unsent)

    def _take_unsent(self, link: Link, unsent: Unsent) -> None:
        self._pieces += unsent.left
        for failed in unsent.failed:
            self._fail(failed, link)

    # ---- answers ----------------------------------------------------------------------------------------------------------------

    def hear(self, link: Link, message: bytes) -> None:
        """Take a worker's answer."""
        letter = message[0]
        if letter == ord("M"):
            self._take_parts(link, loads(memoryview(message)[1:]), len(message))
        elif letter in b"DE":
            self._take_part(link, loads(memoryview(message)[1:]), len(message), parcels=letter == ord("E"))
        else:
            assert letter == ord("U"), message[:1]
            self._send_apart(link, loads(memoryview(message)[1:]))

    def _take_part(self, link: Link, part: tuple[Any, ...], moved: int, *, parcels: bool) -> None:
        serial, first, values, failed, final, seconds, cpu_s, durations, attempts, let_go = part
        self._inquest.answered()
        if let_go:
            self._parcels.let_go(link, let_go)
        flight = link.flights.get(serial)
        if flight is None:
            return  # of a run that has been given up
        if not parcels and values:
            values = loads(values)
        count = len(values)
        if count:
            if final:
                link.listen()  # what the items have printed is seen before their results are
            self._deliver(link, flight, first, values, failed, (seconds, cpu_s, durations, attempts), moved, parcels=parcels)
            self._learn(count, seconds)
        if final:
            self._end(link, flight)

    def _take_parts(self, link: Link, parts: tuple[Any, ...], moved: int) -> None:
        values, runs, failed, ended, seconds, cpu_s, durations, attempts, notices, grown, let_go = parts
        self._inquest.answered()
        if grown is not None:
            self._hear_of_growth(link, grown)
        if let_go:
            self._parcels.let_go(link, let_go)
        parcels = isinstance(values, list)
        if not parcels and values:
            values = loads(values)
        link.listen()
        total, at = len(values), 0
        for serial, first, count in runs:
            flight, end = link.flights.get(serial), at + count
            if flight is not None:
                bad = [(first + place - at, packed, tries) for place, packed, tries in failed if at <= place < end]
                tried = {place - at + first: tries for place, tries in (attempts or {}).items() if at <= place < end}
                measured = seconds * count / total, cpu_s * count / total, durations and durations[at:end], tried
                self._deliver(link, flight, first, values[at:end], bad, measured, moved, parcels=parcels)
                moved = 0
            at = end
        if total:
            self._learn(total, seconds)
        for notice in notices:
            self.place.deliver(Delivery(0, [], (), 0.0, 0.0, "", notice=notice))
        for serial in ended:
            if serial in link.flights:
                self._end(link, link.flights[serial])

    def _hear_of_growth(self, link: Link, in_flight: int) -> None:
        link.in_flight = in_flight
        for member in self.members:
            if member.link is link:
                self.place.grew(member, in_flight, "")

    def _deliver(
        self,
        link: Link,
        flight: Sent,
        first: int,
        values: list[Any],
        failed: list[tuple[int, Any, int]],
        measured: tuple[float, float, list[float] | None, dict[int, int] | None],
        moved: int,
        *,
        parcels: bool,
    ) -> None:
        seconds, cpu_s, durations, attempts = measured
        items = flight.items
        bad = [Misfortune(position - first, unpack(packed), items[position], tries) for position, packed, tries in failed]
        if parcels:
            taken = {misfortune.position for misfortune in bad}
            values = [self._opened(link, at, value, first, items, bad, taken) for at, value in enumerate(values)]
            bad.sort(key=_position)
        delivery = Delivery(flight.start + first, values, bad, seconds, cpu_s, f"process {link.pid}", durations)
        if attempts:
            delivery.attempts = {position - first: tries for position, tries in attempts.items()}
        delivery.moved_bytes = self._dispatch.unreported_bytes() + flight.moved_bytes + moved
        flight.moved_bytes = 0
        delivery.notice, self._notice = self._notice, ""
        flight.answered(first, len(values))
        self.place.deliver(delivery)

    def _opened(
        self, link: Link, at: int, parcel: Any, first: int, items: Sequence[Any], bad: list[Misfortune], taken: set[int]
    ) -> Any:
        """Unpickle one value; put a failure beside it if that cannot be done."""
        if at in taken:
            return None
        try:
            if isinstance(parcel, tuple) and len(parcel) == 4:  # noqa: PLR2004 (a packed exception: the value did not pickle)
                raise unpack(parcel)  # noqa: TRY301 (treated like one that unpickling raises)
            return link.open(parcel)
        except BaseException as error:
            bad.append(Misfortune(at, error, items[first + at]))
            return None

    def _learn(self, count: int, seconds: float) -> None:
        # What was sent while batches were smaller says nothing about larger ones, unless it is much.
        if 2 * count >= self._batching.size or seconds >= _TELLING_S:
            self._batching.saw(count, seconds)
        cost = seconds / count
        self._item_s = cost if self._item_s is None else 0.5 * (self._item_s + cost)

    def _end(self, link: Link, flight: Sent) -> None:
        """A flight has ended: what it did not do belongs to nobody now. See the hand-over in ``protocol.py``."""
        del link.flights[flight.serial]
        for piece in flight.rest():
            if (self.place.stopped and self.place.barred <= piece.start) or link.job is None:
                self._give_up(piece.start, len(piece.items))
            else:
                self._pieces.append(piece)

    def _send_apart(self, link: Link, serial: int) -> None:
        """Send a batch again that could not be read as a whole, for those of its items that can."""
        flight = link.flights.pop(serial, None)
        if flight is None:
            return
        piece = Piece(flight.start, flight.items[: flight.limit], careful=True)
        self._take_unsent(link, self._dispatch.send_apart(link, piece, self._inquest.attempts))

    def _give_up(self, start: int, count: int) -> None:
        self.place.deliver(Delivery(start, [], (), 0.0, 0.0, "", undone=count))

    def give_up_flights(self, link: Link) -> None:
        """Account for what a worker has: the run does not want it any more."""
        flights = [*link.flights.values()]
        link.flights.clear()
        for piece in (piece for flight in flights for piece in flight.rest()):
            self._give_up(piece.start, len(piece.items))

    # ---- deaths -----------------------------------------------------------------------------------------------------------------

    def bury(self, member: Member, link: Link, status: int, killer: str) -> None:
        """Find out what a worker has died of, and go on without it.

        Args:
            member: the worker, which has no process now.
            link: its process, of which everything has been read.
            status: how it ended.
            killer: who killed it, if that is known: the kernel, for want of memory.
        """
        finding = self._inquest.hold(link, status, killer)
        self._pieces += finding.left
        if finding.failed is not None:
            self._fail(finding.failed, link)
        if finding.hopeless is not None:
            self.dismiss(member, finding.hopeless)
        else:
            self.feed_all()

    def hear_unborn(self, member: Member, link: Link, error: OSError) -> None:
        """Go on without a worker that could not be given a process."""
        self._pieces += (piece for flight in link.flights.values() for piece in flight.rest())
        link.flights.clear()
        self._strand(member, error)
        self._feed_hungry()

    def _fail(self, failed: FailedItem, link: Link) -> None:
        place, index = self.place, failed.at
        if place.stopped and place.barred <= index:
            self._give_up(index, 1)
            return
        durations = [0.0] if self.job.timed else None
        bad = Misfortune(0, failed.error, failed.item, failed.attempts)
        place.deliver(Delivery(index, [None], [bad], 0.0, 0.0, f"process {link.pid or os.getpid()}", durations))

    # ---- from outside -----------------------------------------------------------------------------------------------------------

    def bar(self) -> None:
        """The place has barred something: let everybody know, and let those go who wait for nothing."""
        barred = self.place.barred
        for member in list(self.members):
            if member.link is not None and member.link.job is self:
                member.link.bar(barred)
            if member in self.hungry:
                self.feed(member)


def _position(misfortune: Misfortune) -> int:
    return misfortune.position
