"""What the report asks of the eye: a value as it is now, and a traceback without us."""

# ruff: noqa: PLR0911 (one case after the other)

from __future__ import annotations

import types
from pathlib import Path
from types import TracebackType
from typing import Any

from atonce.race.eye.containers import base_of, dictionary, slots
from atonce.race.operations import WHOLE

__all__ = ("MISSING", "peek", "strip")


class _Missing:
    def __repr__(self) -> str:
        return "missing"


MISSING: Any = _Missing()
"""There is no such element."""

_OURS = str(Path(__file__).parent.parent)


def peek(thing: Any, element: Any) -> Any:
    """Return what an object has under an element of a cell, or `MISSING`, without running anybody's code."""
    if element is WHOLE:
        return thing
    if type(thing) is types.CellType:
        return _cell(thing)
    base = base_of(type(thing))
    if base is not None and issubclass(base, dict):
        found = dict.get(thing, element, MISSING)
        if found is not MISSING:
            return found
    elif base is set:
        return set.__contains__(thing, element)
    elif base is not None and type(element) is int:
        return _at(thing, base, element)
    if issubclass(type(thing), type):
        return thing.__dict__.get(element, MISSING)
    found = (dictionary(thing) or {}).get(element, MISSING)
    return dict(slots(thing)).get(element, MISSING) if found is MISSING else found


def _cell(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING


def _at(thing: Any, base: Any, index: int) -> Any:
    try:
        return base.__getitem__(thing, index)
    except IndexError:
        return MISSING


def strip(traceback: TracebackType | None) -> TracebackType | None:
    """Return a traceback without the frames of this package."""
    frames = []
    while traceback is not None:
        if not traceback.tb_frame.f_code.co_filename.startswith(_OURS):
            frames.append(traceback)
        traceback = traceback.tb_next
    stripped = None
    for frame in reversed(frames):
        stripped = TracebackType(stripped, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return stripped
