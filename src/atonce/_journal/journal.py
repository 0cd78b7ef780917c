"""One run's journal: which of its inputs have an outcome already, and where new outcomes go before anybody sees them.

An outcome has a place: the index of its input when that was first seen. The same call again reads the outcomes in the order of
their places, beside its inputs, and compares digests, which costs little. Where they differ (an input was added, or removed, or the
order is another one) the digest is looked up. Each outcome is given to one input only, so that of equal inputs each has its own.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from functools import cached_property
from reprlib import Repr
from typing import TYPE_CHECKING, Any

from atonce._journal.code import identity_of
from atonce._journal.digest import NoDigest, digest_of
from atonce._journal.form import Form, Pickles, Unwritable
from atonce._journal.store import BEHIND, Row, Store, open_store
from atonce._values.batch import Batch, Delivery, Misfortune
from atonce._values.numbered import Numbered
from atonce.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = ("Journal", "open_journal")

_AHEAD = 256  # rows that are read at once
_SMALL_BYTES = 4096  # larger values are read one by one
_SHOWN_CHARACTERS = 80
_SHOWN = 3  # inputs that are named in a notice
_NAME = "journal"  # the worker that hands on what is here

_COLUMNS = "place, digest, input, error, attempts, seconds, worker"
_SMALL = f"CASE WHEN length(value) <= {_SMALL_BYTES} THEN value END"
_FOLLOWING = (
    f"SELECT {_COLUMNS}, {_SMALL} FROM outcomes "  # noqa: S608 (our own numbers)
    f"WHERE work = ? AND place >= ? AND place < {BEHIND} ORDER BY place LIMIT {_AHEAD}"
)
_BETWEEN = f"SELECT {_COLUMNS}, {_SMALL} FROM outcomes WHERE work = ? AND place >= ? AND place < ? ORDER BY place"  # noqa: S608
_EQUAL = f"SELECT {_COLUMNS}, NULL FROM outcomes WHERE work = ? AND digest = ? ORDER BY place"  # noqa: S608
_VALUE = "SELECT value FROM outcomes WHERE work = ? AND place = ?"
_INDEX = "CREATE INDEX IF NOT EXISTS outcomes_by_digest ON outcomes (work, digest)"

_short = Repr()
_short.maxlevel = 3
_short.maxstring = _short.maxother = _SHOWN_CHARACTERS


class Journal:
    """Between a run and a file.

    ``sort`` is called by whoever reads the input, one at a time; ``keep`` by the run's consumer. Both may be in here at once.

    Attributes:
        path: of the file, as the caller gave it.
        durable: whether to keep something takes as long as a disk does.
        recalled: inputs so far that had an outcome.
        to: takes the outcomes of inputs that need not be run.
    """

    to: Callable[[Delivery], None]

    def __init__(self, store: Store, work: int, form: Form, *, durable: bool, retry_failed: bool) -> None:
        self.path = store.path
        self.durable = durable
        self.recalled = 0
        self._store = store
        self._work = work
        self._form = form
        self._retry_failed = retry_failed
        self._awaited: dict[int, tuple[int, bytes, str]] = {}  # place, digest, text of an input under way, by its index
        self._found: deque[Delivery] = deque()  # outcomes that were here, for the run
        self._unknown: list[str] = []  # what to say about inputs that have no digest
        self._unwritten: list[str] = []  # and about values that cannot be written
        self._nameless = self._lost = 0  # how many of each
        self._closed = False
        with store.reading() as database:
            query = "SELECT count(*), max(CASE WHEN place < ? THEN place END), max(place) FROM outcomes WHERE work = ?"
            self._left, last, behind = database.execute(query, (BEHIND, work)).fetchone()
        self._end = -1 if last is None else last  # the last place of an earlier run
        self._behind = max(BEHIND, BEHIND if behind is None else behind + 1)  # the next place there
        self._given = bytearray(self._end + 1)  # for each place up to the end: whether its outcome is given to an input
        self._given_behind: set[int] = set()
        self._ahead: deque[Row] = deque()  # that follow, read ahead
        self._read_to = 0  # the place up to which they were read

    # ---- whoever reads the input ------------------------------------------------------------------------------------------------

    def sort(self, start: int, items: Sequence[Any]) -> list[Batch]:
        """Return those of some inputs that have to be run, in batches of neighbours; keep the outcomes of the others ready.

        Args:
            start: index of the first input.
            items: the inputs.

        Raises:
            JournalError: an outcome cannot be read.
        """
        if not self._left and start > self._end:
            self._expect(start, items)
            return [Batch(start, items)]
        digests = [self._digest_of(index, item) for index, item in enumerate(items, start)]
        if self._left and (delivery := self._all_known(start, items, digests)) is not None:
            self.recalled += len(items)
            self._found.append(delivery)
            return []
        rows = [self._recall(index, item, digest) for index, (item, digest) in enumerate(zip(items, digests, strict=True), start)]
        if not any(rows):
            return [Batch(start, items)]
        batches: list[Batch] = []
        found: list[Delivery] = []
        begin = 0
        for end in range(1, len(items) + 1):
            if end < len(items) and (rows[end] is None) is (rows[begin] is None):
                continue
            if rows[begin] is None:
                batches.append(Batch(start + begin, items[begin:end]))
            else:
                found.append(self._delivery(start + begin, rows[begin:end], items[begin:end]))
            begin = end
        self.recalled += sum(len(delivery.values) for delivery in found)
        self._found += found  # at the end: who fails before has read nothing
        return batches

    def _expect(self, start: int, items: Sequence[Any]) -> None:
        """Hear of inputs that are new for sure, and whose places are free: of all of them, in most runs."""
        awaited = self._awaited
        for index, item in enumerate(items, start):
            digest = self._digest_of(index, item)
            if digest is not None:
                awaited[index] = (index, digest, _text_of(item))

    def hand_on(self) -> None:
        """Hand on the outcomes that were found, each once. Any thread, which holds no lock."""
        while self._found:
            with suppress(IndexError):  # somebody else has just taken it
                self.to(self._found.popleft())

    def _digest_of(self, index: int, item: Any) -> bytes | None:
        try:
            return digest_of(item)
        except NoDigest as reason:
            self._nameless += 1
            if len(self._unknown) < _SHOWN:
                self._unknown.append(f"item {index}: {reason}")
            return None

    def _all_known(self, start: int, items: Sequence[Any], digests: list[bytes | None]) -> Delivery | None:
        """Return the values of some inputs, if their outcomes stand in their places, one for each, and nothing is particular.

        That is the case for nearly all inputs of a run that goes on, and costs half of looking at each.
        """
        end = start + len(items)
        if end > self._end + 1 or any(self._given[start:end]):
            return None
        with self._store.reading() as database:
            found = database.execute(_BETWEEN, (self._work, start, end)).fetchall()
        if len(found) != len(items):
            return None
        _, equal, _, errors, attempts, seconds, _, values = zip(*found, strict=True)
        if list(equal) != digests or any(errors) or None in values or attempts.count(1) != len(attempts):
            return None
        try:
            delivery = Delivery(start, list(map(self._form.read, values)), [], 0.0, 0.0, _NAME, list(seconds))
        except BaseException:
            return None  # who looks at each will say which
        self._given[start:end] = b"\1" * len(items)
        self._left -= len(items)
        delivery.recalled = True
        return delivery

    def _recall(self, index: int, item: Any, digest: bytes | None) -> Row | None:
        """Find an input's outcome; ``None`` if it has to be run."""
        if digest is None:
            return None
        row = self._row_of(index, digest) if self._left else None
        if row is not None and (row.error is None or not self._retry_failed):
            return row
        place = self._place_of(index) if row is None else row.place
        self._awaited[index] = (place, digest, _text_of(item))
        return None

    def _row_of(self, index: int, digest: bytes) -> Row | None:
        row = self._row_at(index) if index <= self._end else None
        if row is None or row.digest != digest or self._is_given(row.place):
            row = self._row_like(digest)
        if row is not None:
            self._left -= 1
            if row.place >= BEHIND:
                self._given_behind.add(row.place)
            else:
                self._given[row.place] = 1
        return row

    def _row_at(self, place: int) -> Row | None:
        """Return the outcome at a place. Places are asked for in rising order."""
        rows = self._ahead
        while True:
            while rows and rows[0].place < place:
                rows.popleft()
            if rows or self._read_to > self._end:
                return rows[0] if rows and rows[0].place == place else None
            with self._store.reading() as database:
                found = database.execute(_FOLLOWING, (self._work, max(place, self._read_to))).fetchall()
            rows.extend(map(Row._make, found))
            self._read_to = rows[-1].place + 1 if len(found) == _AHEAD else self._end + 1

    def _row_like(self, digest: bytes) -> Row | None:
        """Look for an outcome that no input has been given yet, of an input of this digest."""
        self._has_index  # noqa: B018 (made when it is first needed: most runs never do)
        with self._store.reading() as database:
            for found in database.execute(_EQUAL, (self._work, digest)):
                row = Row._make(found)
                if (row.place <= self._end or row.place >= BEHIND) and not self._is_given(row.place):
                    return row
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

    def _place_of(self, index: int) -> int:
        """Choose a place for the outcome of an input that has none yet."""
        if index > self._end:
            return index
        if not self._is_taken(index):
            self._given[index] = 1  # what comes there is this run's own
            return index
        self._behind += 1
        self._given_behind.add(self._behind - 1)
        return self._behind - 1

    def _is_taken(self, place: int) -> bool:
        with self._store.reading() as database:
            return database.execute(_VALUE, (self._work, place)).fetchone() is not None

    def _delivery(self, start: int, rows: Sequence[Row | None], items: Sequence[Any]) -> Delivery:
        """Hand on outcomes as a worker would."""
        values: list[Any] = []
        failed: list[Misfortune] = []
        attempts: dict[int, int] = {}
        for position, row in enumerate(rows):
            assert row is not None
            try:
                if row.error is None:
                    values.append(self._form.read(self._value_of(row)))
                else:
                    values.append(None)
                    failed.append(Misfortune(position, self._form.read_error(self._value_of(row)), items[position], row.attempts))
            except JournalError:
                raise
            except BaseException as error:
                raise JournalError(
                    f"journal {self.path}: the outcome of item {start + position} ({row.input}) cannot be read: "
                    f"{type(error).__name__}: {error}.\nImport what it is made of, or give another journal."
                ) from error
            if row.attempts != 1:
                attempts[position] = row.attempts
        delivery = Delivery(start, values, failed, 0.0, 0.0, _NAME, [row.seconds for row in rows if row is not None])
        delivery.attempts = attempts or None
        delivery.recalled = True
        return delivery

    def _value_of(self, row: Row) -> bytes:
        if row.value is not None:
            return row.value
        with self._store.reading() as database:
            return bytes(database.execute(_VALUE, (self._work, row.place)).fetchone()[0])

    # ---- the consumer -----------------------------------------------------------------------------------------------------------

    def keep(self, deliveries: Iterable[Delivery]) -> None:
        """Write outcomes down, together. They are safe when this returns. What was kept before is not kept twice.

        Raises:
            JournalError: they cannot be written; none of them is there.
        """
        kept: list[int] = []
        rows = [row for delivery in deliveries if not delivery.recalled for row in self._rows(delivery, kept)]
        if rows:
            self._store.put(self._work, rows)
        for index in kept:
            self._awaited.pop(index, None)

    def _rows(self, delivery: Delivery, kept: list[int]) -> Iterator[tuple[Any, ...]]:
        """Make the rows of a delivery: plain tuples, which are faster to bind. Add to ``kept`` which inputs were looked at."""
        start, worker, attempts, durations = delivery.start, delivery.worker, delivery.attempts, delivery.durations
        seconds = delivery.seconds / max(1, len(delivery.values))
        failed = {bad.position: bad for bad in delivery.failed}
        for position, value in enumerate(delivery.values):
            awaited = self._awaited.get(start + position)
            if awaited is None:
                continue
            kept.append(start + position)
            if durations is not None:
                seconds = durations[position]
            bad = failed.get(position)
            if bad is None:
                tries = 1 if attempts is None else attempts.get(position, 1)
                blob = self._written(start + position, value)
                if blob is not None:
                    yield (*awaited, None, tries, seconds, worker, blob)
            elif not isinstance(bad.error, KeyboardInterrupt):  # such an item did not fail, it was stopped
                yield (*awaited, _described(bad.error), bad.attempts, seconds, worker, self._form.write_error(bad.error))

    def _written(self, index: int, value: Any) -> bytes | None:
        try:
            return self._form.write(value)
        except Unwritable as reason:
            self._lost += 1
            if len(self._unwritten) < _SHOWN:
                self._unwritten.append(f"item {index}: {reason}")
            return None

    def notices(self) -> list[str]:
        """Say what was not kept, and why."""
        told = []
        for count, named, what in (
            (self._nameless, self._unknown, "whose input cannot be known again"),
            (self._lost, self._unwritten, "whose value cannot be written"),
        ):
            if count:
                more = f"; {count - len(named):,} more" if count > len(named) else ""
                told.append(f"not kept in {self.path}, {what}: {'; '.join(named)}{more}")
        return told

    def close(self) -> None:
        """End. Twice does no harm."""
        if not self._closed:
            self._closed = True
            self._store.end(self._work)
            self._store.close()


