"""A journal, read by people: what is in it, while a program may be writing. Nothing is unpickled."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from atonce._journal.file import check_file
from atonce._journal.store import Row, said
from atonce.errors import JournalError

__all__ = ("Reader", "Work", "opened")

_WORKS = (
    "SELECT work, name, form, begun, (SELECT count(*) FROM outcomes WHERE work = works.work), "
    "(SELECT count(error) FROM outcomes WHERE work = works.work) FROM works ORDER BY work"
)
_ROWS = "SELECT place, digest, input, error, attempts, seconds, worker, value FROM outcomes WHERE work = ? "
_FAILED = "AND error IS NOT NULL "
_ORDER = "ORDER BY place"


class Work(NamedTuple):
    """A function that has outcomes in a journal.

    Attributes:
        number: its number there.
        name: module and qualified name.
        form: how its values are written: ``pickle`` or ``json``.
        begun: the day and time of its first run, in UTC.
        outcomes: how many there are.
        failed: how many of them are failures.
    """

    number: int
    name: str
    form: str
    begun: str
    outcomes: int
    failed: int


class Reader:
    """An open journal that is only read."""

    def __init__(self, path: str, database: sqlite3.Connection) -> None:
        self._path = path
        self._database = database

    def works(self) -> list[Work]:
        """List the functions that have outcomes there, in the order of their first runs.

        Raises:
            JournalError: the file is damaged.
        """
        with said(self._path):
            return [Work._make(found) for found in self._database.execute(_WORKS)]

    def rows(self, work: Work, *, failed_only: bool = False) -> Iterator[Row]:
        """Give the outcomes of a function, in the order of their places, one after the other.

        Raises:
            JournalError: the file is damaged.
        """
        with said(self._path):
            yield from map(Row._make, self._database.execute(_ROWS + (_FAILED if failed_only else "") + _ORDER, (work.number,)))


@contextmanager
def opened(path: str) -> Iterator[Reader]:
    """Open a journal for reading.

    Raises:
        JournalError: there is none, or it cannot be read.
    """
    check_file(path)
    if not os.path.exists(path) or not os.path.getsize(path):  # noqa: PTH110, PTH202
        raise JournalError(f"there is no journal {path}")
    with said(path):
        database = sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True)
    with closing(database):
        yield Reader(path, database)
