"""What the runs amount to: a line for each program, a summary, and what is demanded of ours."""

import sys
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from checkers import CLEARED, FAILED, INCONCLUSIVE, OURS, PROVED
from measuring import BUGGY, FIXED, SLEEP, SPEEDS
from programs import PROGRAMS
from shape import Program
from sprints import SPEED

sys.path.append(str(Path(__file__).parents[1] / "peers"))
from sheet import Demand

__all__ = ("Records", "Run", "demands", "print_head", "print_legend", "print_program", "print_speed", "print_summary")

MOST_ORDERS, MOST_MS = 60, 50.0
LEAST_PROVED, MOST_PROOF_S = 19, 1.0
LEAST_RANDOM_PER_S, LEAST_DPOR_PER_S = 4_000, 2_000
MOST_SLEEP_MS = 1.0
RANDOM, DPOR = "atonce random", "atonce dpor"
UNFINISHED = "not all orders were run"  # what a search says whose time was up: no more and no less than "not found"


class Run(NamedTuple):
    """What a process said.

    Attributes:
        said: what came of the searches, in their order.
        first: how long the first one took.
        end: how it ended, if not in order.
    """

    said: list[dict[str, Any]]
    first: list[dict[str, Any]]
    end: str


Records = dict[tuple[str, str, str], Run]  # by checker, kind and program


def verdict(run: Run) -> str:
    """Say what a checker says of a program: that it fails, if it does with any seed; what the first seed said, otherwise."""
    verdicts = [each["verdict"] for each in run.said]
    if FAILED in verdicts:
        return FAILED
    if run.end:
        return run.end
    return INCONCLUSIVE if INCONCLUSIVE in verdicts else verdicts[0]


def print_head(names: Iterable[str]) -> None:
    """Print the head of the table of programs; what a cell says is explained below it."""
    print(f"\n{'program':<20}{'':<7}{'atonce':<44}{''.join(f'{name:<24}' for name in names if name != OURS)}".rstrip())


def print_program(records: Records, names: Iterable[str], kind: str, program: Program) -> None:
    """Print what became of a program, in a line."""
    theirs = "".join(f"{_theirs(records[name, kind, program.name]):<24}" for name in names if name != OURS)
    name, version = (program.name, "bug") if kind == BUGGY else ("", "fixed")
    print(f"{name:<20}{version:<7}{_ours(records[OURS, kind, program.name], kind):<44}{theirs}".rstrip())
    for name in names:
        said = records[name, kind, program.name].said
        if said and said[-1]["verdict"] == INCONCLUSIVE:
            print(f"{'':<27}{name}: {' '.join(said[-1]['why'].split()):.90}")


def _theirs(run: Run) -> str:
    orders = run.said[-1]["schedules"] if run.said else 0
    return f"{verdict(run)}{f', {orders:,}' if orders else ''}"


def _ours(run: Run, kind: str) -> str:
    if run.end or not run.said:
        return run.end or "nothing said"
    orders = max(each["schedules"] for each in run.said)
    times = [each["more"]["seconds"] * 1e3 for each in run.said]
    words = f"{orders:,}, {median(times):.1f} / {max(times):.1f} ms"
    if kind == FIXED:
        return f"{verdict(run)}, {words}"
    found = sum(each["verdict"] == FAILED for each in run.said)
    return f"{found} of {len(run.said)} failed, {words}, {max(each['more']['switches'] for each in run.said)} sw"


def print_legend(records: Records) -> None:
    """Explain the table of programs."""
    print("\neach: what was said, after how many orders (ours: the most with any seed); ours: median and longest search; switches")
    runs = [run for (name, _, _), run in records.items() if name == OURS]
    reports = [each["whole_s"] - each["more"]["seconds"] for run in runs for each in run.said if each["verdict"] == FAILED]
    first = [each["seconds"] for run in runs for each in run.first]
    cpu = [each["cpu_s"] for run in runs for each in run.said if each["verdict"] == FAILED]
    for what, times in (
        ("a report, made smaller and told, takes beside the search", reports),
        ("search and report take of CPU time", cpu),
        ("the first search of a process, with imports, takes", first),
    ):
        if times:
            print(f"  {what}: {median(times) * 1e3:.0f} ms, {max(times) * 1e3:.0f} at most")


def print_speed(records: Records, names: Iterable[str]) -> None:
    """Print how many orders a second are run, and what an hour of sleep takes."""
    print(f"\n{'orders a second':<44}{'median':>10}{'of CPU':>10}{'steps':>8}")
    for program in SPEED:
        print(f"  {program}")
        for name in names:
            speeds, why = _speeds(records, name, SPEEDS, program)
            said = [each for each in records[name, SPEEDS, program].said if "per_s" in each]
            steps = next((each["steps"] for each in said if each["steps"]), "")
            numbers = f"{median(speeds):10,.0f}{median(each['per_cpu_s'] for each in said):10,.0f}" if speeds else f"  {why}"
            print(f"    {name:<40}{numbers}{steps:>8}")
    print("  milliseconds of an order in which two threads sleep an hour")
    for name in names:
        speeds, why = _speeds(records, name, SLEEP, "")
        print(f"    {name:<40}{f'{1e3 / median(speeds):10.2f}' if speeds else f'  {why}'}")


