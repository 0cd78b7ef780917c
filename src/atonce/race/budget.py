"""How long a search may take, as people write it."""

from __future__ import annotations

import math
import re

from atonce.errors import OptionError

__all__ = ("seconds_of",)

_UNITS = {"ms": 0.001, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_WRITTEN = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*)\s*", re.ASCII)


def seconds_of(budget: object) -> float:
    """Return a budget in seconds.

    Args:
        budget: a number of seconds, or one with its unit: ``"500ms"``, ``"5s"``, ``"2min"``, ``"1h"``.

    Raises:
        OptionError: it is neither, or not more than nothing.

    Example:
        >>> seconds_of("500ms"), seconds_of("2min"), seconds_of(3)
        (0.5, 120.0, 3.0)
    """
    seconds = _read(budget)
    if seconds is None:
        raise OptionError(f'budget={budget!r} is no time: give seconds, or a text like "500ms", "5s" or "2min"')
    if not (0 < seconds < math.inf):
        raise OptionError(f"budget={budget!r} leaves no end to wait for: it must be more than 0, and finite")
    return seconds


def _read(budget: object) -> float | None:
    if isinstance(budget, str):
        written = _WRITTEN.fullmatch(budget.lower())
        unit = _UNITS.get(written[2] or "s") if written else None
        return float(written[1]) * unit if written and unit else None
    if isinstance(budget, bool) or not isinstance(budget, (int, float)):
        return None
    return float(budget)
