"""What a thread's and a process's clocks say to others."""

import os
import signal
import threading

import pytest

from atonce._probe.clocks import Clocks, own_clocks, process_clocks
from atonce.testing import wait_until


@pytest.fixture
def spinning():
    """A child process that computes, on one CPU."""
    child = os.fork()
    if child == 0:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        while True:
            pass
    yield child
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def test_the_second_number_of_the_file_is_taken_for_nanoseconds(tmp_path):
    (tmp_path / "schedstat").write_text("1000 2500000000 3\n")
    assert Clocks(None, str(tmp_path)).queued_s() == 2.5


def test_where_the_system_does_not_tell_it_is_nothing(tmp_path):
    nowhere = Clocks(None, str(tmp_path / "nowhere"))
    (tmp_path / "schedstat").write_text("what?\n")
    (tmp_path / "stat").write_text("what?\n")
    assert [clocks.queued_s() for clocks in (nowhere, Clocks(None, str(tmp_path)))] == [0.0, 0.0]
    assert not nowhere.is_ready()
    assert not Clocks(None, str(tmp_path)).is_ready()
    assert nowhere.cpu_s() is None


@pytest.mark.parametrize(("state", "ready"), [("R", True), ("S", False), ("D", False)])
def test_the_state_stands_behind_the_name_whatever_that_is(tmp_path, state, ready):
    (tmp_path / "stat").write_text(f"17 (a) S (b) {state} 1 2 3\n")
    assert Clocks(None, str(tmp_path)).is_ready() is ready


def test_a_thread_that_shares_its_cpu_with_another_process_stands_in_line(spinning):
    clocks, allowed = own_clocks(), os.sched_getaffinity(0)
    before = clocks.queued_s()
    try:
        os.sched_setaffinity(0, {min(allowed)})
        wait_until(lambda: sum(range(200_000)) and clocks.queued_s() - before > 0.02, "some time in the queue")
    finally:
        os.sched_setaffinity(0, allowed)
    assert spinning


def test_a_threads_time_is_read_by_another_also_when_it_has_ended():
    told, seen = [], threading.Event()

    def work():
        told.append(own_clocks())
        while (told[0].cpu_s() or 0.0) < 0.01:
            sum(range(10_000))
        seen.wait(60)

    thread = threading.Thread(target=work)
    thread.start()
    wait_until(lambda: bool(told) and (told[0].cpu_s() or 0.0) >= 0.01, "the thread to work")
    wait_until(lambda: not told[0].is_ready(), "the thread to wait")
    seen.set()
    thread.join()
    wait_until(lambda: told[0].cpu_s() is None, "the thread to be gone")


def test_a_process_that_computes_is_ready_and_its_time_goes_on(spinning):
    clocks = process_clocks(spinning)
    wait_until(lambda: (clocks.cpu_s() or 0.0) > 0.01, "the process to compute")
    assert clocks.is_ready()


def test_a_process_that_is_gone_has_no_time():
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    assert process_clocks(child).cpu_s() is None
