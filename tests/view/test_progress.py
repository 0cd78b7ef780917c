"""The progress line: in a log, in a terminal, in a notebook."""

import io
import os
import subprocess
import sys
import termios
import threading
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from atonce._values.events import BatchDone, RunBegan, RunEnded, WorkersHired
from atonce._view import progress
from atonce._view.progress import ProgressLine
from atonce.testing import ManualClock, wait_until

OFTEN_S = 0.001


def done(items, failed=0):
    return BatchDone(items, failed, "thread 1", 0.1)


def showing():
    return [thread for thread in threading.enumerate() if thread.name == "atonce-progress"]


@contextmanager
def shown(*events, description=None, stream=None, clock=None):
    """Show a run that has come so far; it ends with the block."""
    line = ProgressLine(description, stream, clock or ManualClock())
    for event in events:
        line.handle(event)
    try:
        yield line
    finally:
        line.handle(RunEnded())


@pytest.fixture
def often(monkeypatch):
    """Write to logs, and draw on terminals, again and again."""
    monkeypatch.setattr(progress, "_LOG_EVERY_S", OFTEN_S)
    monkeypatch.setattr(progress, "_REDRAW_S", OFTEN_S)


class Screen:
    """A terminal, and what has been written on it."""

    def __init__(self, columns):
        self._ours, theirs = os.openpty()
        if columns:
            termios.tcsetwinsize(theirs, (24, columns))
        self.stream = os.fdopen(theirs, "w", encoding="utf-8")
        self._written = b""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        while True:
            try:
                more = os.read(self._ours, 4096)
            except OSError:  # the other end is closed
                return
            if not more:
                return
            self._written += more

    @property
    def text(self):
        return self._written.decode(errors="replace")

    @property
    def lines(self):
        """All that the live line has shown, one after the other."""
        return [line for line in self.text.replace("\n", "\r").split("\r") if line.strip()]

    def close(self):
        self.stream.close()
        self._reader.join()
        os.close(self._ours)


@pytest.fixture
def terminal():
    screens = []

    def make(columns=100):
        screens.append(Screen(columns))
        return screens[-1]

    yield make
    for screen in screens:
        screen.close()


# In a process of their own: a thread that dies in the middle of a line keeps tqdm's lock, and the next line would wait for ever.
PRELUDE = """
import io
from atonce._values.events import BatchDone, RunBegan, RunEnded
from atonce._view import progress
from atonce.testing import wait_until

class Screen(io.StringIO):
    broken = tried = False

    def isatty(self):
        return True

    def write(self, text):
        if self.broken:
            self.tried = True
            raise BrokenPipeError("nobody reads this any more")
        return super().write(text)

progress._REDRAW_S = 0.001
screen = Screen()
line = progress.ProgressLine(None, screen)
line.handle(RunBegan("work", 3))
line.handle(BatchDone(2, 0, "thread 1", 0.1))
wait_until(lambda: "2/3" in screen.getvalue(), "a line", 10.0)
"""
TOO_SMALL_A_TOTAL = """
line.handle(BatchDone(3, 0, "thread 1", 0.1))
line.handle(RunEnded())
last = screen.getvalue().replace("\\r", "\\n").strip().splitlines()[-1]
assert "5" in last and "5/3" not in last and "167%" not in last, last
"""
A_SCREEN_THAT_BREAKS = """
screen.broken = True
wait_until(lambda: screen.tried, "the line to be drawn once more", 10.0)
line.handle(RunEnded())
screen.broken = False
"""
EPILOGUE = """
from tqdm import tqdm
assert list(tqdm(range(3), file=io.StringIO())) == [0, 1, 2]  # somebody else's line
print("all is well")
"""


# ---- in a log -------------------------------------------------------------------------------------------------------------------


def test_a_short_run_writes_nothing_in_a_log():
    log = io.StringIO()
    with shown(RunBegan("work", 10), done(10), stream=log):
        pass
    assert log.getvalue() == ""


@pytest.mark.usefixtures("often")
def test_a_log_tells_what_is_done_failed_and_to_come():
    log, clock = io.StringIO(), ManualClock()
    with shown(RunBegan("work", 1000), WorkersHired("process", 2, 1), stream=log, clock=clock) as line:
        clock.advance(2.0)
        line.handle(done(190))
        line.handle(done(10, failed=3))
        wait_until(lambda: "200 of" in log.getvalue(), "a line with all of it")
    told = [text for text in log.getvalue().splitlines() if "200 of" in text]
    assert told[0] == "work: 200 of 1,000 done, 3 failed, 100 items/s, 8 s left, 2 processes"


@pytest.mark.usefixtures("often")
def test_a_log_without_a_total_tells_what_is_done():
    log = io.StringIO()
    with shown(RunBegan("work", None), done(7), stream=log):
        wait_until(lambda: "7" in log.getvalue(), "a line")
    assert log.getvalue().splitlines()[-1] == "work: 7 done, 0 items/s, calling thread"


@pytest.mark.usefixtures("often")
def test_a_total_that_was_too_small_is_dropped():
    log = io.StringIO()
    with shown(RunBegan("work", 3), done(2), stream=log) as line:
        wait_until(lambda: "2 of 3 done" in log.getvalue(), "a line with the total")
        line.handle(done(3))
        wait_until(lambda: "5 " in log.getvalue(), "a line with more than the total")
    assert log.getvalue().splitlines()[-1].startswith("work: 5 done, ")


@pytest.mark.usefixtures("often")
def test_the_last_line_of_a_log_tells_how_it_ended():
    log = io.StringIO()
    with shown(RunBegan("work", 5), done(2), stream=log) as line:
        wait_until(lambda: log.getvalue() != "", "a first line")
        line.handle(done(3, failed=1))
    assert log.getvalue().splitlines()[-1].startswith("work: 5 of 5 done, 1 failed, ")
    assert log.getvalue().endswith("\n")


@pytest.mark.usefixtures("often")
def test_a_run_that_has_all_has_no_time_left():
    log, clock = io.StringIO(), ManualClock()
    with shown(RunBegan("work", 5), done(5), stream=log, clock=clock):
        clock.advance(1.0)
        wait_until(lambda: "5 items/s" in log.getvalue(), "a line after a second")
    assert "left" not in log.getvalue()


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize(
    ("event", "words"),
    [
        (WorkersHired("inline", 1, 1), "calling thread"),
        (WorkersHired("thread", 1, 1), "1 thread"),
        (WorkersHired("thread", 32, 1), "32 threads"),
        (WorkersHired("process", 1, 1), "1 process"),
        (WorkersHired("process", 2, 8), "2 processes x 8"),
        (WorkersHired("async", 1, 1000), "event loop x 1,000"),
    ],
)
def test_who_is_at_work_is_said_in_words(event, words):
    log = io.StringIO()
    with shown(RunBegan("work", 5), event, stream=log):
        wait_until(lambda: log.getvalue() != "", "a line")
    assert log.getvalue().splitlines()[-1].endswith(f", {words}")


@pytest.mark.usefixtures("often")
def test_a_description_goes_before_the_functions_name():
    log = io.StringIO()
    with shown(RunBegan("work", 5), description="reading", stream=log):
        wait_until(lambda: log.getvalue() != "", "a line")
    assert log.getvalue().startswith("reading: ")


@pytest.mark.usefixtures("often")
def test_without_a_stream_it_goes_to_stderr(monkeypatch):
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    with shown(RunBegan("work", 5)):
        wait_until(lambda: log.getvalue() != "", "a line")
    assert log.getvalue().startswith("work: 0 of 5 done")


def test_batches_from_many_threads_are_all_counted():
    line = ProgressLine(None, io.StringIO(), ManualClock())

    def work():
        for _ in range(2000):
            line.handle(done(2, failed=1))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (line._state.done, line._state.failed) == (16_000, 8000)


@pytest.mark.usefixtures("often")
def test_a_log_that_breaks_is_no_harm_to_the_run():
    class Broken(io.StringIO):
        tried = threading.Event()

        def write(self, _):
            self.tried.set()
            raise BrokenPipeError("nobody reads this any more")

    with shown(RunBegan("work", 3), stream=Broken()) as line:
        assert Broken.tried.wait(30)
        line.handle(done(3))


# ---- how it ends ----------------------------------------------------------------------------------------------------------------


def test_the_end_of_the_run_is_the_end_of_the_thread():
    line = ProgressLine(None, io.StringIO())
    line.handle(RunBegan("work", 5))
    (thread,) = showing()
    assert thread.daemon
    line.handle(RunEnded())
    assert not thread.is_alive()
    assert showing() == []


