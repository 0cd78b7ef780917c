"""A retry policy of tenacity's, asked in our words; and what is said to policies that cannot be asked.

tenacity is never imported: whoever has a policy of it has done so. A policy is known by where its class comes from.
"""

from __future__ import annotations

import sys

from atonce._values.job import is_coroutine_function
from atonce.errors import OptionError

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from atonce._values.trial import Trial

__all__ = ("Adopted", "check_foreign")

# What we would have to leave out of a policy, and so refuse, and what is to be written instead.
_NOT_OURS = {
    "sleep": "atonce waits by itself, and lets the worker do something else meanwhile; leave it out",
    "before": "items are started by workers, in other processes too; do it in the function itself",
    "after": "leave it out; before_sleep= is called before each wait",
    "retry_error_cls": "the failure of an item is its own exception, as with reraise=True; leave it out",
    "retry_error_callback": "the failure of an item is its own exception; leave it out, and say errors='return' to get failures",
}
_ASKED = ("stop", "wait", "retry", "before_sleep")
# Of tenacity's conditions, those that ask for another attempt after a success, or may.
_OF_RESULTS = {
    *("_retry_always", "retry_if_not_exception_message", "retry_if_not_result", "retry_if_result", "retry_unless_exception_type"),
}


class Adopted:
    """Decides as a ``tenacity.Retrying`` would. Which failures, how often and when is the policy's business; the waiting is ours.

    Honoured are ``stop``, ``wait``, ``retry``, ``before_sleep``, ``enabled`` and ``name``, and ``tenacity.TryAgain``. They are
    called in this process, from any thread, one at a time within a run, with a ``RetryCallState`` of its own for each failure. Its
    ``statistics`` stay empty. Whether the policy is for coroutines makes no difference: what it asks may not be coroutine
    functions itself.

    Args:
        policy: has been looked at by ``check_foreign``.

    Attributes:
        times: how often an item may ask for time, beyond what everybody may.
    """

    times = 0

    def __init__(self, policy: Any) -> None:
        self._policy = policy

    def wait_s(self, error: BaseException, attempts: int, trial: Trial) -> float | None:
        """Tell how many seconds after a failure an item is to be started again; ``None`` if it is not.

        The order of the questions is tenacity's: a ``stop`` may want to know how long the wait would be.

        Raises:
            Exception: what the policy raises; or a ``ValueError``, if the wait is no number.
        """
        policy = self._policy
        if not getattr(policy, "enabled", True):  # since 9.1
            return None
        tenacity = sys.modules["tenacity"]
        state = tenacity.RetryCallState(policy, trial.fn, trial.args, dict(trial.kwargs))
        state.attempt_number = attempts
        state.idle_for = trial.idle_s
        state.set_exception((type(error), error, error.__traceback__))
        state.start_time = state.outcome_timestamp - trial.since_start_s
        if not isinstance(error, tenacity.TryAgain) and not policy.retry(state):
            return None
        wait_s = float(policy.wait(state))
        if not wait_s >= 0:  # not a number is neither
            raise ValueError(f"{policy.wait!r} said to wait for {wait_s} seconds")
        state.upcoming_sleep = wait_s
        if policy.stop(state):
            return None
        state.idle_for += wait_s
        state.next_action = tenacity.RetryAction(wait_s)
        if policy.before_sleep is not None:
            policy.before_sleep(state)
        return wait_s


def check_foreign(name: str, value: Any) -> None:
    """Look at a policy that is not ours.

    Args:
        name: the option's.
        value: what was given for it.

    Raises:
        OptionError: it is no policy of tenacity's, or has parts that would be left out.
    """
    packages = _packages_of(value)
    if "stamina" in packages:
        raise OptionError(
            f"{name}={value!r}: stamina keeps its policy to itself, so that nobody else can follow it.\n"
            f"Write atonce.Retry(times, on=..., backoff=..., max_backoff=...): times is one less than its attempts, backoff is its "
            f"wait_initial, max_backoff its wait_max. Or decorate the function with @stamina.retry, and leave {name} out."
        )
    if "tenacity" not in packages:
        raise OptionError(
            f"{name}={value!r}: expected a whole number, a Retry, or a tenacity.Retrying, not {type(value).__name__}",
        )
    if not any(_is_tenacitys(kind) and kind.__name__ == "BaseRetrying" for kind in type(value).__mro__):
        raise OptionError(
            f"{name}={value!r}: expected the whole policy, tenacity.Retrying(stop=..., wait=..., retry=...); a function that "
            f"@tenacity.retry has decorated has it as fn.retry"
        )
    _check_parts(name, value)


def _check_parts(name: str, policy: Any) -> None:
    """Refuse what would be left out silently."""
    kind = type(policy).__name__
    defaults = _defaults_of(policy)
    for part, instead in _NOT_OURS.items():
        said = getattr(policy, part, None)
        if said is not None and part in defaults and said is not defaults[part]:
            raise OptionError(f"{name}={kind}({part}={said!r}) cannot be honoured: {instead}")
    for part in _ASKED:
        said = getattr(policy, part)
        for piece in _pieces(said):
            if piece is not None and is_coroutine_function(piece):
                raise OptionError(
                    f"{name}={kind}({part}={said!r}) cannot be honoured: atonce asks for a decision where there is no event loop.\n"
                    f"Write an ordinary function, or one of tenacity's own without 'asyncio' in its name."
                )
    for piece in _pieces(policy.retry):
        if any(_is_tenacitys(base) and base.__name__ in _OF_RESULTS for base in type(piece).__mro__):
            raise OptionError(
                f"{name}={kind}(retry={policy.retry!r}) cannot be honoured: {type(piece).__name__} may start an item again "
                f"that has returned a value, and atonce starts again what has failed.\n"
                f"Let the function raise an exception for such a value, or return atonce.RetryAfter(seconds)."
            )


def _pieces(strategy: Any) -> Iterator[Any]:
    """Give a strategy, and those that it is put together from."""
    yield strategy
    for name in ("retries", "stops", "wait_funcs", "strategies"):
        pieces = getattr(strategy, name, ())
        for piece in pieces if isinstance(pieces, tuple | list) else ():
            yield from _pieces(piece)


def _defaults_of(policy: Any) -> dict[str, Any]:
    """Give what tenacity puts in the place of what was not said: not the same in all of its classes and versions."""
    from inspect import signature  # noqa: PLC0415 (whoever has tenacity has loaded it)

    for kind in type(policy).__mro__:
        if _is_tenacitys(kind) and "__init__" in vars(kind):
            return {name: each.default for name, each in signature(vars(kind)["__init__"]).parameters.items()}
    return {}


def _packages_of(value: Any) -> set[str]:
    """Tell which packages an object comes from: by its classes, or by itself, if it is a function or a class."""
    modules = [getattr(value, "__module__", None), *(kind.__module__ for kind in type(value).__mro__)]
    return {module.partition(".")[0] for module in modules if isinstance(module, str)}


def _is_tenacitys(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == "tenacity"
