"""What there is to do for the manager of a run: look on, find something out, hire, let go, say something."""

from __future__ import annotations

from atonce._values.typed import NamedTuple

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from typing import TypeAlias

__all__ = ("Decision", "Hire", "Inspect", "Nap", "Prepare", "Return", "Stay", "Verified", "Weigh", "settled")


class Nap(NamedTuple):
    """Look again after so many seconds. If ``alert``, it should not be much later: threads that are in the way are to let pass."""

    seconds: float
    alert: bool = False


class Inspect(NamedTuple):
    """Find out what state the function reaches, and look again."""


class Weigh(NamedTuple):
    """Find out what it takes to ship the work, and look again."""


class Prepare(NamedTuple):
    """Have so many worker processes made ready, see whether they find what the function reads, and look again."""

    workers: int


class Hire(NamedTuple):
    """Want this crew from now on, and no other. ``reason``, if there is one, is for the report."""

    engine: str
    workers: int
    in_flight: int
    reason: str


class Verified(NamedTuple):
    """Note that those who were hired bring so many times as much as one worker."""

    gain: float


class Return(NamedTuple):
    """Let those go who were hired, and the caller work on alone."""

    reason: str


class Stay(NamedTuple):
    """Only say why nobody is hired, and look again."""

    reason: str


if TYPE_CHECKING:
    Action: TypeAlias = Nap | Inspect | Weigh | Prepare | Hire | Verified | Return | Stay


class Decision(NamedTuple):
    """Which kind of worker to take (``inline``: nobody), and why, for people."""

    engine: str
    reason: str


def settled(*, is_async: bool, timeout: bool, memory: bool) -> Decision | None:
    """Choose the kind of worker where there is nothing to watch for: the call itself leaves one kind only.

    Args:
        is_async: whether the function is a coroutine function.
        timeout: whether an item has to be ended after some time. A thread, the caller's among them, cannot be stopped from outside.
        memory: whether a worker has to keep within some memory. The limit is one of a whole process.

    Returns:
        The only kind that will do, and why; ``None`` where several would.

    Example:
        >>> settled(is_async=False, timeout=True, memory=False).engine
        'process'
    """
    if memory:
        return Decision("process", "memory= limits a whole process, so processes do it")
    if is_async:
        return Decision("async", "it is a coroutine function, so it runs on an event loop")
    if timeout:
        return Decision("process", "timeout= needs workers that can be stopped, so processes do it")
    return None
