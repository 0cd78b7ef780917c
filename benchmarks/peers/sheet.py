"""Measure pools side by side, compare their results, and hold the figures against what is demanded.

A file of this folder is one table of figures. It says who takes part (``Contender``), lets them run in turn (``compare``), shows
the table, and names its demands (``Sheet``). Four things are kept here, so that no file can forget them:

* **Interleaved.** In each round everybody runs once, each round begins with another one, and a ratio is taken within a round
  before the median is taken over the rounds: a slow second of the machine hits everybody.
* **Checked.** Every value is compared with what it has to be, outside of the measured time. A wrong one is said loudly, throws
  the contender out, and fails the whole program.
* **Bounded.** A contender that takes too long is interrupted and left out. The program itself runs in a session of its own, which
  ends as a whole after its time: a pool that hangs where no signal reaches it takes nobody along.
* **Said.** A contender that is left out stands in the table with the reason, and a demand that could not be measured is not met.
"""

import argparse
import faulthandler
import json
import os
import platform
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import NamedTuple

from comparing import Measured, found
from session import alone

from atonce._machine.cpus import usable_cpus

__all__ = ("MICROSECONDS", "MILLISECONDS", "Arguments", "Demand", "Sheet", "Unit", "program")

PEERS = ("joblib", "loky", "mpire", "pebble", "numpy")
FILE_LIMIT_S = 1800.0  # for a whole file
RESTLESS = 1.2  # Assumes: an idle machine drifts by a tenth; with other work, forks with fixed shares lose more than pools do
ORDER_S = 5.0  # for a file that is ended to end in turn the programs that it runs, which have a second
INSIDE = "ATONCE_PEERS_INSIDE"  # an environment variable: this is the process that measures, not the one that watches over it


class Unit(NamedTuple):
    """How times are shown: the unit's name, how many of it a second has, and the decimals."""

    name: str = "µs"
    scale: float = 1e6
    decimals: int = 2


MICROSECONDS, MILLISECONDS = Unit("µs", 1e6), Unit("ms", 1e3)


@dataclass(frozen=True, slots=True)
class Demand:
    """A figure that must be reached.

    Attributes:
        claim: what is compared.
        found: the figure; ``None`` if it could not be measured.
        limit: what it is held against.
        at_most: whether the limit is an upper one.
        why: why there is no figure.
    """

    claim: str
    found: float | None
    limit: float
    at_most: bool
    why: str = ""

    @property
    def met(self) -> bool:
        """Whether the figure was measured and is on the right side of its limit."""
        return self.found is not None and (self.found <= self.limit if self.at_most else self.found >= self.limit)

    def __str__(self) -> str:
        figure = f"not measured ({self.why:.100})" if self.found is None else f"{self.found:.3g}"
        return f"{'PASS' if self.met else 'FAIL'}  {self.claim}: {figure}, must be {'≤' if self.at_most else '≥'} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Arguments:
    """The command line.

    Attributes:
        quick: few rounds and small sizes: shows that everything runs, and settles nothing.
        workers: processes that each pool has.
        json: where the raw numbers go.
        rounds: how often everybody runs; ``None``: the file's own number.
    """

    quick: bool
    workers: int
    json: Path | None
    rounds: int | None

    def choose(self, usual: int, quick: int) -> int:
        """Return the size that belongs to this kind of run."""
        return quick if self.quick else usual

    def turns(self, usual: int, quick: int) -> int:
        """Return how often everybody runs."""
        return self.rounds or self.choose(usual, quick)


