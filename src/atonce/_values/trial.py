"""What is known of an item that has failed, beside the failure, for those who decide whether it is started again."""

from __future__ import annotations

from types import MappingProxyType

from atonce._values.typed import NamedTuple

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

__all__ = ("Trial",)


class Trial(NamedTuple):
    """The story of an item up to its newest failure.

    Attributes:
        since_start_s: seconds since its first attempt began.
        idle_s: seconds of these that it was made to wait between attempts.
        fn: the function; ``None`` if that is not known.
        args: what it was called with.
        kwargs: what it was called with by name.
    """

    since_start_s: float = 0.0
    idle_s: float = 0.0
    fn: Callable[..., Any] | None = None
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = MappingProxyType({})
