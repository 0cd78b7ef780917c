"""A clock that stands still until it is moved."""

__all__ = ("ManualClock",)


class ManualClock:
    """Time that passes when the test says so.

    Example:
        >>> clock = ManualClock()
        >>> clock.advance(1.5)
        >>> clock.now()
        1.5
    """

    def __init__(self, now: float = 0.0) -> None:
        self._now = now
        self._cpu = 0.0

    def now(self) -> float:
        """Return the time, in seconds."""
        return self._now

    def thread_cpu(self) -> float:
        """Return the CPU seconds that were said to be used."""
        return self._cpu

    def process_cpu(self) -> float:
        """Return the CPU seconds that were said to be used."""
        return self._cpu

    def advance(self, seconds: float, *, cpu_s: float = 0.0) -> None:
        """Let time pass, and of that so much on a CPU."""
        self._now += seconds
        self._cpu += cpu_s
