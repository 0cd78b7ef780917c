"""What holds for every test: nothing is left behind, and no event loop complains."""

import asyncio
import compileall
import gc
import logging
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from inspect import iscoroutinefunction
from pathlib import Path

import pytest

import atonce
from atonce.testing import Leaks
from atonce.testing.evidence import Evidence

os.environ["ATONCE_CACHE_DIR"] = ""  # tests neither read nor write what this user's programs have learned


@pytest.fixture(scope="session", autouse=True)
def _open_once() -> None:
    """Let libraries open what they keep for good before anything is counted: libuv a pipe, multiprocessing a process."""
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()
    with suppress(ImportError):
        import _ctypes  # noqa: F401 (newer versions of libffi keep a file open)

    try:
        import uvloop
    except ImportError:
        return
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asyncio.sleep(0))


@pytest.fixture(scope="session", autouse=True)
def _compile_once() -> None:
    """Let the hundreds of programs that tests start find modules compiled, also where they may keep nothing that they compile."""
    for folder in (*atonce.__path__, Path(__file__).parent):
        compileall.compile_dir(folder, quiet=2)


@pytest.fixture(scope="session", autouse=True)
def _collect_less() -> None:
    """Have the garbage collector pass over what is there before the first test: thousands of tests, and what they import."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="session", autouse=True)
def _hear_ctrl_c() -> None:
    """Undo what a shell does to programs in its background: they, and what they start, are deaf to Ctrl-C."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


class Complaints(logging.Handler):
    """Hears what an event loop in trouble logs: a task that nobody awaits any more, an exception that nobody has asked for."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


@pytest.fixture(autouse=True)
def complaints() -> Iterator[list[str]]:
    """Fail a test in which asyncio logs an error. Who has a reason to provoke one takes it out of this list."""
    heard = Complaints()
    logging.getLogger("asyncio").addHandler(heard)
    yield heard.said
    if _tasks_left():
        gc.collect()  # they complain when they are collected. Not after each test: in a whole run, it takes 20 ms
    logging.getLogger("asyncio").removeHandler(heard)
    assert not heard.said, "\n".join(heard.said)


def _tasks_left() -> bool:
    """Tell whether there are tasks, of any loop: what asyncio knows of them differs from version to version."""
    return any(getattr(asyncio.tasks, name, ()) for name in ("_all_tasks", "_scheduled_tasks", "_eager_tasks"))


@pytest.fixture(autouse=True)
def _leaves_nothing(_open_once, complaints):
    """Fail a test that leaves a thread, a process, a descriptor or shared memory."""
    leaks = Leaks()
    yield
    leaks.check()


IN_WORKERS = ("was never retrieved", "was destroyed but it is pending", "was never awaited")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """Fail a test whose worker processes complain in such a way: what they write arrives on our standard error."""
    report = yield
    if call.when == "teardown" and report.passed:
        errors = [line for title, text in report.sections if "stderr" in title for line in text.splitlines()]
        said = [line for line in errors if any(words in line for words in IN_WORKERS)]
        if said:
            report.outcome, report.longrepr = "failed", "\n".join(said)
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run tests that are coroutine functions, each on a loop of its own."""
    if not iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


@pytest.fixture
def evidence(tmp_path) -> Evidence:
    return Evidence(tmp_path / "evidence")
