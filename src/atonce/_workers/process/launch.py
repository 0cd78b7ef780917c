"""Start a worker process, talk to it, and see how it ended."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from fcntl import F_DUPFD_CLOEXEC, fcntl
from mmap import mmap
from pathlib import Path
from weakref import WeakSet

from atonce._wire.frames import receive, send
from atonce._workers.process.protocol import BARRED, HEARD, NOTHING_BARRED, PAGE_BYTES, PHASE, STARTED, Page
from atonce.errors import EngineUnavailable

__all__ = ("ChildDied", "ChildProcess")

_PROGRAM = "import sys; sys.path.pop(0); sys.path.append(sys.argv[1]); from atonce._workers.process.child import main; main()"
_HOME = str(Path(__file__).parents[3])  # the folder that holds the package


class ChildDied(Exception):
    """The process ended while an answer was due.

    Attributes:
        heard: whether it had received the last message.
        phase: what it was doing with it, as in ``protocol``.
        started: how many items of the batch it had started.
        how: exit status or signal, in words.
        pid: of the process that ended.
    """

    def __init__(self, phase: int, started: int, how: str, pid: int, *, heard: bool) -> None:
        super().__init__(how)
        self.pid = pid
        self.heard = heard
        self.phase = phase
        self.started = started
        self.how = how


class ChildProcess:
    """A running child and the descriptors that lead to it.

    Owned by the worker's thread, but for ``kill``, ``bar`` and ``pid``, which any thread may use until ``reap`` has returned.
    """

    def __init__(self, name: str) -> None:
        if not sys.executable:
            raise EngineUnavailable("this Python does not know its own executable (sys.executable), so it cannot start processes")
        self.pid = 0
        self._ends: list[int] = []
        self._said = 0  # messages sent
        memory = _above_standard_streams(_shared_memory())
        try:
            self.page = Page(mmap(memory, PAGE_BYTES))
            self.page.words[BARRED] = NOTHING_BARRED
            inbox, self._outbox = self._pipe()
            self._inbox, outbox = self._pipe()
            lifeline, _held_open = self._pipe()
            theirs = (inbox, outbox, lifeline, memory)
            self._process = subprocess.Popen(  # noqa: S603 (this very Python, and our own program)
                [sys.executable, *_interpreter_flags(), "-c", _PROGRAM, _HOME, name, *map(str, theirs)],
                pass_fds=theirs,
                stdin=subprocess.DEVNULL,
            )
        except BaseException:
            self._close_ends()
            raise
        finally:
            os.close(memory)
        self.pid = self._process.pid
        _children.add(self)
        for end in (inbox, outbox, lifeline):
            os.close(end)
            self._ends.remove(end)

    def _pipe(self) -> tuple[int, int]:
        # Not inheritable (PEP 446), so a sibling started at the same moment gets no copy; and none of the three standard streams,
        # whose numbers are free if the program was started without them.
        ends = tuple(_above_standard_streams(end) for end in os.pipe())
        self._ends += ends
        return ends[0], ends[1]

    def forget(self) -> None:
        """Close the pipes in a process that was forked from this one: held open there, they would keep the child from ending."""
        self._close_ends()

    def ask(self, message: bytes) -> tuple[bytes, memoryview]:
        """Send a message and return the answer's letter and payload.

        Raises:
            ChildDied: it ended before the answer was complete.
        """
        self._said += 1
        try:
            send(self._outbox, message)
            answer = memoryview(receive(self._inbox))
        except (EOFError, OSError):
            how, words = self.reap(0.0), self.page.words
            raise ChildDied(words[PHASE], words[STARTED], how, self.pid, heard=words[HEARD] == self._said) from None
        return bytes(answer[:1]), answer[1:]

    def bar(self, index: int) -> None:
        """Let the child start nothing from this index on."""
        self.page.words[BARRED] = min(index, NOTHING_BARRED)

    def kill(self) -> None:
        """End it now."""
        self._process.kill()

    def reap(self, patience_s: float) -> str:
        """Close the pipes, wait for the end, and say how it came. A child that takes longer than its patience is killed."""
        self._close_ends()
        try:
            status = self._process.wait(patience_s) if patience_s else self._end_now()
        except subprocess.TimeoutExpired:
            status = self._end_now()
        return _in_words(status)

    def _end_now(self) -> int:
        # Its pipe is closed, so it is dead or about to be: the short wait lets its own status be seen and not our signal.
        try:
            return self._process.wait(0.5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _close_ends(self) -> None:
        ends, self._ends = self._ends, []
        for end in ends:
            os.close(end)


_children: WeakSet[ChildProcess] = WeakSet()


def _forget_children() -> None:
    for child in list(_children):
        child.forget()


os.register_at_fork(after_in_child=_forget_children)


def _above_standard_streams(end: int) -> int:
    if end > 2:  # noqa: PLR2004 (0, 1 and 2 are the standard streams)
        return end
    copy = fcntl(end, F_DUPFD_CLOEXEC, 3)
    os.close(end)
    return int(copy)


def _shared_memory() -> int:
    """Open a page of memory that both sides map. It has no name, so it cannot be left behind."""
    if hasattr(os, "memfd_create"):
        memory = os.memfd_create("atonce")
    else:
        import tempfile  # noqa: PLC0415 (not on Linux)

        with tempfile.TemporaryFile() as file:
            memory = os.dup(file.fileno())
    os.truncate(memory, PAGE_BYTES)
    return memory


def _interpreter_flags() -> list[str]:
    """Repeat the options that this Python was started with (-W, -X, -O ...), as multiprocessing does."""
    flags: Callable[[], list[str]] = subprocess._args_from_interpreter_flags  # type: ignore[attr-defined]  # noqa: SLF001
    return flags()


def _in_words(status: int) -> str:
    if status >= 0:
        return f"ended with exit status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"
