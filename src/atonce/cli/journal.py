"""``atonce journal``: what a journal holds, for people and for pipes."""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from itertools import islice

from atonce._journal.reader import Reader, Work, opened
from atonce._journal.store import BEHIND, Row
from atonce._values.words import plural
from atonce.cli.arguments import Parser
from atonce.cli.usage import UsageError
from atonce.errors import JournalError

__all__ = ("main",)

_USAGE = "atonce journal FILE [--failed] [--jsonl]"
_DESCRIPTION = """\
Say what a journal holds, which `atonce map --journal FILE` or atonce.map(..., journal=FILE) has written,
also while they run. Values that are pickles are not read: only their size is told."""
_EPILOG = """\
an outcome is one line of --jsonl:
  {"function": ..., "index": 0, "input": "'a.png'", "value": ..., "attempts": 1, "seconds": 0.012}
The input is shown as Python shows it, shortened; the index is its place in the input that it was first
seen in, and missing if that place is another's. A value that is a pickle is shown as {"pickle": BYTES}.

The same by SQL:
  sqlite3 FILE "SELECT place, input, error FROM outcomes WHERE error IS NOT NULL"

exit status:
  0 it was told   2 there is no such journal"""
_SHOWN = 3
_CLOSED_PIPE = 141


def main(words: Sequence[str]) -> int:
    """Run the command.

    Args:
        words: what follows ``journal`` on the command line.

    Returns:
        The exit status: 0, or 141 if the reader of the output has gone.

    Raises:
        UsageError: there is no such journal.
    """
    parser = Parser(
        prog="atonce journal",
        usage=_USAGE,
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="FILE", help="the journal")
    parser.add_argument("--failed", action="store_true", help="tell of all items that have failed, and of no other")
    parser.add_argument("--jsonl", action="store_true", help="write a JSON line for each outcome")
    wish = parser.parse_args(words)
    try:
        with opened(wish.file) as reader:
            lines = _records(reader, failed=wish.failed) if wish.jsonl else _summary(reader, wish.file, failed=wish.failed)
            for line in lines:
                print(line)
        sys.stdout.flush()
    except JournalError as error:
        raise UsageError(str(error)) from None
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes it once more at its end
        return _CLOSED_PIPE
    return 0


def _summary(reader: Reader, path: str, *, failed: bool) -> Iterator[str]:
    works = reader.works()
    if not works:
        yield f"{path}: nothing yet"
    for work in works:
        told = f"{work.outcomes - work.failed:,} succeeded, {work.failed:,} failed"
        outcomes = f"{work.outcomes:,} outcome{plural('outcome', work.outcomes)}"
        yield f"{work.name}: {outcomes} ({told}) since {work.begun} UTC, as {work.form}"
        rows = reader.rows(work, failed_only=True)
        for row in rows if failed else islice(rows, _SHOWN):
            name = f"item {row.place}" if row.place < BEHIND else "an item"
            yield f"  {name}: {row.input}  {_one_line(row.error)}"
        if not failed and work.failed > _SHOWN:
            yield f"  {work.failed - _SHOWN:,} more: --failed"


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())


def _records(reader: Reader, *, failed: bool) -> Iterator[str]:
    for work in reader.works():
        for row in reader.rows(work, failed_only=failed):
            yield json.dumps(_record(work, row), ensure_ascii=False)


def _record(work: Work, row: Row) -> dict[str, object]:
    result: dict[str, object]
    if row.error is not None:
        result = {"error": row.error}
    elif work.form == "json":
        result = {"value": json.loads(row.value or b"null")}
    else:
        result = {"value": {"pickle": len(row.value or b"")}}
    index = {"index": row.place} if row.place < BEHIND else {}
    how = {"attempts": row.attempts, "seconds": row.seconds}
    return {"function": work.name, **index, "input": row.input, **result, **how}
