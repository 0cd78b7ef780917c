"""What it takes to ship work to another process: tried with items and results that there are."""

from __future__ import annotations

from _pickle import loads
from contextlib import suppress
from time import thread_time

from atonce._policy.observation import Payload
from atonce._wire.pickling import dumps_apart, dumps_function_apart
from atonce.errors import PicklingFailed

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

__all__ = ("weigh",)

_BYTES_PER_S = 4e9  # Measured: benchmarks/peers/arrays.py, 8 MiB there and back through an arena in 3 ms, both ends together
_FIXED_S = 0.4e-6  # Measured: benchmarks/peers/tiny.py, what is left of the cost of an item that costs nothing


def weigh(fn: Callable[..., Any], items: Sequence[Any], results: Sequence[Any]) -> Payload:
    """Find out what one item costs the parent, there and back; or why the work cannot be shipped.

    Several items are pickled together, as they would be sent: one alone costs up to twenty times as much. CPU time is what counts:
    the thread that tries this waits for the GIL again and again.

    Args:
        fn: the function.
        items: some inputs; may be empty.
        results: some results, of the same or other inputs; may be empty.
    """
    try:
        dumps_function_apart(fn)
        return Payload(_FIXED_S + _cost_s(list(items)) + _cost_s(list(results)))
    except PicklingFailed as failure:
        return Payload(0.0, f"it has to stay in this process: {str(failure).splitlines()[0]}")


def _cost_s(things: list[Any]) -> float:
    if not things:
        return 0.0
    _try(things[:1])  # the first time takes longer
    return max(0.0, _try(things) - _try([])) / len(things)


def _try(things: list[Any]) -> float:
    """Return the CPU seconds that it takes to pickle these and read them again, and what their buffers cost."""
    begun = thread_time()
    blob, buffers = dumps_apart(things)
    if not buffers:
        with suppress(Exception):  # what does not unpickle fails for itself, wherever it is
            loads(blob)
    return thread_time() - begun + sum(buffer.nbytes for buffer in buffers) / _BYTES_PER_S
