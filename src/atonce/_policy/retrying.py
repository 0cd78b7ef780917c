"""Whether an item that has failed is started again, and when."""

from __future__ import annotations

from atonce._values.retry import Retry
from atonce._values.trial import Trial
from atonce._values.typed import Protocol
from atonce.errors import RetryAfter

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ("Retrying", "Rule")

_ASKED = 10  # times that an item may ask to be started later, where the caller has not said how often it may be started
_AFTER_CRASHES = 2  # an item whose worker has died so often is not started again, whatever ``times`` says
_BUDGET = 100.0  # further attempts that all items together have to begin with
_EARNED = 1.0  # by an item that succeeds
_DOUBLINGS = 60  # more would be beyond any number of seconds
_UNTOLD = Trial()


class Rule(Protocol):
    """Says of an item by itself whether it is started again.

    Attributes:
        times: how often an item may ask for time, beyond what everybody may.
    """

    times: int

    def wait_s(self, error: BaseException, attempts: int, trial: Trial) -> float | None:
        """Tell how many seconds after a failure it is; ``None`` if it is not."""


class Retrying:
    """Decides for all items of a call. Pure: it is given its random numbers.

    Args:
        retry: what the caller has said, or a rule that says it; ``None`` where workers start failed items again by themselves, or
            nobody does.
        random: gives numbers from 0 to 1.

    Example:
        >>> retrying = Retrying(Retry(2, backoff=0.5, jitter=False), lambda: 1.0)
        >>> [retrying.wait_s(OSError(), attempts) for attempts in (1, 2, 3)]
        [0.5, 1.0, None]
    """

    def __init__(self, retry: Retry | Rule | None, random: Callable[[], float]) -> None:
        self._rule = _Doubling(retry, random) if isinstance(retry, Retry) else retry
        self._budget = _BUDGET

    def wait_s(self, error: BaseException, attempts: int, crashes: int = 0, trial: Trial = _UNTOLD) -> float | None:
        """Tell how many seconds after a failure an item is to be started again; ``None`` if it is not.

        Args:
            error: the failure.
            attempts: how often the item has been started.
            crashes: how often its worker has died of it.
            trial: what else is known of it.

        Raises:
            Exception: what a rule raises that is not ours.
        """
        rule = self._rule
        if isinstance(error, RetryAfter):
            return error.seconds if attempts <= max(_ASKED, 0 if rule is None else rule.times) else None
        if rule is None or crashes >= _AFTER_CRASHES or not isinstance(error, Exception) or self._budget < 1:
            return None
        wait_s = rule.wait_s(error, attempts, trial)
        if wait_s is not None:
            self._budget -= 1
        return wait_s

    def succeeded(self, items: int) -> None:
        """Hear that so many items have succeeded."""
        self._budget = min(_BUDGET, self._budget + items * _EARNED)


class _Doubling:
    """The rule that a ``Retry`` stands for."""

    def __init__(self, retry: Retry, random: Callable[[], float]) -> None:
        self.times = retry.times
        self._retry = retry
        self._random = random

    def wait_s(self, error: BaseException, attempts: int, trial: Trial) -> float | None:  # noqa: ARG002 (for other rules)
        """Double the wait from attempt to attempt."""
        retry = self._retry
        if attempts > retry.times or not isinstance(error, retry.on):
            return None
        longest_s = min(retry.max_backoff, retry.backoff * 2.0 ** min(_DOUBLINGS, attempts - 1))
        return longest_s * self._random() if retry.jitter else longest_s
