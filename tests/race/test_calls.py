"""What can be given to the calls: a test with its decorator on, a class that makes the state, methods written in C."""

import asyncio
import threading
from threading import Thread

import pytest

from atonce import race
from atonce.race.running import Runner
from atonce.race.search.strategy import Strategy
from atonce.race.targets import Target


class Account:
    def __init__(self):
        self.balance = 0

    def deposit(self):
        self.balance += 10


class Test:
    @race.check
    def unsafe(self):
        pay_in_twice()


@race.check
def unsafe():
    pay_in_twice()


def pay_in_twice():
    account = Account()
    threads = [Thread(target=account.deposit) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert account.balance == 20


@race.check(include=["nowhere"])
def elsewhere():
    pay_in_twice()


@pytest.mark.parametrize("test", [unsafe, Test().unsafe], ids=["function", "method"])
def test_a_decorated_test_is_explored_and_replayed_as_if_it_were_not(test):
    report = race.explore(test)
    assert report.verdict == "failed"
    with pytest.raises(AssertionError, match="10 != 20"):
        race.replay(test, report.replay)


@pytest.mark.parametrize(("said", "included"), [(None, ("nowhere",)), (["here"], ("here",))])
def test_a_decorated_test_brings_what_it_includes(said, included):
    assert Target.of(elsewhere, None, None, None, said).include == included


def test_the_state_may_be_made_by_a_class():
    report = race.explore(
        setup=Account,
        workers=[Account.deposit, lambda account: account.deposit()],
        invariant=lambda account: account.balance == 20,
    )
    assert report.verdict == "failed"
    assert report.story.headline == "lost update on Account.balance"


def test_setup_workers_and_invariant_are_replayed_as_they_were_explored():
    program = {
        "setup": Account,
        "workers": [Account.deposit, Account.deposit],
        "invariant": lambda account: account.balance == 20,
    }
    report = race.explore(**program)
    with pytest.raises(AssertionError, match="invariant"):
        race.replay(None, report.replay, **program)


def test_a_worker_may_be_written_in_c():
    assert race.explore(setup=list, workers=[list.clear, list.copy]).verdict != "failed"


def test_a_program_that_never_ends_is_not_given_ten_times_as_long_the_next_time():
    def asks_for_ever():
        asked = []

        def ask():
            while not asked:
                pass

        thread = Thread(target=ask)
        thread.start()
        thread.join()

    with Runner(asks_for_ever, [__name__], [asks_for_ever]) as runner:
        first, second = runner.once(Strategy()), runner.once(Strategy())
    assert first.failure.kind == second.failure.kind == "livelock"
    assert len(second.trace) == len(first.trace)


async def update_over_await():
    state = {"n": 0}

    async def add():
        n = state["n"]
        await asyncio.sleep(0)
        state["n"] = n + 1

    await asyncio.gather(add(), add())
    assert state["n"] == 2


def test_the_steps_of_coroutines_are_told():
    report = race.explore(update_over_await)
    assert report.failure == "exception"
    text = str(report)
    assert "lost update" in text
    assert text.count('n = state["n"]') == 2


def test_switching_where_an_opcode_has_no_line_is_no_failure():
    def count():
        lock = threading.Lock()
        counts = {"n": 0}

        def add():
            for _ in range(3):
                with lock:
                    counts["n"] += 1

        started = [threading.Thread(target=add) for _ in range(2)]
        for thread in started:
            thread.start()
        for thread in started:
            thread.join()
        assert counts["n"] == 6

    for seed in range(5):
        report = race.explore(count, seed=seed)
        assert report.verdict == "proved", report.doubts
