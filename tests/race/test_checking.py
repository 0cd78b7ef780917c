"""The calls, as people make them: what they accept, and what they say of what cannot be right."""

import inspect
import subprocess
import sys
import textwrap
import threading

import pytest

from atonce import race
from atonce.errors import RaceError, RaceFound


class Account:
    def __init__(self):
        self.balance = 0

    def deposit(self):
        before = self.balance
        self.balance = before + 10


def deposit_twice():
    account = Account()
    threads = [threading.Thread(target=account.deposit) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert account.balance == 20


class TestsOf:
    @race.check(budget="1s")
    def of_a_method(self):
        deposit_twice()


@race.check
def of_a_function():
    deposit_twice()


@race.check
def of_an_innocent():
    Account().deposit()


@pytest.mark.parametrize("checked", [of_a_function, TestsOf().of_a_method])
def test_what_check_made_is_explored_and_replayed_as_what_it_was_made_of(checked):
    report = race.explore(checked)
    assert report.story.headline == "lost update on Account.balance"
    with pytest.raises(AssertionError) as raised:
        race.replay(checked, report.replay)
    assert not isinstance(raised.value, RaceFound)
    assert race.explore(of_an_innocent).verdict == "proved"


def test_a_check_inside_a_check_is_no_failure_of_the_function():
    def inner():
        race.explore(deposit_twice)

    def catches():
        try:
            of_an_innocent()
        except Exception:  # nobody may keep quiet about it
            return

    for program in (inner, catches):
        with pytest.raises(RaceError, match="a check inside a check"):
            race.explore(program)


def test_a_debugger_that_is_left_ends_the_check():
    from bdb import BdbQuit

    def quits():
        raise BdbQuit

    def program():
        thread = threading.Thread(target=quits)
        thread.start()
        thread.join()

    with pytest.raises(BdbQuit):
        race.explore(program)


def test_new_threads_are_traced_as_asked():
    lines = set()
    first = inspect.getsourcelines(Account.deposit)[1]

    def trace(frame, event, argument):
        if frame.f_code.co_qualname == "Account.deposit":
            lines.add(frame.f_lineno - first)
        return trace

    before = threading.gettrace()
    threading.settrace(trace)
    try:
        race.explore(deposit_twice, runs=1)
    finally:
        threading.settrace(before)
    assert {1, 2} <= lines


def run(folder, program, *options):
    (folder / "program.py").write_text(textwrap.dedent(program), encoding="utf-8")
    words = [sys.executable, *options, "program.py"]
    return subprocess.run(words, capture_output=True, text=True, cwd=folder, check=False, timeout=60)


def test_nothing_is_proved_by_assertions_that_are_left_out(tmp_path):
    program = """
        from atonce import race

        def test():
            assert False

        report = race.explore(test)
        print(report.verdict, report)
    """
    assert run(tmp_path, program).stdout.startswith("failed")
    ended = run(tmp_path, program, "-O")
    assert ended.stdout.startswith("not found")
    assert "python -O leaves out assert statements" in ended.stdout
