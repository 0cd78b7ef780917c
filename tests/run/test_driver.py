"""When a run wakes its consumer."""

import pytest

from atonce._machine.clock import SYSTEM_CLOCK
from atonce._policy.ordering import InOrder
from atonce._run.driver import Run
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
