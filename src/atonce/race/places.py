"""Where a primitive was called: the nearest frame of the user's own source.

A rewritten expression brings its place with it. A primitive is called from anywhere: from a library, through ``contextlib``, from a
worker's loop. What the reader of a report knows is the line of the own program that led there.
"""

from __future__ import annotations

import contextlib
import functools
import linecache
import os
import queue
import sys
import threading
import tokenize  # noqa: F401 (linecache imports it when it first reads a file: not in the middle of a step)
from pathlib import Path
from types import CodeType, FrameType

from atonce.race.operations import Place

__all__ = ("here", "place_of_frame")

_LIBRARY = Path(threading.__file__).parent
_FILES = frozenset(str(module.__file__) for module in (threading, queue, contextlib, functools)) | {"<frozen importlib._bootstrap>"}
_FOLDERS = tuple(
    f"{folder}{os.sep}" for folder in (Path(__file__).parent, _LIBRARY / "concurrent" / "futures", _LIBRARY / "asyncio")
)

_OUTERMOST = str(Path(__file__).parent / "targets.py")  # what it runs side by side is no doing of any line of the user's

# By the code's address, and the code itself beside it, so that no address is used again. Comparing code objects by value would take
# functions that look alike, in files that differ, for one. Guarded by: the baton.
_places: dict[tuple[int, int], tuple[CodeType, Place]] = {}
_frames: dict[int, tuple[CodeType, str]] = {}  # what the frames of code are: "own", "library", or "outermost"
_by_value: dict[tuple[str, int, str], Place] = {}  # places are compared by identity, also where a program makes its code anew
_ROOM = 50_000


def here() -> Place | None:
    """Return the place in the nearest frame that belongs to none of the libraries that we stand in for."""
    return place_of_frame(sys._getframe(1))  # noqa: SLF001 (the only way to look at one frame: inspect.stack reads all source)


def place_of_frame(frame: FrameType | None) -> Place | None:
    """Return the place in the nearest frame, from this one on, that belongs to none of those libraries."""
    while frame is not None:
        code = frame.f_code
        known = _frames.get(id(code))
        if known is None:
            if len(_frames) > _ROOM:
                _frames.clear()
            known = _frames[id(code)] = (code, _kind_of(code.co_filename))
        if known[1] == "own":
            return _place(code, frame.f_lineno or code.co_firstlineno)  # some opcodes have no line
        frame = frame.f_back if known[1] == "library" else None
    return None


def _place(code: CodeType, line: int) -> Place:
    known = _places.get((id(code), line))
    if known is None:
        if len(_places) > _ROOM:
            _places.clear()
        known = _places[id(code), line] = (code, _place_of(code.co_filename, line, code.co_qualname))
    return known[1]


def _place_of(file: str, line: int, function: str) -> Place:
    place = _by_value.get((file, line, function))
    if place is None:
        place = _by_value[file, line, function] = Place(file, line, 0, function, linecache.getline(file, line).strip())
    return place


def _kind_of(file: str) -> str:
    if file == _OUTERMOST:
        return "outermost"
    return "library" if file in _FILES or file.startswith(_FOLDERS) else "own"
