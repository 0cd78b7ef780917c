"""The threads of a check stay on one CPU, which the program does not notice, and which is undone."""

import os
import threading
from pathlib import Path

import pytest

from atonce import race
from atonce.race.one_cpu import OneCpu

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) == 1, reason="there is one CPU, or no choice"
)


def held():
    """Tell on how many CPUs the calling thread may run, as the system knows it."""
    (line,) = [line for line in Path("/proc/thread-self/status").read_text().splitlines() if line.startswith("Cpus_allowed:")]
    return int(line.split()[1].replace(",", ""), 16).bit_count()


@pytest.fixture
def cpus():
    before = os.sched_getaffinity(0)
    yield before
    os.sched_setaffinity(0, before)


def test_all_threads_of_a_check_are_held_on_one_cpu_and_see_all_of_them(cpus):
    seen = []

    def look():
        seen.append((held(), os.sched_getaffinity(0), os.sched_getaffinity(os.getpid())))

    def program():
        threads = [threading.Thread(target=look) for _ in range(2)]
        for thread in threads:
            thread.start()
        look()
        for thread in threads:
            thread.join()

    race.explore(program, runs=5, strategy="random")
    assert len(seen) == 15
    assert all(look == (1, cpus, cpus) for look in seen)
    assert os.sched_getaffinity(0) == cpus


def test_now_and_then_a_run_goes_where_the_system_puts_it(cpus):
    held_by = []
    with OneCpu(list) as one:
        for number in range(600):
            one.before_run(number)
            held_by.append(held())
    assert held_by.count(len(cpus)) == 2
    assert held_by.count(1) == 598
    assert os.sched_getaffinity(0) == cpus


@pytest.mark.parametrize("runs", [1, 255, 256, 257])
def test_it_is_undone_wherever_it_ends(cpus, runs):
    with pytest.raises(ZeroDivisionError), OneCpu(list) as one:
        for number in range(runs):
            one.before_run(number)
        raise ZeroDivisionError
    assert os.sched_getaffinity(0) == cpus


def test_what_the_program_decides_stays(cpus):
    with OneCpu(list):
        (on,) = os.sched_getaffinity(0)
        chosen = {next(cpu for cpu in cpus if cpu != on)}
        os.sched_setaffinity(0, chosen)
    assert os.sched_getaffinity(0) == chosen


def test_a_thread_that_has_ended_is_in_nobodys_way(cpus):
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    with OneCpu(lambda: [thread.native_id]):
        assert held() == 1
    assert os.sched_getaffinity(0) == cpus
