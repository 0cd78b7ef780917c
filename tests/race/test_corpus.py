"""The corpus: what has a bug is found and replayed, what has none is cleared, and nothing with a bug is ever proved."""

import asyncio
import re
from inspect import iscoroutinefunction

import pytest

from atonce import race
from atonce.errors import DeadlockFound
from tests.race.corpus import PROGRAMS

SEEDS = (0, 1, 2)
MANY_ORDERS = 200  # where all of them would take too long
ENOUGH = 60  # orders, for a bug of the first 18 rows

WITH_A_BUG = [program for program in PROGRAMS if program.buggy_must != "found or not found"]
MAYBE_FOUND = [program for program in PROGRAMS if program.buggy_must == "found or not found"]


def named(programs):
    return pytest.mark.parametrize("program", programs, ids=str)


def explored(function, seed=0, runs=None):
    return race.explore(function, seed=seed, budget="20s", runs=runs)


def replayed(function, report):
    """Return what the order of the report raises."""
    with pytest.raises(BaseException) as caught:
        race.replay(function, report.replay)
    return caught.value


def assert_found(program, report):
    assert report.verdict == "failed"
    again = replayed(program.buggy, report)
    if report.error is None:
        assert type(again) is DeadlockFound
    else:
        assert type(again) is type(report.error)
        assert without_addresses(again) == without_addresses(report.error)


def without_addresses(error):
    return re.sub(r"0x[0-9a-f]+", "0x...", str(error))


@pytest.mark.parametrize("seed", SEEDS)
@named(WITH_A_BUG)
def test_the_bug_is_found_and_its_order_fails_again(program, seed):
    report = explored(program.buggy, seed)
    assert_found(program, report)
    assert report.failure == ("deadlock" if program.buggy_must == "deadlock" else "exception")
    assert report.switches <= program.depth + 1
    if program.row <= 18:
        assert report.schedules <= ENOUGH


@named(MAYBE_FOUND)
def test_a_bug_that_may_hide_is_never_proved_away(program):
    report = explored(program.buggy, runs=MANY_ORDERS)
    assert report.verdict != "proved"
    if report.verdict == "failed":
        assert_found(program, report)
    else:
        assert report.doubts, "what was not found is not found for a reason"


@named([program for program in PROGRAMS if program.fixed_must == "proved"])
def test_the_program_without_the_bug_is_proved(program):
    report = explored(program.fixed)
    assert report.verdict == "proved", report


@named([program for program in PROGRAMS if program.fixed_must != "proved"])
def test_the_program_without_the_bug_is_clear(program):
    report = explored(program.fixed, runs=MANY_ORDERS)
    assert report.verdict != "failed", report
    assert program.fixed_must == "clear" or report.verdict == "not found"


@named(PROGRAMS)
def test_the_program_without_the_bug_runs_with_real_threads(program):
    for _ in range(20):
        if iscoroutinefunction(program.fixed):
            asyncio.run(program.fixed())
        else:
            program.fixed()


def test_all_rows_are_there():
    assert {program.row for program in PROGRAMS} == set(range(1, 30))
    assert len({program.name for program in PROGRAMS}) == len(PROGRAMS)
