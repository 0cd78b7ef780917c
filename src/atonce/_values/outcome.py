"""What became of one item: a value or a failure, always one of the two."""

from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

__all__ = ("Failure", "Outcome", "Success")

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Success(Generic[R]):
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


@dataclass(frozen=True, slots=True)
class Failure:
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


Outcome: TypeAlias = Success[R] | Failure
AnyOutcome: TypeAlias = Success[Any] | Failure
