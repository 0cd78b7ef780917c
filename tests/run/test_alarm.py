"""An alarm calls when it is time, has a thread only meanwhile, and hears of what comes between."""

import threading
import time

from atonce._run.alarm import Alarm
from atonce.testing.evidence import wait_until


class Times:
    """When something is due, and how often it rang."""

    def __init__(self):
        self.due_s = None
        self.rings = 0
        self.fails = 0

    def due_in_s(self):
        due_s = self.due_s
        return None if due_s is None else max(0.0, due_s - time.monotonic())

    def ring(self):
        self.rings += 1
        if self.rings <= self.fails:
            raise RuntimeError("can't start new thread")
        self.due_s = None
        self.alarm.look()

    def made(self):
        self.alarm = Alarm(self.due_in_s, self.ring, "an alarm")
        return self.alarm


def is_alive():
    return any(thread.name == "an alarm" for thread in threading.enumerate())


def test_it_rings_when_it_is_time_and_then_has_no_thread():
    times = Times()
    alarm = times.made()
    assert not is_alive()
    for rings in (1, 2):
        times.due_s = begun = time.monotonic() + 0.05
        alarm.look()
        wait_until(lambda rings=rings: times.rings == rings, "the alarm")
        assert time.monotonic() >= begun
        wait_until(lambda: not is_alive(), "the end of its thread")


def test_what_is_due_first_rings_first():
    times = Times()
    alarm = times.made()
    times.due_s = time.monotonic() + 1e9
    alarm.look()
    times.due_s = time.monotonic()
    alarm.look()
    wait_until(lambda: times.rings == 1, "the alarm")
    alarm.close()
    assert not is_alive()


def test_what_cannot_be_done_now_is_tried_again():
    times = Times()
    times.fails, times.due_s = 2, time.monotonic()
    alarm = times.made()
    alarm.look()
    wait_until(lambda: times.rings == 3, "the third time")
    alarm.close()
    assert not is_alive()


def test_closing_ends_it_whatever_it_waits_for():
    times = Times()
    times.due_s = float("inf")
    alarm = times.made()
    alarm.look()
    assert is_alive()
    alarm.close()
    assert not is_alive()
    alarm.look()
    assert not is_alive()
    assert times.rings == 0
