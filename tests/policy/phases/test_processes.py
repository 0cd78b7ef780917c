"""Processes instead of the caller, or of threads: those whom they are compared with."""

import pytest

from atonce._policy.action import Hire, Nap, Return, Verified
from atonce._policy.observation import Payload, Safety, Scene, Seen, Span
from atonce._policy.phases.case import Case
from atonce._policy.phases.mixing import Mixing
from atonce._policy.phases.processes import Processes

SCENE = Scene(cpus=2, gil=True, most_threads=512, most_processes=2, in_flight=512, start_s=0.03)


class FewThreads:
    """Threads that may give way."""

    crew = 6
    compute = False
    shortest_s = 0.01

    def __init__(self):
        self.back_at = None

    def hear(self, seen):
        pass

    def come_back(self, seen):
        self.back_at = seen.now_s
        return Nap(0.001)


@pytest.fixture
def case():
    case = Case(SCENE, Seen(0.0))
    case.watch_again = lambda seen, _blind_until_s: setattr(case, "last", seen)
    return case


def seen(now_s, done, *, crew_cpu_s=0.0, **more):
    return Seen(now_s, done=done, taken=done + 2, left=10_000 - done, item_s=0.001, crew_cpu_s=crew_cpu_s, delivered=2, **more)


def judged(case, items, crew_cpu_s):
    """Let what was hired at 1 s deliver, and bring so many items within a second."""
    assert isinstance(case.go_on(seen(1.0, 100)), Nap)
    return case.go_on(seen(2.0, 100 + items, crew_cpu_s=crew_cpu_s))


def test_threads_come_back_if_processes_bring_no_more(case):
    threads = FewThreads()
    Processes(case).hire(seen(1.0, 100), 2, 4, "", base_rate=1000.0, instead_of=threads)
    action = judged(case, 1000, 2.0)
    assert isinstance(action, Hire)
    assert (action.engine, action.workers) == ("thread", 6)
    assert threads.back_at == 2.0


def test_who_replaces_the_caller_later_is_not_compared_with_threads_of_before(case):
    """Processes that replaced threads were kept, and let go when the work waited; then it computes again."""
    processes = Processes(case)
    processes.hire(seen(1.0, 100), 2, 4, "", base_rate=1000.0, instead_of=FewThreads())
    assert isinstance(judged(case, 1800, 2.0), Verified)
    assert isinstance(case.go_on(seen(3.0, 2000, crew_cpu_s=2.1)), Nap)  # they rest
    assert isinstance(case.go_on(seen(3.2, 2010, crew_cpu_s=2.11)), Return)
    processes.hire(seen(1.0, 100), 2, 1, "", base_rate=1000.0)
    action = judged(case, 900, 0.5)
    assert isinstance(action, Return)
    assert action.reason == "processes brought 0.90x one worker, so they were let go"


def test_who_stands_idle_for_want_of_input_is_kept(case):
    """The input pauses, or nobody takes the results: nothing is under way."""
    Processes(case).hire(seen(1.0, 100), 2, 1, "", base_rate=1000.0)
    assert isinstance(judged(case, 1800, 2.0), Verified)
    for now_s in (2.1, 2.2, 2.3, 2.4):
        assert isinstance(case.go_on(seen(now_s, 1900, crew_cpu_s=2.0)._replace(taken=1900)), Nap)
    assert isinstance(case.go_on(seen(2.5, 1900, crew_cpu_s=2.0)), Nap)
    assert isinstance(case.go_on(seen(2.6, 1900, crew_cpu_s=2.0)), Return)  # now they wait for something


def test_items_that_are_under_way_have_had_a_part_of_the_cpu_time():
    """As recorded: 32 threads were hired, 7 items had ended, and 275 ms of CPU time had gone into all of them. One takes 12 ms."""
    busy = Span(Seen(0.02, taken=2), Seen(0.26, done=7, taken=39, process_cpu_s=0.275))
    case = Case(SCENE, Seen(0.0))
    look = Seen(0.4, done=36, taken=68, left=82, item_s=0.15, safety=Safety(), payload=Payload(1e-5), ready=True)
    threads = FewThreads()
    threads.shortest_s = 0.033
    action = Mixing(case, Processes(case)).begin(look, busy, threads)
    assert isinstance(action, Hire)
    assert action.in_flight == 6  # twice as many as keep a process busy
    assert "12." in action.reason


def test_threads_that_the_clock_saw_no_cpu_time_of_are_no_error(case):
    """A clock of 10 ms may tell of none in a span that many items ended in."""
    busy = Span(seen(0.0, 0), seen(0.05, 50))
    threads = FewThreads()
    Mixing(case, Processes(case)).begin(seen(0.1, 100, safety=Safety(), payload=Payload(1e-6)), busy, threads)
    assert threads.back_at == 0.1
