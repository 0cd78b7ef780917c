"""Whether this program is itself a worker process of another one, whose siblings have the other CPUs."""

__all__ = ("enter_worker_process", "inside_worker_process")

_inside = False  # Written once, by the worker process as it starts


def enter_worker_process() -> None:
    """Remember that this is a worker process."""
    global _inside  # noqa: PLW0603 (the one fact about this process)
    _inside = True


def inside_worker_process() -> bool:
    """Tell whether this is a worker process."""
    return _inside