def _speeds(records: Records, name: str, kind: str, program: str) -> tuple[list[float], str]:
    run = records[name, kind, program]
    why = next((each["why"] for each in run.said if "why" in each), run.end)
    return [each["per_s"] for each in run.said if "per_s" in each], why


def print_summary(records: Records, names: Iterable[str]) -> None:
    """Print a line for each checker."""
    of = len(PROGRAMS)
    print(
        f"\n{f'of {of} programs':<28}{'found':>7}{'cleared':>9}{'inconcl.':>10}{'false alarms':>14}{'bug cleared':>13}{'no end':>8}"
    )
    for name in names:
        buggy = [verdict(records[name, BUGGY, program.name]) for program in PROGRAMS]
        fixed = [verdict(records[name, FIXED, program.name]) for program in PROGRAMS]
        numbers = (
            (buggy.count(FAILED), 7),
            (sum(word in CLEARED for word in fixed), 9),
            (fixed.count(INCONCLUSIVE), 10),
            (fixed.count(FAILED), 14),
            (sum(word in CLEARED for word in buggy), 13),
            (sum(bool(records[name, kind, program.name].end) for kind in (BUGGY, FIXED) for program in PROGRAMS), 8),
        )
        print(f"  {name:<26}{''.join(f'{number:>{width}}' for number, width in numbers)}")
    print("  cleared: proved (atonce); holds (frontrun), exhausted (interleave-test): within two preemptions, or the orders tried")


def demands(records: Records, strings: dict[str, Any]) -> list[Demand]:
    """Hold ours against what is demanded of it."""
    buggy, fixed = ({each.name: records[OURS, kind, each.name] for each in PROGRAMS} for kind in (BUGGY, FIXED))
    return [*_of_speed(records), *_of_bugs(buggy), *_of_clear_ones(buggy, fixed), *_of_replays(buggy, strings)]


def _of_speed(records: Records) -> list[Demand]:
    held = []
    for name, least in ((RANDOM, LEAST_RANDOM_PER_S), (DPOR, LEAST_DPOR_PER_S)):
        speeds = [each for program in SPEED for each in _speeds(records, name, SPEEDS, program)[0]]
        held.append(Demand(f"{name}: orders a second", median(speeds) if speeds else None, least, at_most=False))
    speeds, why = _speeds(records, RANDOM, SLEEP, "")
    per_order = 1e3 / median(speeds) if speeds else None
    return [*held, Demand("an hour of sleep: milliseconds of an order", per_order, MOST_SLEEP_MS, at_most=True, why=why)]


def _of_bugs(buggy: dict[str, Run]) -> list[Demand]:
    said = [each for run in buggy.values() for each in run.said if each["verdict"] == FAILED]
    always = sum(not run.end and all(each["verdict"] == FAILED for each in run.said) for run in buggy.values())
    beyond = [
        each["more"]["switches"] - program.depth - 1
        for program in PROGRAMS
        for each in buggy[program.name].said
        if each["verdict"] == FAILED
    ]
    times = [each["more"]["seconds"] * 1e3 for each in said]
    return [
        Demand("bugs that are found with every seed", always, len(PROGRAMS), at_most=False),
        Demand(
            "orders until a bug is found, at most",
            max((each["schedules"] for each in said), default=None),
            MOST_ORDERS,
            at_most=True,
        ),
        Demand("milliseconds until a bug is found, at most", max(times, default=None), MOST_MS, at_most=True),
        Demand("reports with more switches than events needed, and one", sum(more > 0 for more in beyond), 0, at_most=True),
    ]


def _of_clear_ones(buggy: dict[str, Run], fixed: dict[str, Run]) -> list[Demand]:
    said = [each for run in fixed.values() for each in run.said]
    proofs = [each["more"]["seconds"] for each in said if each["verdict"] == PROVED]
    proved = sum(not run.end and all(each["verdict"] == PROVED for each in run.said) for run in fixed.values())
    unclear = sum(bool(run.end) or any(each["why"] not in ("", UNFINISHED) for each in run.said) for run in fixed.values())
    false = sum(each["verdict"] == PROVED for run in buggy.values() for each in run.said)
    return [
        Demand("programs without a bug that are proved", proved, LEAST_PROVED, at_most=False),
        Demand("seconds of a proof, at most", max(proofs, default=None), MOST_PROOF_S, at_most=True),
        Demand("false alarms", sum(each["verdict"] == FAILED for each in said), 0, at_most=True),
        Demand("programs without a bug of which nothing can be said", unclear, 0, at_most=True),
        Demand("bugs that are proved absent", false, 0, at_most=True),
    ]


def _of_replays(buggy: dict[str, Run], strings: dict[str, Any]) -> list[Demand]:
    lost = [each for run in buggy.values() for each in run.said if each["verdict"] == FAILED and not each["again"]]
    (here, own), *others = strings.items()
    differing = [f"{python}: {name}" for python, theirs in others for name in own if theirs.get(name) != own[name]]
    for each in differing:
        print(f"  another replay string than in {here}: {each}")
    return [
        Demand("replay strings that do not fail again", len(lost), 0, at_most=True),
        Demand(
            f"replay strings that differ, once more here and in {len(others) - 1} other Pythons", len(differing), 0, at_most=True
        ),
    ]
