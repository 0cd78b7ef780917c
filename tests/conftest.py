"""What holds for every test: nothing is left behind."""

import asyncio
import compileall
import gc
import os
import signal
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


@pytest.fixture(autouse=True)
def _leaves_nothing(_open_once):
    """Fail a test that leaves a thread, a process, a descriptor or shared memory."""
    leaks = Leaks()
    yield
    leaks.check()


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
