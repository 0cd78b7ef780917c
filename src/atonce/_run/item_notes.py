"""The note on an exception that names the item it came from."""

from __future__ import annotations

from contextlib import suppress
from reprlib import Repr

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from typing import Any

__all__ = ("add_note", "shortly")

_MOST_NOTES = 8  # one exception object may be raised by a million items
_short = Repr()
_short.maxlevel = 3
_short.maxstring = _short.maxother = 80
_short.maxtuple = _short.maxlist = _short.maxdict = 4


def shortly(item: Any) -> str:
    """Write an item in a few words."""
    from atonce._values.numbered import unnumbered  # noqa: PLC0415 (for those who have failures)

    try:
        return _short.repr(unnumbered(item))
    except Exception:
        return f"<{type(item).__name__}, whose repr fails>"


def add_note(error: BaseException, index: int, item: Any, attempts: int, worker: str) -> None:
    """Write on the exception which item it is about: ``item 37: 'b.png' (attempt 1, process 4711)``."""
    text = shortly(item)
    how = f"attempt {attempts}, {worker}" if attempts else "never started"
    with suppress(Exception):  # the user's exception may refuse attributes, or have odd ones
        if len(getattr(error, "__notes__", None) or ()) < _MOST_NOTES:
            error.add_note(f"item {index}: {text} ({how})")
