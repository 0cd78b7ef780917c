"""What holds for every test: nothing is left behind."""

import pytest

from atonce.testing import Leaks
from atonce.testing.evidence import Evidence


@pytest.fixture(scope="session", autouse=True)
def _open_once() -> None:
    """Let libraries open what they keep for good (libuv a pipe for signals) before anything is counted."""
    import asyncio

    try:
        import uvloop
    except ImportError:
        return
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asyncio.sleep(0))


@pytest.fixture(autouse=True)
def _leaves_nothing(_open_once):
    """Fail a test that leaves a thread, a process, a descriptor or shared memory."""
    leaks = Leaks()
    yield
    leaks.check()


@pytest.fixture
def evidence(tmp_path) -> Evidence:
    return Evidence(tmp_path / "evidence")
