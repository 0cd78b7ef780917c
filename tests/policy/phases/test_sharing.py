"""Threads that compute: what they are taken for when they have been tried."""

import pytest

from atonce._policy.action import Hire, Nap, Return, Verified
from atonce._policy.observation import Scene, Seen
from atonce._policy.phases.case import Case
from atonce._policy.phases.sharing import Sharing

SCENE = Scene(cpus=2, gil=True, most_threads=512, most_processes=2, in_flight=512, start_s=0.03)


class Others:
    """Who is called upon."""

    def __init__(self):
        self.asked = ""

    def begin(self, *_):
        self.asked = "begun"
        return Nap(0.001)

    def watch_again(self, *_):
        self.asked = "watching"


def after(*, done, wall_s, cpu_s, item_s, alone_cpu_s):
    """Return the action when two threads have been tried for so long, and what was asked of others."""
    growing, watching = Others(), Others()
    case = Case(SCENE, Seen(0.0))
    case.watch_again = watching.watch_again
    sharing = Sharing(case, growing, Others())

    def seen(now_s, ended, cpu_s):
        first_cpu_s = 100 * alone_cpu_s
        return Seen(
            now_s,
            0.0001,
            ended,
            ended + 3,
            1000,
            item_s,
            first_cpu_s,
            process_cpu_s=first_cpu_s + cpu_s,
            crew_cpu_s=cpu_s,
            delivered=2,
        )

    assert isinstance(sharing.begin(seen(1.0, 100, 0.0)), Hire)
    assert isinstance(case.go_on(seen(1.1, 110, 0.0)), Nap)
    action = case.go_on(seen(1.1 + wall_s, 110 + done, cpu_s))
    return action, growing.asked, watching.asked


def test_threads_that_bring_twice_as_much_are_kept():
    action, _, _ = after(done=40, wall_s=0.1, cpu_s=0.2, item_s=0.005, alone_cpu_s=0.005)
    assert isinstance(action, Verified)
    assert action.gain == pytest.approx(2)


def test_threads_that_burn_cpu_and_bring_nothing_are_let_go():
    action, growing, watching = after(done=22, wall_s=0.1, cpu_s=0.19, item_s=0.005, alone_cpu_s=0.005)
    assert isinstance(action, Return)
    assert (growing, watching) == ("", "watching")


def test_items_that_only_seemed_longer_before_are_not_taken_for_a_gain():
    """The manager was in the way: an item took 8 ms, of 5 ms of CPU. Two threads that take 9 ms of CPU for one bring 1.1."""
    action, _, watching = after(done=21, wall_s=0.1, cpu_s=0.19, item_s=0.008, alone_cpu_s=0.005)
    assert isinstance(action, Return)
    assert watching == "watching"


def test_threads_that_bring_more_and_rest_wait():
    """As recorded: computing, 0.6 ms of CPU an item, and then requests of 32 ms. No CPU is busy."""
    _, growing, watching = after(done=9, wall_s=0.075, cpu_s=0.006, item_s=0.0317, alone_cpu_s=0.0006)
    assert (growing, watching) == ("begun", "")
