"""However a program with process workers ends, and whoever of them dies: one traceback at most, and soon nothing is left."""

import atexit
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from tests.api.scripts import Program, is_alive

import atonce
from atonce.testing import wait_until

PROCESS = {"engine": "process", "max_workers": 2}
TRACEBACK = "Traceback (most recent call last)"
PATIENCE_S = 15
SOON_S = 10  # the design asks for a second; the rest is for busy machines

# What every program here begins with, and how its items keep a worker from doing anything else.
BEGINNING = """
    import contextlib, ctypes, os, re, signal, subprocess, sys, threading, time
    import atonce
    from atonce.testing import Evidence, wait_until

    evidence = Evidence(sys.argv[1])

    def sleeps(number):
        evidence.note(os.getpid())
        time.sleep(3600)

    def sums(number):
        evidence.note(os.getpid())
        sum(range(10**12))

    def matches(number):
        evidence.note(os.getpid())
        re.match("(a+)+$", "a" * 60 + "b")

    def holds_the_gil(number):
        evidence.note(os.getpid())
        ctypes.PyDLL(None).sleep(3600)

    def is_deaf(number):
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, signal.SIG_IGN)
        sleeps(number)

    def catches_everything(number):
        while True:
            with contextlib.suppress(BaseException):
                sleeps(number)

    ways = {
        "map": lambda fn: atonce.map(fn, range(100), engine="process", max_workers=2),
        "stream": lambda fn: list(atonce.stream(fn, range(100), engine="process", max_workers=2)),
        "unordered": lambda fn: list(atonce.stream(fn, range(100), engine="process", max_workers=2, ordered=False)),
    }

    def submit(fn):
        with atonce.Pool(engine="process", max_workers=2) as pool:
            futures = [pool.submit(fn, number) for number in range(4)]
            futures[0].result()

    ways["submit"] = submit
"""
BUSY = ("sleeps", "sums", "matches", "holds_the_gil", "is_deaf", "catches_everything")


class Marked:
    """A program and all that comes from it, known by the session that they share."""

    def __init__(self, folder, source, *args):
        self.program = Program(folder, BEGINNING + source, *args)
        self.pid = self.program.process.pid
        self.belongings = temporary()

    def wait_for_workers(self, count=2):
        self.program.wait_for_lines(count)
        return {int(line) for line in self.program.evidence.lines() if line.isdigit()}

    def end(self):
        return self.program.end(PATIENCE_S)

    def zygote(self):
        (worker, *_) = self.wait_for_workers(1)
        return parent_of(worker)

    def expect_nothing_left(self):
        wait_until(lambda: not session(self.pid), "all processes to be gone", SOON_S)
        assert temporary() <= self.belongings


@pytest.fixture
def start(tmp_path):
    """Start a program; whatever becomes of the test, nothing of it is left."""
    programs = []

    def start(*args):
        programs.append(Marked(tmp_path, *args))
        return programs[-1]

    yield start
    for marked in programs:
        for pid in session(marked.pid):
            os.kill(pid, signal.SIGKILL)
        marked.program.process.communicate()


def everybody():
    return [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit()]


def session(leader):
    """List the processes that live in a session."""
    return [pid for pid in everybody() if fields(pid)[3:4] == [str(leader)] and is_alive(pid)]


def fields(pid):
    """Read of a process its state, parent, group and session."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[:4]
    except OSError:
        return []


def parent_of(pid):
    return int(fields(pid)[1])


def temporary():
    """Name what lies where programs put what others are to find."""
    folders = [Path("/dev/shm"), Path(tempfile.gettempdir())]
    return {path for folder in folders if folder.is_dir() for path in folder.glob("*atonce*")}


# ---- Ctrl-C ---------------------------------------------------------------------------------------------------------------------

INTERRUPTED = """
    ways[sys.argv[2]](globals()[sys.argv[3]])