def test_a_run_that_ends_twice_or_never_began_does_no_harm():
    line = ProgressLine(None, io.StringIO())
    line.handle(RunEnded())
    line.handle(RunEnded())
    assert showing() == []


def test_the_end_does_not_wait_for_the_next_line_to_be_due(monkeypatch):
    monkeypatch.setattr(progress, "_LOG_EVERY_S", 3600.0)
    with shown(RunBegan("work", 5), stream=io.StringIO()):
        pass
    assert showing() == []


# ---- in a terminal --------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("often")
def test_a_terminal_has_a_live_line_with_counts(terminal):
    screen, clock = terminal(), ManualClock()
    with shown(RunBegan("work", 1000), WorkersHired("thread", 8, 1), stream=screen.stream, clock=clock) as line:
        clock.advance(2.0)
        line.handle(done(200, failed=3))
        wait_until(lambda: "200/1,000, 3 failed, 8 threads, 100/s" in screen.text, "the counts")
        line.handle(done(800))
    wait_until(lambda: "1,000/1,000, 3 failed, 8 threads, 500/s" in screen.text, "the last counts")
    wait_until(lambda: screen.text.endswith("\n"), "the end of the line")  # what was written arrives a moment later
    assert "work:  20% |" in screen.text
    assert screen.lines[-1].startswith("work: 100% |")


@pytest.mark.usefixtures("often")
def test_failures_are_named_when_there_are_some(terminal):
    screen = terminal()
    with shown(RunBegan("work", 10), done(5), stream=screen.stream):
        wait_until(lambda: "5/10" in screen.text, "the counts")
    assert "failed" not in screen.text


@pytest.mark.usefixtures("often")
def test_a_terminal_without_a_total_shows_what_is_done(terminal):
    screen = terminal()
    with shown(RunBegan("work", None), done(12), stream=screen.stream):
        wait_until(lambda: "work: 12 done, calling thread" in screen.text, "the count")


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("columns", [40, 60, 80, 120])
def test_the_live_line_fits_the_window(terminal, columns):
    screen = terminal(columns)
    with shown(RunBegan("work", 1000), WorkersHired("thread", 8, 1), done(200), stream=screen.stream):
        wait_until(lambda: "200/1,000" in screen.text, "the counts")
    assert max(map(len, screen.lines)) <= columns


@pytest.mark.usefixtures("often")
def test_a_terminal_that_does_not_know_its_width_is_taken_for_80_columns(terminal):
    screen = terminal(columns=None)
    with shown(RunBegan("work", 1000), WorkersHired("thread", 8, 1), done(200), stream=screen.stream):
        wait_until(lambda: "200/1,000" in screen.text, "the counts")
    assert 60 < max(map(len, screen.lines)) <= 80


@pytest.mark.parametrize("program", ["TOO_SMALL_A_TOTAL", "A_SCREEN_THAT_BREAKS"])
def test_what_goes_wrong_on_the_screen_is_no_harm_to_the_program(program):
    text = PRELUDE + {"TOO_SMALL_A_TOTAL": TOO_SMALL_A_TOTAL, "A_SCREEN_THAT_BREAKS": A_SCREEN_THAT_BREAKS}[program] + EPILOGUE
    ended = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=20, check=False)
    assert ended.stderr == ""
    assert ended.stdout == "all is well\n"


@pytest.mark.usefixtures("often")
def test_a_short_run_leaves_its_line_standing_in_a_terminal(terminal):
    screen = terminal()
    with shown(RunBegan("work", 10), done(10), stream=screen.stream):
        pass
    wait_until(lambda: screen.text.endswith("\n"), "the end of the line")
    assert "10/10" in screen.lines[-1]


# ---- in a notebook --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shell", "is_notebook"), [("ZMQInteractiveShell", True), ("TerminalInteractiveShell", False), (None, False)]
)
def test_a_notebook_is_known_by_its_shell(monkeypatch, shell, is_notebook):
    running = None if shell is None else type(shell, (), {})()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: running))
    assert progress._in_notebook() is is_notebook


def test_a_program_without_ipython_is_no_notebook_and_does_not_import_it(monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert progress._in_notebook() is False
    assert "IPython" not in sys.modules


def test_an_ipython_that_is_half_imported_is_no_notebook(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", None)  # as after a failed or a forbidden import
    assert progress._in_notebook() is False
