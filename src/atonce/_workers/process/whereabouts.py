"""What worker processes have under way, and where they are: asked for by the parent, when nothing has ended for long.

::

    whoever asks ──1──▶ supervisor: which batches, which item in hand (the shared words)
                                    ──Q──▶ child with several under way ──I──▶   (its main thread has time)
                 ──2──▶ nursery ──signal──▶ child with one under way: writes its stacks to its file
                 ◀─3── /proc/<pid>/fd/<file>

Who does not answer in time, because an item keeps everything there, is named without a place.
"""

from __future__ import annotations

import os
from _queue import Empty, SimpleQueue
from contextlib import ExitStack
from time import monotonic, sleep

from atonce._values.typed import NamedTuple
from atonce._workers.in_flight import InFlight, InProcess, in_code
from atonce._workers.process.mailbox import MAILBOX
from atonce._workers.process.stacks import main_stack

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from atonce._workers.base import Place
    from atonce._workers.process.handle import ProcessWorker
    from atonce._workers.process.link import Link, Sent
    from atonce._workers.process.supervisor import Supervisor

__all__ = ("in_processes",)

_PATIENCE_S = 0.5  # for all of them together
_STEP_S = 0.005  # between two looks at what is being written
_MOST_ASKED = 16  # processes


class _Known(NamedTuple):
    """What the parent knows of a process that has items of a place.

    Attributes:
        number: of its link.
        pid: 0 if it is not there yet.
        in_hand: index, item and seconds, where it has one under way at a time.
        batches: start and items of each that it has.
        unanswered: how many items it has.
        file: the descriptor of its stacks, there; -1 if it writes none.
        doing: what it is doing, in words.
    """

    number: int
    pid: int
    in_hand: tuple[int, Any, float | None] | None
    batches: list[tuple[int, Sequence[Any]]]
    unanswered: int
    file: int
    doing: str


def in_processes(workers: Sequence[ProcessWorker], place: Place, patience_s: float = _PATIENCE_S) -> InProcess:
    """Find what worker processes have under way at a place. Any thread but the supervisor's; takes up to ``patience_s``."""
    until_s = monotonic() + patience_s
    answers: SimpleQueue[tuple[int, Any]] = SimpleQueue()
    known = _ask(lambda supervisor: _survey(supervisor, workers, place, answers), until_s)
    if known is None:
        return InProcess([])
    one_by_one = [each for each in known if each.in_hand is not None]
    found = [*_with_places(one_by_one, until_s)]
    more = 0
    waiting = {each.number: each for each in known if each.in_hand is None and each.batches}
    while waiting and (left_s := until_s - monotonic()) > 0:
        try:
            number, (rows, others) = answers.get(timeout=left_s)
        except Empty:
            break
        each = waiting.pop(number)
        more += others
        found += [InFlight(index, _item(each, index), f"process {each.pid}", for_s, at) for index, for_s, at in rows]
    for each in waiting.values():  # an item keeps even their main threads from answering
        start, items = each.batches[0]
        found.append(InFlight(start, items[0], _name(each), None, ""))
        more += max(0, each.unanswered - 1)
    return InProcess(found, more)


def _ask(question: Any, until_s: float) -> Any:
    """Have something found out in the supervisor's thread; ``None`` if it has no time, or if there is no supervisor."""
    told: SimpleQueue[Any] = SimpleQueue()
    if not MAILBOX.post(lambda supervisor: told.put(question(supervisor)), begin=False):
        return None
    try:
        return told.get(timeout=max(0.0, until_s - monotonic()))
    except Empty:
        return None


def _survey(supervisor: Supervisor, workers: Sequence[ProcessWorker], place: Place, answers: Any) -> list[_Known]:
    """Look up what is known here. The supervisor's thread."""
    found = []
    for worker in workers:
        link = supervisor.link_at(worker, place)
        if link is None:
            continue
        batches = [(flight.start + flight.done, flight.items[flight.done :]) for flight in _open_flights(link)]
        together = place.job.together
        in_hand = None if together else link.item_in_hand()
        found.append(_Known(link.number, link.pid, in_hand, batches if together else [], link.load, link.shows, link.doing))
        if together:
            supervisor.question(link, answers.put)
    return found


def _open_flights(link: Link) -> list[Sent]:
    return [flight for flight in link.flights.values() if flight.done < flight.limit]


def _with_places(known: list[_Known], until_s: float) -> list[InFlight]:
    """Ask for the stacks of processes that have one item under way."""
    with ExitStack() as files:
        asked: dict[int, tuple[int, int]] = {}  # file and how long it was, by number
        for each in known[:_MOST_ASKED]:
            if each.pid and each.file >= 0:
                try:
                    file = os.open(f"/proc/{each.pid}/fd/{each.file}", os.O_RDONLY)
                except OSError:
                    continue  # it has ended, or we may not
                files.callback(os.close, file)
                asked[each.number] = file, os.fstat(file).st_size
        if asked:
            MAILBOX.post(lambda supervisor: supervisor.ask_for_stacks([*asked]), begin=False)
        dumps = {number: _read(file, size, until_s) for number, (file, size) in asked.items()}
    found = []
    for each in known:
        assert each.in_hand is not None
        index, item, for_s = each.in_hand
        found.append(InFlight(index, item, _name(each), for_s, in_code(main_stack(dumps.get(each.number, "")))))
    return found


def _read(file: int, size: int, until_s: float) -> str:
    """Read what is written behind the first ``size`` bytes, once nothing more comes."""
    before = size
    while True:
        now = os.fstat(file).st_size
        if now > size and now == before:
            return os.pread(file, now - size, size).decode(errors="replace")
        before = now
        if monotonic() >= until_s:
            return ""
        sleep(_STEP_S)


def _name(known: _Known) -> str:
    name = f"process {known.pid}" if known.pid else "a process that is starting"
    return name if known.doing in {"running", "waiting"} else f"{name}, {known.doing},"


def _item(known: _Known, index: int) -> Any:
    return next((items[index - start] for start, items in known.batches if 0 <= index - start < len(items)), "?")
