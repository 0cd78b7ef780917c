"""What happens in a run, for those who watch it: progress lines, traces, logs. Emitted from any thread."""

from __future__ import annotations

from atonce._values.typed import NamedTuple

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from typing import TypeAlias

__all__ = ("BatchDone", "Event", "RunBegan", "RunEnded", "WorkersHired")


class RunBegan(NamedTuple):
    """A run has begun; ``length`` is ``None`` where the input cannot tell how long it is."""

    name: str
    length: int | None


class WorkersHired(NamedTuple):
    """So many workers of this kind are wanted from now on."""

    kind: str
    workers: int
    in_flight: int


class BatchDone(NamedTuple):
    """So many items have an outcome now, and so many of those failed."""

    items: int
    failed: int
    worker: str
    seconds: float


class RunEnded(NamedTuple):
    """Nothing will happen any more."""


Event: TypeAlias = RunBegan | WorkersHired | BatchDone | RunEnded
