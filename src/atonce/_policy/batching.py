"""How many items a worker takes at a time, and how far the input is read ahead."""

__all__ = ("Batching", "fair_share", "read_ahead")

MOST_ITEMS = 8192  # Measured: benchmarks/micro/inline.py, longer batches of x*x gain nothing more
_SMOOTHING = 0.5  # weight of the newest batch


class Batching:
    """Sizes one worker's batches, from the measured cost of an item, so that each takes about ``target_s``.

    Starts at one item and at most doubles from batch to batch, so that one cheap item at the front does not make a second of work
    out of the next batch. Owned by the worker.

    Example:
        >>> batching = Batching(target_s=0.001)
        >>> sizes = []
        >>> for _ in range(5):
        ...     sizes.append(batching.size)
        ...     batching.saw(batching.size, batching.size * 0.0001)  # 100 µs an item
        >>> sizes
        [1, 2, 4, 8, 10]
    """

    __slots__ = ("_cost_s", "_fixed", "size", "target_s")

    def __init__(self, target_s: float, fixed: int | None = None) -> None:
        self.target_s = target_s
        self.size = fixed or 1
        self._fixed = fixed is not None
        self._cost_s = 0.0  # smoothed cost of an item; 0 until the first batch

    def saw(self, items: int, seconds: float) -> None:
        """Learn from a batch: so many items took so many seconds, reading them from the input included."""
        if self._fixed or items == 0:
            return
        cost = seconds / items
        self._cost_s = cost if self._cost_s == 0.0 else _SMOOTHING * cost + (1 - _SMOOTHING) * self._cost_s
        fitting = int(self.target_s / self._cost_s) if self._cost_s > 0 else MOST_ITEMS
        self.size = max(1, min(fitting, 2 * self.size, MOST_ITEMS))


def fair_share(limit: int, remaining: int | None, workers: int, least: int = 1) -> int:
    """Cut a batch near the end of an input of known length, so that no worker is left with the last big one.

    Args:
        limit: items that the worker would take.
        remaining: items not taken yet; ``None`` where the length is unknown.
        workers: how many share what remains, at least 1.
        least: items that a worker runs side by side, and should not take fewer of.

    Returns:
        At least ``least`` items, and at most ``limit``.
    """
    if remaining is None:
        return limit
    return max(least, min(limit, remaining // (2 * workers)))


def read_ahead(workers: int, limit: int) -> int:
    """How many items may be read and not yet handed on, where the caller set no ``buffersize``.

    Enough that every worker has its batch in hand and another one finished, and that one item of 60 times the usual cost does not
    stall the rest of an ordered stream.

    Args:
        workers: items in flight side by side.
        limit: items in a batch.
    """
    return max(64, 4 * workers * limit)
