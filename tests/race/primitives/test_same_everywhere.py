"""The same program takes the same steps on every version of Python, so that an order found on one is the same order on another."""

from zlib import crc32

import pytest

from tests.race.primitives.kit import outcome_of, walks
from tests.race.primitives.test_all_orders import PROGRAMS, executor_order, submit_from_two

# What is in the table was the same on 3.11, 3.12, 3.13 and 3.14. It changes with what the primitives make a step, and with nothing
# else: after such a change, run this file as a program on each version, and compare.
STEPS = {
    "locks": "9d1feb3f",
    "lock_order": "cc765a76",
    "try_lock": "ad3e8d6f",
    "locked": "b7033dc8",
    "rlock": "7350c34e",
    "event": "8fe00d83",
    "event_wait": "7ad00173",
    "semaphore": "03e9ae63",
    "bounded_semaphore": "d1c6c8ec",
    "bounded_semaphore_order": "f522441d",
    "condition_if": "a5096a70",
    "lost_wakeup": "54b588b7",
    "fifo": "39c154bd",
    "fifo_resource": "55b1a533",
    "bounded_queue": "7ce25df3",
    "lifo": "e784f321",
    "queue_join": "f09a7fcd",
    "nowait": "8ba09f97",
    "barrier": "1a743760",
    "broken_barrier": "eb6e77e5",
    "future": "adb96610",
    "first_completed": "c10237a8",
    "executor_one_after_the_other": "20378a15",
    "executor_cancel": "4d367334",
    "alive": "a1fc143e",
    "timer": "4b432607",
    "sleeps": "6240ddbb",
    "events_set_twice": "2e2799ca",
    "set_that_nobody_needed": "b300d823",
    "abort_after_all_have_come": "246a1d0a",
    "one_completed_or_both": "ccf6d339",
    "semaphore_of_two": "8fdfdce8",
    "bounded_of_two": "8fdfdce8",
    "put_that_nobody_needed": "d1b135e5",
    "simple_put_that_nobody_needed": "3ebc573c",
    "bounded_put_that_nobody_needed": "d1b135e5",
    "bounded_resource": "55b1a533",
    "result_set_twice": "09675bc3",
    "executor_order": "09afe1ab",
    "submit_from_two": "20cbbeb4",
}


def digest(program):
    runs = walks(program, times=20)
    seen = [(run.picks, [(step.task, step.operation.kind, step.pick) for step in run.trace], outcome_of(run)) for run in runs]
    return crc32(repr(seen).encode())


@pytest.mark.parametrize("program", [*PROGRAMS, executor_order, submit_from_two], ids=lambda program: program.__name__)
def test_the_steps_are_the_same_on_every_version(program):
    assert f"{digest(program):08x}" == STEPS[program.__name__]


if __name__ == "__main__":
    for each in [*PROGRAMS, executor_order, submit_from_two]:
        print(f'    "{each.__name__}": "{digest(each):08x}",')  # noqa: T201 (this is what the table is made of)
