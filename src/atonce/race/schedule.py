"""An order of execution as a text that people can copy: ``r1:0*6.1*3.2*4.1.0*6``.

Behind ``r1:`` stands what was decided, one after the other and separated by dots: the number of the task that goes on, or ``c2``
for the third of several callbacks of an event loop (they are counted from 0); and behind a ``*`` how often in a row. That is all of
`Scheduler.picks`, and the same picks make the same run.

A string that begins with ``r1s`` belongs to a program that asks whether a lock is free: then a release is a step, too.

Where tasks are also switched between opcodes, the string begins with the version of Python, which decides what the opcodes are, and
ends with the opcodes, counted for each task: ``r1o3.11:0*6.1*3.2*4@1.17.40@2.9`` lets others go at the 17th and the 40th opcode of
task 1, and at the 9th of task 2. ``r1u3.11:`` counts only the opcodes of functions without source.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from itertools import groupby, pairwise
from typing import NamedTuple

from atonce.errors import OptionError
from atonce.race.switching import Chosen

__all__ = ("Order", "format_order", "format_picks", "parse_order", "parse_picks")

_VERSION = "r1"
_PYTHON = "{}.{}".format(*sys.version_info)
_BEGINNING = re.compile(r"(r\d+)(s?)(?:(o|u)(\d+\.\d+))?", re.ASCII)
_SWITCHES = re.compile(r"\d{1,9}(\.\d{1,12})+", re.ASCII)
_PART = re.compile(r"(c?)(\d{1,9})(?:\*(\d{1,9}))?", re.ASCII)
_MOST = 10_000_000  # decisions: a text that asks for more is a slip, and would fill the memory


class Order(NamedTuple):
    """What a replay string says.

    Attributes:
        picks: what was decided.
        switches: the opcodes at which others are let go; ``None``: none.
        strict: releases of locks are steps of their own.
    """

    picks: list[int]
    switches: Chosen | None = None
    strict: bool = False


def format_order(order: Order) -> str:
    """Write an order as a replay string.

    Example:
        >>> format_order(Order([0, 0, 1]))
        'r1:0*2.1'
    """
    text = format_picks(order.picks).removeprefix(_VERSION)
    version = f"{_VERSION}s" if order.strict else _VERSION
    if order.switches is None:
        return f"{version}{text}"
    points = (".".join(map(str, (task, *opcodes))) for task, opcodes in order.switches.points.items())
    return "@".join([f"{version}{'o' if order.switches.everywhere else 'u'}{_PYTHON}{text}", *points])


def parse_order(text: str) -> Order:
    """Read a replay string. Space and line breaks in it do no harm.

    Raises:
        OptionError: it is none, or it counts the opcodes of another version of Python.

    Example:
        >>> parse_order("r1:0*2.1").picks
        [0, 0, 1]
    """
    packed = "".join(text.split()) if isinstance(text, str) else ""
    version, _, rest = packed.partition(":")
    beginning = _BEGINNING.fullmatch(version)
    if beginning is None or beginning[1] != _VERSION or not beginning[2] + (beginning[3] or ""):
        return Order(parse_picks(text))
    _, strict, counted, python = beginning.groups()
    if counted and python != _PYTHON:
        raise OptionError(
            f"this replay string was found with Python {python}, and switches between its opcodes: "
            f"Python {_PYTHON} has others. Replay it with Python {python}, or search for the failure again"
        )
    picks, *points = rest.split("@") if counted else [rest]
    switches = Chosen(dict(map(_read_switches, points)), everywhere=counted == "o") if counted else None
    return Order(parse_picks(f"{_VERSION}:{picks}"), switches, bool(strict))


def _read_switches(part: str) -> tuple[int, tuple[int, ...]]:
    if _SWITCHES.fullmatch(part) is None:
        raise OptionError(
            f"this replay string breaks off at '@{part}': expected a task's number, and behind dots which of its opcodes "
            "let others go: @1.17.40"
        )
    task, *opcodes = map(int, part.split("."))
    if any(one >= other for one, other in pairwise([0, *opcodes])):
        raise OptionError(f"this replay string cannot be followed at '@{part}': the opcodes of a task are counted up, from 1")
    return task, tuple(opcodes)


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
