"""Writes down an order for each program of the corpus in which it fails: ``python -m tests.race.pin``.

All Pythons must fail in these orders (test_replays_of_other_versions.py). They stay as they are when the search gets better; they
have to be written anew when a program, or what counts as a step of it, is changed on purpose: then all replay strings that people
have kept are void.
"""

import json
import sys
from pathlib import Path

from atonce import race
from tests.race.corpus import PROGRAMS

FILE = Path(__file__).with_name("replays.json")


def pinned():
    """Return what was written down: by the program's name, the replay string, the kind of failure, and the type that is raised."""
    return json.loads(FILE.read_text())


def _found(program):
    report = race.explore(program.buggy, budget="60s", runs=200)
    raised = "DeadlockFound" if report.error is None else type(report.error).__name__
    return {"replay": report.replay, "failure": report.failure, "raises": raised} if report.replay else None


def main():
    """Write the file anew."""
    found = {program.name: _found(program) for program in PROGRAMS}
    lines = [f"  {json.dumps(name)}: {json.dumps(order)}" for name, order in found.items() if order is not None]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    sys.stdout.write(f"{len(lines)} orders of {len(found)} programs are in {FILE}\n")


if __name__ == "__main__":
    main()
