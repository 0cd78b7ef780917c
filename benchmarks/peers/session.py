"""Run a program so that nothing of it is left, however it ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple

__all__ = ("Ended", "alone")

GRACE_S = 1.0


class Ended(NamedTuple):
    """How a program ended: its exit status, ``None`` if its time was over; the seconds it took; what it printed, if wanted."""

    status: int | None
    seconds: float
    output: str = ""


def alone(
    command: Sequence[str],
    limit_s: float,
    *,
    capture: bool = False,
    environment: dict[str, str] | None = None,
    grace_s: float = GRACE_S,
) -> Ended:
    """Run a program in a session of its own, and end whatever is left of that session afterwards, also if this process is ended.

    Args:
        command: the program and its arguments.
        limit_s: seconds after which it is ended.
        capture: whether its standard output is returned; it is passed on otherwise.
        environment: the program's environment; this process's own if ``None``.
        grace_s: seconds that what is left of it has to end in order.
    """
    begun = time.perf_counter()
    output_to = subprocess.PIPE if capture else None
    with _leaving_when_asked():
        process = subprocess.Popen(command, start_new_session=True, env=environment, stdout=output_to, text=True)
        try:
            output, _ = process.communicate(timeout=limit_s)
            return Ended(process.returncode, time.perf_counter() - begun, output or "")
        except subprocess.TimeoutExpired:
            _end_session(process.pid, grace_s)
            output, _ = process.communicate()  # what it said until then
            return Ended(None, time.perf_counter() - begun, output or "")
        finally:
            _end_session(process.pid, grace_s)
            process.wait()


@contextmanager
def _leaving_when_asked() -> Iterator[None]:
    """Let SIGTERM unwind the stack, so that a program's session ends before the process that watches over it."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end_session(session: int, grace_s: float) -> None:
    """End all processes of a session: kindly first, so that those which remove temporary files can do so."""
    with suppress(ProcessLookupError):  # there is nobody left
        os.killpg(session, signal.SIGTERM)
        until = time.monotonic() + grace_s
        while time.monotonic() < until:
            time.sleep(0.02)  # the end of somebody else's child can only be polled for
            os.killpg(session, 0)
        os.killpg(session, signal.SIGKILL)
