"""Where a step stands in the source, in words."""

from __future__ import annotations

import linecache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atonce.race.operations import Place

__all__ = ("line_of", "lines_of", "source_of")


def source_of(place: Place | None) -> str:
    """Return the line of the source where something happens, or what is known of it."""
    if place is None:
        return ""
    return linecache.getline(place.file, place.line).strip() or place.text


def line_of(place: Place | None) -> str:
    """Return where something happens, in a word or two."""
    return f"line {place.line}" if place is not None else "a line of its own"


def lines_of(places: Sequence[Place]) -> str:
    """Return where several things happen."""
    lines = sorted({place.line for place in places})
    return f"line {lines[0]}" if len(lines) == 1 else f"lines {lines[0]} to {lines[-1]}"
