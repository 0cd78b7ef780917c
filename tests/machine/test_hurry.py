"""A short switch interval while somebody is in a hurry."""

import sys

import pytest

from atonce._machine.hurry import Hurry


@pytest.fixture(autouse=True)
def _interval():
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.005)
    yield
    sys.setswitchinterval(before)


def test_it_is_short_until_the_last_one_has_ended():
    hurry = Hurry()
    hurry.begin()
    hurry.begin()
    hurry.end()
    assert sys.getswitchinterval() == pytest.approx(0.0001, abs=2e-6)
    hurry.end()
    assert sys.getswitchinterval() == pytest.approx(0.005)


def test_what_somebody_else_has_set_meanwhile_stays():
    hurry = Hurry()
    hurry.begin()
    sys.setswitchinterval(0.02)
    hurry.end()
    assert sys.getswitchinterval() == pytest.approx(0.02)


def test_a_shorter_one_stays():
    sys.setswitchinterval(0.00005)
    hurry = Hurry()
    hurry.begin()
    assert sys.getswitchinterval() == pytest.approx(0.00005, abs=2e-6)
    hurry.end()
    assert sys.getswitchinterval() == pytest.approx(0.00005, abs=2e-6)
