"""What runs in a process of its own: one checker explores one program, and says so in lines of JSON.

``measuring.py CHECKER KIND PROGRAM SEEDS``. The kind is what is done: ``buggy`` and ``fixed`` look for the bug, ``speed`` runs as
many orders as there is time for, ``sleep`` runs a program that sleeps, ``replays`` makes the replay string of each program.
"""

import json
import sys
import time
from typing import Any

from checkers import CHECKERS, FAILED, INCLUDED, OURS, Checker, Found
from programs import PROGRAMS
from shape import Version
from sprints import SLEEPERS, SPEED

__all__ = ("BUGGY", "FIRST", "FIXED", "KIND", "REPLAYS", "SLEEP", "SPEEDS")

BUGGY, FIXED, SPEEDS, SLEEP, REPLAYS, FIRST = "buggy", "fixed", "speed", "sleep", "replays", "first"
KIND = "kind"

AT_FIRST, AT_MOST = 20, 8_000  # orders
SPEED_S = 1.5  # what they should take
ENOUGH_S = 0.5  # below which more of them are run: what a search costs by itself should not matter


def main(name: str, kind: str, program: str, seeds: int) -> None:
    checker = CHECKERS[name]
    warm_up(name)
    if kind == SPEEDS:
        say(kind, **speed(checker, SPEED[program]))
    elif kind == SLEEP:
        say(kind, **speed(checker, SLEEPERS))
    elif kind == REPLAYS:
        say(kind, strings={each.name: checker.explore(each.buggy, 0, None).more["replay"] for each in PROGRAMS})
    else:
        chosen = next(each for each in PROGRAMS if each.name == program)
        search(name, kind, chosen.buggy if kind == BUGGY else chosen.fixed, seeds)


def warm_up(name: str) -> None:
    """Explore something first: what is measured is a search, and no import. How long that takes is said as well."""
    begun = time.perf_counter()
    CHECKERS[name].explore(Version(lambda: [0], [lambda _: None] * 2, lambda _: True), 0, 2)
    say(FIRST, seconds=time.perf_counter() - begun)


def search(name: str, kind: str, version: Version, seeds: int) -> None:
    """Search with one seed after another: ours with all of them, another checker until it has found something."""
    checker = CHECKERS[name]
    for seed in range(seeds if checker.seeds else 1):
        seconds, cpu_s, found = timed(checker, version, seed, None)
        again = replayed(version, found) if name == OURS and found.verdict == FAILED else {}
        say(kind, seed=seed, whole_s=seconds, cpu_s=cpu_s, **found._asdict(), **again)
        if name != OURS and found.verdict == FAILED:
            return


def replayed(version: Version, found: Found) -> dict[str, Any]:
    """Run the order of a report again, and say whether it fails as it did."""
    from atonce import race
    from atonce.errors import DeadlockFound

    try:
        race.replay(None, found.more["replay"], **version._asdict(), include=INCLUDED)
    except DeadlockFound:
        kind = "deadlock"
    except Exception as error:
        kind = type(error).__name__
    else:
        kind = "nothing"
    expected = found.more["error"] if found.more["failure"] == "exception" else found.more["failure"]
    return {"again": kind == expected}


def speed(checker: Checker, version: Version) -> dict[str, Any]:
    """Run a few orders, and more until it takes some time; return how many were run a second."""
    runs = AT_FIRST
    seconds, cpu_s, found = timed(checker, version, 0, runs)
    while seconds < ENOUGH_S and found.schedules >= runs and runs < AT_MOST:
        runs = min(AT_MOST, runs * min(10, max(2, int(SPEED_S / seconds))))
        seconds, cpu_s, found = timed(checker, version, 0, runs)
    if found.verdict == FAILED or not found.schedules:
        return {"why": f"{found.verdict} {found.why}"}
    return {
        "per_s": found.schedules / seconds,
        "per_cpu_s": found.schedules / cpu_s,
        "schedules": found.schedules,
        "steps": found.more.get("steps"),
    }


def timed(checker: Checker, version: Version, seed: int, runs: int | None) -> tuple[float, float, Found]:
    """Search, and return the seconds that passed, those of CPU time, and what was found."""
    begun, cpu_begun = time.perf_counter(), time.process_time()
    found = checker.explore(version, seed, runs)
    return time.perf_counter() - begun, time.process_time() - cpu_begun, found


def say(kind: str, **what: Any) -> None:
    print(json.dumps({KIND: kind} | what), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
