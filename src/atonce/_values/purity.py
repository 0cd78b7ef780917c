"""A function's declaration that it shares no state."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType, MethodType

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, ParamSpec

    from atonce._values.typed import TypeVar

    P = ParamSpec("P")
    R = TypeVar("R")

__all__ = ("is_pure", "pure")

_MARK = "__atonce_pure__"


def pure(fn: Callable[P, R]) -> Callable[P, R]:
    """Declare that a function shares no state, for the case in which ``engine="auto"`` is too careful with it.

    ``auto`` then does not look at what the function writes, and may run its items side by side and in other processes. A function
    that draws random numbers from the generator that all share, or fills a cache, is such a case, if nobody minds.

    Args:
        fn: any function or other callable.

    Returns:
        The same function; a ``functools.partial`` of it, where it cannot carry a mark (a builtin).

    Raises:
        TypeError: it cannot be called.

    Example:
        >>> import random
        >>> import atonce
        >>> @atonce.pure
        ... def throw(_):
        ...     return random.randint(1, 6)
        >>> len(atonce.map(throw, range(3)))
        3
    """
    if not callable(fn):
        raise TypeError(f"atonce.pure declares something about a function, not about {fn!r}")
    try:
        setattr(fn, _MARK, True)
    except (AttributeError, TypeError):
        fn = partial(fn)
        setattr(fn, _MARK, True)
    return fn


def is_pure(fn: Any) -> bool:
    """Tell whether a function, or what it is a method or a partial of, was declared so."""
    while True:
        if _marks(fn).get(_MARK) is True:
            return True
        if issubclass(type(fn), partial):
            fn = fn.func
        elif issubclass(type(fn), MethodType | classmethod | staticmethod):
            fn = fn.__func__
        else:
            return False


def _marks(fn: Any) -> Mapping[str, Any]:
    try:
        held = fn.__dict__
    except Exception:  # a stand-in that does not answer for itself
        return {}
    return held if isinstance(held, dict | MappingProxyType) else {}
