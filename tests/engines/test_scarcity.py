"""The system has no process, or no descriptor, to spare: fewer workers do the work, and if there are none, the error says why."""

import errno
import os
import subprocess
import sys
import time
from multiprocessing.context import SpawnProcess

import pytest
from tests.engines.cgroups import control_group, run_in

import atonce
from atonce._workers.process.launch import Born, Unborn, ZygoteNursery
from atonce._workers.process.mailbox import MAILBOX
from atonce._workers.process.zygote import Zygote

PROCESS = {"engine": "process", "max_workers": 2}

LIMITED = """
import _ctypes, atonce, os, resource, sys, time  # _ctypes: some builds of Python keep its library open

def slow(number):
    time.sleep(0.001)  # so that there is work left when the last worker is refused
    return -number

spare, workers = map(int, sys.argv[1:])
limit = len(os.listdir("/proc/self/fd")) - 1 + spare
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
pool = atonce.Pool(engine="process", max_workers=workers)
try:
    results = pool.map(slow, range(-1000, 0), chunksize=10)
except OSError as error:
    print(error.strerror, *error.__notes__, sep="; ")
else:
    assert results == list(range(1000, 0, -1))
    assert pool.map(abs, [-1]) == [1]
    print(*results.report.notices)
pool.close()
"""


