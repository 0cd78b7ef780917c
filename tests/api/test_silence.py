"""When nothing finishes any more, one line says what is under way, and where; and no line says so when there is no reason to."""

# ruff: noqa: ASYNC110, ASYNC240 (to block, and to look again and again, is what these are for)

import asyncio
import inspect
import io
import os
import re
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

import atonce
from atonce._policy import silence
from atonce._run import vigil, watchman
from atonce._values.batch import Delivery
from atonce._workers.process.mailbox import MAILBOX
from atonce._workers.thread import ThreadEngine, ThreadWorker
from atonce.testing.evidence import wait_until

PATIENCE_S = 20.0  # then a test fails that waits for a line
SOON_S = 0.2
HERE = Path(__file__).name
BAD = 3  # the item that does not end by itself


class Stderr:
    """Hears what is written, and opens a door when that is a line about silence that says what it is to say."""

    def __init__(self, door: Path, opens: str, lines: int = 1) -> None:
        self.door = door
        self.opens = opens
        self.event = threading.Event()
        self.written: list[str] = []
        self._wanted = lines

    @property
    def lines(self) -> list[str]:
        return [text for text in self.written if text.startswith("atonce: ") and "nothing has finished" in text]

    def write(self, text: str) -> int:
        self.written.append(text)
        if len([line for line in self.lines if re.search(self.opens, line)]) >= self._wanted:
            self.door.touch()
            self.event.set()
        return len(text)

    def flush(self) -> None:
        """Do nothing."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def stderr(tmp_path, monkeypatch):
    # Before, workers may be slow to start; and one may be slow to say where it is: then the next word says it.
    heard = Stderr(tmp_path / "door", rf"item {BAD} [^;]* at ")
    replace_stderr(monkeypatch, heard)
    return heard


def replace_stderr(monkeypatch, stream):
    """Let the watchman write to this. Not ``sys.stderr``: pytest puts its own there, after the fixtures."""
    monkeypatch.setattr(watchman, "sys", SimpleNamespace(stderr=stream, modules=sys.modules))


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(vigil, "YOUNG_S", 0.02)
    monkeypatch.setattr(silence, "LIMITS", silence.Limits(SOON_S, SOON_S, 1.0, 2.0))


def line_of(fn, text: str, before: int = 0) -> str:
    """Say where a line of a function with this text in it is, or one of so many lines before it, as a pattern."""
    lines, first = inspect.getsourcelines(fn)
    number = first + next(at for at, line in enumerate(lines) if text in line)
    return rf"{HERE}:({'|'.join(str(number - back) for back in range(before + 1))}) in {fn.__name__}"


def check(stderr, report, *parts: str) -> None:
    """See that a line, and a notice, say all this."""
    pattern = ".*".join(parts)
    assert any(re.search(pattern, line) for line in stderr.lines), stderr.lines
    assert any(re.search(pattern, notice) for notice in report.notices), report.notices
    for line in stderr.lines:
        assert line.count("\n") == 1
        assert line.endswith("\n")


def blocked(task: tuple[int, str]) -> int:
    number, door = task
    until = time.monotonic() + PATIENCE_S
    while number == BAD and not os.path.exists(door):
        assert time.monotonic() < until  # looks again and again
    return number


def blocked_with_the_gil(task: tuple[int, str]) -> int:
    import ctypes

    number, door = task
    nap = ctypes.PyDLL(None).usleep
    while number == BAD and not os.path.exists(door):
        nap(100_000)  # nobody else has the GIL
    return number


async def waits(task: tuple[int, str]) -> int:
    number, door = task
    async with asyncio.timeout(PATIENCE_S):
        while number == BAD and not os.path.exists(door):
            await asyncio.sleep(0.01)  # as if for a server
    return number


async def keeps_the_loop(task: tuple[int, str]) -> int:
    await asyncio.sleep(0)
    return blocked(task)


def tasks(stderr, count: int = 5) -> list[tuple[int, str]]:
    return [(number, str(stderr.door)) for number in range(count)]


WORKERS = {
    "inline": (dict(engine="inline"), "in the calling thread"),
    "auto": (dict(max_workers=1), "in the calling thread"),
    "thread": (dict(engine="thread", max_workers=2), r"on blocked-thread-\d"),
    "process": (dict(engine="process", max_workers=2), r"on process \d+"),
    "threads in a process": (dict(engine="process", max_workers=1, concurrency=2), r"on process \d+"),
    "an item's own time": (dict(engine="process", max_workers=1, timeout=PATIENCE_S), r"on process \d+"),
}


@pytest.mark.parametrize("kind", WORKERS)
def test_the_item_is_named_and_its_worker_and_where_it_is(stderr, kind):
    options, worker = WORKERS[kind]
    results = atonce.map(blocked, tasks(stderr), **options)
    assert results == [*range(5)]
    at = f"at {line_of(blocked, 'looks again', 1)}"
    check(stderr, results.report, "blocked: nothing has finished", rf"In flight: item {BAD} \({BAD}, .*\) for .* {worker} {at}")


def test_where_a_process_is_that_holds_its_gil(stderr):
    results = atonce.map(blocked_with_the_gil, tasks(stderr), engine="process", max_workers=1)
    assert results == [*range(5)]
    check(stderr, results.report, rf"item {BAD} .* on process \d+ at {line_of(blocked_with_the_gil, 'nap(100_000)', 1)}")


def test_a_process_that_was_spawned(stderr, monkeypatch):
    MAILBOX.rest()
    monkeypatch.setenv("ATONCE_WORKERS_BY", "spawn")
    with atonce.Pool(engine="process", max_workers=1) as pool:
        results = pool.map(blocked, tasks(stderr))
    MAILBOX.rest()
    assert results == [*range(5)]
    check(stderr, results.report, rf"item {BAD} .* on process \d+ at {line_of(blocked, 'looks again', 1)}")


def test_a_process_that_cannot_answer_is_named(stderr):
    stderr.opens = r"item \d "
    results = atonce.map(blocked_with_the_gil, tasks(stderr), engine="process", max_workers=1, concurrency=2)
    assert results == [*range(5)]
    check(stderr, results.report, r"In flight: item \d .* on process \d+")


LOOPS = {
    "own": (dict(), r"on waits-async-\d"),
    "in a process": (dict(engine="process", max_workers=1, concurrency=3), r"on process \d+"),
    "in threads": (dict(engine="thread", max_workers=2), r"on waits-thread-\d"),
    "one at a time": (dict(engine="inline"), "in the calling thread"),
}


@pytest.mark.parametrize("kind", LOOPS)
def test_a_coroutine_is_found_where_it_waits(stderr, kind):
    options, worker = LOOPS[kind]
    results = atonce.map(waits, tasks(stderr), **options)
    assert results == [*range(5)]
    at = line_of(waits, "as if for a server", 1)
    check(stderr, results.report, rf"In flight: item {BAD} \({BAD}, .*\) for .* {worker} at {at}")


async def test_a_coroutine_on_the_callers_own_loop(stderr):
    results = await atonce.amap(waits, tasks(stderr))
    assert results == [*range(5)]
    check(stderr, results.report, rf"item {BAD} \({BAD}, .* at {line_of(waits, 'as if for a server', 1)}")


async def test_a_coroutine_that_keeps_the_callers_own_loop(stderr):
    results = await atonce.amap(keeps_the_loop, tasks(stderr))
    assert results == [*range(5)]
    check(stderr, results.report, rf"item {BAD} \({BAD}, .* at {HERE}:\d+ in blocked")


def test_a_coroutine_in_a_trio_program(stderr):
    trio = pytest.importorskip("trio")

    async def sits(task):
        with trio.fail_after(PATIENCE_S):
            while task[0] == BAD and not os.path.exists(task[1]):
                await trio.sleep(0.01)  # in trio
        return task[0]

    async def main():
        return await atonce.amap(sits, tasks(stderr))

    results = trio.run(main)
    assert results == [*range(5)]
    check(stderr, results.report, rf"item {BAD} \({BAD}, .* at {line_of(sits, 'in trio', 1)}")


class SomebodysWorker(ThreadWorker):
    """It has its own way to carry out a batch."""

    def carry(self, place, batch):
        values = [place.job.fn(item) for item in batch.items]
        return Delivery(batch.start, values, (), 0.0, 0.0, self.name)


class SomebodysEngine(ThreadEngine):
    def worker(self, context):
        return SomebodysWorker(context)


def test_of_an_engine_that_does_not_tell_the_items_are_counted(stderr):
    stderr.opens = r"In flight: \d items?\n"
    results = atonce.map(blocked, tasks(stderr), engine=SomebodysEngine(), max_workers=1)
    assert results == [*range(5)]
    assert stderr.event.is_set()


def test_others_are_counted_and_the_report_names_more_of_them(stderr):
    stderr.opens = "3 more"

    def waits_for_all(_number):
        assert stderr.event.wait(PATIENCE_S)

    report = atonce.map(waits_for_all, range(6), engine="thread", max_workers=6).report
    assert stderr.lines[-1].count("item ") == 3
    assert stderr.lines[-1].endswith("; 3 more\n")
    assert report.notices[-1].count("item ") == 6


@pytest.mark.parametrize("engine", ["inline", "thread", "process"])
def test_an_input_that_does_not_come_is_no_items_fault(stderr, engine):
    stderr.opens = "next input, item 3"

    def pages():
        yield from (1, -1, 1)
        assert stderr.event.wait(PATIENCE_S)  # the next page
        yield 1

    results = atonce.map(abs, pages(), engine=engine, max_workers=1)
    assert results == [1, 1, 1, 1]
    check(stderr, results.report, rf"It waits for the next input, item 3, at {line_of(pages, 'the next page')}$")


async def test_an_asynchronous_input_that_does_not_come(stderr):
    stderr.opens = "next input, item 1"

    async def pages():
        yield 1
        async with asyncio.timeout(PATIENCE_S):
            while not stderr.event.is_set():
                await asyncio.sleep(0.01)
        yield 2

    results = await atonce.amap(abs, pages(), engine="thread", max_workers=1)
    assert results == [1, 2]
    check(stderr, results.report, r"It waits for the next input, item 1$")


def test_each_word_comes_after_twice_the_time(stderr):
    stderr._wanted = 3
    results = atonce.map(blocked, tasks(stderr), engine="thread", max_workers=2)
    lines = [line for line in stderr.lines if f"item {BAD} " in line]
    seconds = [float(value) * (1e-3 if unit == "ms" else 1) for line in lines for value, unit in _time(line)]
    assert len(seconds) >= 3
    assert seconds[1] >= 1.9 * seconds[0]  # to three digits
    assert seconds[2] >= 1.9 * seconds[1]
    assert len([notice for notice in results.report.notices if f"item {BAD} " in notice]) == 1  # the last word holds all


def _time(line: str) -> list[tuple[str, str]]:
    return re.findall(r"nothing has finished (?:for|yet, after) ([\d.]+) (ms|s)", line)


class Tells:
    """An input that lets go of its item when somebody wants to name it."""

    def __init__(self, *, fails: bool = False) -> None:
        self.named = threading.Event()
        self._fails = fails

    def __repr__(self) -> str:
        self.named.set()
        if self._fails:
            raise ValueError("no name")
        return "<what was asked for>"


def waits_to_be_named(item: Tells) -> bool:
    return item.named.wait(PATIENCE_S)


class Broken:
    """A stream that nothing can be written to."""

    def write(self, _text: str) -> int:
        raise ValueError("I/O operation on closed file")

    def flush(self) -> None:
        raise ValueError("I/O operation on closed file")


@pytest.mark.parametrize("stream", [None, Broken()])
def test_there_may_be_nowhere_to_write(monkeypatch, stream):
    replace_stderr(monkeypatch, stream)
    results = atonce.map(waits_to_be_named, [Tells(), Tells()], engine="thread", max_workers=1)
    assert results == [True, True]
    assert any("<what was asked for>" in notice for notice in results.report.notices)


def test_an_item_may_have_no_name(stderr):
    results = atonce.map(waits_to_be_named, [Tells(fails=True)], engine="thread", max_workers=1)
    assert results == [True]
    assert re.search(r"item 0 <Tells instance at 0x[0-9a-f]+> for", results.report.notices[0])  # as reprlib says it


def test_the_line_stands_beside_the_progress_line(stderr):
    results = atonce.map(blocked, tasks(stderr), engine="thread", max_workers=2, progress=True)
    assert results == [*range(5)]
    check(stderr, results.report, f"item {BAD} ")


def test_bars_that_tqdm_draws_make_room_for_the_line(monkeypatch):
    from tqdm import tqdm

    monkeypatch.setattr(tqdm, "monitor_interval", 0)  # or it begins a thread
    screen = io.StringIO()
    replace_stderr(monkeypatch, screen)
    with tqdm(total=10, file=screen) as bar:
        watchman._write("atonce: a line\n")
        bar.update()
    assert "\ratonce: a line\n" in screen.getvalue()


def test_it_is_written_to_standard_error(capfd, tmp_path):
    door, heard = tmp_path / "door", []
    said = rf"^atonce: blocked: nothing has finished .* item {BAD} .* in blocked$"

    def open_door():
        until = time.monotonic() + PATIENCE_S
        while not door.exists() and time.monotonic() < until:
            heard.append(capfd.readouterr().err)
            if re.search(said, "".join(heard), re.MULTILINE):
                door.touch()
            time.sleep(0.05)

    opener = threading.Thread(target=open_door)
    opener.start()
    results = atonce.map(blocked, [(number, str(door)) for number in range(5)], engine="process", max_workers=1)
    opener.join()
    assert results == [*range(5)]
    assert re.search(said, "".join(heard), re.MULTILINE)


# ---- no silence -----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def later(monkeypatch):
    """Let a silence be so long that a busy machine does not make one."""
    monkeypatch.setattr(silence, "LIMITS", silence.Limits(1.5, 1.5, 1.0, 2.0))


def a_long_batch(**options):
    """Its items end, though it does not."""
    atonce.map(lambda _number: time.sleep(0.05), range(50), chunksize=50, **options)


def a_consumer_takes_its_time(**options):
    with atonce.stream(abs, range(1000), buffersize=4, **options) as results:
        next(results)
        time.sleep(2.5)
        next(results)
    assert not any("nothing has finished" in notice for notice in results.report.notices)


def another_attempt_is_waited_for(**options):
    def fails_once(seen=[]):  # noqa: B006 (kept between calls)
        seen.append(True)
        if len(seen) == 1:
            raise OSError("not now")

    atonce.starmap(fails_once, [()], retries=atonce.Retry(2, backoff=2.5, jitter=False), **options)


def items_wait_for_their_turn(**options):
    atonce.map(abs, range(2), rate="30/min", **options)


def a_run_is_about_to_end(**options):
    begun = threading.Event()

    def ends_late(number):
        begun.set()
        time.sleep(2.5 if number else 0)
        return number

    with atonce.stream(ends_late, range(2), **options) as results:
        next(results)
    assert begun.is_set()


INLINE, PROCESS = dict(engine="inline"), dict(engine="process", max_workers=1)
ONE_THREAD, TWO_THREADS = dict(engine="thread", max_workers=1), dict(engine="thread", max_workers=2)
NO_SILENCE = [
    *((a_long_batch, options) for options in (INLINE, ONE_THREAD)),
    *((a_consumer_takes_its_time, options) for options in (INLINE, TWO_THREADS, PROCESS)),
    (another_attempt_is_waited_for, ONE_THREAD),
    (items_wait_for_their_turn, ONE_THREAD),
    (a_run_is_about_to_end, TWO_THREADS),
]


def test_no_word_is_said_where_there_is_no_silence(stderr, later):
    """Side by side, for each of them takes longer than a silence has to last."""
    with ThreadPoolExecutor(len(NO_SILENCE)) as pool:
        runs = [pool.submit(run, **options) for run, options in NO_SILENCE]
    for run in runs:
        run.result()
    assert not stderr.lines


def test_nobody_is_called_for_a_short_run(monkeypatch):
    monkeypatch.setattr(vigil, "YOUNG_S", 3600.0)
    monkeypatch.setattr(watchman.Watchman, "begin", lambda _self: pytest.fail("it was a short run"))
    assert atonce.map(abs, range(3), engine="thread") == [0, 1, 2]


def test_nobody_stays_awake_when_there_is_no_run(stderr):
    atonce.map(blocked, tasks(stderr), engine="thread", max_workers=2)
    wait_until(lambda: not vigil.VIGIL._awake, "the thread to end", PATIENCE_S)


def test_a_forked_process_has_nobody_awake_and_calls_somebody_of_its_own(stderr):
    def forks(_number):
        pid = os.fork()
        if pid == 0:
            os._exit(1 if vigil.VIGIL._awake or vigil.VIGIL._runs else 0)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    assert atonce.map(forks, range(2), engine="inline") == [0, 0]
