"""What became of one item: a value or a failure, always one of the two."""

from __future__ import annotations

from atonce._values.record import Record
from atonce._values.typed import Generic, TypeVar

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from typing import Any, TypeAlias

__all__ = ("Failure", "Outcome", "Success")

R = TypeVar("R")


class Success(Record, Generic[R]):
    """The item was run and returned a value.

    Attributes:
        index: the item's place in the input, from 0.
        value: what the function returned.
        attempts: how often the item was started, from 1.
        seconds: wall time of the item, in seconds; the mean of its batch where items were not timed one by one.
        worker: the name of the worker that ran it.
    """

    index: int
    value: R
    attempts: int
    seconds: float
    worker: str

    @property
    def ok(self) -> bool:
        """Whether this is a success: always true."""
        return True


class Failure(Record):
    """The item has no value: the function raised, or the item came to harm on its way.

    Attributes:
        index: the item's place in the input, from 0.
        error: the exception, with a note that names the item.
        attempts: how often the item was started; 0 if it never was (it did not pickle, for example).
        seconds: wall time of the item, in seconds; the mean of its batch where items were not timed one by one.
        worker: the name of the worker that ran it.
    """

    index: int
    error: BaseException
    attempts: int
    seconds: float
    worker: str

    @property
    def ok(self) -> bool:
        """Whether this is a success: always false."""
        return False


if TYPE_CHECKING:
    Outcome: TypeAlias = Success[R] | Failure
    AnyOutcome: TypeAlias = Success[Any] | Failure


def __getattr__(name: str) -> Any:
    # The names of types are made when first asked for: at run time nobody does, and their variable is one of typing's.
    if name not in {"Outcome", "AnyOutcome"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from typing import Any, TypeVar  # noqa: PLC0415 (9 ms)

    variable: Any = TypeVar("R") if name == "Outcome" else Any
    globals()[name] = Success[variable] | Failure
    return globals()[name]
