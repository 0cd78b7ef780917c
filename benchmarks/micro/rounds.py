"""Measure things side by side, and show them in a table.

A machine is not equally fast all the time. So nothing is measured by itself: in each round every contender runs once,
each round begins with another one, and a ratio is taken within a round before the median is taken over the rounds.
"""

import argparse
import gc
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple

__all__ = ("Contender", "Times", "interleave", "print_table", "ratio", "rounds_wanted")


class Contender(NamedTuple):
    """One way of doing the work.

    Attributes:
        name: for the table.
        run: does all of it once.
        items: how many items that are.
    """

    name: str
    run: Callable[[], object]
    items: int = 1


Times = dict[str, list[float]]  # by contender: seconds an item, one number a round


def rounds_wanted(usual: int, quick: int) -> int:
    """Read the command line: how many rounds to run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help=f"{quick} rounds instead of {usual}")
    return quick if parser.parse_args().quick else usual


def interleave(contenders: Sequence[Contender], rounds: int) -> Times:
    """Run all contenders in turn, ``rounds`` times, after one run of each that does not count."""
    times: Times = {contender.name: [] for contender in contenders}
    for contender in contenders:
        contender.run()
    for number in range(rounds):
        first = number % len(contenders)
        for contender in (*contenders[first:], *contenders[:first]):
            times[contender.name].append(_seconds(contender.run) / contender.items)
    return times


def ratio(times: Times, name: str, reference: str) -> float:
    """Return how many times as long as the reference it took: the median of the rounds' ratios."""
    return median(own / other for own, other in zip(times[name], times[reference], strict=True))


def print_table(title: str, times: Times, names: Sequence[str], unit: str = "µs", scale: float = 1e6) -> None:
    """Print a line for each of ``names``, with its ratio to the first of them."""
    print(f"{title:<48}{'min ' + unit:>10}{'median':>10}{'ratio':>9}")
    for name in names:
        own = times[name]
        print(f"  {name:<46}{min(own) * scale:>10.3f}{median(own) * scale:>10.3f}{ratio(times, name, names[0]):>9.2f}")


def _seconds(run: Callable[[], object]) -> float:
    gc.collect()  # no contender pays for the rubbish of another
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun
