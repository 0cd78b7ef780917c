"""When a run wakes its consumer, and has its workers pause."""

import threading

import pytest

from atonce._machine.clock import SYSTEM_CLOCK
from atonce._policy.ordering import InOrder
from atonce._run.driver import Crew, Run
from atonce._run.pause import Pausing
from atonce._run.source import Source
from atonce._run.staff import Staff
from atonce._values.batch import Delivery, Misfortune
from atonce._values.job import Job, Setup


class Bell:
    def __init__(self):
        self.rung = 0

    def ring(self):
        self.rung += 1

    def reset(self):
        """Nothing to forget."""


@pytest.fixture
def bell():
    return Bell()


@pytest.fixture
def run_of(bell):
    def make(*, collected, **how):
        return Run(
            Job(abs, **how),
            Source(range(1000), length=1000, consumed_at_once=collected),
            ordering=InOrder(),
            in_place=not collected,
            collected=collected,
            staff=Staff("test", Setup(), SYSTEM_CLOCK),
            bell=bell,
            clock=SYSTEM_CLOCK,
        )

    return make


def delivery(start, *, failed=()):
    return Delivery(start, [start], list(failed), 0.001, 0.001, "somebody")


def test_a_stream_hears_of_each_delivery(run_of, bell):
    run = run_of(collected=False)
    run.take(10)
    for start in range(3):
        run.deliver(delivery(start))
    assert bell.rung == 3


def test_who_waits_for_all_results_is_not_woken_for_each(run_of, bell):
    run = run_of(collected=True)
    run.take(200)
    for start in range(63):
        run.deliver(delivery(start))
    assert not bell.rung
    run.deliver(delivery(63))
    assert bell.rung
    drained = [run.poll().start for _ in range(64)]
    assert drained == list(range(64))
    assert not run.over


def test_who_waits_for_all_results_hears_of_the_last_ones(run_of, bell):
    run = run_of(collected=True)
    while run.take(1000) is not None:
        pass
    run.deliver(delivery(0))
    assert bell.rung == 1


@pytest.mark.parametrize("stops", [True, False])
def test_who_waits_for_all_results_hears_of_a_failure_at_once(run_of, bell, stops):
    run = run_of(collected=True, stops=stops)
    run.take(10)
    run.deliver(delivery(0, failed=[Misfortune(0, ValueError("no"), 0)]))
    assert bell.rung == 1
    assert run.failing is False  # nobody has looked yet
    run.poll()
    assert run.failing is stops


class Caller:
    """The calling thread, as a worker that finds nothing to do."""

    name = "calling thread"

    def __init__(self):
        self.steps = 0

    def assign(self, place):
        self.place = place

    def step(self):
        self.steps += 1
        return False


class Nobody:
    """An engine whose workers never come."""

    kind = "nobody"
    pumped = shared = guest = False

    def __init__(self):
        self.made = 0

    def worker(self, context):
        self.made += 1
        return Worker(context.name)


class Worker:
    def __init__(self, name):
        self.name = name
        self.usable = True
        self.nudged = 0

    def assign(self, place):
        self.place = place

    def nudge(self, _place):
        self.nudged += 1

    def close(self, *, wait):
        """Its staff lets it go."""


@pytest.fixture
def hired(run_of):
    """A run whose caller works, and who has hired two."""
    run = run_of(collected=True)
    run.lend_caller(Caller())
    run.hire(Crew(Nobody(), 2, 1))
    run.take(500)
    return run


def test_a_caller_that_pauses_begins_nothing_and_hears_when_to_go_on(run_of, bell):
    run, caller = run_of(collected=True), Caller()
    run.lend_caller(caller)
    run.pause(Pausing(SYSTEM_CLOCK, SYSTEM_CLOCK.now(), but=0, working=0))
    assert run.poll() is None
    assert caller.steps == 0
    before = bell.rung
    run.resume()
    assert bell.rung > before
    run.poll()
    assert caller.steps == 1


def test_a_caller_works_until_a_pause_begins(run_of):
    run, caller = run_of(collected=True), Caller()
    run.lend_caller(caller)
    run.pause(Pausing(SYSTEM_CLOCK, SYSTEM_CLOCK.now() + 1000.0, but=0, working=0))
    run.poll()
    assert caller.steps == 1


def test_whoever_rests_goes_on_when_the_run_ends(run_of):
    run = run_of(collected=True)
    run.pause(Pausing(SYSTEM_CLOCK, SYSTEM_CLOCK.now(), but=0, working=1))
    thread = threading.Thread(target=run.rest, args=("worker",))
    thread.start()
    for _ in run.closing():
        pass
    thread.join(60)
    assert not thread.is_alive()


def test_nobody_rests_in_a_pause_that_begins_when_the_run_has_ended(run_of):
    run = run_of(collected=True)
    for _ in run.closing():
        pass
    run.pause(Pausing(SYSTEM_CLOCK, SYSTEM_CLOCK.now(), but=0, working=1))
    run.rest("worker")


def test_the_caller_works_until_all_who_were_hired_have_delivered(hired):
    hired.deliver(Delivery(0, [0], (), 0.1, 0.1, "first"))
    hired.deliver(Delivery(1, [1], (), 0.1, 0.1, "calling thread"))
    hired.poll()
    assert hired.caller_helps
    hired.deliver(Delivery(2, [2], (), 0.1, 0.1, "second"))
    while hired.poll() is not None:
        pass
    assert not hired.caller_helps


def test_once_the_others_are_sent_home_the_caller_works_whatever_they_still_deliver(hired):
    hired.send_home()
    for index, name in enumerate(["first", "second", "first"]):
        hired.deliver(Delivery(index, [0], (), 0.1, 0.1, name))
    while hired.poll() is not None:
        pass
    assert hired.caller_helps
    assert (hired.report.plan.engine, hired.report.plan.workers) == ("inline", 1)


def test_who_is_one_too_many_is_told_to_leave_and_nobody_else(hired):
    first, second = hired.present()
    assert not hired.crowded(first)
    assert not hired.crowded(second)
    hired.hire(Crew(hired._crew.engine, 1, 1))
    assert first.nudged
    assert second.nudged
    assert hired.crowded(second)
    assert not hired.crowded(first)
    assert hired.crowded(second)  # it stays so
    hired.leave(second)
    assert not hired.crowded(first)


def test_those_of_another_kind_are_told_to_leave(hired):
    old = hired.present()
    hired.hire(Crew(Nobody(), 1, 1))
    assert all(hired.crowded(worker) for worker in old)
    [new] = [worker for worker in hired.present() if worker not in old]
    assert not hired.crowded(new)


def test_once_the_others_are_sent_home_nobody_is_asked_for(hired):
    hired.send_home()
    for worker in hired.present():
        hired.leave(worker)
    for _ in range(5):
        hired.poll()
    assert hired._crew.engine.made == 2
    assert hired.report.workers_hired == 3  # the caller is one of them


def test_late_deliveries_of_those_who_were_here_before_do_not_count(hired):
    hired.hire(Crew(hired._crew.engine, 2, 1))
    for index, name in enumerate(["process 17", "process 18", ""]):
        hired.deliver(Delivery(index, [0], (), 0.1, 0.1, name))
    while hired.poll() is not None:
        pass
    assert hired.caller_helps


def test_a_manager_who_looks_no_more_costs_no_memory(run_of):
    run = run_of(collected=True)
    witnessed = run.manage(None)
    run.take(500)
    for index in range(30_000):
        run.deliver(delivery(index))
    assert len(witnessed) == 10_000


def test_whoever_waits_is_woken_when_another_thread_has_closed_the_run(run_of, bell):
    run = run_of(collected=False)
    before = bell.rung
    for _ in run.closing():
        pytest.fail("there is nobody to wait for")
    assert run.closed
    assert bell.rung > before