"""


def expect_one_interrupt(marked):
    status, out, err = marked.end()
    assert status == -signal.SIGINT, err
    assert err.count(TRACEBACK) == 1, err
    assert "KeyboardInterrupt" in err.splitlines()[-1], err
    assert "atonce:" not in err, err
    assert out == ""
    marked.expect_nothing_left()


@pytest.mark.parametrize("fn", ["sleeps", "matches", "is_deaf", "catches_everything"])
@pytest.mark.parametrize("way", ["map", "stream", "unordered", "submit"])
def test_ctrl_c_once(way, fn, start):
    marked = start(INTERRUPTED, way, fn)
    marked.wait_for_workers()
    marked.program.ctrl_c()
    expect_one_interrupt(marked)


INTERRUPTED_TWICE = """
    try:
        ways[sys.argv[2]](globals()[sys.argv[3]])
    except KeyboardInterrupt:
        evidence.note("first")
        try:
            while not threading.Event().wait(0.1):  # a signal that comes just before a wait is heard only after it
                pass
        finally:
            evidence.note("second")
"""


@pytest.mark.parametrize("way", ["map", "stream", "submit"])
def test_ctrl_c_again_once_the_call_has_ended(way, start):
    """The first ends the call, at once; the second is the program's own."""
    marked = start(INTERRUPTED_TWICE, way, "sleeps")
    workers = marked.wait_for_workers()
    marked.program.ctrl_c()
    wait_until(lambda: "first" in marked.program.evidence.lines(), "the call to end", SOON_S)
    wait_until(lambda: not any(map(is_alive, workers)), "the workers to be gone", SOON_S)
    marked.program.ctrl_c()
    status, _, err = marked.end()
    assert status == -signal.SIGINT, err
    assert "second" in marked.program.evidence.lines()
    marked.expect_nothing_left()


@pytest.mark.parametrize("way", ["map", "stream", "unordered", "submit"])
def test_ctrl_c_twice_at_once(way, start):
    """The second may come at any moment of the first one's clearing up. How it is told then is not ours; that it ends, is."""
    marked = start(INTERRUPTED, way, "is_deaf")
    marked.wait_for_workers()
    marked.program.ctrl_c()
    marked.program.ctrl_c()
    status, _, err = marked.end()
    assert status in (-signal.SIGINT, 1), err
    assert "KeyboardInterrupt" in err
    marked.expect_nothing_left()


def test_ctrl_c_while_workers_start(start):
    source = """
    def slow_start():
        evidence.note(os.getpid())
        time.sleep(3600)

    atonce.map(abs, range(10), engine="process", max_workers=2, initializer=slow_start)
    """
    marked = start(source)
    marked.wait_for_workers(1)
    marked.program.ctrl_c()
    expect_one_interrupt(marked)


# ---- the parent is killed -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fn", BUSY)
def test_the_parent_is_killed_while_items_run(fn, start):
    marked = start(INTERRUPTED, "map", fn)
    marked.wait_for_workers()
    marked.program.kill()
    marked.end()
    marked.expect_nothing_left()


@pytest.mark.parametrize("first", ["zygote", "parent"])
def test_parent_and_zygote_are_killed_together(first, start):
    marked = start(INTERRUPTED, "map", "holds_the_gil")
    zygote = marked.zygote()
    victims = [zygote, marked.pid] if first == "zygote" else [marked.pid, zygote]
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    marked.end()
    marked.expect_nothing_left()


@pytest.mark.parametrize("stopped", ["workers", "zygote"])
def test_the_parent_is_killed_while_others_are_stopped(stopped, start):
    """Who is stopped (SIGSTOP) sees no end of any pipe; a SIGKILL reaches it all the same. A zygote may end late."""
    marked = start(INTERRUPTED, "map", "sleeps")
    workers, zygote = marked.wait_for_workers(), marked.zygote()
    for pid in workers if stopped == "workers" else [zygote]:
        os.kill(pid, signal.SIGSTOP)
    marked.program.kill()
    if stopped == "zygote":
        os.kill(zygote, signal.SIGCONT)
    marked.end()
    marked.expect_nothing_left()


