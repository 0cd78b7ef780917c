"""The pytest plugin: in a pytest of its own, with assertion rewriting, fixtures, and warnings as errors."""

import shlex
import subprocess
import sys
from importlib.metadata import entry_points

import pytest

from tests.environment import without_pytest_settings

TESTS = """
import asyncio
import threading

import pytest

from atonce import race as checker


class Account:
    def __init__(self, lock=None):
        self.balance = 0
        self.lock = lock

    def deposit(self):
        if self.lock:
            with self.lock:
                self.balance += 10
        else:
            seen = self.balance
            self.balance = seen + 10


def deposit_twice(lock=None):
    account = Account(lock)
    threads = [threading.Thread(target=account.deposit) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert account.balance == 20


@pytest.fixture
def locked():
    return True


def test_found(race):
    race(deposit_twice)


def test_proved(race):
    assert race(lambda: deposit_twice(threading.Lock())).verdict == "proved"


@checker.check
def test_check_found():
    deposit_twice()


@checker.check
def test_check_with_fixtures(locked, tmp_path):
    assert locked and tmp_path.exists()
    deposit_twice(threading.Lock())


class TestClass:
    @checker.check
    def test_method(self, locked):
        deposit_twice(threading.Lock() if locked else None)

    @pytest.mark.parametrize("lock", [True, False])
    @checker.check
    def test_parameters(self, lock):
        deposit_twice(threading.Lock() if lock else None)


@checker.check
async def test_async(locked):
    account = Account()

    async def deposit():
        seen = account.balance
        await asyncio.sleep(0)
        account.balance = seen + 10

    await asyncio.gather(deposit(), deposit())
    assert account.balance == 20


@checker.check
def test_skipped():
    pytest.skip("not here")


def test_slow(race):
    race(lambda: threading.Event().wait(1), require="not found", budget="1h")
"""


UNSEEN = """
import threading

class Account:
    balance = 0


exec("def deposit_unseen(account): account.balance += 10")


def test_without_source(race):
    def deposit_twice():
        account = Account()
        threads = [threading.Thread(target=deposit_unseen, args=(account,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert account.balance == 20

    race(deposit_twice)
"""


@pytest.fixture
def pytester(tmp_path):
    (tmp_path / "test_bank.py").write_text(TESTS)
    (tmp_path / "test_unseen.py").write_text(UNSEEN)
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    loaded = entry_points(group="pytest11", name="atonce_race")
    plugin = () if loaded else ("-p", "atonce.race.pytest_plugin")

    environment = without_pytest_settings()

    def run(*words):
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *plugin, *words]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False, timeout=100)

    return run


def test_all_of_it(pytester):
    ended = pytester("-rA", "--race-budget", "10s", "-k", "not slow")
    results = {}
    for line in ended.stdout.splitlines():
        word, _, rest = line.partition(" ")
        if word in ("PASSED", "FAILED", "ERROR") and rest.startswith("test_"):
            results[rest.split()[0].removeprefix("test_bank.py::")] = word
    assert results == {
        "test_found": "FAILED",
        "test_proved": "PASSED",
        "test_check_found": "FAILED",
        "test_check_with_fixtures": "PASSED",
        "TestClass::test_method": "PASSED",
        "TestClass::test_parameters[True]": "PASSED",
        "TestClass::test_parameters[False]": "FAILED",
        "test_async": "FAILED",
        "test_unseen.py::test_without_source": "FAILED",
    }
    assert "1 skipped" in ended.stdout
    assert "RACE  lost update on Account.balance" in ended.stdout
    assert "warning" not in ended.stdout


def test_a_failure_shows_the_report_and_none_of_our_frames(pytester):
    ended = pytester("test_bank.py::test_check_found", "test_bank.py::test_found")
    assert "2 failed" in ended.stdout
    assert ended.stdout.count("atonce.errors.RaceFound: RACE  lost update on Account.balance") == 2
    assert "assert account.balance == 20" in ended.stdout
    assert not [line for line in ended.stdout.splitlines() if "atonce/race/" in line]


@pytest.mark.parametrize(
    "test",
    [
        "test_bank.py::test_check_found",
        "test_bank.py::test_found",
        "test_bank.py::test_async",
        "test_bank.py::TestClass::test_parameters[False]",
        "test_unseen.py::test_without_source",
    ],
)
def test_an_order_is_run_again(pytester, test):
    ended = pytester(test)
    (again,) = [line for line in ended.stdout.splitlines() if "--race-replay r1" in line]
    words = shlex.split(again.removeprefix("E"))
    assert words[:3] == ["pytest", test, "--race-replay"]
    replayed = pytester(*words[1:])
    assert replayed.returncode == 1
    assert "AssertionError: 10 != 20" in replayed.stdout
    assert "RACE" not in replayed.stdout


def test_an_order_in_which_nothing_fails(pytester):
    assert pytester("test_bank.py::test_check_found", "--race-replay", "r1:0").returncode == 0


def test_an_order_that_does_not_fit(pytester):
    ended = pytester("test_bank.py::test_check_found", "--race-replay", "r1:0.9")
    assert ended.returncode == 1
    assert "ScheduleDiverged" in ended.stdout
    assert "task 9 was to go on" in ended.stdout


def test_the_budget_of_the_command_line_is_the_last_word(pytester):
    ended = pytester("test_bank.py::test_slow", "--race-budget", "200ms")
    assert ended.returncode == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [(("--race-budget", "soon"), "budget='soon' is no time"), (("--race-replay", "0.1"), "'0.1' is no replay string")],
)
def test_options_that_make_no_sense_are_refused_at_once(pytester, words, message):
    ended = pytester(*words)
    assert ended.returncode == 4
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


def test_it_imports_almost_nothing():
    code = """if True:
        import sys, pytest
        before = set(sys.modules)
        import atonce.race.pytest_plugin
        print(*sorted(set(sys.modules) - before))
    """
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["atonce", "atonce.race", "atonce.race.pytest_plugin", "atonce.race.settings"]


def test_settings_end_with_the_run(monkeypatch):
    from atonce.race.pytest_plugin import pytest_unconfigure
    from atonce.race.settings import settings

    monkeypatch.setattr(settings, "budget", "3s")
    monkeypatch.setattr(settings, "replay", "r1:0")
    pytest_unconfigure()
    assert (settings.budget, settings.replay) == ("", "")
