"""An order of execution as a text that people can copy: ``r1:0*6.1*3.2*4.1.0*6``.

Behind ``r1:`` stands what was decided, one after the other and separated by dots: the number of the task that goes on, or ``c2``
for the third of several callbacks of an event loop (they are counted from 0); and behind a ``*`` how often in a row. That is all of
`Scheduler.picks`, and the same picks make the same run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby

from atonce.errors import OptionError

__all__ = ("format_picks", "parse_picks")

_VERSION = "r1"
_PART = re.compile(r"(c?)(\d{1,9})(?:\*(\d{1,9}))?", re.ASCII)
_MOST = 10_000_000  # decisions: a text that asks for more is a slip, and would fill the memory


def format_picks(picks: Iterable[int]) -> str:
    """Write picks as a replay string.

    Args:
        picks: numbers of tasks, and ``~k`` for the k-th of several callbacks.

    Example:
        >>> format_picks([0, 0, 1, ~2, ~2, 0])
        'r1:0*2.1.c2*2.0'
    """
    runs = ((pick, sum(1 for _ in group)) for pick, group in groupby(picks))
    return f"{_VERSION}:" + ".".join(_written(pick) + (f"*{count}" if count > 1 else "") for pick, count in runs)


def parse_picks(text: str) -> list[int]:
    """Read a replay string. Space and line breaks in it do no harm.

    Raises:
        OptionError: it is none.

    Example:
        >>> parse_picks("r1:0*2.1.c2")
        [0, 0, 1, -3]
    """
    if not isinstance(text, str):
        raise OptionError(f"a replay string is a text like 'r1:0*6.1*3', not {type(text).__name__}")
    packed = "".join(text.split())
    version, colon, parts = packed.partition(":")
    if not colon or version != _VERSION:
        raise OptionError(_no_beginning(packed, version if colon else ""))
    picks: list[int] = []
    place = len(version) + 1
    for part in parts.split(".") if parts else ():
        picks += _read(part, place, _MOST - len(picks))
        place += len(part) + 1
    return picks


def _written(pick: int) -> str:
    return f"c{~pick}" if pick < 0 else str(pick)


def _read(part: str, place: int, left: int) -> list[int]:
    found = _PART.fullmatch(part)
    if found is None:
        what = f"{part!r} is no decision" if part else "there is a dot too many"
        raise OptionError(
            f"this replay string breaks off at character {place + 1}: {what}.\n"
            "A decision is a task's number (1), or c and a callback's number (c2), and *N behind it for N times: 1*3"
        )
    choice, number, times = found.groups()
    count = int(times or 1)
    if not 0 < count <= left:
        raise OptionError(f"this replay string cannot be followed at character {place + 1}: {part!r} means {count} decisions")
    return [~int(number) if choice else int(number)] * count


def _no_beginning(text: str, version: str) -> str:
    if re.fullmatch(r"r\d+", version):
        return f"this replay string is of version {version}: this atonce reads {_VERSION} alone. Search for the failure again"
    return f"{text[:30]!r} is no replay string: one begins with '{_VERSION}:', as 'r1:0*6.1*3.2*4' does"
