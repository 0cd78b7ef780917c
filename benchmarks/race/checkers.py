"""The checkers, each as a function that explores a program and says what it found, in its own words and in ours.

Each is used as its documentation shows, and gets what it needs to do well: `frontrun` its virtual clock, without which it comes to
no verdict where somebody waits for a condition or a queue; `interleave-test` is told that the lines here, which start and join the
threads, are no part of the program.
"""

import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from shape import Version

__all__ = ("CHECKERS", "CLEARED", "INCLUDED", "OURS", "PEERS", "Checker", "Found")

OURS = "atonce"
FAILED, PROVED, HOLDS, EXHAUSTED = "failed", "proved", "holds", "exhausted"
INCONCLUSIVE, NOTHING = "inconclusive", "not found"
CLEARED = (PROVED, HOLDS, EXHAUSTED)  # verdicts that take the bug for absent; the last two within the bounds of a search

INCLUDED = ("programs", "shape", "sprints")  # modules whose code is looked into
HERE = Path(__file__).parent
SECONDS = 2.0  # for one search; ends it in time where the checker has such an option
MANY = 1_000_000  # orders: as many as there is time for
TRIED = 500  # orders of a search at random that knows no time limit


class Found(NamedTuple):
    """What came of a search.

    Attributes:
        verdict: as near to the checker's words as can be: one of those above.
        schedules: orders that were run.
        why: what it says of it.
        more: what only some can tell.
    """

    verdict: str
    schedules: int
    why: str = ""
    more: dict[str, Any] = {}  # noqa: RUF012  (never changed)


class Checker(NamedTuple):
    """A checker, and one of its ways to search.

    Attributes:
        explore: explores a version of a program; with a seed, and the most orders that it may run: ``None`` if there is a bug to
            be found, a number if it is speed that matters.
        package: what has to be installed.
        seeds: the search depends on a seed.
        command: what has to run the interpreter, out of the folder that it lies in.
    """

    explore: Callable[[Version, int, int | None], Found]
    package: str
    seeds: bool = True
    command: str = ""


def atonce_auto(version: Version, seed: int, runs: int | None) -> Found:
    return _atonce(version, seed, runs, "auto")


def atonce_random(version: Version, seed: int, runs: int | None) -> Found:
    return _atonce(version, seed, runs, "random")


def atonce_dpor(version: Version, seed: int, runs: int | None) -> Found:
    return _atonce(version, seed, runs, "dpor")


def _atonce(version: Version, seed: int, runs: int | None, strategy: str) -> Found:
    from atonce import race

    report = race.explore(**version._asdict(), include=INCLUDED, seed=seed, runs=runs, strategy=strategy, budget=5.0)
    more = {
        "seconds": report.seconds,
        "steps": report.steps,
        "switches": report.switches,
        "replay": report.replay,
        "failure": report.failure,
        "error": type(report.error).__name__,
    }
    return Found(report.verdict, report.schedules, "; ".join(report.doubts), more)


def frontrun_random(version: Version, seed: int, runs: int | None) -> Found:
    return _frontrun(version, strategy="random", seed=seed, **({"max_attempts": runs} if runs else {}))


def frontrun_dpor(version: Version, _seed: int, runs: int | None) -> Found:
    return _frontrun(version, strategy="dpor", **({"max_executions": runs} if runs else {}))


def _frontrun(version: Version, **options: Any) -> Found:
    import frontrun

    try:
        result = frontrun.explore(
            **version._asdict(),
            clock="virtual",
            total_timeout=SECONDS,
            reproduce_on_failure=0,
            **options,
        )
    except Exception as error:
        return Found(FAILED if raised_by_worker(error) else INCONCLUSIVE, 0, f"{type(error).__name__}: {error}")
    words = {True: HOLDS, False: FAILED, None: INCONCLUSIVE}[result.property_holds]
    return Found(words, result.num_explored, result.inconclusive_reason or "")


def raised_by_worker(error: BaseException) -> bool:
    """Tell whether an exception comes out of a program, or out of the checker itself."""
    return traceback.extract_tb(error.__traceback__)[-1].filename in {str(HERE / f"{module}.py") for module in INCLUDED}


def interleave_random(version: Version, seed: int, runs: int | None) -> Found:
    return _interleave(version, runs or TRIED, strategy="random", seed=seed)


def interleave_dfs(version: Version, _seed: int, runs: int | None) -> Found:
    return _interleave(version, runs or MANY, strategy="dfs", seed=0)


def _interleave(version: Version, runs: int, **options: Any) -> Found:
    import interleave_test

    result = interleave_test.explore(
        whole(version), iterations=runs, exclude=[str(Path(__file__))], raise_on_failure=False, **options
    )
    if result.failure is not None:
        hang = result.failure.kind == "hang"
        return Found(INCONCLUSIVE if hang else FAILED, result.schedules_run, result.failure.kind)
    return Found(EXHAUSTED if result.exhausted else NOTHING, result.schedules_run)


def whole(version: Version) -> Callable[[], None]:
    """Make a test function of a program."""

    def test() -> None:
        state = version.setup()
        threads = [threading.Thread(target=worker, args=(state,)) for worker in version.workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert version.invariant(state)

    return test


CHECKERS = {
    OURS: Checker(atonce_auto, "atonce"),
    "atonce random": Checker(atonce_random, "atonce"),
    "atonce dpor": Checker(atonce_dpor, "atonce", seeds=False),
    "frontrun random": Checker(frontrun_random, "frontrun", command="frontrun"),
    "frontrun dpor": Checker(frontrun_dpor, "frontrun", seeds=False, command="frontrun"),
    "interleave-test random": Checker(interleave_random, "interleave_test"),
    "interleave-test dfs": Checker(interleave_dfs, "interleave_test", seeds=False),
}
PEERS = tuple(name for name, checker in CHECKERS.items() if checker.package != "atonce")
