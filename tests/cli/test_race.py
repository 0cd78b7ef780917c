"""``atonce race``: the real command, on small programs."""

import json
import sys

import pytest

from atonce.cli.main import main

BANK = """
import threading
from atonce import race

def side_by_side(*bodies):
    threads = [threading.Thread(target=body) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

class Account:
    def __init__(self):
        self.balance = 0

    def deposit(self):
        seen = self.balance
        self.balance = seen + 10

def test_bank():
    print("said by the function")
    account = Account()
    side_by_side(account.deposit, account.deposit)
    assert account.balance == 20

def test_alone():
    account = Account()
    account.deposit()
    assert account.balance == 10

def test_timed():
    threading.Event().wait(1)

def test_crossed():
    a, b = threading.Lock(), threading.Lock()
    def forward():
        with a, b:
            pass
    def backward():
        with b, a:
            pass
    side_by_side(forward, backward)

class TestBank:
    def test_bank(self):
        test_bank()

    @race.check(budget="1s")
    def test_checked(self):
        test_bank()

    @staticmethod
    def test_static():
        test_bank()

class TestNeeds:
    def __init__(self, what):
        pass

    def test_it(self):
        pass

@race.check
def test_checked():
    test_bank()

def test_with(tmp_path, *, size=3):
    pass

async def test_async():
    import asyncio
    account = Account()
    async def deposit():
        seen = account.balance
        await asyncio.sleep(0)
        account.balance = seen + 10
    await asyncio.gather(deposit(), deposit())
    assert account.balance == 20
"""


@pytest.fixture
def bank(cli):
    cli.write("bank.py", BANK)
    return cli


UNKNOWN = """
import threading

class Account:
    balance = 0

exec("def deposit(account): account.balance += 10")

def test_bank():
    account = Account()
    threads = [threading.Thread(target=deposit, args=(account,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert account.balance == 20
"""


@pytest.mark.skipif(sys.version_info < (3, 12) and sys.gettrace() is not None, reason="somebody else traces")
def test_an_order_that_switches_between_opcodes_can_be_run_again(cli):
    cli.write("unknown.py", UNKNOWN)
    found = cli.run("race", "unknown.py::test_bank", "--json").records[0]
    assert found["verdict"] == "failed"
    assert found["eye"] == "source, opcodes for 1 function without source"
    assert found["replay"].startswith("r1u{}.{}:".format(*sys.version_info))
    replayed = cli.run("race", "unknown.py::test_bank", "--replay", found["replay"])
    assert replayed.status == 1
    assert "AssertionError" in replayed.out
    elsewhere = cli.run("race", "unknown.py::test_bank", "--replay", "r1u2.7:0@1.5")
    assert elsewhere.status == 2
    assert "found with Python 2.7" in elsewhere.err


def test_a_failure_is_reported_and_can_be_run_again(bank):
    ended = bank.run("race", "bank.py::test_bank")
    assert ended.status == 1
    assert ended.out.startswith("RACE  lost update on Account.balance")
    assert "said by the function" not in ended.out
    assert "said by the function" in ended.err
    again = ended.out.splitlines()[-1].split()
    assert again[:4] == ["atonce", "race", "bank.py::test_bank", "--replay"]
    replayed = bank.run(*again[1:])
    assert replayed.status == 1
    assert "AssertionError" in replayed.out
    other = bank.run("race", "bank.py::test_bank", "--replay", "r1:0")
    assert (other.status, other.out) == (0, "bank.py::test_bank: nothing fails in this order\n")


def test_a_proof_and_what_is_none(bank):
    proof = bank.run("race", "bank:test_alone")
    assert (proof.status, proof.err) == (0, "")
    assert proof.out.startswith("PROVED  test_alone")
    none = bank.run("race", "bank.py::test_timed", "--runs", "3", "--seed", "7")
    assert none.status == 0
    assert none.out.startswith("NOT FOUND  test_timed")
    assert "seed 7" in none.out
    assert "no proof, because: " in none.out


def test_a_deadlock(bank):
    ended = bank.run("race", "bank.py::test_crossed", "--json")
    assert ended.status == 1
    (report,) = ended.records
    assert (report["verdict"], report["failure"]) == ("failed", "deadlock")
    assert report["story"]["word"] == "DEADLOCK"
    assert report["target"] == "bank.py::test_crossed"
    again = bank.run("race", "bank.py::test_crossed", "--replay", report["replay"])
    assert again.status == 1
    assert "cycle: T1 -> T2 -> T1" in again.out
    as_json = bank.run("race", "bank.py::test_crossed", "--replay", report["replay"], "--json")
    assert as_json.records[0]["story"]["waits"] == report["story"]["waits"]


@pytest.mark.parametrize(
    "target",
    ["bank.py::TestBank::test_bank", "bank:TestBank.test_static", "bank.py::TestBank::test_checked", "bank.py::test_checked"],
)
def test_methods_and_checked_functions_are_explored_as_they_are(bank, target):
    ended = bank.run("race", target, "--json", "--budget", "20s")
    assert ended.status == 1
    (report,) = ended.records
    assert report["story"]["headline"] == "lost update on Account.balance"
    assert report["error"]["type"] == "AssertionError"
    replayed = bank.run("race", target, "--json", "--replay", report["replay"])
    assert replayed.status == 1
    assert replayed.records[0]["error"]["type"] == "AssertionError"
    assert replayed.records[0]["verdict"] == "failed"


def test_coroutine_functions(bank):
    ended = bank.run("race", "bank.py::test_async")
    assert ended.status == 1
    assert ended.out.startswith("RACE  lost update on Account.balance")
    assert "asyncio.Lock" in ended.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "there is no function to run"),
        (["bank.py::nothing"], "there is no 'nothing' in bank.py"),
        (["bank.py"], "names no function"),
        (["bank.py::test_with"], "takes arguments (tmp_path), and there are none to give: fixtures are pytest's"),
        (["bank.py::TestNeeds::test_it"], "TestNeeds() cannot be made: TypeError"),
        (["bank.py::test_bank", "--budget", "long"], "budget='long' is no time"),
        (["bank.py::test_bank", "--runs", "x"], "--runs"),
        (["bank.py::test_bank", "--replay", "0.1"], "is no replay string"),
        (["bank.py::test_bank", "--replay", "r1:0.9"], "at step 2 of 2: task 9 was to go on"),
        (["bank.py::test_bank", "--all"], "--all"),
    ],
)
def test_wrong_usage(bank, words, message):
    ended = bank.run("race", *words)
    assert ended.status == 2
    assert message in ended.err
    assert "Traceback" not in ended.err
    assert ended.out == ""


def test_modules_to_look_into(bank):
    bank.write("shop.py", "from bank import test_bank\n\ndef test_shop():\n    test_bank()\n")
    seen = bank.run("race", "shop.py::test_shop", "--include", "shop", "--include", "bank", "--json")
    report = json.loads(seen.out)
    assert report["story"]["headline"] == "lost update on Account.balance"
    assert report["include"] == ["shop", "bank"]
    assert seen.status == 1
    replayed = bank.run("race", "shop.py::test_shop", "--replay", report["replay"], "--include", "shop", "--include", "bank")
    assert replayed.status == 1
    assert "AssertionError" in replayed.out


def test_help(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["race", "--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith("usage: atonce race TARGET")
    for word in ("--budget TIME", "--runs N", "--seed N", "--include M", "--replay R1:...", "--json", "exit status"):
        assert word in out