def test_the_parent_is_killed_with_large_data_under_way(start):
    source = """
    def echo(body):
        evidence.note(os.getpid())
        return body

    for _ in atonce.stream(echo, (bytes(1_000_000) for _ in iter(int, 1)), engine="process", max_workers=2, buffersize=50):
        pass
    """
    marked = start(source)
    marked.wait_for_workers(20)
    marked.program.kill()
    marked.end()
    marked.expect_nothing_left()


@pytest.mark.parametrize("how", ["os._exit(3)", "os.abort()", "sys.exit(3)", "os.execv('/bin/true', ['true'])"])
def test_the_program_ends_in_another_way(how, start):
    source = f"""
    pool = atonce.Pool(engine="process", max_workers=2)
    list(pool.map(lambda number: evidence.note(os.getpid()), range(10)))
    {how}
    """
    marked = start(source)
    marked.end()
    assert marked.wait_for_workers(1)
    marked.expect_nothing_left()


# ---- the zygote is killed -------------------------------------------------------------------------------------------------------


def report_and(number, gate):
    """Say who we are; the first wait until the zygote has been killed."""
    gate.note(f"{number} {os.getpid()} {os.getppid()}")
    if number < 2:
        wait_until(lambda: "killed" in gate.lines(), "the end of the zygote")
    return number


def kill_zygote(gate):
    wait_until(lambda: len(gate.lines()) >= 2, "both workers")
    _, worker, zygote = map(int, gate.lines()[0].split())
    os.kill(zygote, signal.SIGKILL)
    wait_until(lambda: not is_alive(worker), "the worker to die with the zygote")
    gate.note("killed")


@pytest.mark.parametrize("retries", [0, 1])
@pytest.mark.parametrize("chunksize", [1, 10, None])
def test_the_zygotes_death_is_nobodys_fault(retries, chunksize, evidence):
    """It takes all workers with it. No item is to blame for that, so all are run again, with or without ``retries``."""
    stream = atonce.stream(report_fn(evidence), range(40), retries=retries, chunksize=chunksize, errors="return", **PROCESS)
    results = during(lambda: list(stream), lambda: kill_zygote(evidence))
    assert results == list(range(40))
    assert stream.report.failed == 0


def report_fn(gate):
    return lambda number: report_and(number, gate)


