"""Rows 19 and 20: pools of threads."""

from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from tests.race.corpus.program import Program


def size_of(folder, pool):
    """Add up the sizes of what is in a folder, each found by the pool."""
    return sum(future.result() for future in [pool.submit(len, name) for name in folder])


def measured_with(workers):
    folder = ["a.txt", "bc.txt"]
    with ThreadPoolExecutor(max_workers=workers) as pool:
        whole = pool.submit(size_of, folder, pool)
        assert whole.result() == 11


def executor_self_wait():
    measured_with(1)


def executor_self_wait_fixed():
    measured_with(2)


class Tally:
    def __init__(self):
        self.votes = 0
        self.lock = Lock()

    def vote(self, votes):
        self.votes = self.votes + votes

    def vote_locked(self, votes):
        with self.lock:
            self.votes = self.votes + votes


def executor_lost_update():
    tally = Tally()
    with ThreadPoolExecutor(max_workers=2) as pool:
        pool.submit(tally.vote, 1)
        pool.submit(tally.vote, 2)
    assert tally.votes == 3


def executor_lost_update_fixed():
    tally = Tally()
    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(tally.vote_locked, [1, 2]))
    assert tally.votes == 3


PROGRAMS = (
    Program("executor_self_wait", 19, 1, executor_self_wait, executor_self_wait_fixed, "deadlock", "clear"),
    Program("executor_lost_update", 20, 2, executor_lost_update, executor_lost_update_fixed, fixed_must="clear"),
)
