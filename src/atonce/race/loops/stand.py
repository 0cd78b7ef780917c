"""Where a task of an event loop stands: the awaits from its own coroutine down to what it waits for."""

from __future__ import annotations

import asyncio
import gc
import linecache
import os
from collections.abc import Iterator
from types import AsyncGeneratorType, CoroutineType, FrameType, GeneratorType
from typing import TYPE_CHECKING, Any

from atonce.race.operations import Place

if TYPE_CHECKING:
    from asyncio import Task
    from types import CodeType

__all__ = ("frames_of_task", "is_library", "place_of_task", "user_place")

_LIBRARY = (os.path.dirname(asyncio.__file__) + os.sep, os.path.dirname(os.path.dirname(__file__)) + os.sep)  # noqa: PTH120 (strings are compared)

_places: dict[tuple[CodeType, int], Place] = {}


def frames_of_task(task: Task[Any]) -> list[FrameType]:
    """Return the frames of a suspended task, from its own coroutine to the innermost one."""
    return list(_frames(task.get_coro()))


def place_of_task(task: Task[Any]) -> Place | None:
    """Return where a suspended task stands in the user's source; `None` if it has ended."""
    for frame in reversed(frames_of_task(task)):
        if not is_library(frame):
            return _place(frame)
    return None


def user_place(frame: FrameType | None) -> Place | None:
    """Return the place of the nearest caller that is neither asyncio's code nor this package's."""
    while frame is not None and is_library(frame):
        frame = frame.f_back
    return None if frame is None else _place(frame)


def is_library(frame: FrameType) -> bool:
    """Tell whether a frame belongs to asyncio or to this package."""
    return frame.f_code.co_filename.startswith(_LIBRARY)


def _place(frame: FrameType) -> Place:
    code, line = frame.f_code, frame.f_lineno or frame.f_code.co_firstlineno
    place = _places.get((code, line))
    if place is None:
        text = linecache.getline(code.co_filename, line).strip()
        place = _places[code, line] = Place(code.co_filename, line, 0, code.co_qualname, text)
    return place


def _frames(thing: object) -> Iterator[FrameType]:
    for _ in range(1000):  # who awaits whom in a circle is not our business
        frame, awaited = _looked_into(thing)
        if frame is not None:
            yield frame
        if awaited is None:
            return
        thing = awaited


def _looked_into(thing: object) -> tuple[FrameType | None, object]:
    """Return the frame of what is suspended, if it has one, and what that awaits."""
    if isinstance(thing, CoroutineType):
        return thing.cr_frame, thing.cr_await
    if isinstance(thing, GeneratorType):
        return thing.gi_frame, thing.gi_yieldfrom
    if isinstance(thing, AsyncGeneratorType):
        return thing.ag_frame, thing.ag_await
    if type(thing).__module__ != "builtins" or not gc.is_tracked(thing):
        return None, None
    inner = (other for other in gc.get_referents(thing) if isinstance(other, CoroutineType | GeneratorType | AsyncGeneratorType))
    return None, next(inner, None)  # what stands between a coroutine and an async generator says nothing itself
