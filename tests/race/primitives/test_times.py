"""Clocks and sleeping."""

import logging
import threading
import time

import pytest

from atonce.race.primitives.patching import REPLACED, Patched
from tests.race.primitives.kit import once, result_of, together


def test_sleep_takes_no_time():
    begun = time.perf_counter()
    run = once(lambda: together(lambda: time.sleep(3_600), lambda: time.sleep(0), lambda: time.sleep(0.5)))
    assert time.perf_counter() - begun < 60
    assert run.now_s == 4_600
    assert [step.operation.kind for step in run.trace].count("sleep") == 3
    assert not run.doubts


def test_sleep_refuses_what_the_real_one_refuses():
    with pytest.raises(ValueError, match="sleep length must be non-negative"):
        result_of(lambda: time.sleep(-1))
    with pytest.raises(TypeError):
        result_of(lambda: time.sleep("1"))


@pytest.mark.parametrize("name", ["time", "monotonic", "perf_counter", "process_time", "thread_time"])
def test_clocks_are_virtual_go_on_and_are_doubted(name):
    def program():
        clock, in_ns = getattr(time, name), getattr(time, f"{name}_ns")
        first, second = clock(), clock()
        time.sleep(100)
        third = in_ns()
        assert isinstance(third, int)
        return first < second, 100 <= third / 1e9 - second < 101

    run = once(program)
    assert run.result == (True, True)
    assert list(run.doubts) == ["reads the clock"]
    assert once(program).now_s == run.now_s


def test_a_log_record_is_no_reason_to_doubt():
    logger = logging.getLogger("tests.race.quiet")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    assert not once(lambda: logger.error("x")).doubts


def test_other_threads_have_the_real_clock():
    seen = []
    with Patched():
        thread = threading.Thread(target=lambda: (time.sleep(0.001), seen.append(time.time())))
        thread.start()
        thread.join()
        seen.append(time.time())
    assert abs(seen[0] - time.time()) < 1_000
    assert abs(seen[1] - time.time()) < 1_000


def test_who_has_imported_a_name_before_finds_what_stands_for_it():
    with Patched():
        assert REPLACED[REAL_SLEEP] is time.sleep
    assert time.sleep is REAL_SLEEP


REAL_SLEEP = time.sleep
