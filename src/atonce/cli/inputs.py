"""The inputs of a run from a command line: one kind, read lazily, remembered until their record is written."""

import os
import stat
from collections.abc import Callable, Iterator
from glob import glob
from pathlib import Path
from typing import Any, BinaryIO

from atonce.cli.lines import STDIN, Entry, json_lines, open_lines, text_lines, written
from atonce.cli.usage import UsageError

__all__ = ("Inputs", "open_inputs")

_KINDS = "arguments, --lines FILE, --jsonl FILE, --glob PATTERN, or - for the lines of standard input"
_Reader = Callable[[BinaryIO, str], Iterator[Entry]]


class Inputs(Iterator[Any]):
    """What a run reads, item by item.

    Attributes:
        kind: what the inputs are, for people.
        checked: whether an ``UnreadableLine`` may stand among the items.
        prompt: whether reading never keeps anybody waiting: not of a pipe.
    """

    def __init__(self, kind: str, entries: Iterator[Entry], *, length: int | None = None, file: BinaryIO | None = None) -> None:
        self.kind = kind
        self.checked = file is not None
        self.prompt = file is None or stat.S_ISREG(os.fstat(file.fileno()).st_mode)
        self._entries = entries
        self._length = length
        self._file = file
        self._begun = False
        self._count = 0  # Written by the one reader that the run allows at a time
        self._shown: dict[int, str] = {}  # The reader adds, the consumer pops: each is one step of the interpreter

    def __next__(self) -> Any:
        self._begun = True
        entry = next(self._entries)
        self._shown[self._count] = entry.shown  # before the item is out, so that no result can come first
        self._count += 1
        return entry.item

    def __length_hint__(self) -> int:
        return NotImplemented if self._length is None else self._length - self._count

    @property
    def source(self) -> int | None:
        """The descriptor of the file that is read, if there is one."""
        return None if self._file is None else self._file.fileno()

    def close(self) -> None:
        """Let go of a file that nobody has begun to read. Else its reader does: it may be waiting in there now."""
        if self._file is not None and not self._begun:
            self._file.close()

    def forget(self, index: int) -> str:
        """Return an input as JSON text, for its record, and keep it no longer."""
        return self._shown.pop(index)


def open_inputs(words: list[str], *, lines: str | None, jsonl: str | None, pattern: str | None) -> Inputs:
    """Open the one kind of input that was given.

    Args:
        words: positional arguments; ``-`` alone is standard input.
        lines: a file whose lines are strings.
        jsonl: a file whose lines are JSON.
        pattern: which paths to take.

    Returns:
        The inputs. A file is open, and nothing of it has been read.

    Raises:
        UsageError: there is no input, or more than one kind; a file cannot be opened; no file matches the pattern.
    """
    _check_one_kind(words, {"--lines": lines, "--jsonl": jsonl, "--glob": pattern})
    if jsonl is not None:
        return _from_file("JSON lines", jsonl, json_lines)
    if lines is not None or words == [STDIN]:
        return _from_file("lines", STDIN if lines is None else lines, text_lines)
    if pattern is not None:
        return _from_texts(f"files that match {pattern}", _matches(pattern))
    return _from_texts("arguments", words)


def _check_one_kind(words: list[str], options: dict[str, str | None]) -> None:
    given = [name for name, value in options.items() if value is not None]
    if words:
        given.insert(0, "-" if words == [STDIN] else f"arguments ({words[0]!r} ...)")
    if not given:
        raise UsageError(f"there is no input: give {_KINDS}")
    if len(given) > 1:
        quote = "\nA pattern needs quotes, or the shell replaces it: --glob '*.txt'" if options["--glob"] is not None else ""
        raise UsageError(f"{' and '.join(given)} are several kinds of input: give one of {_KINDS}{quote}")
    if len(words) > 1 and STDIN in words:
        raise UsageError(f"{STDIN} stands for the lines of standard input, and has to be alone")


def _from_file(what: str, path: str, reader: _Reader) -> Inputs:
    name = "standard input" if path == STDIN else path
    file = open_lines(path)
    return Inputs(f"{what} of {name}", reader(file, name), file=file)


def _from_texts(kind: str, texts: list[str]) -> Inputs:
    return Inputs(kind, (Entry(text, written(text)) for text in texts), length=len(texts))


def _matches(pattern: str) -> list[str]:
    paths = sorted(path for path in glob(pattern, recursive=True) if Path(path).is_file())  # noqa: PTH207 (as the shell writes them)
    if not paths:
        raise UsageError(f"no file matches {pattern!r}, seen from {Path.cwd()}")
    return paths