class Sheet:
    """The tables and demands of one file; shows them as they come, and writes them down at the end."""

    def __init__(self, arguments: Arguments) -> None:
        self.arguments = arguments
        self.overdue = False
        self._tables: list[dict[str, object]] = []
        self._demands: list[Demand] = []
        self._wrong: list[str] = []

    def table(self, title: str, measured: Measured, ours: str, limit: str | None, unit: Unit = MICROSECONDS) -> None:
        """Print a line for each contender, the fastest first.

        Args:
            title: what was done, and how often.
            measured: what came of it.
            ours: the contender that the others are compared with.
            limit: the contender that shows what is physically possible; its time over one's own is the efficiency.
            unit: how times are shown.
        """
        print(f"\n{title}")
        print(f"  {'':<58}{'median ' + unit.name:>14}{'minimum':>12}{'x atonce':>10}{'of limit':>10}")
        for name, times in sorted(measured.times.items(), key=lambda entry: median(entry[1])):
            numbers = "".join(
                f"{value * unit.scale:>{width}.{unit.decimals}f}" for value, width in ((median(times), 14), (min(times), 12))
            )
            compared, _ = found(measured, name, ours)
            efficiency, _ = found(measured, limit, name) if limit else (None, "")
            print(f"  {name:<58}{numbers}{_figure(compared):>10}{_figure(efficiency):>10}")
        if limit in measured.times and median(measured.times[limit]) > RESTLESS * min(measured.times[limit]):
            self.note("the limit itself was far from its minimum in most rounds: the machine had other work, measure again")
        for name, why in measured.left_out.items():
            print(f"  {name:<58}  left out: {why:.120}")
        self._tables.append(
            {"title": title, "ours": ours, "limit": limit, "seconds": measured.times, "left_out": measured.left_out}
        )
        self._wrong += measured.wrong
        self.overdue |= measured.overdue

    def at_most(self, claim: str, figure: tuple[float | None, str], limit: float) -> None:
        """Demand that a figure is no higher than a limit."""
        self._demand(Demand(claim, figure[0], limit, at_most=True, why=figure[1]))

    def at_least(self, claim: str, figure: tuple[float | None, str], limit: float) -> None:
        """Demand that a figure is no lower than a limit."""
        self._demand(Demand(claim, figure[0], limit, at_most=False, why=figure[1]))

    def note(self, text: str) -> None:
        """Say something beside the tables."""
        print(f"  note  {text}")

    def _demand(self, demand: Demand) -> None:
        self._demands.append(demand)
        print(f"  {demand}{'  (--quick settles nothing)' if self.arguments.quick else ''}")

    def finish(self) -> int:
        """Write the raw numbers down, and return the exit status: 0 if all demands are met and nothing was wrong."""
        for name in self._wrong:
            print(f"\n!!! WRONG RESULT from {name}: see above", flush=True)
        if self.arguments.json is not None:
            demands = [asdict(demand) for demand in self._demands]
            content = _circumstances(self.arguments) | {"tables": self._tables, "demands": demands, "wrong": self._wrong}
            self.arguments.json.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
        return int(bool(self._wrong) or not all(demand.met for demand in self._demands))


def program(main: Callable[[Sheet], None]) -> None:
    """Be a program of this folder: read the command line, measure in a process of its own, and exit with its status."""
    arguments = _read_arguments()
    if INSIDE not in os.environ:
        environment = os.environ | {INSIDE: "1"}
        status = alone([sys.executable, *sys.argv], FILE_LIMIT_S, environment=environment, grace_s=ORDER_S).status
        sys.exit(f"no end after {FILE_LIMIT_S:g} s: everything was ended" if status is None else status)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # nothing is lost if it is ended
    faulthandler.dump_traceback_later(FILE_LIMIT_S - 10)  # shows where it hangs, shortly before it is ended
    usable = usable_cpus()
    print(f"{arguments.workers} workers, {usable} usable CPUs, Python {platform.python_version()}")
    if usable < arguments.workers:
        print(f"{usable} CPUs cannot show what {arguments.workers} workers can do: the figures of this run mean little")
    sheet = Sheet(arguments)
    main(sheet)
    status = sheet.finish()
    if sheet.overdue:  # a pool that hung would hang the end of the program too; what it leaves behind is ended from outside
        sys.stdout.flush()
        os._exit(status)
    sys.exit(status)


def _read_arguments() -> Arguments:
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few rounds and small sizes: shows that it runs, settles nothing")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="processes that each pool has (default: 2)")
    parser.add_argument("--rounds", type=int, default=None, metavar="N", help="how often everybody runs")
    parser.add_argument("--json", type=Path, default=None, metavar="FILE", help="write the raw numbers to FILE")
    given = parser.parse_args()
    return Arguments(given.quick, given.workers, given.json, given.rounds)


def _circumstances(arguments: Arguments) -> dict[str, object]:
    """Say under which circumstances the numbers came about."""
    versions = {}
    for name in ("atonce", *PEERS):
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return {
        "file": Path(sys.argv[0]).stem,
        "quick": arguments.quick,
        "workers": arguments.workers,
        "usable_cpus": usable_cpus(),
        "python": platform.python_version(),
        "machine": platform.platform(),
        "versions": versions,
    }


def _figure(number: float | None) -> str:
    return "-" if number is None else f"{number:.2f}"
