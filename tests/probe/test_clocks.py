"""What a thread's clocks say to others."""

import os
import threading

from atonce._probe.clocks import queued_s
from atonce.testing import wait_until


def test_the_second_number_of_the_file_is_taken_for_nanoseconds(tmp_path):
    (tmp_path / "7").write_text("1000 2500000000 3\n")
    assert queued_s(7, str(tmp_path / "{}")) == 2.5


def test_where_the_system_does_not_tell_it_is_nothing(tmp_path):
    (tmp_path / "8").write_text("what?\n")
    assert queued_s(8, str(tmp_path / "{}")) == 0.0
    assert queued_s(9, str(tmp_path / "{}")) == 0.0


def test_a_thread_that_shares_its_cpu_with_another_process_stands_in_line():
    here = threading.get_native_id()
    before, allowed = queued_s(here), os.sched_getaffinity(0)
    child = os.fork()
    if child == 0:
        os.sched_setaffinity(0, {min(allowed)})
        while True:
            pass
    try:
        os.sched_setaffinity(0, {min(allowed)})
        wait_until(lambda: sum(range(200_000)) and queued_s(here) - before > 0.02, "some time in the queue")
    finally:
        os.sched_setaffinity(0, allowed)
        os.kill(child, 9)
        os.waitpid(child, 0)
