"""Let contenders run in turn, compare their results, and keep each within its time."""

import gc
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import NamedTuple

sys.path.append(str(Path(__file__).parents[1] / "micro"))
from rounds import Times, ratio

__all__ = ("Contender", "Measured", "Overdue", "Timed", "compare", "found", "limited")

RUN_LIMIT_S = 60.0  # for one run of one contender: the slowest fair one takes some 20 s


class Overdue(BaseException):
    """A contender took too long. Not an ``Exception``, so that no pool swallows it."""


class Wrong(Exception):
    """A contender returned what it must not return."""


class Timed(NamedTuple):
    """What a contender returns that measures itself: without the time in which it gets ready, or in another process."""

    seconds: float
    value: object = None


class Contender(NamedTuple):
    """One way of doing the work.

    Attributes:
        name: for the table.
        run: does all of it once; called with what ``prepare`` returned, if there is a ``prepare``.
        items: how many items that are.
        expected: what has to come out; a function is asked instead, and raises or returns ``False``. ``None``: nothing comes out.
        prepare: gets something ready for one run, outside of the measured time.
    """

    name: str
    run: Callable[..., object]
    items: int = 1
    expected: object = None
    prepare: Callable[[], object] | None = None


@dataclass(slots=True)
class Measured:
    """What became of the contenders.

    Attributes:
        times: by name, the seconds an item, one number a round.
        left_out: by name, why there are no times.
        wrong: the names of those that returned a wrong value.
        overdue: whether somebody had to be interrupted.
    """

    times: Times = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    overdue: bool = False

    def best(self, names: Sequence[str]) -> str:
        """Return which of these has the lowest median; the first one if none was measured."""
        return min((name for name in names if name in self.times), key=lambda name: median(self.times[name]), default=names[0])


def compare(contenders: Sequence[Contender], rounds: int, limit_s: float = RUN_LIMIT_S) -> Measured:
    """Let all contenders run in turn, ``rounds`` times, after one run of each that does not count.

    Args:
        contenders: who takes part; with different names.
        rounds: how often everybody runs.
        limit_s: seconds that one run may take.

    Returns:
        The times of those that always returned the right value in time, and the reasons why others are left out.
    """
    measured = Measured(times={contender.name: [] for contender in contenders})
    for contender in contenders:
        _take_part(contender, measured, limit_s)
    for times in measured.times.values():
        times.clear()  # the first run warms up
    for number in range(rounds):
        first = number % len(contenders)
        for contender in (*contenders[first:], *contenders[:first]):
            if contender.name in measured.times:
                _take_part(contender, measured, limit_s)
    return measured


def found(measured: Measured, name: str, reference: str) -> tuple[float | None, str]:
    """Return how many times as long as the reference it took, and if that is not known, why."""
    for each in (name, reference):
        if each not in measured.times:
            return None, f"{each}: {measured.left_out.get(each, 'did not take part')}"
    return ratio(measured.times, name, reference), ""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Interrupt the block after some time, and again every 5 s, should somebody have swallowed the interruption.

    Raises:
        Overdue: the time is over.
    """

    def ring(*_: object) -> None:
        raise Overdue(f"no end after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, 5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _take_part(contender: Contender, measured: Measured, limit_s: float) -> None:
    """Run a contender once, and note its time, or throw it out."""
    try:
        with limited(limit_s):
            seconds, value = _run(contender)
        _check(contender, value)
    except (Exception, Overdue) as error:
        del measured.times[contender.name]
        measured.left_out[contender.name] = f"{type(error).__name__}: {error}".splitlines()[0]
        measured.overdue |= isinstance(error, Overdue)
        if isinstance(error, Wrong):
            measured.wrong.append(contender.name)
            print(f"\n!!! WRONG RESULT from {contender.name}: {error}", flush=True)
    else:
        measured.times[contender.name].append(seconds / contender.items)


def _run(contender: Contender) -> tuple[float, object]:
    ready = () if contender.prepare is None else (contender.prepare(),)
    gc.collect()  # no contender pays for the rubbish of another
    begun = time.perf_counter()
    value = contender.run(*ready)
    seconds = time.perf_counter() - begun
    return (value.seconds, value.value) if isinstance(value, Timed) else (seconds, value)


def _check(contender: Contender, value: object) -> None:
    expected = contender.expected
    if callable(expected):
        if expected(value) is False:
            raise Wrong("the values are not the right ones")
    elif isinstance(expected, list):
        _check_list(expected, value)
    elif expected is not None and value != expected:
        raise Wrong(f"{value!r:.200} instead of {expected!r:.200}")


def _check_list(expected: list[object], value: object) -> None:
    if not isinstance(value, list):
        raise Wrong(f"a {type(value).__name__} instead of a list")
    if value == expected:
        return
    if len(value) != len(expected):
        raise Wrong(f"{len(value):,} results for {len(expected):,} items")
    place = next(place for place, (own, right) in enumerate(zip(value, expected, strict=True)) if own != right)
    raise Wrong(f"item {place} gave {value[place]!r:.200} instead of {expected[place]!r:.200}")
