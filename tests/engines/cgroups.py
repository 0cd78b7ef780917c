"""A control group of a test's own, for a program with little memory or few processes. Needs the right to make one."""

import os
import subprocess
import sys
import uuid
from contextlib import contextmanager
from pathlib import Path

import pytest

_ROOT = Path("/sys/fs/cgroup")


@contextmanager
def control_group(controller, limit):
    """Make a group with a limit, below this process's own; skip the test where that is not allowed."""
    group = _own(controller) / f"atonce-test-{uuid.uuid4().hex[:8]}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    try:
        names = (f"{controller}.limit_in_bytes", f"{controller}.max")  # in the first version, and in the second
        limits = [group / name for name in names if (group / name).exists()]
        if not limits:
            pytest.skip(f"control groups do not limit {controller} here")
        limits[0].write_text(str(limit))
        yield group
    finally:
        group.rmdir()


def _own(controller):
    """Find this process's group of a controller, in either version of control groups."""
    lines = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    for _, controllers, path in lines:
        if controller in controllers.split(","):
            return _ROOT / controller / path.lstrip("/")
    return _ROOT / next((path.lstrip("/") for number, _, path in lines if number == "0"), "")


def run_in(group, program):
    """Run a program in a group; return what it printed, and what it complained."""

    def enter():
        (group / "cgroup.procs").write_text(str(os.getpid()))

    words = [sys.executable, "-c", program]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=100, preexec_fn=enter)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr
