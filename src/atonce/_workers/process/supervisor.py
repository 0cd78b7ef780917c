"""The thread that looks after all worker processes of the program: it alone talks to them.

::

    any thread ──post()──▶ commands ─┐
    worker processes ──pipes─────────┼──▶ Supervisor ──▶ desks, links ──▶ place.deliver(), place.leave()
    nursery (who was born, who died) ┘

It decides nothing: ``_policy/supervision.py`` does. It waits for nobody but for all of them at once: pipes do not block it, an
input that may keep its reader waiting is read by a thread of its own (``reading.py``), and the consumer only ever finds results.

It begins with the first worker, and ends when there has been none for a while. Until then its nursery stays warm, so that the next
call has workers in a millisecond.
"""

from __future__ import annotations

import os
import threading
from _pickle import dumps, loads
from collections import deque
from contextlib import ExitStack, suppress
from fcntl import LOCK_EX, LOCK_UN, lockf
from time import monotonic, monotonic_ns

from atonce._machine.kernel import fence
from atonce._values.typed import Protocol
from atonce._wire.tracebacks import unpack
from atonce._workers.process.deaths import OutOfMemory
from atonce._workers.process.desk import Desk, Member
from atonce._workers.process.launch import (
    Born,
    Died,
    Gone,
    Nursery,
    Unborn,
    above_standard_streams,
    close_spare,
    explained,
    take_nursery,
)
from atonce._workers.process.link import Link
from atonce._workers.process.parcels import Parcels
from atonce._workers.process.poller import make_poller
from atonce._workers.process.voices import describe_logging, describe_warnings, relay_record, relay_warning
from atonce.errors import InternalError

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from atonce._workers.base import Place
    from atonce._workers.process.mailbox import Command, Mailbox

__all__ = ("Employee", "Supervisor")

_LINGER_S = 0.5  # how long everything stays warm after the last worker has gone: half of the second in which all has to be gone
_LOOK_AGAIN_S = 0.001  # for an idle worker, whether somebody's small rest has turned out to be large
_MOST_LOSSES = 5  # of nurseries in a row, without an answer from any worker
_LEAVE_S = 2.0  # how long a process that was asked to end may take for its exit functions


class Employee(Member, Protocol):
    """A worker, as the supervisor sees it."""

    desk: Desk | None
    preload: tuple[str, ...]
    unfit: BaseException | None
    closing: bool

    def settings(self) -> dict[str, Any]:
        """What a new process of this worker is told first."""

    def buried(self) -> None:
        """Its processes have ended, and it has been asked to close."""


