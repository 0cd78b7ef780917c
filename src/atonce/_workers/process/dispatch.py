"""How a job and its items are sent to a worker: together, or, if one of them may do harm, each for itself.

Everything belongs to the supervisor's thread.
"""

from __future__ import annotations

from _pickle import dumps as pickled

from atonce._values.typed import Protocol
from atonce._workers.process.link import Link, Piece
from atonce._workers.process.parcels import Parcels
from atonce.errors import PicklingFailed

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from typing import Any

    from atonce._values.job import Job

__all__ = ("Dispatch", "Sender")

_PROTOCOL = 5


class Sender(Protocol):
    """For whom things are sent: a desk."""

    def attempts(self, index: int) -> int:
        """Tell how often an item has been started, by workers that are dead."""

    def cannot_send(self, index: int, item: Any, failure: PicklingFailed, link: Link) -> None:
        """An item does not pickle."""

    def keep(self, piece: Piece) -> None:
        """Have items back for which there is no room."""


class Dispatch:
    """Sends what belongs to one job.

    Args:
        sender: for whom.
        job: the job.
        parcels: packs it.
        surroundings: what a worker takes over from the parent for the job, besides.
    """

    def __init__(self, sender: Sender, job: Job, parcels: Parcels, surroundings: dict[str, Any]) -> None:
        self._sender = sender
        self._parcels = parcels
        parcel, self._slot = parcels.of_function(job.fn)
        self._message = pickled(
            {
                "fn": parcel,
                "star": job.star,
                "name": job.name,
                "is_async": job.is_async,
                "timed": job.timed,
                "in_flight": job.in_flight,
                "stops": job.stops,
                "timeout_s": job.timeout_s,
                "retries": job.retries,
                "memory_bytes": job.memory_bytes,
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

    def send(self, link: Link, piece: Piece) -> None:
        """Send items to a worker that has the job."""
        link.return_slots()
        if piece.careful:
            self.send_apart(link, piece)
            return
        try:
            letter, payload, slot = self._parcels.of_items(piece.items)
        except PicklingFailed:
            self.send_apart(link, piece)
            return
        flight = link.ship(piece, letter, payload)
        if slot is not None:
            flight.moved_bytes += self._parcels.lend(slot, link)

    def send_apart(self, link: Link, piece: Piece) -> None:
        """Send each item for itself. Those that do not pickle fail here and now, and cut the batch in pieces."""
        begun = 0
        blobs = self._parcels.of_each(piece.items)
        for position, blob in enumerate(blobs):
            if isinstance(blob, PicklingFailed):
                self._send_some(link, piece, begun, position, blobs)
                self._sender.cannot_send(piece.start + position, piece.items[position], blob, link)
                begun = position + 1
        self._send_some(link, piece, begun, len(blobs), blobs)

    def _send_some(self, link: Link, piece: Piece, begin: int, end: int, blobs: list[Any]) -> None:
        if begin == end:
            return
        part = Piece(piece.start + begin, piece.items[begin:end], careful=True)
        slots = [parcel[1] for parcel in blobs[begin:end] if isinstance(parcel, tuple)]
        moved = sum(self._parcels.lend(slot, link) for slot in slots)
        if link.room:
            tried = [(blob, self._sender.attempts(part.start + at)) for at, blob in enumerate(blobs[begin:end])]
            flight = link.ship(part, b"C", pickled(tried, _PROTOCOL))
            flight.moved_bytes += moved
        else:
            self._parcels.let_go(link, slots)
            self._sender.keep(part)

    def unreported_bytes(self) -> int:
        """Tell how many bytes it took to send the job, since the last call."""
        sent, self._sent_bytes = self._sent_bytes, 0
        return sent

    def close(self) -> None:
        """Let go of the memory of what the function holds."""
        if self._slot is not None:
            self._parcels.drop(self._slot)
