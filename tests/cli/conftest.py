"""Runs the real command in a process of its own, in a folder of the test's own."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

COMMAND = (sys.executable, "-W", "error", "-m", "atonce")


class Ended:
    """What a command left: its status, what it said, and its records."""

    def __init__(self, status, out, err):
        self.status = status
        self.out = out
        self.err = err

    @property
    def records(self):
        return [json.loads(line) for line in self.out.splitlines()]


class Fifo:
    """How the user's function and the test wait for each other."""

    def __init__(self, descriptor):
        self._descriptor = descriptor

    def open_gate(self):
        os.write(self._descriptor, b"x")

    def heard_from(self, child):
        """Wait until the function has written something, or its program has ended."""
        while not select.select([self._descriptor], [], [], 0.05)[0]:
            assert child.poll() is None, child.stderr.read().decode()


class Cli:
    """A folder with the user's files, and the command that runs there."""

    def __init__(self, folder):
        self.folder = folder
        self._started = []
        self._pipes = []

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else textwrap.dedent(text).encode())
        return path

    def fifo(self, name):
        """Make a named pipe, and hold both its ends: nobody waits to open it, and the test never waits to write."""
        os.mkfifo(self.folder / name)
        self._pipes.append(os.open(self.folder / name, os.O_RDWR))
        return Fifo(self._pipes[-1])

    def run(self, *words, stdin=b"", **how):
        return self.end(self.start(*words, **how), stdin)

    def end(self, child, stdin=b""):
        out, err = child.communicate(stdin)
        return Ended(child.returncode, out.decode(), err.decode())

    def start(self, *words, **how):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "cwd": self.folder, **how}
        child = subprocess.Popen([*COMMAND, *map(str, words)], **pipes)
        self._started.append(child)
        return child

    def records(self, name):
        return [json.loads(line) for line in (self.folder / name).read_text(encoding="utf-8").splitlines()]

    def close(self):
        for child in self._started:
            if child.poll() is None:
                child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout, child.stderr):
                if pipe is not None and not pipe.closed:
                    with contextlib.suppress(OSError):  # nobody reads it any more: the test has failed before
                        pipe.close()
        for pipe in self._pipes:
            os.close(pipe)


@pytest.fixture
def cli(tmp_path, monkeypatch):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    # A shell may have started us with Ctrl-C ignored, which children inherit: a handler is not inherited, and so undoes that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    command = Cli(tmp_path)
    yield command
    command.close()
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def imports(monkeypatch):
    """Let the test import what it likes: afterwards it is forgotten."""
    monkeypatch.setattr(sys, "path", sys.path.copy())
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        module_file = getattr(sys.modules[name], "__file__", None)
        if module_file is None or not Path(module_file).is_relative_to(sys.prefix):
            del sys.modules[name]
