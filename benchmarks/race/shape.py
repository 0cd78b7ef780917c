"""What a program is: a state, workers that share it, and what has to be true of it in the end; and how one is written down."""

import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

__all__ = ("Program", "State", "Version", "locked", "program")


class Version(NamedTuple):
    """A program as it is explored."""

    setup: Callable[[], Any]
    workers: Sequence[Callable[[Any], object]]
    invariant: Callable[[Any], bool]


class Program(NamedTuple):
    """A program with a bug, and without.

    Attributes:
        name: for the table.
        depth: how many events must come in a certain order for the bug to show.
        buggy: most of its orders end well.
        fixed: all of its orders end well.
    """

    name: str
    depth: int
    buggy: Version
    fixed: Version


class State:
    """What the workers of a program share: two locks, and whatever it is made with."""

    def __init__(self, **values: Any) -> None:
        self.lock, self.other_lock = threading.Lock(), threading.Lock()
        self.wrong = False
        vars(self).update(values)


def locked(worker: Callable[[Any], object]) -> Callable[[Any], None]:
    """Make a worker that does it all with the lock held."""

    def work(state: Any) -> None:
        with state.lock:
            worker(state)

    return work


def program(
    name: str,
    setup: Callable[[], Any],
    workers: Sequence[Callable[[Any], object]],
    invariant: Callable[[Any], bool],
    *,
    fixed: Sequence[Callable[[Any], object]] | None = None,
    depth: int = 2,
) -> Program:
    """Make a program; put right with one lock around each worker, if nothing else is given."""
    right = [locked(worker) for worker in workers] if fixed is None else fixed
    return Program(name, depth, Version(setup, workers, invariant), Version(setup, right, invariant))