class Supervisor:
    """Everything here belongs to its thread, but for what the lock of its mailbox guards."""

    def __init__(self, mailbox: Mailbox) -> None:
        self.commands: deque[Command] = deque()  # Appended to by any thread, under the mailbox's lock
        self.asleep = False  # Written by the thread before it waits; read by those who post
        self.linger_s = _LINGER_S
        self._mailbox = mailbox
        self._poller = make_poller()
        try:
            self._waker, self._wake = (above_standard_streams(end) for end in os.pipe())
        except BaseException:
            self._poller.close()
            raise
        for end in (self._waker, self._wake):
            os.set_blocking(end, False)
        self._poller.register(self._waker)
        self._nursery: Nursery | None = None
        self._parcels: Parcels | None = None
        self._links: dict[int, Link] = {}  # by number; also of those that are ending
        self._readers: dict[int, Link] = {}  # by descriptor; links keep it
        self._owners: dict[int, Employee] = {}  # by number of the link
        self._desks: dict[int, Desk] = {}  # by identity of the place
        self._leaving: dict[int, float] = {}  # when those are killed who were asked to end; by number
        self._questions: dict[int, Callable[[Any], object]] = {}  # who hears what a process has under way; by number of its link
        self._numbers = 0
        self._preloaded: set[str] = set()  # modules that the nursery was asked to import
        self._memory = OutOfMemory()
        self._burying = False  # whether a process has just ended whose descriptors are still open
        self._losses = 0  # of nurseries, since a worker has answered
        self._no_successor: OSError | None = None
        self.thread = threading.Thread(target=self._life, name="atonce-supervisor", daemon=True)

    def wake(self) -> None:
        """Let the thread look at its commands. Any thread, under the mailbox's lock: the pipe is open as long as that is held."""
        if self.asleep:
            with suppress(BlockingIOError):  # it has not even seen the last ones
                os.write(self._wake, b"!")

    # ---- the loop ---------------------------------------------------------------------------------------------------------------

    def _life(self) -> None:
        try:
            self._loop()
        except BaseException as error:  # a defect of ours: nobody may wait for ever because of it
            self._collapse(error)
        finally:
            self._close()

    def _loop(self) -> None:
        idle_since: float | None = None
        while True:
            while self.commands:
                self.commands.popleft()(self)
            self._close_empty_desks()
            if self._links or self._desks:
                idle_since = None
            else:
                idle_since = idle_since or monotonic()
                if monotonic() - idle_since >= self.linger_s and self._mailbox.retire(self):
                    return
            # Race: 1. we find no command; 2. somebody posts one and sees us awake; 3. we wait. So we say it, and look again.
            self.asleep = True
            timeout_s = 0.0 if self.commands else self._patience_s(idle_since)
            ready = self._poller.poll(timeout_s)
            self.asleep = False
            self._attend(ready)
            self._keep_time()

    def _attend(self, ready: list[int]) -> None:
        nursery = -1 if self._nursery is None else self._nursery.fileno()
        news = False
        for end in ready:
            link = self._readers.get(end)
            if link is not None:
                self._read(link, end)
            elif end == self._waker:
                os.read(end, 4096)
            elif end == nursery:
                news = True
            elif (full := next((other for other in self._links.values() if other.inbox == end), None)) is not None:
                full.flush()
        if news:
            self._hear_news()

    def _read(self, link: Link, end: int) -> None:
        owner = self._owners[link.number]
        for message in link.read(end):
            self._hear(owner, link, message)

    def _hear(self, owner: Employee, link: Link, message: bytes) -> None:
        letter = message[0]
        if letter == ord("L"):
            relay_record(message[1:])
        elif letter == ord("W"):
            relay_warning(message[1:])
        elif letter == ord("R"):
            link.ready = True
            if owner.link is link and owner.desk is not None and owner in owner.desk.members:
                owner.desk.feed(owner)
        elif letter == ord("F"):
            self._hear_refusal(owner, link, message)
        elif letter == ord("I"):
            if (tell := self._questions.pop(link.number, None)) is not None:
                tell((link.number, loads(memoryview(message)[1:])))
        elif owner.link is link and owner.desk is not None and link.job is owner.desk:
            desk = owner.desk
            self._losses = 0
            desk.hear(link, message)
            if not link.dead and owner in desk.members:
                desk.feed(owner)

    def _hear_refusal(self, owner: Employee, link: Link, message: bytes) -> None:
        """Its initializer has failed, or it could not take the job. It may be at another place by now, or at none."""
        stage, packed = loads(memoryview(message)[1:])
        if owner.link is not link:
            return
        desk, fault = owner.desk, unpack(packed)
        if stage == "S":
            owner.usable = False
            owner.unfit = fault
        if desk is not None and owner in desk.members and (stage == "S" or link.job is desk):
            desk.give_up_flights(link)
            link.job = None
            desk.dismiss(owner, fault)

    # ---- time -------------------------------------------------------------------------------------------------------------------

    def _patience_s(self, idle_since: float | None) -> float | None:
        """Return how long nothing but news matters."""
        until: list[float] = []
        if idle_since is not None:
            until.append(idle_since + self.linger_s - monotonic())
        if self._leaving:
            until.append(min(self._leaving.values()) - monotonic())
        for desk in self._desks.values():
            if desk.sharing:
                until.append(_LOOK_AGAIN_S)
            if desk.job.timeout_s is not None:
                now, timeout = monotonic_ns(), int(desk.job.timeout_s * 1e9)
                links = [member.link for member in desk.members]
                until += [link.overdue(now, timeout) / 1e9 for link in links if link is not None and not link.doomed]
        return max(0.0, min(until)) if until else None

    def _keep_time(self) -> None:
        for desk in list(self._desks.values()):
            if desk.sharing:
                desk.look_again()
            if desk.job.timeout_s is not None:
                now, timeout = monotonic_ns(), int(desk.job.timeout_s * 1e9)
                for member in desk.members:
                    if member.link is not None:
                        member.link.condemn_if_late(now, timeout)
        if self._leaving:
            now_s = monotonic()
            for number in [number for number, end in self._leaving.items() if end <= now_s]:
                del self._leaving[number]
                self._links[number].kill()

    # ---- commands ---------------------------------------------------------------------------------------------------------------

    def assign(self, worker: Employee, place: Place) -> None:
        """Put a worker to work at a place."""
        if worker.unfit is not None:
            place.leave(worker, worker.unfit)
            return
        desk = self._desks.get(id(place))
        if desk is None:
            try:
                self._prepare()
                assert self._parcels is not None
                desk = Desk(place, self._parcels, self)
            except BaseException as error:
                place.leave(worker, explained(error) if isinstance(error, OSError) else error)
                return
            self._desks[id(place)] = desk
        worker.desk = desk
        desk.join(worker)

    def bar(self, place: Place) -> None:
        """A place has barred something."""
        desk = self._desks.get(id(place))
        if desk is not None and desk.place is place:
            desk.bar()

    def interrupt(self, worker: Employee, place: Place, *, force: bool) -> None:
        """Give up what a worker does at a place; with ``force``, end its process."""
        desk = worker.desk
        if desk is None or desk.place is not place or worker not in desk.members:
            return
        link = worker.link
        if link is not None and link.flights:
            link.bar(0)
            if not force:
                return
            worker.link = None
            link.kill()
            desk.give_up_flights(link)
        desk.dismiss(worker)

    def link_at(self, worker: Employee, place: Place) -> Link | None:
        """Give the process of a worker that has something under way at this place."""
        link, desk = worker.link, worker.desk
        busy = link is not None and bool(link.flights) and desk is not None and desk.place is place and link.job is desk
        return link if busy else None

    def question(self, link: Link, tell: Callable[[Any], object]) -> None:
        """Ask a process with several items under way which these are; ``tell`` gets its number and the answer, if there is one."""
        self._questions[link.number] = tell
        link.send(b"Q")

    def ask_for_stacks(self, numbers: list[int]) -> None:
        """Have processes write their stacks."""
        for number in numbers:
            link = self._links.get(number)
            if link is not None and link.shows >= 0 and self._nursery is not None:
                self._nursery.ask(number)

    def close(self, worker: Employee) -> None:
        """Let a worker's process end; it will not have another."""
        worker.closing = True
        link, worker.link = worker.link, None
        if link is not None:
            self.let_end(link)
        self._part_with(worker)

    def _part_with(self, worker: Employee) -> None:
        """Let those go on who wait for a worker to be gone, if it is: a process that it had before may still be ending."""
        if worker.closing and not any(owner is worker for owner in self._owners.values()):
            worker.buried()

    def stop(self) -> None:
        """End all processes now; whoever waits for them hears that the pool is closed."""
        for desk in list(self._desks.values()):
            for member in list(desk.members):
                self.interrupt(member, desk.place, force=True)  # type: ignore[arg-type]  # desks know less of their members
        for link in self._links.values():
            link.kill()

    def let_end(self, link: Link) -> None:
        """Let a process end by itself, and not for ever."""
        link.hang_up()
        self._leaving[link.number] = monotonic() + _LEAVE_S

    def _close_empty_desks(self) -> None:
        for desk in [desk for desk in self._desks.values() if not desk.members]:
            del self._desks[id(desk.place)]
            desk.close()

    # ---- processes --------------------------------------------------------------------------------------------------------------

    def _prepare(self) -> Nursery:
        if self._nursery is None:
            self._nursery = nursery = take_nursery()
            self._parcels = Parcels(nursery.arena)
            self._poller.register(nursery.fileno())
        return self._nursery

    def start(self, worker: Employee) -> Link:
        """Start a process for a worker.

        Raises:
            OSError: there are no descriptors, or no memory, for it.
            PicklingFailed: its initializer cannot be sent.
        """
        nursery = self._prepare()
        assert self._parcels is not None
        if missing := tuple(name for name in worker.preload if name not in self._preloaded):
            self._preloaded.update(missing)
            nursery.preload(missing)
        message = dumps({**worker.settings(), **self.surroundings()}, 5)
        self._numbers += 1
        link = Link(self._numbers, worker.name, nursery, self._poller, self._readers, self._parcels.windows)
        self._links[link.number] = link
        self._owners[link.number] = worker
        link.send(b"S", message)
        return link

    def _hear_news(self) -> None:
        assert self._nursery is not None
        for news in self._nursery.news():
            if isinstance(news, Born):
                self._links[news.number].pid = news.pid
            elif isinstance(news, Unborn):
                self._bury(self._links[news.number], 0, unborn=explained(news.error))
            elif isinstance(news, Died):
                self._bury(self._links[news.number], news.status)
            elif isinstance(news, Gone):
                self._lose_nursery()
                return

    def _bury(self, link: Link, status: int, *, unborn: OSError | None = None) -> None:
        for message in link.late():
            self._hear(self._owners[link.number], link, message)
        for end in link.ends:
            self._read(link, end)
        link.dead = True
        owner = self._owners.pop(link.number)
        del self._links[link.number]
        self._questions.pop(link.number, None)
        self._leaving.pop(link.number, None)
        killer = "" if link.doomed else self._memory.killer(status)
        desk, wanted = owner.desk, owner.link is link
        self._burying = unborn is None  # its descriptors are free in a moment: who needs some now is tried again below
        try:
            if wanted:
                owner.link = None
                if desk is not None and owner in desk.members:
                    if unborn is not None:
                        desk.hear_unborn(owner, link, unborn)
                    else:
                        desk.bury(owner, link, status, killer)
        finally:
            self._burying = False
            if self._parcels is not None:
                self._parcels.forget(link)
            link.close()
            self._part_with(owner)
        if unborn is None or not wanted:  # else there is no more to be had than before
            for each in list(self._desks.values()):
                each.try_again()

    def _lose_nursery(self) -> None:
        """The nursery has died, and its workers with it, or they are about to. Go on with another one."""
        nursery = self._nursery
        assert nursery is not None
        self._poller.unregister(nursery.fileno())
        self._preloaded.clear()
        lost = list(self._links.values())
        for link in lost:
            if link.pid:
                _kill(link.pid)
        self._losses += 1
        if self._losses > _MOST_LOSSES:
            raise RuntimeError(f"the process that forks workers has died {self._losses} times in a row")
        try:
            self._nursery = nursery.successor()
        except OSError as error:
            self._no_successor = explained(error)
            raise
        self._poller.register(self._nursery.fileno())
        for link in lost:
            link.outlast(_LEAVE_S)
            self._bury(link, -9)

    # ---- for desks --------------------------------------------------------------------------------------------------------------

    def fence(self, arena: int) -> None:
        """Order what was stored before what is loaded after, on both sides. See the hand-over in ``protocol.py``."""
        assert self._nursery is not None
        if self._nursery.fences:
            fence()
        else:
            lockf(arena, LOCK_EX, 1)
            lockf(arena, LOCK_UN, 1)

    def release_one(self) -> bool:
        """Let the process of a worker without work end, for somebody who cannot have one. Returns whether a process is ending."""
        if self._burying:
            return True
        for link in self._links.values():
            owner = self._owners[link.number]
            if owner.link is link and (owner.desk is None or owner not in owner.desk.members):
                owner.renew()
                break
        return any(link.doomed or link.number in self._leaving for link in self._links.values())

    def surroundings(self) -> dict[str, Any]:
        """What a worker takes over from the parent, for each job."""
        return {"logging": describe_logging(), "warnings": describe_warnings()}

    def call_later(self, call: Callable[[], None]) -> None:
        """Have something called in this thread, unless everything is at an end. Any thread."""
        self._mailbox.post(lambda _supervisor: call(), begin=False)

    # ---- the end ----------------------------------------------------------------------------------------------------------------

    def _collapse(self, error: BaseException) -> None:
        fault: Exception = InternalError(
            f"the thread that looks after worker processes has failed: {type(error).__name__}: {error}"
        )
        fault.__cause__ = error
        if self._no_successor is not None:
            fault = self._no_successor
        self._mailbox.disown(self)
        for desk in list(self._desks.values()):
            for member in list(desk.members):
                if member.link is not None:
                    desk.give_up_flights(member.link)
                desk.dismiss(member, fault)
            desk.close()
        for link in self._links.values():
            link.kill()
        for owner in list(self._owners.values()):
            owner.link = None
            owner.buried()
        for command in self.commands:  # what was posted meanwhile is for the next one
            self._mailbox.post(command)

    def discard(self) -> None:
        """Close one that was never started."""
        self._poller.close()
        os.close(self._waker)
        os.close(self._wake)

    def _close(self) -> None:
        with ExitStack() as stack:  # the last first, and each whatever became of those before
            stack.callback(self.discard)
            for link in self._links.values():
                stack.callback(link.close)
            if self._nursery is not None:
                stack.callback(self._nursery.close)
            if self._parcels is not None:
                stack.callback(self._parcels.close)  # gives memory back, and so comes before its file is closed
            close_spare()

    def forget(self) -> None:
        """In a process that was forked from this one: close what would keep the workers from seeing this one's end."""
        for owner in self._owners.values():
            owner.link = owner.desk = None
        for link in self._links.values():
            link.forget()
        if self._nursery is not None:
            self._nursery.forget()
        with suppress(OSError):
            self.discard()


def _kill(pid: int) -> None:
    try:
        os.kill(pid, 9)
    except ProcessLookupError:
        return
