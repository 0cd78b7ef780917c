"""How a job and its items are sent to a worker: together, or, if one of them may do harm, each for itself.

Everything belongs to the supervisor's thread.
"""

from __future__ import annotations

from _pickle import dumps as pickled

from atonce._values.typed import NamedTuple
from atonce._wire.contexts import pack_context
from atonce._wire.pickling import dumps
from atonce._workers.process.inquest import FailedItem
from atonce._workers.process.link import Link, Piece
from atonce._workers.process.parcels import Parcels
from atonce.errors import PicklingFailed

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from contextvars import Context
    from typing import Any

    from atonce._values.job import Job

__all__ = ("Dispatch", "Unsent")

_PROTOCOL = 5


class Unsent(NamedTuple):
    """What was not sent of some items: those that do not pickle, and those for which there was no room."""

    failed: list[FailedItem]
    left: list[Piece]


class Dispatch:
    """Sends what belongs to one job.

    Args:
        job: the job.
        parcels: packs it.
        surroundings: what a worker takes over from the parent for the job, besides.
        context: the caller's context variables.

    Attributes:
        left_behind: names of context variables that no other process can have.
    """

    def __init__(self, job: Job, parcels: Parcels, surroundings: dict[str, Any], context: Context) -> None:
        self._parcels = parcels
        variables, self.left_behind = pack_context(context, dumps) if context else ([], [])
        parcel, self._slot = parcels.of_function(job.fn)
        self._message = pickled(
            {
                "fn": parcel,
                "star": job.star,
                "name": job.name,
                "is_async": job.is_async,
                "timed": job.timed,
                "in_flight": job.in_flight,
                "elastic": job.elastic,
                "strict": job.strict,
                "stops": job.stops,
                "patient": job.patient,
                "timeout_s": job.timeout_s,
                "retries": job.retries,
                "memory_bytes": job.memory_bytes,
                "collected": job.collected,
                "context": variables,
                **surroundings,
            },
            _PROTOCOL,
        )
        self._sent_bytes = 0 if self._slot is None else parcels.size(self._slot)

    def send_job(self, link: Link) -> None:
        """Let a worker take up the job."""
        self._sent_bytes += link.send(b"J", self._message)
        if self._slot is not None:
            self._parcels.lend(self._slot, link)

    def send(self, link: Link, piece: Piece, attempts: dict[int, int]) -> Unsent | None:
        """Send items to a worker that has the job.

        Args:
            link: the worker.
            piece: the items.
            attempts: by index, how often an item has been started by workers that are dead.

        Returns:
            What was not sent; ``None`` if everything was.
        """
        link.return_slots()
        if piece.careful:
            return self.send_apart(link, piece, attempts)
        try:
            letter, payload, slot = self._parcels.of_items(piece.items)
        except PicklingFailed:
            return self.send_apart(link, piece, attempts)
        flight = link.ship(piece, letter, payload)
        if slot is not None:
            flight.moved_bytes += self._parcels.lend(slot, link)
        return None

    def send_apart(self, link: Link, piece: Piece, attempts: dict[int, int]) -> Unsent:
        """Send each item for itself, as ``send`` does. Those that do not pickle cut the batch in pieces."""
        unsent = Unsent([], [])
        begun, blobs = 0, self._parcels.of_each(piece.items)
        for position, blob in enumerate([*blobs, None]):
            if blob is not None and not isinstance(blob, PicklingFailed):
                continue
            if begun < position:
                part = Piece(piece.start + begun, piece.items[begun:position], careful=True)
                if not self._send_blobs(link, part, blobs[begun:position], attempts):
                    unsent.left.append(part)
            if blob is not None:
                unsent.failed.append(FailedItem(piece.start + position, piece.items[position], blob, 0))
            begun = position + 1
        return unsent

    def _send_blobs(self, link: Link, part: Piece, blobs: list[Any], attempts: dict[int, int]) -> bool:
        """Send items that are pickled one by one; ``False`` if the worker has no room for them."""
        slots = [parcel[1] for parcel in blobs if isinstance(parcel, tuple)]
        moved = sum(self._parcels.lend(slot, link) for slot in slots)
        if not link.room:
            self._parcels.let_go(link, slots)
            return False
        tried = [(blob, attempts.get(part.start + at, 0)) for at, blob in enumerate(blobs)]
        flight = link.ship(part, b"C", pickled(tried, _PROTOCOL))
        flight.moved_bytes += moved
        return True

    def unreported_bytes(self) -> int:
        """Tell how many bytes it took to send the job, since the last call."""
        sent, self._sent_bytes = self._sent_bytes, 0
        return sent

    def close(self) -> None:
        """Let go of the memory of what the function holds."""
        if self._slot is not None:
            self._parcels.drop(self._slot)
