"""``atonce explain``: an explanation on standard output, and nothing else there."""

import subprocess
import sys

import pytest

WORK = """
import time

def waits(line):
    time.sleep(0.005)
    print("said by the function")

def fails(line):
    raise ValueError("no " + line)
"""


@pytest.fixture
def explain(tmp_path):
    (tmp_path / "work.py").write_text(WORK)

    def run(*words, given=""):
        command = [sys.executable, "-m", "atonce", "explain", *words]
        return subprocess.run(command, input=given, capture_output=True, text=True, cwd=tmp_path, check=False, timeout=60)

    return run


def test_an_explanation_goes_to_standard_output(explain):
    ended = explain("work.py:waits", "-", given="".join(f"{n}\n" for n in range(2000)))
    assert ended.returncode == 0
    assert ended.stdout.startswith("waits: watched ")
    assert "it waits" in ended.stdout
    assert "said by the function" not in ended.stdout
    assert "said by the function" in ended.stderr
    assert len(ended.stdout.splitlines()) <= 10


def test_items_that_fail_are_told(explain):
    ended = explain("work.py:fails", "a", "b")
    assert ended.returncode == 1
    assert "2 failed, the first with ValueError: no a" in ended.stdout


def test_retries_and_a_rate_are_part_of_how_it_would_run(explain):
    ended = explain("work.py:waits", "a", "b", "--retries", "2", "--backoff", "0.01", "--rate", "50")
    assert ended.returncode == 0
    assert "watched 2 items" in ended.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "there is no function to run"),
        (["work.py:nothing", "a"], "nothing"),
        (["work.py:waits"], "there is no input"),
        (["work.py:waits", "a", "--output", "x"], "there is no option --output"),
        (["work.py:waits", "a", "--engine", "thread", "--timeout", "1"], "cannot be stopped"),
        (["work.py:waits", "a", "--backoff", "1"], "with --retries N"),
        (["work.py:waits", "a", "--deadline", "1"], "there is no option --deadline"),
    ],
)
def test_wrong_usage(explain, words, message):
    ended = explain(*words)
    assert ended.returncode == 2
    assert message in ended.stderr
    assert ended.stdout == ""


def test_help(explain):
    ended = explain("--help")
    assert ended.returncode == 0
    assert ended.stdout.startswith("usage: atonce explain TARGET")
    assert "--output" not in ended.stdout
