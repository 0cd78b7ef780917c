"""How a run fails: whether two do so in the same way, and which frames of a traceback are the user's."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from atonce.race.tasks import Failure

__all__ = ("ours", "raised_at", "way_of", "without_ours")

_OURS = str(Path(__file__).parent)


def ours(file: str) -> bool:
    """Tell whether a source file belongs to the checker."""
    return file.startswith(_OURS)


def way_of(failure: Failure | None) -> tuple[object, ...]:
    """Return what two failures have in common if they are the same one: kind, type, and the line that raised it."""
    if failure is None:
        return ()
    if failure.error is None:
        return (failure.kind,)
    return (failure.kind, type(failure.error), raised_at(failure.error.__traceback__))


def raised_at(traceback: TracebackType | None) -> tuple[str, int]:
    """Return the innermost line that is not the checker's own."""
    place = ("", 0)
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if not ours(file):
            place = (file, traceback.tb_lineno)
        traceback = traceback.tb_next
    return place


def without_ours(error: BaseException) -> BaseException:
    """Take the checker's own frames out of an exception's traceback: what the user reads begins in the user's code."""
    entries = []
    traceback = error.__traceback__
    while traceback is not None:
        if not ours(traceback.tb_frame.f_code.co_filename):
            entries.append(traceback)
        traceback = traceback.tb_next
    kept = None
    for entry in reversed(entries):
        line = entry.tb_lineno or entry.tb_frame.f_code.co_firstlineno  # some opcodes have no line
        kept = TracebackType(kept, entry.tb_frame, entry.tb_lasti, line)
    return error.with_traceback(kept) if kept is not None else error
