"""Where processes come from: the zygote, what it is asked to import ahead, and the portable way, forced."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import atonce
from atonce._workers.process import launch
from atonce._workers.process.handle import ProcessEngine
from atonce._workers.process.mailbox import MAILBOX
from atonce.testing import wait_until

PROCESS = {"engine": "process", "max_workers": 2}


@pytest.fixture(params=["spawn", "zygote"])
def nursery(request, monkeypatch):
    MAILBOX.rest()
    monkeypatch.setenv("ATONCE_WORKERS_BY", request.param)
    yield request.param
    MAILBOX.rest()


def children():
    return {int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()}


def test_one_function_chooses(nursery):
    assert launch.choose_nursery().__name__ == {"spawn": "SpawnNursery", "zygote": "ZygoteNursery"}[nursery]


def seven_kills(number):
    return number if number != 7 else os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.usefixtures("nursery")
def test_both_do_the_same():
    here = os.getpid()
    with atonce.Pool(**PROCESS) as pool:
        assert pool.map(lambda number: number * 2, range(1000)) == [number * 2 for number in range(1000)]
        assert here not in pool.map(lambda _: os.getpid(), range(10), chunksize=1)
        failed = pool.map(seven_kills, range(20), errors="return")
    assert [result for result in failed if not isinstance(result, atonce.Failure)] == [n for n in range(20) if n != 7]
    assert "SIGKILL" in str(failed[7].error)


def test_the_script_is_never_run_again(nursery, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import atonce\nprint('run')\n\ndef twice(number):\n    return 2 * number\n\n"
        "print(atonce.map(twice, range(5), engine='process', max_workers=2))\n"
    )
    environment = {**os.environ, "ATONCE_WORKERS_BY": nursery}
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, env=environment, check=True, timeout=60)
    assert done.stdout == "run\n[0, 2, 4, 6, 8]\n"


def test_several_calls_share_a_zygote():
    before = children()
    atonce.map(abs, [1], **PROCESS)
    first = children() - before
    atonce.map(abs, [1], **PROCESS)
    assert children() - before == first
    assert len(first) == 1
    MAILBOX.rest()
    assert children() == before


def test_it_does_not_stay_for_long():
    atonce.map(abs, [1], **PROCESS)
    thread = next(thread for thread in threading.enumerate() if thread.name == "atonce-supervisor")
    thread.join(30)
    assert not thread.is_alive()


def test_a_zygote_that_dies_costs_nothing():
    before = children()
    with atonce.Pool(**PROCESS) as pool:
        stream = pool.stream(slowly, range(300), chunksize=3)
        results = [next(stream) for _ in range(10)]
        (zygote,) = children() - before
        os.kill(zygote, signal.SIGKILL)
        results += stream
    assert results == list(range(300))


def slowly(number):
    threading.Event().wait(0.005)
    return number


def test_modules_that_are_imported_ahead():
    def there(_):
        return "xml.dom" in sys.modules and "decimal" in sys.modules

    MAILBOX.rest()
    assert atonce.map(there, range(4), engine=ProcessEngine(preload=("decimal", "xml.dom")), max_workers=2) == [True] * 4
    MAILBOX.rest()
    assert atonce.map(there, range(4), **PROCESS) == [False] * 4


def test_what_starts_threads_is_not_imported_ahead(tmp_path, monkeypatch, capfd):
    (tmp_path / "starts_a_thread.py").write_text(
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    MAILBOX.rest()
    engine = ProcessEngine(preload=("starts_a_thread",))
    assert atonce.map(lambda _: "starts_a_thread" in sys.modules, [0], engine=engine) == [False]
    wait_until(lambda: "there are 2 threads" in capfd.readouterr().err, "the reason")


def test_workers_see_the_environment_of_the_call(monkeypatch, tmp_path):
    atonce.map(abs, [1], **PROCESS)  # the zygote is warm, and older than what follows
    monkeypatch.setenv("SEEN_BY_WORKERS", "yes")
    monkeypatch.chdir(tmp_path)
    assert atonce.map(lambda _: (os.environ["SEEN_BY_WORKERS"], os.getcwd()), [0], **PROCESS) == [("yes", str(tmp_path))]


def test_native_threads_are_shared_out():
    def limits(_):
        return os.environ["OMP_NUM_THREADS"], os.environ["OPENBLAS_NUM_THREADS"]

    assert atonce.map(limits, [0], engine="process", max_workers=256) == [("1", "1")]


def test_a_loaded_blas_is_limited():
    import numpy as np

    def threads(_):
        from threadpoolctl import threadpool_info

        assert np.ones(3).sum() == 3
        return [pool["num_threads"] for pool in threadpool_info()]

    assert {count for counts in atonce.map(threads, range(4), engine="process", max_workers=256) for count in counts} <= {1}


def test_a_program_that_forks_has_workers_of_its_own():
    program = (
        "import atonce, os\n"
        "with atonce.Pool(engine='process', max_workers=2) as pool:\n"
        "    pool.map(abs, range(10))\n"
        "    if os.fork() == 0:\n"
        "        assert atonce.map(abs, range(-9, 1), engine='process', max_workers=2) == list(range(9, -1, -1))\n"
        "        pool.close()\n"
        "        os._exit(7)\n"
        "    status = os.waitstatus_to_exitcode(os.wait()[1])\n"
        "    assert pool.map(abs, range(10)) == list(range(10))\n"
        "    print(status)\n"
    )
    words = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program]  # Python 3.12 and later warn of the fork
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr) == ("7\n", "")


@pytest.mark.parametrize("name", ["\N{EURO SIGN}" * 80, "a\nb" * 100, ""])
def test_workers_may_have_any_name(name):
    assert atonce.map(abs, [-1], name=name, **PROCESS) == [1]


def test_a_long_path_to_import_from_is_no_harm(monkeypatch, tmp_path):
    (tmp_path / "seen_ahead.py").write_text("NUMBER = 7\n")
    monkeypatch.setattr(sys, "path", [*sys.path, *(f"/nowhere/{number}" for number in range(500)), str(tmp_path)])

    def number_of(_):
        return sys.modules["seen_ahead"].NUMBER

    assert atonce.map(number_of, [0], engine=ProcessEngine(preload=("seen_ahead",)), max_workers=2) == [7]


def test_a_zygote_that_dies_with_many_workers_at_work_costs_nothing(evidence):
    def fn(number):
        evidence.note(os.getppid())
        time.sleep(0.3)
        return number

    def kill():
        wait_until(lambda: len(evidence.lines()) >= 5, "the workers to be at work")
        os.kill(int(evidence.lines()[0]), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        assert atonce.map(fn, range(10), engine="process", max_workers=5, chunksize=1) == list(range(10))
    finally:
        killer.join()


def test_a_limit_on_memory_that_the_caller_has_is_the_workers_too():
    program = (
        "import atonce, resource\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (3 << 30, -1))\n"
        "def limit(_):\n"
        "    import resource\n"
        "    return resource.getrlimit(resource.RLIMIT_DATA)\n"
        "with atonce.Pool(engine='process', max_workers=1) as pool:\n"
        "    plain = pool.map(limit, [0])\n"
        "    assert pool.map(limit, [0], memory='100 GiB') == plain == [(3 << 30, -1)], plain\n"
        "    assert pool.map(limit, [0], memory='1 GiB') != plain\n"
        "    assert pool.map(limit, [0]) == plain\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
