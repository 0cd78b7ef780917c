"""Read the lines of a file or of standard input, one at a time, and say which one is bad."""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any, BinaryIO, NamedTuple

from atonce.cli.usage import UsageError
from atonce.cli.wrapped import UnreadableLine

__all__ = ("STDIN", "Entry", "json_lines", "open_lines", "text_lines", "written")

STDIN = "-"
_BOM = b"\xef\xbb\xbf"  # some editors begin a UTF-8 file with it


class Entry(NamedTuple):
    """One input, and how a record shows it.

    Attributes:
        item: what the function gets.
        shown: the same as JSON text. It is made before the function can change the item, and a JSON line stays as it was written.
    """

    item: Any
    shown: str


class Line(NamedTuple):
    """One line without its end: the text, or why there is none."""

    place: str
    text: str
    error: UnreadableLine | None = None


def open_lines(path: str) -> BinaryIO:
    """Open a file for reading; ``-`` is standard input.

    Standard input gets a reader of its own: a thread that waits in ``sys.stdin`` would hold the lock that Python wants at exit.

    Raises:
        UsageError: it cannot be opened.
    """
    try:
        file = open(0 if path == STDIN else path, "rb", closefd=path != STDIN)  # noqa: SIM115 (closed by its reader)
    except OSError as error:
        name = "standard input" if path == STDIN else repr(path)
        raise UsageError(f"{name} cannot be read: {error.strerror or error}") from None
    return file


def text_lines(file: BinaryIO, name: str) -> Iterator[Entry]:
    """Give each line as a string, without its line end."""
    for line in _lines(file, name):
        yield Entry(line.error or line.text, written(line.text))


def json_lines(file: BinaryIO, name: str) -> Iterator[Entry]:
    """Give what each line says in JSON; blank lines are skipped."""
    for line in _lines(file, name):
        if line.error is not None:
            yield Entry(line.error, written(line.text))
        elif line.text.strip():
            yield _parsed(line)


def written(text: str) -> str:
    """Write a string as JSON.

    Example:
        >>> print(written("你好"))
        "你好"
    """
    return json.dumps(text, ensure_ascii=False)


def _lines(file: BinaryIO, name: str) -> Iterator[Line]:
    with closing(file):
        for number, raw in enumerate(file, 1):
            place = f"{name}, line {number}"
            line = raw.removesuffix(b"\n").removesuffix(b"\r")
            if number == 1:
                line = line.removeprefix(_BOM)
            try:
                yield Line(place, line.decode())
            except UnicodeDecodeError as error:
                fact = f"{place} is not UTF-8: byte {error.start + 1} of the line is 0x{line[error.start]:02x}"
                yield Line(place, line.decode(errors="backslashreplace"), UnreadableLine(fact))


def _parsed(line: Line) -> Entry:
    try:
        item = json.loads(line.text, parse_constant=_refuse)
    except RecursionError:
        return Entry(UnreadableLine(f"{line.place} is nested too deep to be read"), written(line.text))
    except ValueError as error:
        why = f"{error.msg} at column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)
        return Entry(UnreadableLine(f"{line.place} is not JSON: {why}"), written(line.text))
    # A carriage return can only stand between two values here, where a space means the same; and a record is one line.
    return Entry(item, line.text.strip().replace("\r", " "))


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON value; null may be what was meant")
