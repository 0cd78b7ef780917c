"""An input in a few words, for notes, lines and journals."""

from __future__ import annotations

from reprlib import Repr

from atonce._values.numbered import Numbered

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from typing import Any

__all__ = ("shortly",)

_CHARACTERS = 80
_short = Repr()
_short.maxlevel = 3
_short.maxstring = _short.maxother = _CHARACTERS
_short.maxtuple = _short.maxlist = _short.maxdict = 4


def shortly(item: Any) -> str:
    """Write an input as Python shows it, shortened; never raises, and does not write all of what is long.

    Example:
        >>> shortly("b.png"), len(shortly("x" * 1000)) < 100
        ("'b.png'", True)
    """
    kind = type(item)
    if kind is Numbered:
        item, kind = item.item, type(item.item)
    try:
        if kind is int or kind is float or (kind is str and len(item) <= _CHARACTERS):  # most are, and reprlib takes 5 µs
            return repr(item)
        if kind is bytes or kind is bytearray:  # of which reprlib would write all, and cut it then
            return f"{item[:_CHARACTERS]!r}..." if len(item) > _CHARACTERS else repr(item)
        return _short.repr(item)
    except Exception:
        return f"<{kind.__name__}, whose repr fails>"
