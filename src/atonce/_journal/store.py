"""The file of a journal: opened, checked, and written by one program at a time.

It is an SQLite database in WAL mode. A commit is in the operating system's hands when it returns, so the end of the program by
whatever means takes nothing back; with ``durable`` it is on the disk.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from atonce._journal.code import Identity
from atonce._journal.file import APPLICATION_ID, VERSION, Lock, check_file, key_of
from atonce.errors import JournalError

__all__ = ("BEHIND", "Row", "Store", "open_store", "said")

BEHIND = 1 << 40  # places from here on are for outcomes whose place belongs to another input
_BUSY_S = 60.0
_CHECKPOINT_PAGES = 4000  # Measured: 60,000 tiny items, 9.3 µs each; 10.2 at 1,000 pages, 9.5 at 16,000

_SCHEMA = """\
CREATE TABLE works (
    work INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    bound TEXT NOT NULL,
    form TEXT NOT NULL,
    code TEXT NOT NULL,
    source TEXT,
    python TEXT NOT NULL,
    begun TEXT NOT NULL,
    UNIQUE (name, bound, form)
);
CREATE TABLE outcomes (
    work INTEGER NOT NULL REFERENCES works,
    place INTEGER NOT NULL,
    digest BLOB NOT NULL,
    input TEXT NOT NULL,
    error TEXT,
    attempts INTEGER NOT NULL,
    seconds REAL NOT NULL,
    worker TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (work, place)
) WITHOUT ROWID;
"""

# Several rows in a statement take less than one by one, and the GIL is let go, and has to be got again, once for all of them.
# Measured: 60,000 tiny items, 5.1 µs each for put() instead of 8.6.
_ROW = "(?, ?, ?, ?, ?, ?, ?, ?, ?)"
_INSERTS = {size: f"INSERT OR REPLACE INTO outcomes VALUES {', '.join([_ROW] * size)}" for size in (64, 32, 16, 8, 4, 2, 1)}  # noqa: S608


class Row(NamedTuple):
    """An outcome, as it stands in the file: the columns of its table, but for the work.

    Attributes:
        place: the index of the input when it was first seen; ``BEHIND`` or more, where that place is another's.
        digest: of the input.
        input: the beginning of its ``repr``, for people.
        error: what it failed with, for people; ``None`` if it succeeded.
        attempts: how often it was started.
        seconds: how long it took.
        worker: who did it.
        value: the value, or the exception, in the form of the work; ``None`` if it was not read, because it is large.
    """

    place: int
    digest: bytes
    input: str
    error: str | None
    attempts: int
    seconds: float
    worker: str
    value: bytes | None


class Store:
    """An open file. Any thread.

    Attributes:
        path: as the caller gave it.
    """

    def __init__(self, path: str) -> None:
        """Open a file, or make it.

        Raises:
            JournalError: it cannot be opened, is no journal of this version, or another program writes to it.
        """
        self.path = path
        self._real = os.path.realpath(path)  # the program may go to another folder
        self._pid = os.getpid()
        self._lock = threading.RLock()  # re-entrant: the garbage collector may end a run anywhere
        self._works: set[int] = set()  # those that runs of this program write to. Guarded by: _lock
        self._users = 0  # runs that have it. Guarded by: _stores_lock
        check_file(path)  # before a file is made beside what is no journal
        self._file_lock = Lock(self._real)
        try:
            check_file(path)
            with said(path):
                self._database = self._connect()
        except BaseException:
            self._file_lock.close()
            raise

    def _connect(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._real, timeout=_BUSY_S, isolation_level=None, check_same_thread=False, cached_statements=32)
        try:
            if sys.platform == "win32":
                database.execute("PRAGMA locking_mode=EXCLUSIVE")
            if not database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                _make(database)
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=NORMAL")
            database.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
        except BaseException:
            database.close()
            raise
        return database

    def sync(self) -> None:
        """Let a commit return when it is on the disk, from now on."""
        with self.reading() as database:
            database.execute("PRAGMA synchronous=FULL")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give the connection, to this thread alone.

        Raises:
            JournalError: SQLite refuses what is done with it.
        """
        with self._lock, said(self.path):
            yield self._database

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for changes, which all are made, or none. As ``reading``."""
        with self._lock, said(self.path):
            database = self._database
            if database.in_transaction:  # the collector ends another run in the middle of this one's commit
                yield database
                return
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
                database.execute("COMMIT")
            except BaseException:
                _roll_back(database)
                raise

    def begin(self, identity: Identity, form: str, *, rerun_changed: bool) -> int:
        """Find the work of a function, or enter it; until ``end``, nobody else in this program begins it.

        Args:
            identity: the function's.
            form: how its values are written.
            rerun_changed: whether outcomes of other code are thrown away.

        Raises:
            JournalError: the outcomes that are there are those of other code, or another run is writing them.
        """
        with self.writing() as database:
            found = database.execute(
                "SELECT work, code, source, python FROM works WHERE name = ? AND bound = ? AND form = ?",
                (identity.name, identity.bound, form),
            ).fetchone()
            if found is None:
                work = self._enter(identity, form)
            else:
                work = found[0]
                if work in self._works:
                    raise JournalError(
                        f"journal {self.path}: another call of this program is running {identity.name} with it.\n"
                        f"Wait for it, or give this call a journal of its own; nothing was started."
                    )
                before = Identity(identity.name, identity.bound, *found[1:])
                if before.has_changed_to(identity):
                    self._renew(work, before, identity, rerun=rerun_changed)
            self._works.add(work)
            return work

    def _enter(self, identity: Identity, form: str) -> int:
        made = self._database.execute(
            "INSERT INTO works (name, bound, form, code, source, python, begun) VALUES (?, ?, ?, ?, ?, ?, datetime('now'))",
            (identity.name, identity.bound, form, identity.code, identity.source, identity.python),
        )
        assert made.lastrowid is not None
        return made.lastrowid

    def _renew(self, work: int, before: Identity, now: Identity, *, rerun: bool) -> None:
        count = self._database.execute("SELECT count(*) FROM outcomes WHERE work = ?", (work,)).fetchone()[0]
        if count and not rerun:
            raise JournalError(
                f"journal {self.path}: the code of {now.name} has changed since its {count:,} outcomes were written"
                f"{'' if before.python == now.python else f' (by {before.python}; this is {now.python})'}.\n"
                f"Write rerun_changed=True (--rerun-changed) to throw them away and run all items again, or give another journal; "
                f"nothing was started."
            )
        self._database.execute("DELETE FROM outcomes WHERE work = ?", (work,))
        self._database.execute(
            "UPDATE works SET code = ?, source = ?, python = ? WHERE work = ?", (now.code, now.source, now.python, work)
        )

    def end(self, work: int) -> None:
        """Hear that a work is not written to any more."""
        with self._lock:
            self._works.discard(work)

    def put(self, work: int, rows: Sequence[tuple[Any, ...]], gone: Sequence[int] = ()) -> None:
        """Write outcomes down, each like a ``Row``; all or none.

        When this returns they are there, whatever becomes of this program.

        Args:
            work: the function's number.
            rows: the outcomes.
            gone: places whose outcomes are none any more.
        """
        with self.writing() as database:
            begin = 0
            for size, statement in _INSERTS.items():
                for end in range(begin + size, len(rows) + 1, size):
                    database.execute(statement, [value for row in rows[begin:end] for value in (work, *row)])
                    begin = end
            database.executemany("DELETE FROM outcomes WHERE work = ? AND place = ?", [(work, place) for place in gone])

    def close(self) -> None:
        """Close the file, if nobody else has it. What SQLite keeps beside it goes into it, and is removed."""
        if not self.is_ours:  # SQLite forbids to close what was opened before a fork ("How To Corrupt", 2.6)
            return
        with _stores_lock:
            self._users -= 1
            if self._users:
                return
            for key in [key for key, store in _stores.items() if store is self]:
                del _stores[key]
        # Race: 1. another thread opens the file now, before it is closed; 2. its lock goes with ours. It writes on, and SQLite
        # keeps the file whole; only another program is not told. To close under the lock of all files would risk a deadlock.
        with self._lock, said(self.path):
            try:
                self._database.close()
            finally:
                self._file_lock.close()

    @property
    def is_ours(self) -> bool:
        """Whether it was opened by this process, and not by one that it was forked from."""
        return self._pid == os.getpid()


_stores: dict[tuple[int, int], Store] = {}  # open files, by device and inode
_stores_lock = threading.RLock()  # Guards: _stores


def open_store(path: str) -> Store:
    """Give the open file of a path, for a ``close`` each: runs of one program share it.

    Raises:
        JournalError: as from ``Store``.
    """
    with _stores_lock:
        store = _stores.get(key_of(path) or (0, 0))
        if store is None or not store.is_ours:
            store = Store(path)
            key = key_of(path)
            if key is not None:  # else somebody has removed it meanwhile
                _stores[key] = store
        store._users += 1  # noqa: SLF001 (the other half of close)
        return store


def _make(database: sqlite3.Connection) -> None:
    """Make the tables. All at once, and before there is a WAL: whoever finds the file later, finds what it is in its header."""
    database.execute("BEGIN EXCLUSIVE")
    for statement in _SCHEMA.split(";"):
        database.execute(statement)
    database.execute(f"PRAGMA application_id={APPLICATION_ID}")
    database.execute(f"PRAGMA user_version={VERSION}")
    database.execute("COMMIT")


def _roll_back(database: sqlite3.Connection) -> None:
    if database.in_transaction:  # else SQLite has done so by itself, as for a full disk; or all is there already
        database.execute("ROLLBACK")


@contextmanager
def said(path: str) -> Iterator[None]:
    """Say what SQLite says as a journal's error."""
    try:
        yield
    except sqlite3.Error as error:
        raise JournalError(f"journal {path}: {error}{_advice(error)}") from error


def _advice(error: sqlite3.Error) -> str:
    text = str(error)
    if "full" in text or "I/O" in text:
        return ".\nWhat was kept is safe; make room, and start the same call again."
    if "malformed" in text or "not a database" in text:
        return (
            ": the file is damaged.\nKeep a copy; `sqlite3 FILE .recover` may save what is in it. Give another path to begin anew."
        )
    if "locked" in text:
        return ": another program has it open for writing."
    return "."