def open_journal(
    path: str,
    fn: Callable[..., Any],
    *,
    durable: bool = False,
    retry_failed: bool = False,
    rerun_changed: bool = False,
    seed: int | None = None,
    form: Form | None = None,
) -> Journal:
    """Open a journal for a run of a function.

    Args:
        path: the file; made if it is not there.
        fn: the function.
        durable: whether an outcome is on the disk before it is handed on, and not only out of the program's hands.
        retry_failed: whether items that have failed are to be run again.
        rerun_changed: whether outcomes that another code of the function has made are thrown away; else they are refused.
        seed: what random numbers follow from, together with the places of inputs, which are numbered then.
        form: how values are written; pickled, if it is not given.

    Raises:
        JournalError: it cannot be used; nothing was changed.
    """
    form = Pickles() if form is None else form
    store = open_store(path)
    try:
        if durable:
            store.sync()
        identity = identity_of(fn) if seed is None else identity_of(fn, seed)
        work = store.begin(identity, form.name, rerun_changed=rerun_changed)
        try:
            return Journal(store, work, form, durable=durable, retry_failed=retry_failed)
        except BaseException:
            store.end(work)
            raise
    except BaseException:
        store.close()
        raise


def _text_of(item: Any) -> str:
    """Return the beginning of an input's ``repr``, for people."""
    kind = type(item)
    if kind is Numbered:
        item, kind = item.item, type(item.item)
    if kind is int or kind is float or (kind is str and len(item) <= _SHOWN_CHARACTERS):
        return repr(item)
    try:
        return _short.repr(item)
    except Exception:
        return f"<{kind.__name__}, whose repr fails>"


def _described(error: BaseException) -> str:
    try:
        return f"{type(error).__qualname__}: {error}"
    except Exception:
        return type(error).__qualname__
