"""Which outcome of an earlier run belongs to which input of this one, and where new outcomes go.

An outcome has a place: the index of its input when that was first seen. The same call again reads the outcomes in the order of
their places, beside its inputs, and compares digests, which costs little. Where they differ (an input was added, or removed, or the
order is another one) the digest is looked up. Each outcome is given to one input only, so that of equal inputs each has its own.
"""

from __future__ import annotations

from collections import deque
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from atonce._journal.store import BEHIND, Row, Store

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ("Columns", "Places")

_AHEAD = 256  # rows that are read at once
_SMALL_BYTES = 4096  # larger values are read one by one

_COLUMNS = "place, digest, input, error, attempts, seconds, worker"
_SMALL = f"CASE WHEN length(value) <= {_SMALL_BYTES} THEN value END"
_FOLLOWING = (
    f"SELECT {_COLUMNS}, {_SMALL} FROM outcomes "  # noqa: S608 (our own numbers)
    f"WHERE work = ? AND place >= ? AND place < {BEHIND} ORDER BY place LIMIT ?"
)
_BETWEEN = (
    f"SELECT digest, error IS NULL, attempts, seconds, {_SMALL} FROM outcomes "  # noqa: S608
    "WHERE work = ? AND place >= ? AND place < ? ORDER BY place"
)
_EQUAL = (
    f"SELECT {_COLUMNS}, NULL FROM outcomes INDEXED BY outcomes_by_digest "  # noqa: S608
    "WHERE work = ? AND digest = ? AND place >= ? ORDER BY place"
)
_VALUE = "SELECT value FROM outcomes WHERE work = ? AND place = ?"
_THERE = "SELECT 1 FROM outcomes WHERE work = ? AND place = ?"
_COUNTS = "SELECT count(*), max(CASE WHEN place < ? THEN place END), max(place) FROM outcomes WHERE work = ?"
_INDEX = "CREATE INDEX IF NOT EXISTS outcomes_by_digest ON outcomes (work, digest, place)"


class Columns(NamedTuple):
    """What neighbouring outcomes are, an entry each: how often they were started, how long they took, their values as written."""

    attempts: tuple[int, ...]
    seconds: tuple[float, ...]
    values: tuple[bytes, ...]


class Places:
    """The outcomes that were there when the run began. Belongs to whoever reads the input, one at a time.

    Attributes:
        left: how many of them no input has been given yet.
    """

    def __init__(self, store: Store, work: int) -> None:
        self._store = store
        self._work = work
        with store.reading() as database:
            self.left, last, behind = database.execute(_COUNTS, (BEHIND, work)).fetchone()
        self._end = -1 if last is None else last  # the last place of an earlier run
        self._behind = max(BEHIND, BEHIND if behind is None else behind + 1)  # the next place there
        self._given = bytearray(self._end + 1)  # for each place up to the end: whether its outcome is given to an input
        self._given_behind: set[int] = set()
        self._ahead: deque[Row] = deque()  # that follow, read ahead
        self._read_to = 0  # the place up to which they were read
        self._from: dict[bytes, int] = {}  # by digest: where to look for the next one that is not given

    def is_new(self, index: int) -> bool:
        """Tell whether no input from this one on can have an outcome, or find its place taken."""
        return not self.left and index > self._end

    def take_all(self, start: int, digests: Sequence[bytes | None]) -> Columns | None:
        """Give neighbouring inputs the outcomes that stand in their places, if that is one for each and all have succeeded.

        That is so for nearly all inputs of a run that goes on, and costs half of looking at each.

        Returns:
            Their values and what belongs to these; ``None`` if somebody has to look at each.
        """
        end = start + len(digests)
        if end > self._end + 1 or any(self._given[start:end]):
            return None
        with self._store.reading() as database:
            found = database.execute(_BETWEEN, (self._work, start, end)).fetchall()
        if len(found) != len(digests):
            return None
        equal, succeeded, attempts, seconds, values = zip(*found, strict=True)
        if list(equal) != digests or not all(succeeded) or None in values:
            return None
        self._given[start:end] = b"\1" * len(digests)
        self.left -= len(digests)
        return Columns(attempts, seconds, values)

    def rows(self, start: int, count: int) -> list[Row]:
        """Return the outcomes in these places, one by one."""
        with self._store.reading() as database:
            return [Row._make(found) for found in database.execute(_FOLLOWING, (self._work, start, count))]

    def take(self, index: int, digest: bytes) -> Row | None:
        """Give an input an outcome, if there is one for it. Inputs come in rising order."""
        if not self.left:
            return None
        row = self._row_at(index) if index <= self._end else None
        if row is None or row.digest != digest or self._is_given(row.place):
            row = self._row_like(digest)
        if row is not None:
            self.left -= 1
            if row.place >= BEHIND:
                self._given_behind.add(row.place)
            else:
                self._given[row.place] = 1
        return row

    def place_for(self, index: int) -> int:
        """Choose a place for the outcome of an input that has none yet."""
        if index > self._end:
            return index
        if not self._is_taken(index):
            self._given[index] = 1  # what comes there is this run's own
            return index
        self._behind += 1
        self._given_behind.add(self._behind - 1)
        return self._behind - 1

    def value_of(self, row: Row) -> bytes:
        """Return an outcome's value, which may be too large to be read with others."""
        if row.value is not None:
            return row.value
        with self._store.reading() as database:
            return bytes(database.execute(_VALUE, (self._work, row.place)).fetchone()[0])

    def _row_at(self, place: int) -> Row | None:
        """Return the outcome at a place. Places are asked for in rising order."""
        rows = self._ahead
        while True:
            while rows and rows[0].place < place:
                rows.popleft()
            if rows or self._read_to > self._end:
                return rows[0] if rows and rows[0].place == place else None
            with self._store.reading() as database:
                found = database.execute(_FOLLOWING, (self._work, max(place, self._read_to), _AHEAD)).fetchall()
            rows.extend(map(Row._make, found))
            self._read_to = rows[-1].place + 1 if len(found) == _AHEAD else self._end + 1

    def _row_like(self, digest: bytes) -> Row | None:
        """Look for an outcome that no input has been given yet, of an input of this digest."""
        self._has_index  # noqa: B018 (made when it is first needed: most runs never do)
        begin, passed = self._from.get(digest, 0), 0
        with self._store.reading() as database:
            for found in database.execute(_EQUAL, (self._work, digest, begin)):
                row = Row._make(found)
                if (row.place <= self._end or row.place >= BEHIND) and not self._is_given(row.place):
                    if passed:  # of many equal ones, not each should have to pass all that are given
                        self._from[digest] = row.place
                    return row
                passed += 1
        return None

    @cached_property
    def _has_index(self) -> bool:
        with self._store.writing() as database:
            database.execute(_INDEX)
        return True

    def _is_given(self, place: int) -> bool:
        if place >= BEHIND:
            return place in self._given_behind
        return place <= self._end and bool(self._given[place])

    def _is_taken(self, place: int) -> bool:
        with self._store.reading() as database:
            return database.execute(_THERE, (self._work, place)).fetchone() is not None
