"""Ends from outside: Ctrl-C, a reader that goes, a disk that is full. What was finished is there, in whole lines."""

import json
import os
import resource
import signal
from pathlib import Path

import pytest

from atonce.testing import wait_until

WORK = """
    import asyncio, pathlib, threading

    def hold(text):
        if text == "hold":
            pathlib.Path("started").write_text("x")
            # Race: 1. the signal comes. 2. This thread begins to wait, and does not look for signals until it has waited.
            while not threading.Event().wait(0.1):
                pass
        return text

    async def hold_later(text):
        if text == "hold":
            pathlib.Path("started").write_text("x")
            await asyncio.Event().wait()
        return text

    def gate(text):
        if text == "gate":
            with open("gate") as gate:
                gate.read(1)
        return text

    def long(text):
        return text * 60
"""


@pytest.fixture
def work(cli):
    cli.write("work.py", WORK)
    return cli


def interrupted(child, started, ready=lambda: True):
    started.heard_from(child)
    wait_until(ready, "what has finished to be written down")
    child.send_signal(signal.SIGINT)
    out, err = child.communicate()
    return child.returncode, out.decode(), err.decode()


@pytest.mark.parametrize("engine", ["inline", "thread", "process", "auto"])
@pytest.mark.parametrize("errors", ["raise", "return"])
def test_ctrl_c(work, engine, errors):
    started = work.fifo("started")
    words = ("a", "b", "hold", "c", "--engine", engine, "--errors", errors, "-o", "out.jsonl", "-j", "1", "--chunksize", "1")
    child = work.start("map", "work.py:hold", *words, "--quiet")
    # A worker begins its next item while the last result is on its way: in between, Ctrl-C may cost its record.
    output = work.folder / "out.jsonl"
    status, out, err = interrupted(child, started, lambda: output.read_bytes().count(b"\n") == 2)
    assert (status, out) == (130, "")
    assert err == "atonce: stopped by Ctrl-C; what had finished is in out.jsonl\n"
    assert [record["value"] for record in work.records("out.jsonl")] == ["a", "b"]


@pytest.mark.parametrize("engine", ["auto", "inline", "process"])
def test_ctrl_c_while_a_coroutine_waits(work, engine):
    started = work.fifo("started")
    child = work.start("map", "work.py:hold_later", "hold", "--engine", engine, "--quiet")
    status, out, err = interrupted(child, started)
    assert (status, out, err) == (130, "", "atonce: stopped by Ctrl-C; what had finished is in standard output\n")


def test_ctrl_c_when_the_reader_has_gone_too(work):
    started = work.fifo("started")
    child = work.start("map", "work.py:hold", "a", "hold", "--engine", "inline", "--chunksize", "2", "--unordered", "--quiet")
    started.heard_from(child)
    child.stdout.close()
    child.send_signal(signal.SIGINT)
    err = child.stderr.read().decode()
    assert (child.wait(), err) == (130, "atonce: stopped by Ctrl-C; what had finished is in standard output\n")


def test_ctrl_c_keeps_what_its_batch_had_finished(work):
    started = work.fifo("started")
    child = work.start("map", "work.py:hold", "a", "b", "hold", "--engine", "inline", "--chunksize", "3", "--unordered", "--quiet")
    status, out, _err = interrupted(child, started)
    assert (status, [json.loads(line)["value"] for line in out.splitlines()]) == (130, ["a", "b"])


@pytest.mark.parametrize("engine", ["auto", "thread", "process"])
def test_ctrl_c_while_waiting_for_input(work, engine):
    child = work.start("map", "work.py:hold", "-", "--engine", engine, "--quiet")
    child.stdin.write(b"a\n")
    child.stdin.flush()
    assert json.loads(child.stdout.readline())["value"] == "a"
    child.send_signal(signal.SIGINT)
    err = child.stderr.read().decode()  # ends with the program: its input is still open
    assert (child.wait(), err) == (130, "atonce: stopped by Ctrl-C; what had finished is in standard output\n")


def test_ctrl_c_while_the_module_is_imported(work):
    started = work.fifo("started")
    work.write("slow.py", "from work import hold\nhold('hold')\n")
    status, out, err = interrupted(work.start("map", "slow.py:hold", "a"), started)
    assert (status, out, err) == (130, "", "atonce: stopped by Ctrl-C\n")


@pytest.mark.parametrize("engine", ["inline", "thread", "process"])
def test_a_reader_that_goes_ends_it_quietly(work, engine):
    gate = work.fifo("gate")
    child = work.start("map", "work.py:gate", "a", "gate", *"bcdef", "--engine", engine, "-j", "1", "--chunksize", "1")
    assert json.loads(child.stdout.readline())["value"] == "a"
    child.stdout.close()
    gate.open_gate()  # now the second item ends, and its record has nobody to read it
    err = child.stderr.read().decode()
    assert child.wait() == 141
    assert "Traceback" not in err
    assert "Error" not in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_disk_that_is_full(work):
    ended = work.run("map", "work.py:long", "a", "-o", "/dev/full", "--quiet")
    assert (ended.status, ended.out) == (1, "")
    assert ended.err == "atonce: /dev/full cannot be written: No space left on device\n"


def test_a_disk_that_becomes_full_leaves_whole_lines(work):
    def little_disk():
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))

    words = (*"abcdefgh", "-o", "out.jsonl", "--chunksize", "8", "--engine", "inline", "--quiet")
    ended = work.run("map", "work.py:long", *words, preexec_fn=little_disk)
    assert (ended.status, ended.err) == (1, "atonce: out.jsonl cannot be written: File too large\n")
    assert (work.folder / "out.jsonl").read_bytes().endswith(b"\n")
    assert [record["index"] for record in work.records("out.jsonl")] == [0, 1]


def test_standard_output_that_is_closed(work):
    ended = work.run("map", "work.py:long", "a", preexec_fn=lambda: os.close(1))
    assert ended.status == 2
    assert "standard output cannot be written: Bad file descriptor. Give -o FILE" in ended.err
