"""Which workers to hire: the rule of thumb of every tutorial, applied to what has been seen of the work.

Coroutines belong on an event loop. Work that waits goes to threads. Work that computes goes to processes, or to threads where there
is no GIL. What this adds: it is looked at and not guessed, and nothing is moved that would mean something else elsewhere.
"""

from __future__ import annotations

from atonce._values.typed import NamedTuple

__all__ = ("LOOK_AFTER_S", "Decision", "Seen", "decide", "settled")

LOOK_AFTER_S = 0.05  # so much work is watched before anybody is hired
_WORTH_PROCESSES_S = 0.2  # Assumes: two processes start in 0.1 s, so less than twice that is not worth them
_WAITS_BELOW = 0.5  # CPU seconds over wall seconds


class Seen(NamedTuple):
    """What has been seen of a run.

    Attributes:
        wall_s: seconds that its first worker has worked.
        cpu_s: CPU seconds of that.
        done: items that it has finished meanwhile.
        remaining: items that nobody has taken yet; ``None`` where the input cannot tell.
        cpus: CPUs that may be used.
        gil: whether threads of Python run one at a time.
        shares: how the function reaches state that others see; empty if it does not seem to.
        stays: why the function cannot go to another process; empty if it can.
    """

    wall_s: float
    cpu_s: float
    done: int
    remaining: int | None
    cpus: int
    gil: bool
    shares: str
    stays: str


class Decision(NamedTuple):
    """Which kind of worker to hire (``inline``: nobody), and why, for people."""

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


def decide(seen: Seen) -> Decision:  # noqa: PLR0911 (a rule a line, in the order in which they weigh)
    """Choose the kind of worker for the rest of a run.

    Example:
        >>> decide(Seen(0.05, 0.001, 2, 98, cpus=2, gil=True, shares="", stays="")).engine
        'thread'
        >>> decide(Seen(0.05, 0.05, 500, 99_500, cpus=2, gil=True, shares="", stays="")).engine
        'process'
    """
    load = seen.cpu_s / seen.wall_s if seen.wall_s > 0 else 1.0
    items = "item" if seen.done == 1 else "items"
    facts = f"{seen.done:,} {items} in {seen.wall_s * 1e3:.0f} ms at {load:.0%} CPU"
    if seen.remaining == 0:
        return Decision("inline", f"{facts}; nothing is left to share")
    if seen.shares:
        return Decision("inline", f"{facts}; {seen.shares}, so the items stay one after the other (engine= overrules)")
    if load < _WAITS_BELOW:
        return Decision("thread", f"{facts}: it waits, so threads wait side by side")
    if not seen.gil:
        return Decision("thread", f"{facts}: it computes, and there is no GIL, so threads compute side by side")
    if seen.cpus == 1:
        return Decision("inline", f"{facts}: it computes, and there is one CPU")
    if seen.stays:
        return Decision("inline", f"{facts}: it computes, but {seen.stays}")
    if seen.done and seen.remaining is not None:
        left_s = seen.remaining * seen.wall_s / seen.done
        if left_s < _WORTH_PROCESSES_S:
            return Decision("inline", f"{facts}: about {left_s * 1e3:.0f} ms are left, and processes take longer to start")
    return Decision("process", f"{facts}: it computes, so {seen.cpus} processes do it")
