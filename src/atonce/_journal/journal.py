"""One run's journal: which of its inputs have an outcome already, and where new outcomes go before anybody sees them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from atonce._journal.code import identity_of
from atonce._journal.digest import NoDigest, digest_of
from atonce._journal.form import Form, Pickles, Unwritable
from atonce._journal.places import Columns, Places
from atonce._journal.store import Row, Store, open_store
from atonce._values.batch import Batch, Delivery, Misfortune
from atonce._values.shown import shortly
from atonce.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = ("Journal", "open_journal")

_SHOWN = 3  # inputs that are named in a notice
_MOST_BYTES = 500_000_000  # of a value; SQLite takes a thousand million bytes in a row
_NAME = "journal"  # the worker that hands on what is here


class Journal:
    """Between a run and a file.

    ``sort`` is called by whoever reads the input, one at a time; ``keep`` by the run's consumer. Both may be in here at once.

    Attributes:
        path: of the file, as the caller gave it.
        durable: whether to keep something takes as long as a disk does.
        to: takes the outcomes of inputs that need not be run.
    """

    to: Callable[[Delivery], None]

    def __init__(self, store: Store, work: int, form: Form, *, durable: bool, retry_failed: bool, nameless: str = "") -> None:
        """Begin.

        Args:
            store: the file.
            work: the function's number there.
            form: how values are written.
            durable: see the attribute.
            retry_failed: whether inputs that have failed are to be run again.
            nameless: what the function is bound to and could not be told from others of its kind.
        """
        self.path = store.path
        self.durable = durable
        self._store = store
        self._work = work
        self._form = form
        self._retry_failed = retry_failed
        self._nameless = nameless
        self._places = Places(store, work)
        self._awaited: dict[int, tuple[int, bytes, str]] = {}  # place, digest, text of an input under way, by its index
        self._found: deque[Delivery] = deque()  # outcomes that were here, for the run
        self._unknown: list[str] = []  # inputs that have no digest, in words; the first ones
        self._unwritten: list[str] = []  # and values that cannot be written
        self._unknown_count = self._unwritten_count = 0  # how many of each
        self._closed = False

    # ---- whoever reads the input ------------------------------------------------------------------------------------------------

    def sort(self, start: int, items: Sequence[Any]) -> list[Batch]:
        """Return those of some inputs that have to be run, in batches of neighbours; keep the outcomes of the others ready.

        Args:
            start: index of the first input.
            items: the inputs.

        Raises:
            JournalError: an outcome cannot be read.
        """
        digests = self._digests_of(start, items)
        if self._places.is_new(start):
            for index, (item, digest) in enumerate(zip(items, digests, strict=True), start):
                if digest is not None:
                    self._awaited[index] = (index, digest, _encodable(shortly(item)))
            return [Batch(start, items)]
        if (found := self._places.take_all(start, digests)) is not None:
            self._found.append(self._delivery_of_values(start, found, items))
            return []
        rows = [self._recall(index, item, digest) for index, (item, digest) in enumerate(zip(items, digests, strict=True), start)]
        batches: list[Batch] = []
        known: list[Delivery] = []
        begin = 0
        for end in range(1, len(items) + 1):
            if end < len(items) and (rows[end] is None) is (rows[begin] is None):
                continue
            if rows[begin] is None:
                batches.append(Batch(start + begin, items[begin:end]))
            else:
                known.append(self._delivery(start + begin, [row for row in rows[begin:end] if row is not None], items[begin:end]))
            begin = end
        self._found += known  # at the end: who fails before has read nothing
        return batches

    def hand_on(self) -> None:
        """Hand on the outcomes that were found, each once. Any thread, which holds no lock."""
        while self._found:
            try:
                delivery = self._found.popleft()
            except IndexError:  # somebody else has just taken it
                return
            self.to(delivery)

    def _digests_of(self, start: int, items: Sequence[Any]) -> list[bytes | None]:
        try:
            return list(map(digest_of, items))
        except NoDigest:
            return [self._digest_of(index, item) for index, item in enumerate(items, start)]

    def _digest_of(self, index: int, item: Any) -> bytes | None:
        try:
            return digest_of(item)
        except NoDigest as reason:
            self._unknown_count += 1
            if len(self._unknown) < _SHOWN:
                self._unknown.append(f"item {index}: {reason}")
            return None

    def _recall(self, index: int, item: Any, digest: bytes | None) -> Row | None:
        """Find an input's outcome; ``None`` if it has to be run."""
        if digest is None:
            return None
        row = self._places.take(index, digest)
        if row is not None and (row.error is None or not self._retry_failed):
            return row
        place = self._places.place_for(index) if row is None else row.place
        self._awaited[index] = (place, digest, _encodable(shortly(item)))
        return None

    def _delivery_of_values(self, start: int, found: Columns, items: Sequence[Any]) -> Delivery:
        """Hand on outcomes that all are values, as ``_delivery`` does: nearly all are, of a run that goes on."""
        try:
            delivery = Delivery(start, list(map(self._form.read, found.values)), [], 0.0, 0.0, _NAME, list(found.seconds))
        except Exception:
            return self._delivery(start, self._places.rows(start, len(items)), items)  # which says whose it is
        if found.attempts.count(1) != len(items):
            delivery.attempts = {position: tries for position, tries in enumerate(found.attempts) if tries != 1}
        delivery.recalled = True
        return delivery

    def _delivery(self, start: int, rows: Sequence[Row], items: Sequence[Any]) -> Delivery:
        """Hand on outcomes as a worker would."""
        values: list[Any] = []
        failed: list[Misfortune] = []
        try:
            for position, row in enumerate(rows):
                if row.error is None:
                    values.append(self._form.read(self._places.value_of(row)))
                else:
                    error = self._form.read_error(self._places.value_of(row))
                    values.append(None)
                    failed.append(Misfortune(position, error, items[position], row.attempts))
        except JournalError:
            raise
        except Exception as error:
            at = len(values)
            raise JournalError(
                f"journal {self.path}: the outcome of item {start + at} ({rows[at].input}) cannot be read: "
                f"{type(error).__name__}: {error}.\nImport what it is made of, or give another journal."
            ) from error
        delivery = Delivery(start, values, failed, 0.0, 0.0, _NAME, [row.seconds for row in rows])
        delivery.attempts = {position: row.attempts for position, row in enumerate(rows) if row.attempts != 1} or None
        delivery.recalled = True
        return delivery

    # ---- the consumer -----------------------------------------------------------------------------------------------------------

    def keep(self, deliveries: Iterable[Delivery]) -> None:
        """Write outcomes down, together. They are safe when this returns. What was kept before is not kept twice.

        Raises:
            JournalError: they cannot be written; none of them is there.
        """
        kept: list[int] = []
        gone: list[int] = []
        try:
            rows = [row for delivery in deliveries if not delivery.recalled for row in self._rows(delivery, kept, gone)]
            if rows or gone:
                self._store.put(self._work, rows, gone)
        except JournalError:
            raise
        except Exception as error:
            raise JournalError(f"journal {self.path}: outcomes cannot be written: {type(error).__name__}: {error}.") from error
        for index in kept:
            self._awaited.pop(index, None)

    def _rows(self, delivery: Delivery, kept: list[int], gone: list[int]) -> Iterator[tuple[Any, ...]]:
        """Make the rows of a delivery: plain tuples, which are faster to bind.

        Args:
            delivery: what a worker has handed in.
            kept: gets the indexes of the inputs that were looked at.
            gone: gets the places of values that cannot be written: what stood there before is not their outcome any more.
        """
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
                if blob is None:
                    gone.append(awaited[0])
                else:
                    yield (*awaited, None, tries, seconds, worker, blob)
            elif not isinstance(bad.error, KeyboardInterrupt):  # such an item did not fail, it was stopped
                yield (*awaited, _described(bad.error), bad.attempts, seconds, worker, self._form.write_error(bad.error))

    def _written(self, index: int, value: Any) -> bytes | None:
        try:
            blob = self._form.write(value)
        except Unwritable as error:
            reason = str(error)
        else:
            if len(blob) <= _MOST_BYTES:
                return blob
            reason = f"{len(blob):,} bytes are more than a journal takes"
        self._unwritten_count += 1
        if len(self._unwritten) < _SHOWN:
            self._unwritten.append(f"item {index}: {reason}")
        return None

    @staticmethod
    def has_told_of(worker: str) -> bool:
        """Tell whether an outcome that is signed by this worker came from a journal."""
        return worker == _NAME

    def notices(self) -> list[str]:
        """Say what was not kept, and why; and what may be taken for something else."""
        told = []
        if self._nameless:
            told.append(
                f"{self.path} cannot tell what the function is bound to from others of its kind ({self._nameless}): "
                f"with one of these, it would be taken for the same function"
            )
        for count, named, what in (
            (self._unknown_count, self._unknown, "whose input cannot be known again"),
            (self._unwritten_count, self._unwritten, "whose value cannot be written"),
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
    star: bool = False,
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
        star: whether an input is a tuple of arguments, and not the one argument.
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
        identity = identity_of(fn, star, seed)
        work = store.begin(identity, form.name, rerun_changed=rerun_changed)
        try:
            return Journal(store, work, form, durable=durable, retry_failed=retry_failed, nameless=identity.nameless)
        except BaseException:
            store.end(work)
            raise
    except BaseException:
        store.close()
        raise


def _described(error: BaseException) -> str:
    try:
        return _encodable(f"{type(error).__qualname__}: {error}")
    except Exception:
        return type(error).__qualname__


def _encodable(text: str) -> str:
    """Return a text without halves of surrogate pairs, which names of files may have, and SQLite takes not."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
