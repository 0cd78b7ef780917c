"""What it takes to ship work to another process: tried with items and results that there are."""

from __future__ import annotations

from _pickle import loads
from contextlib import suppress
from time import thread_time

from atonce._policy.observation import Payload
from atonce._probe.imports import imports_s
from atonce._wire.pickling import dumps_apart, dumps_function_apart
from atonce.errors import PicklingFailed

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from atonce._machine.calibration import Constants

__all__ = ("weigh",)

_PIPE = 2.5  # Measured: times the CPU seconds of what goes through shared memory, both ends together (4 MB at once, Linux 6)


def weigh(fn: Callable[..., Any], items: Sequence[Any], results: Sequence[Any], costs: Constants) -> Payload:
    """Find out what one item costs the parent, there and back; or why the work cannot be shipped.

    Several items are pickled together, as they would be sent: one alone costs up to twenty times as much. CPU time is what counts:
    the thread that tries this waits for the GIL again and again.

    Args:
        fn: the function.
        items: some inputs; may be empty.
        results: some results, of the same or other inputs; may be empty.
        costs: what this computer takes for what is not tried.
    """
    try:
        dumps_function_apart(fn)
        return Payload(costs.ship_item_s + _cost_s(list(items), costs) + _cost_s(list(results), costs), imports_s(fn))
    except PicklingFailed as failure:
        return Payload(0.0, stays=f"it has to stay in this process: {str(failure).splitlines()[0]}")


def _cost_s(things: list[Any], costs: Constants) -> float:
    if not things:
        return 0.0
    _try(things[:1], costs)  # the first time takes longer
    return max(0.0, _try(things, costs) - _try([], costs)) / len(things)


def _try(things: list[Any], costs: Constants) -> float:
    """Return the CPU seconds that it takes to pickle these and read them again, and what the way costs."""
    begun = thread_time()
    blob, buffers = dumps_apart(things)
    if not buffers:
        with suppress(Exception):  # what does not unpickle fails for itself, wherever it is
            loads(blob)
    way_bytes = _PIPE * len(blob) + sum(buffer.nbytes for buffer in buffers)
    return thread_time() - begun + way_bytes / costs.copy_bytes_per_s
