"""Workers are asked something before they get any work."""

import os
import time

import pytest

from atonce._machine.clock import SYSTEM_CLOCK
from atonce._run.asking import Enquiry
from atonce._run.bell import ThreadBell
from atonce._run.driver import Crew
from atonce._run.engines import engine_named
from atonce._run.staff import Staff
from atonce._values.job import Setup
from atonce.testing import wait_until


@pytest.fixture
def staff():
    staff = Staff("asked", Setup(), SYSTEM_CLOCK)
    yield staff
    staff.close()


@pytest.fixture
def bell():
    return ThreadBell()


@pytest.fixture
def asked(staff, bell):
    """Ask some workers, and return the answers."""

    def ask(fn, *arguments, workers=2):
        enquiry = prepared(staff, bell, fn, *arguments, workers=workers)
        try:
            enquiry.ask()
            while not enquiry.answered():
                bell.wait(0.01)
        finally:
            enquiry.close(patient=True)
        return enquiry.answers

    return ask


def prepared(staff, bell, fn, *arguments, workers=2):
    crew = Crew(engine_named("process"), workers, 1, workers)
    return Enquiry(staff, crew, fn, arguments, bell=bell, clock=SYSTEM_CLOCK)


def meets_the_others(folder, many):
    """Answer when so many have been asked: one that is quick could else answer for another."""
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/{os.getpid()}", "w"):
        pass
    until = time.monotonic() + 60
    while len(os.listdir(folder)) < many and time.monotonic() < until:
        time.sleep(0.001)
    return os.getpid()


def test_each_worker_is_asked(asked, tmp_path):
    pids = asked(meets_the_others, str(tmp_path / "first"), 3, workers=3)
    assert len(pids) == len({*pids}) == 3
    assert {*asked(meets_the_others, str(tmp_path / "again"), 3, workers=3)} == {*pids}  # they are still there


def test_what_the_function_raises_is_raised(asked):
    def fails():
        raise LookupError("not there")

    with pytest.raises(LookupError, match="not there"):
        asked(fails)


def test_who_gives_up_does_not_wait(staff, bell, tmp_path):
    """The workers are in the middle of an answer that would take a minute."""

    def hangs():
        (tmp_path / str(os.getpid())).touch()
        time.sleep(60)

    enquiry = prepared(staff, bell, hangs)
    enquiry.ask()
    wait_until(lambda: not enquiry.answered() and len(list(tmp_path.iterdir())) == 2, "two workers to be asked")
    begun = time.monotonic()
    enquiry.close(patient=False)
    assert time.monotonic() - begun < 30
    assert enquiry.answers == []
