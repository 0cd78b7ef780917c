"""Compare atonce.race with other checkers: what they find in twenty small programs, what they clear, and how fast they look.

Demanded of ours: every bug is found with every seed, in 60 orders and 50 ms at most, and its report has at most one switch more
than the bug needs events; at least 19 of the programs without it are proved, in less than 1 s each; no false alarm, nothing
inconclusive, no bug proved absent; each replay string fails again, and is the same on other Pythons; 4,000 orders a second at
random, and 2,000 in a systematic search; an hour of sleep takes less than 1 ms.

Beside it stand `frontrun` and `interleave-test` (from Python 3.12), as far as they are installed, each with its own words: what
"holds" or is "exhausted" is so within the bounds of a search. Every program is explored by everybody before the next one, in
a process for each, which is ended after some seconds: a checker that hangs takes nobody along. What is measured is the search; the
first one of a process, with imports, is not, but is shown.

The machine has to be idle: a search hands over from thread to thread thousands of times a second, and each time it waits for the
scheduler of a busy system. Exit status 1: a demand is not met.
"""

import argparse
import importlib.util
import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from checkers import CHECKERS, OURS
from measuring import BUGGY, FIXED, KIND, REPLAYS, SLEEP, SPEEDS
from programs import PROGRAMS
from showing import Records, Run, demands, print_head, print_legend, print_program, print_speed, print_summary
from sprints import SPEED

sys.path.append(str(Path(__file__).parents[1] / "peers"))
from session import Ended, alone

OURS_LIMIT_S, PEER_LIMIT_S = 90.0, 8.0
SEEDS, PEER_SEEDS, FIXED_SEEDS = 10, 3, 3
SPEED_ROUNDS = 3
OTHER_PYTHONS = ("python3.11", "python3.12", "python3.13", "python3.14")
SOURCES = Path(__file__).parents[2] / "src"
RESTLESS = 0.5  # programs that were waiting for a CPU, above which the figures mean little


def run(name: str, kind: str, program: str, seeds: int, python: str = sys.executable) -> Run:
    """Let a checker explore a program, in a process of its own."""
    checker = CHECKERS[name]
    start = [str(Path(sys.executable).parent / checker.command)] if checker.command else []
    quiet = [] if checker.package == OURS else ["sh", "-c", 'exec "$@" 2>/dev/null', "sh"]  # they greet, and warn
    command = [*quiet, *start, python, str(Path(__file__).with_name("measuring.py")), name, kind, program, str(seeds)]
    environment = os.environ | {"PYTHONPATH": str(SOURCES)} if python != sys.executable else None
    limit_s = OURS_LIMIT_S if checker.package == OURS else PEER_LIMIT_S
    ended = alone(command, limit_s, capture=True, environment=environment, grace_s=0.2)
    said = [json.loads(line) for line in ended.output.splitlines() if line.startswith(f'{{"{KIND}"')]
    return Run([each for each in said if each[KIND] == kind], [each for each in said if each[KIND] != kind], _end(ended, limit_s))


def _end(ended: Ended, limit_s: float) -> str:
    if ended.status is None:
        return f"no end in {limit_s:g} s"
    return f"exit status {ended.status}" if ended.status else ""


def in_turn(names: list[str], number: int) -> Iterator[str]:
    """Let another one begin each time."""
    first = number % len(names)
    yield from (*names[first:], *names[:first])


def search(records: Records, names: list[str], *, quick: bool) -> None:
    """Explore all programs, with the bug and without."""
    print_head(names)
    for number, program in enumerate(PROGRAMS):
        for kind in (BUGGY, FIXED):
            for name in in_turn(names, number):
                seeds = (SEEDS if kind == BUGGY else FIXED_SEEDS) if name == OURS else (PEER_SEEDS if kind == BUGGY else 1)
                records[name, kind, program.name] = run(name, kind, program.name, 1 if quick else seeds)
            print_program(records, names, kind, program)
    print_legend(records)


def measure_speed(records: Records, names: list[str], *, quick: bool) -> None:
    """Run as many orders as there is time for, and programs that sleep."""
    for number in range(1 if quick else SPEED_ROUNDS):
        for kind, program in (*((SPEEDS, each) for each in SPEED), (SLEEP, "")):
            for name in in_turn(names, number):
                again = run(name, kind, program, 1)
                before = records.setdefault((name, kind, program), Run([], [], ""))
                records[name, kind, program] = Run(before.said + again.said, before.first + again.first, again.end)


def compare_strings(pythons: list[str]) -> dict[str, Any]:
    """Make all replay strings in this Python, once more, and in others; return them by Python."""
    strings = {}
    for python in (sys.executable, sys.executable, *pythons):
        said = run(OURS, REPLAYS, "", 1, python)
        label = f"{python} (again)" if python in strings else python
        strings[label] = said.said[0]["strings"] if said.said else {"": said.end}
    return strings


def starts(python: str) -> bool:
    """Tell whether a command runs Python: a shim of pyenv is there for versions that it then refuses to start."""
    return alone([python, "-c", "print()"], PEER_LIMIT_S, capture=True).status == 0


def there(names: list[str]) -> list[str]:
    """Leave out those that are not installed, and say so."""
    missing = {CHECKERS[name].package for name in names if importlib.util.find_spec(CHECKERS[name].package) is None}
    for package in sorted(missing):
        early = " (it needs Python 3.12)" if package == "interleave_test" and sys.version_info < (3, 12) else ""
        print(f"{package} is left out: it is not installed{early}")
    return [name for name in names if CHECKERS[name].package not in missing]


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one seed, one round: shows that it runs, settles nothing")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the raw numbers to FILE")
    parser.add_argument("--python", action="append", metavar="PROGRAM", help="another Python, for the replay strings (repeat it)")
    return parser.parse_args()


def main() -> int:
    given = read_arguments()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    print(f"Python {platform.python_version()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    everybody = there(list(CHECKERS))
    searching = [name for name in everybody if name == OURS or CHECKERS[name].package != OURS]
    fast = [name for name in everybody if name != OURS]
    pythons = given.python or [found for found in map(shutil.which, OTHER_PYTHONS) if found and starts(found)]
    records: Records = {}
    search(records, searching, quick=given.quick)
    measure_speed(records, fast, quick=given.quick)
    strings = compare_strings(pythons)
    print_speed(records, fast)
    print_summary(records, searching)
    load = os.getloadavg()[0]
    if load > RESTLESS + 1:
        print(f"\nload {load:.1f} at the end: the machine had other work, so that the times and speeds mean little")
    print()
    held = demands(records, strings)
    for demand in held:
        print(f"  {demand}{'  (--quick settles nothing)' if given.quick else ''}")
    if given.json is not None:
        raw = [{"checker": key[0], "kind": key[1], "program": key[2], **each._asdict()} for key, each in records.items()]
        given.json.write_text(json.dumps({"load": load, "strings": strings, "runs": raw}, indent=1), encoding="utf-8")
    return int(not all(demand.met for demand in held))


if __name__ == "__main__":
    sys.exit(main())
