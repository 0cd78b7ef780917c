"""What is physically possible: forked children that each do their share, and send nothing back."""

import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from comparing import Contender, Timed
from work import COST_BITS, burn

__all__ = ("balanced", "bare_forks", "forks_of")


def forks_of(items: Sequence[int], workers: int, name: str) -> Contender:
    """Make the contender that no pool can beat: ``burn`` in bare forks, the costs known beforehand and spread evenly."""
    return Contender(name, partial(bare_forks, burn, balanced(items, workers)), len(items))


def balanced(items: Sequence[int], shares: int) -> list[list[int]]:
    """Divide items of ``burn`` so that all shares cost the same, as nearly as may be.

    Source:
        R. L. Graham, "Bounds on multiprocessing timing anomalies", 1969: the longest first, each to the share with the least.
    """
    divided: list[list[int]] = [[] for _ in range(shares)]
    costs = [0] * shares
    for item in sorted(items, key=_turns, reverse=True):
        least = costs.index(min(costs))
        divided[least].append(item)
        costs[least] += _turns(item)
    return divided


def bare_forks(function: Callable[[Any], object], shares: Sequence[Sequence[Any]]) -> Timed:
    """Run each share in a forked child. The time counts from the word "go" until the last one is done, without the forking.

    Raises:
        ChildProcessError: a child ended before it was done.
    """
    here, said = os.pipe()  # the children say that they are ready, and that they are done
    start, go = os.pipe()  # the parent says "go" by closing it
    children: list[int] = []
    try:
        for share in shares:
            child = os.fork()
            if not child:
                _child(function, share, said, start, go)
            children.append(child)
        os.close(said)
        said = -1
        _hear(here, len(shares))
        begun = time.perf_counter()
        os.close(go)
        go = -1
        _hear(here, len(shares))
        return Timed(time.perf_counter() - begun)
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)  # it is done, or it is not wanted any more
            os.waitpid(child, 0)
        for descriptor in (here, said, start, go):
            with suppress(OSError):
                os.close(descriptor)


def _child(function: Callable[[Any], object], share: Sequence[Any], said: int, start: int, go: int) -> None:
    """Be a child: say so, wait for "go", work, say so. Does not return."""
    try:
        os.close(go)
        os.write(said, b".")
        os.read(start, 1)
        for item in share:
            function(item)
        os.write(said, b".")
    finally:
        os._exit(0)


def _hear(here: int, count: int) -> None:
    """Wait until ``count`` children have said something."""
    while count:
        heard = len(os.read(here, count))
        if not heard:
            raise ChildProcessError("a bare fork ended before it was done")
        count -= heard


def _turns(item: int) -> int:
    return item & (1 << COST_BITS) - 1
