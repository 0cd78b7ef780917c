"""How long it takes to get the GIL, as told by naps that were too long."""

from atonce._policy.observation import Seen
from atonce._policy.phases.lateness import Lateness


def after(*naps_s, came_late_s=0.0, gil=True):
    lateness = Lateness(Seen(0.0, came_late_s), gil=gil)
    for late_s in naps_s:
        lateness.note(Seen(1.0, late_s))
    return lateness


def test_nothing_is_known_before_the_first_nap():
    assert after().is_held() is None
    assert after().usual_s == after().longest_s == 0.0


def test_two_long_naps_are_enough_and_three_short_ones():
    assert after(0.005, 0.005).is_held() is True
    assert after(0.0001, 0.0001).is_held() is None
    assert after(0.0001, 0.0001, 0.0001).is_held() is False


def test_who_came_late_to_begin_with_needs_only_one_long_nap():
    assert after(0.005, came_late_s=0.005).is_held() is True


def test_a_look_that_is_asked_again_is_no_second_witness():
    assert after(0.005, 0.0).is_held() is None


def test_only_the_last_naps_count():
    assert after(0.003, 0.0001, 0.0001, 0.0001).is_held() is False


def test_without_a_gil_nobody_holds_it():
    assert after(0.005, 0.005, gil=False).is_held() is None
    assert after(0.005, 0.005, 0.005, gil=False).is_held() is False


def test_what_is_forgotten_is_no_witness():
    lateness = after(0.005, 0.005)
    lateness.forget()
    assert lateness.is_held() is None
    assert lateness.longest_s == 0.0
