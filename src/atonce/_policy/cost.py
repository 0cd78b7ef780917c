"""What it costs to have work done by other processes, and from where on that pays."""

from __future__ import annotations

from math import inf

__all__ = ("breaks_even_s", "saved_s")

_HELD_UP = 0.3  # part of the cost of shipping that the workers wait for, though they have their next batch already


def saved_s(*, items: float, item_s: float, ship_s: float, start_s: float, workers: int) -> float:
    """Tell how many seconds worker processes would save over one worker; less than 0 if they would cost some.

    The parent ships to all of them, so they are never faster than it is.

    Args:
        items: how many are left.
        item_s: seconds that one takes.
        ship_s: seconds that the parent needs to ship one there and its result back.
        start_s: seconds until the processes have delivered for the first time.
        workers: how many of them there would be.

    Example:
        >>> round(saved_s(items=1000, item_s=0.001, ship_s=10e-6, start_s=0.03, workers=2), 2)
        0.47
    """
    each_s = max(item_s / workers, ship_s) + _HELD_UP * ship_s
    return items * (item_s - each_s) - start_s


def breaks_even_s(*, items: float, ship_s: float, start_s: float, workers: int, worth: float = 0.0) -> float:
    """Return the seconds an item from which on worker processes save more than the part ``worth`` of the work.

    Example:
        >>> at = breaks_even_s(items=1000, ship_s=10e-6, start_s=0.03, workers=2)
        >>> abs(saved_s(items=1000, item_s=at, ship_s=10e-6, start_s=0.03, workers=2)) < 1e-9
        True
    """
    if items <= 0 or 1 / workers >= 1 - worth:
        return inf
    fixed_s = start_s / items
    shipping_bound = ((1 + _HELD_UP) * ship_s + fixed_s) / (1 - worth)
    if shipping_bound <= workers * ship_s:
        return shipping_bound
    return (_HELD_UP * ship_s + fixed_s) / (1 - worth - 1 / workers)
