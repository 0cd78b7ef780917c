"""When an item that has failed is started again."""

from __future__ import annotations

import sys

from atonce.errors import OptionError

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

__all__ = ("Retry",)


class Retry:
    """When an item that has failed is started again, as ``retries=``. Immutable.

    The wait before the ``n``-th further attempt is at most ``backoff * 2 ** (n - 1)`` seconds, and a random part of that ("full
    jitter"), so that items that failed together do not come back together. While an item waits no worker waits for it.

    A service that is down is not hammered: all items of a call together have a hundred further attempts, and one more for every
    item that succeeds. When these are used up, failures are final.

    Args:
        times: how often an item is started again, at most; 0 or more.
        on: which exceptions are worth another attempt: a class, or a tuple of classes. What is no ``Exception`` never is.
        backoff: seconds before the second attempt, at most; 0 or more. Doubles from attempt to attempt.
        max_backoff: seconds that no wait exceeds.
        jitter: whether waits are random parts of these, or just these.

    Raises:
        OptionError: an argument is of the wrong type, or out of range.

    Source:
        M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.

    Example:
        >>> Retry(3, on=(OSError,), backoff=0.5)
        Retry(3, on=(OSError,), backoff=0.5, max_backoff=60.0, jitter=True)
    """

    __slots__ = ("_backoff", "_jitter", "_max_backoff", "_on", "_times")

    def __init__(
        self,
        times: int,
        on: type[Exception] | tuple[type[Exception], ...] = Exception,
        backoff: float = 0.1,
        max_backoff: float = 60.0,
        *,
        jitter: bool = True,
    ) -> None:
        if isinstance(times, bool) or not isinstance(times, int) or times < 0:
            raise OptionError(f"Retry(times={times!r}): expected a whole number, 0 or more")
        kinds = on if isinstance(on, tuple) else (on,)
        if not kinds or not all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in kinds):
            raise OptionError(f"Retry(on={on!r}): expected an exception class, or a tuple of some")
        for name, value in (("backoff", backoff), ("max_backoff", max_backoff)):
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not 0 <= value <= sys.float_info.max:
                raise OptionError(f"Retry({name}={value!r}): expected seconds, 0 or more")
        self._times = times
        self._on = kinds
        self._backoff = float(backoff)
        self._max_backoff = float(max_backoff)
        self._jitter = bool(jitter)

    @property
    def times(self) -> int:
        """How often an item is started again, at most."""
        return self._times

    @property
    def on(self) -> tuple[type[BaseException], ...]:
        """Which exceptions are worth another attempt."""
        return self._on

    @property
    def backoff(self) -> float:
        """Seconds before the second attempt, at most."""
        return self._backoff

    @property
    def max_backoff(self) -> float:
        """Seconds that no wait exceeds."""
        return self._max_backoff

    @property
    def jitter(self) -> bool:
        """Whether waits are random."""
        return self._jitter

    def _facts(self) -> tuple[object, ...]:
        return self._times, self._on, self._backoff, self._max_backoff, self._jitter

    def __eq__(self, other: object) -> bool:
        return self._facts() == other._facts() if isinstance(other, Retry) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._facts())

    def __repr__(self) -> str:
        on = ", ".join(kind.__name__ for kind in self._on)
        return (
            f"Retry({self._times}, on=({on}{',' if len(self._on) == 1 else ''}), backoff={self._backoff:g}, "
            f"max_backoff={self._max_backoff}, jitter={self._jitter})"
        )
