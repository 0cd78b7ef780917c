"""An exception's traceback as text, with the user's frames only."""

import importlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from traceback import format_exception

from atonce._wire.tracebacks import RemoteTraceback

__all__ = ("story_of",)

_HEADER = "Traceback (most recent call last):"
_FRAME = re.compile(r'  File "(.*)", line \d+')
_NOT_THEIRS = (str(Path(__file__).parents[1]), str(Path(importlib.__file__).parent), "<frozen ")


def story_of(error: BaseException) -> str:
    """Tell what was raised and where, as Python would, without the frames of atonce and of the import system.

    An exception from another process is told by the traceback of that process, and by the notes that were added here.

    Args:
        error: what was raised.

    Returns:
        Some lines, without the last line end.
    """
    cause = error.__cause__
    if isinstance(cause, RemoteTraceback):
        there = str(cause.args[0])
        notes = [note for note in getattr(error, "__notes__", ()) if note not in there]
        text = "\n".join([there.rstrip("\n"), *notes])
    else:
        text = "".join(format_exception(error))
    return "\n".join(_without_empty_headers(_theirs(text.splitlines())))


def _theirs(lines: Iterable[str]) -> Iterator[str]:
    """Leave out each frame that is not the user's: its line, and the deeper lines that show its code."""
    skipping = False
    for line in lines:
        if match := _FRAME.match(line):
            skipping = match[1].startswith(_NOT_THEIRS)
        elif not line.startswith("    "):
            skipping = False
        if not skipping:
            yield line


def _without_empty_headers(lines: Iterable[str]) -> Iterator[str]:
    header = ""
    for line in lines:
        if header and line.startswith("  "):
            yield header
        header = line if line == _HEADER else ""
        if not header:
            yield line