def with_descriptors(spare, workers):
    words = [sys.executable, "-c", LIMITED, str(spare), str(workers)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def test_with_descriptors_for_some_workers_these_do_the_work():
    assert with_descriptors(400, 4) == ""
    said = with_descriptors(26, 16)
    assert said == "not all workers could be started: [Errno 24] Too many open files"


@pytest.mark.parametrize("spare", range(3, 14))
def test_with_descriptors_for_no_worker_the_error_says_what_to_type(spare):
    said = with_descriptors(spare, 2)
    assert "a worker process could not be started: " in said
    assert "or take fewer workers (max_workers=)" in said
    assert "ulimit -n" in said


def slow(number):
    time.sleep(0.001)
    return -number


def refusing(real, allowed):
    """Let a process be started only so many times."""
    started = []

    def start(*args):
        if len(started) >= allowed:
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable")
        started.append(args)
        return real(*args)

    return start


@pytest.fixture
def by_spawn(monkeypatch):
    MAILBOX.rest()
    monkeypatch.setenv("ATONCE_WORKERS_BY", "spawn")
    yield
    MAILBOX.rest()


@pytest.mark.usefixtures("by_spawn")
def test_with_processes_for_some_workers_these_do_the_work(monkeypatch):
    monkeypatch.setattr(SpawnProcess, "start", refusing(SpawnProcess.start, 1))
    results = atonce.map(slow, range(-1000, 0), engine="process", max_workers=3, chunksize=10)
    assert results == list(range(1000, 0, -1))
    assert len(set(results.report.notices)) == 1
    assert "Resource temporarily unavailable" in results.report.notices[0]


@pytest.mark.usefixtures("by_spawn")
def test_without_any_process_the_error_says_so(monkeypatch):
    monkeypatch.setattr(SpawnProcess, "start", refusing(SpawnProcess.start, 0))
    with pytest.raises(OSError, match="Resource temporarily unavailable") as caught:
        atonce.map(abs, range(-1000, 0), **PROCESS)
    assert "ulimit -u" in caught.value.__notes__[0]


def test_a_zygote_that_cannot_fork_says_so(monkeypatch):
    import _socket

    def refuse():
        raise OSError(errno.EAGAIN, "no more")

    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    nursery = object.__new__(ZygoteNursery)
    nursery._control = ours
    ours.setblocking(False)
    monkeypatch.setattr(os, "fork", refuse)
    zygote = Zygote(theirs, -1, fences=True)
    end, other = os.pipe()
    zygote._fork(7, "worker", [end, other])
    [news] = nursery.news()
    assert isinstance(news, Unborn)
    assert not isinstance(news, Born)
    assert (news.number, news.error.errno) == (7, errno.EAGAIN)
    for each in (end, other):
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(each)
    for each in (zygote._wake, zygote._woken, zygote._parent):
        os.close(each)
    ours.close()
    theirs.close()


def test_where_processes_run_out_those_that_there_are_do_the_work():
    program = """
import atonce, time

def slow(number):
    time.sleep(0.001)  # so that there is work left when the last worker is refused
    return -number

with atonce.Pool(engine="process", max_workers=6) as pool:
    results = pool.map(slow, range(-1000, 0), chunksize=10)
    assert results == list(range(1000, 0, -1))
    assert pool.map(abs, [-1]) == [1]
print(*results.report.notices)
"""
    with control_group("pids", 6) as group:  # this program, the thread that looks after workers, the zygote, and three of them
        assert run_in(group, program) == ("not all workers could be started: [Errno 11] Resource temporarily unavailable\n", "")


def test_the_kernels_own_kill_for_want_of_memory_costs_one_item():
    program = """
import atonce

def grow(number):
    if number == 17:
        large = bytearray(600 << 20)
        for page in range(0, len(large), 4096):
            large[page] = 1
    return number

results = atonce.map(grow, range(40), engine="process", max_workers=2, errors="return")
bad = results.pop(17)
assert results == [*range(17), *range(18, 40)]
print(type(bad.error).__name__, bad.error)
"""
    with control_group("memory", 200 << 20) as group:
        said, complained = run_in(group, program)
    assert said.startswith(
        "WorkerCrashed the worker process was ended by SIGKILL (the kernel did, because memory had run out; memory="
    )
    assert complained == ""


@pytest.mark.parametrize("spare", [15, 16, 17])
def test_with_descriptors_for_one_worker_its_death_costs_one_item(spare):
    program = LIMITED.replace("return -number", "return -number if number != -500 else os._exit(3)").replace(
        "chunksize=10)", "chunksize=10, errors='return')"
    )
    program = program.replace(
        "assert results == list(range(1000, 0, -1))",
        "bad = results.pop(500); assert results == [n for n in range(1000, 0, -1) if n != 500]; print(type(bad.error).__name__)",
    )
    done = subprocess.run([sys.executable, "-c", program, str(spare), "1"], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr, done.stdout.splitlines()[0]) == (0, "", "WorkerCrashed")


@pytest.mark.parametrize("setup", [{}, {"initializer": int}])
def test_a_want_that_lasts_is_no_failure_once_all_is_done(monkeypatch, setup):
    """Whoever could not be started is not started when the last result is there, and does not spoil the end."""
    monkeypatch.setattr(ZygoteNursery, "bear", refusing(ZygoteNursery.bear, 1))
    with atonce.Pool(**PROCESS, **setup) as pool:
        for _ in range(3):
            assert pool.map(slow, range(-100, 0), chunksize=5) == list(range(100, 0, -1))


def test_where_no_memory_can_be_shared_and_the_disk_is_full_the_error_says_so(tmp_path):
    program = f"""
import ctypes, os, tempfile
libc = ctypes.CDLL(None, use_errno=True)
if libc.unshare(0x00020000) or libc.mount(b"none", b"/", None, 0x4000 | 0x40000, None) or \\
        libc.mount(b"small", {str(tmp_path)!r}.encode(), b"tmpfs", 0, b"size=64k"):
    print("no")
    raise SystemExit

def refuse(_name):
    raise OSError("a sandbox")

os.memfd_create, tempfile.tempdir = refuse, {str(tmp_path)!r}
with open({str(tmp_path / "fill")!r}, "wb", buffering=0) as fill:
    try:
        while True:
            fill.write(bytes(4096))
    except OSError as error:
        print(error.strerror)
import atonce
try:
    atonce.map(abs, range(3), engine="process", max_workers=1)
except OSError as error:
    print(error.strerror, len(error.__notes__))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    if done.stdout == "no\n":
        pytest.skip("this system does not let us mount")
    full = os.strerror(errno.ENOSPC)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", f"{full}\n{full} 1\n")
