"""An order that one version of Python has found fails on all others, too: those in replays.json came from one of them."""

import sys

import pytest

from atonce import race
from tests.race.corpus import PROGRAMS
from tests.race.pin import pinned

ORDERS = pinned()
BUGGY = {program.name: program.buggy for program in PROGRAMS}

# Free-threaded, an object that one thread has made and another gives up ends later, and in the thread that made it.
ENDS_ELSEWHERE = {"hidden_by_weakref_callback"}
FREE_THREADED = not getattr(sys, "_is_gil_enabled", lambda: True)()


@pytest.mark.parametrize("name", ORDERS)
def test_the_order_fails_here_as_it_did_there(name):
    if FREE_THREADED and name in ENDS_ELSEWHERE:
        pytest.skip("objects end elsewhere without the global lock")
    order = ORDERS[name]
    with pytest.raises(BaseException) as caught:
        race.replay(BUGGY[name], order["replay"])
    assert type(caught.value).__name__ == order["raises"]
    report = getattr(caught.value, "report", None)
    assert order["failure"] == ("exception" if report is None else report.failure)


def test_all_programs_that_must_fail_are_written_down():
    assert {program.name for program in PROGRAMS if program.buggy_must != "found or not found"} <= set(ORDERS)
