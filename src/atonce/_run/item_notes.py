"""The note on an exception that names the item it came from."""

from __future__ import annotations

from contextlib import suppress

from atonce._values.shown import shortly

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from typing import Any

__all__ = ("add_note",)

_MOST_NOTES = 8  # one exception object may be raised by a million items


def add_note(error: BaseException, index: int, item: Any, attempts: int, worker: str) -> None:
    """Write on the exception which item it is about: ``item 37: 'b.png' (attempt 1, process 4711)``."""
    how = f"attempt {attempts}, {worker}" if attempts else "never started"
    with suppress(Exception):  # the user's exception may refuse attributes, or have odd ones
        if len(getattr(error, "__notes__", None) or ()) < _MOST_NOTES:
            error.add_note(f"item {index}: {shortly(item)} ({how})")
