"""Context variables, and functions that look at them, in a module that a worker process can import."""

import decimal
from contextvars import ContextVar
from typing import Any

request: ContextVar[Any] = ContextVar("request", default="none")
handle: ContextVar[Any] = ContextVar("handle")


def third(_number: int) -> decimal.Decimal:
    return decimal.Decimal(1) / 3


def _not_here() -> None:
    raise RuntimeError("not here")


class Unloadable:
    """Pickles, and cannot be unpickled."""

    def __reduce__(self):
        return _not_here, ()
