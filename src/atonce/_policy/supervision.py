"""What to do when a worker process has died, and when one has nothing to do: who is to blame, what is run again, who shares.

A *flight* is a batch that was sent to a worker and has not been answered to the end. Positions count from the front of its batch.
"""

from __future__ import annotations

from atonce._values.typed import NamedTuple

__all__ = ("AFTER_KILLS", "Flight", "Hand", "Share", "Verdict", "bundled", "judge", "may_run_again", "share", "suspected")

AFTER_KILLS = 2  # an item that has killed so many workers is not run again, whatever ``retries`` says
_WORTH_S = 100e-6  # Assumes: handing over costs 50 µs
_BUNDLE_S = 0.5e-3  # Assumes: waking a worker and being woken by it takes 50 µs
_MOST_BUNDLED = 64


class Flight(NamedTuple):
    """What is known of a flight.

    Attributes:
        sent: items that it had when it was sent.
        done: items whose results have arrived, from the first one on.
        limit: items that have not been given away.
        careful: whether its items are read, run, packed and answered one by one.
        beyond: positions of items whose results have arrived before their turn.
    """

    sent: int
    done: int
    limit: int
    careful: bool
    beyond: frozenset[int] = frozenset()


class Hand(NamedTuple):
    """What a worker had in hand when it died, as its words tell.

    Attributes:
        phase: ``"reading"``, ``"running"``, ``"packing"``, ``"sending"``; anything else: no batch.
        mark: position of the item in hand; -1 for none.
        claimed: the items before this position have been claimed; 0 if nothing of this flight has been.
        together: whether items run side by side.
        condemned: whether we killed it, because the item at ``mark`` had used up its time.
    """

    phase: str
    mark: int
    claimed: int
    together: bool
    condemned: bool


class Verdict(NamedTuple):
    """What becomes of the items of a flight whose worker died.

    Attributes:
        culprit: position of the item to be blamed; ``None`` if that is nobody or cannot be told.
        again: (first, end) of items to be run again as usual, but for those whose results have arrived.
        carefully: the same of items of which one may be the culprit: to be run again one by one, so that it shows itself.
    """

    culprit: int | None
    again: list[tuple[int, int]]
    carefully: list[tuple[int, int]]


def suspected(flight: Flight, hand: Hand) -> int:
    """Count the items of a flight that may be to blame for a death."""
    first, end = _suspects(flight, hand)
    return max(0, end - first) - sum(first <= position < end for position in flight.beyond)


def judge(flight: Flight, hand: Hand, others: int = 0) -> Verdict:
    """Say who is to blame for a death.

    Items that had finished, but whose results died with the process, are run again: a crash makes *at least once* out of *exactly
    once*.

    Args:
        flight: a flight of the worker that died.
        hand: what it had in hand of it.
        others: how many items of its other flights are suspected.

    Example:
        >>> judge(Flight(10, 0, 10, careful=False), Hand("running", 3, 8, together=False, condemned=False))
        Verdict(culprit=3, again=[(0, 3), (4, 10)], carefully=[])
        >>> judge(Flight(10, 4, 10, careful=False), Hand("packing", 7, 8, together=False, condemned=False))
        Verdict(culprit=None, again=[(8, 10)], carefully=[(4, 8)])
    """
    first, end = _suspects(flight, hand)
    number = suspected(flight, hand)
    if number == 0:
        return Verdict(None, _spans((flight.done, flight.limit)), [])
    again = _spans((flight.done, first), (end, flight.limit))
    if number + others == 1 and (flight.careful or flight.sent == 1 or hand.phase == "running"):
        culprit = next(position for position in range(first, end) if position not in flight.beyond)
        return Verdict(culprit, again, [])
    return Verdict(None, again, [(first, end)])


def _suspects(flight: Flight, hand: Hand) -> tuple[int, int]:
    done, limit = flight.done, flight.limit
    if hand.phase not in {"reading", "running", "packing", "sending"}:
        return 0, 0
    if flight.careful or hand.condemned or (hand.phase == "running" and not hand.together):
        known = done <= hand.mark < limit and hand.mark < hand.claimed
        return (hand.mark, hand.mark + 1) if known else _unread(flight, hand)
    if hand.phase == "reading":
        return done, limit
    return done, min(limit, hand.claimed)


def _unread(flight: Flight, hand: Hand) -> tuple[int, int]:
    """Suspect the whole batch if its time ran out while it was being read."""
    return (flight.done, flight.limit) if hand.phase == "reading" and not flight.careful else (0, 0)


def _spans(*spans: tuple[int, int]) -> list[tuple[int, int]]:
    return [(first, end) for first, end in spans if first < end]


def may_run_again(attempts: int, kills: int, retries: int) -> bool:
    """Tell whether an item whose attempt has just ended with its worker's death gets another one."""
    return attempts <= retries and kills < AFTER_KILLS


def bundled(chunksize: int, item_s: float | None) -> int:
    """Return how many items travel together where the caller has set the size of chunks.

    A chunk, or as many chunks as make half a millisecond: what is smaller than that would cost more to send than to run. They can
    still be shared out item by item (``share``), so nobody waits behind them.

    Args:
        chunksize: the caller's.
        item_s: what an item takes; ``None`` while nobody knows.

    Example:
        >>> bundled(1, None), bundled(1, 0.01), bundled(10, 1e-6)
        (1, 1, 500)
    """
    if item_s is None or chunksize * item_s >= _BUNDLE_S:
        return chunksize
    return chunksize * max(1, int(min(_MOST_BUNDLED, _BUNDLE_S / (chunksize * item_s))) if item_s > 0 else _MOST_BUNDLED)


class Share(NamedTuple):
    """Which part of whose work an idle worker takes: of flight ``flight`` of worker ``worker``, the items from ``keep`` on."""

    worker: int
    flight: int
    keep: int


def share(unstarted: list[list[int]], item_s: float | None, *, patient: bool) -> Share | None:
    """Choose what an idle worker takes from the others: half of what the one with the most has not begun, from its end.

    Args:
        unstarted: for each of the others, for each of its flights in the order in which they will run, how many items at its end
            have not been claimed.
        item_s: what an item takes; ``None`` while nobody knows.
        patient: leave alone what looks too small to be worth it. Looks deceive: later, ask again without patience.

    Returns:
        The last so many of ``unstarted[worker][flight]`` items are to be taken: ``keep`` of them stay.

    Example:
        >>> share([[0], [3, 8]], item_s=0.01, patient=True)
        Share(worker=1, flight=1, keep=2)
        >>> share([[1]], item_s=0.01, patient=True)
        Share(worker=0, flight=0, keep=0)
    """
    richest = max(range(len(unstarted)), key=lambda worker: sum(unstarted[worker]), default=None)
    if richest is None:
        return None
    total = sum(unstarted[richest])
    wanted = (total + 1) // 2
    if wanted == 0 or (patient and item_s is not None and wanted * item_s < _WORTH_S):
        return None
    flight = max(position for position, items in enumerate(unstarted[richest]) if items)
    return Share(richest, flight, max(0, unstarted[richest][flight] - wanted))