def during(call, meanwhile):
    """Call something in a thread while something else happens here; return what it gave."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as executor:
        future = executor.submit(call)
        meanwhile()
        return future.result(60)


LARGE = 300_000


def test_the_zygotes_death_with_large_items_and_results(evidence):
    """They lie in a file that goes with the zygote: what was on its way is sent again."""
    fn = report_fn(evidence)
    items = [(number, bytes([number]) * LARGE) for number in range(40)]
    stream = atonce.stream(lambda pair: (fn(pair[0]), pair[1] * 2), items, retries=1, chunksize=1, **PROCESS)
    results = during(lambda: list(stream), lambda: kill_zygote(evidence))
    assert results == [(number, bytes([number]) * LARGE * 2) for number in range(40)]


def test_the_zygotes_death_with_a_large_function(evidence):
    import numpy as np

    table, fn = np.arange(LARGE), report_fn(evidence)
    stream = atonce.stream(lambda number: int(table[fn(number)] + table[-1]), range(40), retries=1, chunksize=1, **PROCESS)
    results = during(lambda: list(stream), lambda: kill_zygote(evidence))
    assert results == [number + LARGE - 1 for number in range(40)]


def test_the_zygotes_death_while_all_is_quiet():
    with atonce.Pool(**PROCESS) as pool:
        for _ in range(3):
            (worker, zygote) = pool.submit(lambda: (os.getpid(), os.getppid())).result(30)
            os.kill(zygote, signal.SIGKILL)
            wait_until(lambda worker=worker: not is_alive(worker), "the worker to die with the zygote")
        assert pool.map(abs, [-1, -2]) == [1, 2]


def test_a_pool_is_closed_after_its_zygotes_death():
    with atonce.Pool(**PROCESS) as pool:
        os.kill(pool.submit(os.getppid).result(30), signal.SIGKILL)


def stay(number):
    if number:
        time.sleep(3600)
    return os.getpid()


def test_what_a_worker_has_started_after_it_was_interrupted_ends_with_the_pool():
    with atonce.Pool(**PROCESS) as pool:
        stream = pool.stream(stay, range(10), chunksize=1)
        next(stream)
        stream.close()  # kills those that are at it
        pids = set(pool.map(lambda _: os.getpid(), range(8), chunksize=1))
    assert not any(map(is_alive, pids))


def test_a_pool_waits_for_the_processes_that_its_workers_had_before():
    def report(number):
        if "registered" not in globals():
            globals()["registered"] = atexit.register(time.sleep, 0.3)
        return os.getpid()

    with atonce.Pool(**PROCESS) as pool:
        pids = set(pool.map(report, range(8), chunksize=1, max_tasks_per_child=2))
    assert not any(map(is_alive, pids))


# ---- workers are killed, or leave somebody behind -------------------------------------------------------------------------------


def test_all_idle_workers_are_killed_at_once(evidence):
    with atonce.Pool(**PROCESS) as pool:
        for _ in range(3):
            evidence.note("--")
            pool.map(report_alone(evidence), range(40), chunksize=1)
            lines = evidence.lines()
            workers = {int(line) for line in lines[len(lines) - lines[::-1].index("--") :]}
            for pid in workers:
                os.kill(pid, signal.SIGKILL)
        assert pool.map(abs, range(-5, 0)) == [5, 4, 3, 2, 1]


def report_alone(evidence):
    return lambda _number: evidence.note(os.getpid())


@pytest.mark.parametrize("how", ["fork", "subprocess", "inheriting"])
@pytest.mark.parametrize("end", ["returns", "dies"])
def test_what_a_worker_leaves_behind_holds_up_nobody(how, end, evidence):
    """A process that an item has started holds copies of the worker's pipes. Nobody waits for their end."""
    try:
        with atonce.Pool(errors="return", **PROCESS) as pool:
            results = pool.map(lambda number: start_another(number, how, end, evidence), range(20))
            if end == "dies":
                assert isinstance(results[7].error, atonce.WorkerCrashed)
            assert [result for result in results if not isinstance(result, atonce.Failure)] == [
                number for number in range(20) if number != 7 or end == "returns"
            ]
            assert pool.map(abs, [-1]) == [1]
    finally:
        left = [int(line) for line in evidence.lines()]
        for pid in left:
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(map(is_alive, left)), "what was left behind to end")
    assert left


def start_another(number, how, end, evidence):
    if number == 7:
        if how == "fork":
            pid = os.fork()
            if pid == 0:
                signal.pause()
        else:
            sleeper = [sys.executable, "-S", "-c", "import signal; signal.pause()"]
            pid = subprocess.Popen(sleeper, close_fds=how != "inheriting").pid
        evidence.note(pid)
        if end == "dies":
            os._exit(1)
    return number


def test_a_process_that_the_program_forks_keeps_no_worker(start):
    """The parent is killed; its own fork lives on, with copies of all that the parent had open."""
    source = """
    pool = atonce.Pool(engine="process", max_workers=2)
    pool.map(lambda number: evidence.note(os.getpid()), range(10))
    if os.fork() == 0:
        os.setsid()
        evidence.note(f"fork {os.getpid()}")
        signal.pause()
    wait_until(lambda: evidence.lines()[-1].startswith("fork"), "the fork")
    os.kill(os.getpid(), signal.SIGKILL)
    """
    marked = start(source)
    marked.program.process.wait(30)
    (fork,) = [int(line.split()[1]) for line in marked.program.evidence.lines() if line.startswith("fork")]
    try:
        marked.expect_nothing_left()
    finally:
        os.kill(fork, signal.SIGKILL)
    marked.end()


def test_a_program_without_evidence_of_workers_is_not_what_was_tested(start):
    """The ways to find a program's processes do find them."""
    marked = start(INTERRUPTED, "map", "sleeps")
    workers = marked.wait_for_workers()
    assert {marked.pid, marked.zygote(), *workers} <= set(session(marked.pid))
    marked.program.kill()
    marked.end()
    marked.expect_nothing_left()
