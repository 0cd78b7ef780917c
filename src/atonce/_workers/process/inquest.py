"""What a dead worker leaves behind: whose fault it was, what is run again and how, and what becomes of the culprit.

``_policy/supervision.py`` decides; here it is put together what it has to know, and what follows from what it says.
"""

from __future__ import annotations

from atonce._policy.supervision import judge, may_run_again, suspected
from atonce._values.typed import NamedTuple
from atonce._workers.process.deaths import in_words
from atonce._workers.process.link import Link, Piece, Sent
from atonce.errors import TaskTimeout

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from typing import Any

    from atonce._values.job import Job

__all__ = ("FailedItem", "Finding", "Inquest")

_BEGUN_IN_VAIN = 3  # deaths in a row before any item, from which on it is called a fault of the function and not bad luck


class FailedItem(NamedTuple):
    """An item that gets an error instead of a value.

    Attributes:
        at: its index.
        item: the item.
        error: its error.
        attempts: how often it was started.
    """

    at: int
    item: Any
    error: Exception
    attempts: int


class Finding(NamedTuple):
    """What follows from a death.

    Attributes:
        left: what nobody has now.
        failed: the culprit, if it is known and not tried again.
        hopeless: why there is no sense in giving this worker another process.
    """

    left: list[Piece]
    failed: FailedItem | None
    hopeless: Exception | None


class Inquest:
    """Looks into the deaths at one desk, and remembers them.

    Attributes:
        attempts: how often items have been started that were in hand when a worker died; by index.
    """

    def __init__(self, job: Job) -> None:
        self.attempts: dict[int, int] = {}
        self._job = job
        self._kills: dict[int, int] = {}
        self._in_vain = 0

    def answered(self) -> None:
        """Hear that somebody has answered: the function is not to blame for deaths that follow."""
        self._in_vain = 0

    def hold(self, link: Link, status: int, killer: str) -> Finding:
        """Look into a death.

        Args:
            link: the process, of which everything has been read; its flights are taken from it.
            status: how it ended.
            killer: who killed it, if that is known.
        """
        flights = [*link.flights.values()]
        hands = [link.hand(flight, together=self._job.together) for flight in flights]
        link.flights.clear()
        if not self._job.together:
            del hands[1:]  # what follows has not been begun
        counts = [suspected(flight.known(), hand) for flight, hand in zip(flights, hands, strict=False)]
        left: list[Piece] = []
        failed, judged = None, False
        for flight, hand, count in zip(flights, hands, counts, strict=False):
            verdict = judge(flight.known(), hand, others=sum(counts) - count)
            left += (piece for first, end in verdict.again for piece in flight.pieces(first, end, careful=flight.careful))
            left += (piece for first, end in verdict.carefully for piece in flight.pieces(first, end, careful=True))
            judged = judged or count > 0
            if verdict.culprit is not None:
                failed = self._convict(link, flight, verdict.culprit, left, status, killer)
        if not judged and link.condemned is None and not link.orphaned:
            self._in_vain += 1  # no item is to blame, and neither are we, nor its zygote
        left += (piece for flight in flights[len(hands) :] for piece in flight.rest())
        hopeless = _crash(link, status, killer, f"while it was {link.doing}") if self._in_vain >= _BEGUN_IN_VAIN else None
        return Finding(left, failed, hopeless)

    def _convict(self, link: Link, flight: Sent, position: int, left: list[Piece], status: int, killer: str) -> FailedItem | None:
        """Let the culprit run again, alone, or fail."""
        index = flight.start + position
        attempts = self.attempts[index] = self.attempts.get(index, 0) + link.tries
        kills = self._kills[index] = self._kills.get(index, 0) + 1
        condemned = link.condemned is not None  # we killed it, and not the item
        if may_run_again(attempts, 0 if condemned else kills, self._job.retries):
            left += flight.pieces(position, position + 1, careful=True)
            return None
        del self.attempts[index]  # if it comes back after this, whoever sends it back counts on
        error = self._late() if condemned else _crash(link, status, killer, f"in the middle of this item{_times(kills)}")
        return FailedItem(index, flight.items[position], error, attempts)

    def _late(self) -> Exception:
        return TaskTimeout(f"it took longer than its timeout of {self._job.timeout_s:g} s, so its worker process was ended")


def _crash(link: Link, status: int, killer: str, when: str) -> Exception:
    from atonce.errors import WorkerCrashed  # noqa: PLC0415 (18 ms, for those who need it)

    how, tail = in_words(status, killer), link.tail()
    told = "\n  ".join(("\nits last words on standard error:", *tail)) if tail else ""
    return WorkerCrashed(f"the worker process {how} {when}{told}", how=how, stderr_tail=tail)


def _times(kills: int) -> str:
    return "" if kills < 2 else f", {kills} times, so it is not tried again"  # noqa: PLR2004 (once needs no words)
