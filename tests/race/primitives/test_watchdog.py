"""A task that hangs where no step is."""

import _thread
import threading

import pytest

from atonce.errors import RaceError
from atonce.race.carriers import Carriers
from atonce.race.primitives.patching import Patched
from atonce.race.scheduler import Scheduler, activate, deactivate
from atonce.race.search.strategy import Strategy
from atonce.race.watchdog import Watchdog
from tests.race.primitives.kit import together

real_lock = _thread.allocate_lock


def watched(program, patience_s=0.2):
    carriers, dog = Carriers(), Watchdog(patience_s)
    with Patched():
        dog.__enter__()
        try:
            run = Scheduler(Strategy(), carriers, max_steps=1_000)
            activate(run)
            dog.run = run
            try:
                run.run(program)
            finally:
                dog.run = None
                deactivate()
        finally:
            dog.__exit__()
    return run, carriers


def test_a_thread_that_hangs_is_left_behind_and_named():
    lock = real_lock()
    lock.acquire()
    ended = threading.Event()

    def hang():
        try:
            lock.acquire()  # here it hangs
        finally:
            ended.set()

    run, carriers = watched(lambda: together(hang, int))
    assert isinstance(run.interrupt, RaceError)
    assert run.failure is None
    assert "uncontrolled blocking at" in str(run.interrupt)
    assert "test_watchdog.py" in str(run.interrupt)
    assert "here it hangs" in str(run.interrupt)
    assert "T1" in str(run.interrupt)
    lock.release()
    ended.wait()
    carriers.close()


def test_the_calling_thread_is_roused():
    lock = real_lock()
    lock.acquire()
    run, carriers = watched(lock.acquire)
    carriers.close()
    assert isinstance(run.interrupt, RaceError)
    assert "main" in str(run.interrupt)


def test_who_works_does_not_hang():
    def work():
        used = real_thread_time()
        while real_thread_time() < used + 0.4:
            pass

    from atonce.race.watchdog import _read_clock

    def real_thread_time():
        import time

        return _read_clock(time.CLOCK_THREAD_CPUTIME_ID)

    run, carriers = watched(lambda: together(work), patience_s=0.2)
    carriers.close()
    assert run.failure is None
    assert run.interrupt is None


@pytest.mark.parametrize("program", [int, lambda: together(int)])
def test_a_run_that_ends_is_left_alone(program):
    run, carriers = watched(program)
    carriers.close()
    assert run.failure is None
    assert run.interrupt is None
