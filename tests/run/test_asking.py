"""Workers are asked something before they get any work."""

import os
import threading
import time

import pytest

from atonce._machine.clock import SYSTEM_CLOCK
from atonce._run.asking import ask
from atonce._run.bell import ThreadBell
from atonce._run.driver import Crew
from atonce._run.engines import engine_named
from atonce._run.staff import Staff
from atonce._values.job import Setup


@pytest.fixture
def staff():
    staff = Staff("asked", Setup(), SYSTEM_CLOCK)
    yield staff
    staff.close()


def asked(staff, fn, *arguments, workers=2, engine="process", given_up=lambda: False):
    crew = Crew(engine_named(engine), workers, 1, workers)
    return ask(staff, crew, fn, arguments, bell=ThreadBell(), clock=SYSTEM_CLOCK, given_up=given_up)


def test_each_worker_is_asked(staff):
    pids = asked(staff, os.getpid, workers=3)
    assert len(pids) == len({*pids}) == 3
    assert {*asked(staff, os.getpid, workers=3)} == {*pids}  # they are still there


def test_what_the_function_raises_is_raised(staff):
    def fails():
        raise LookupError("not there")

    with pytest.raises(LookupError, match="not there"):
        asked(staff, fails)


def test_who_gives_up_does_not_wait(staff):
    inside = threading.Event()
    asking = threading.Thread(target=lambda: answers.append(asked(staff, time.sleep, 60, given_up=inside.is_set)))
    answers = []
    asking.start()
    inside.set()
    asking.join(20)
    assert answers == [[]]
