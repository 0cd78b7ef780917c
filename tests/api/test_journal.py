"""``journal=``: the same call again runs only what has no outcome yet, on every engine, whatever ended the program before."""

import asyncio
import os
import queue
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

import atonce

ENGINES = {
    "inline": {"engine": "inline"},
    "thread": {"engine": "thread", "max_workers": 4},
    "process": {"engine": "process", "max_workers": 2},
    "threads in processes": {"engine": "process", "max_workers": 2, "concurrency": 8},
    "auto": {},
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.db"


@pytest.fixture(params=ENGINES.values(), ids=ENGINES)
def how(request, path):
    return {**request.param, "journal": path}


class Noting:
    """Writes down which items are run, in whatever process. Equal ones are the same function."""

    def __init__(self, folder):
        self.folder = str(folder)

    def __call__(self, item):
        with open(os.path.join(self.folder, "ran"), "a") as file:
            file.write(f"{item}\n")
        if os.path.exists(os.path.join(self.folder, f"bad {item}")):
            raise ValueError(f"no {item}")
        return item * 10


class NotingAsync(Noting):
    async def __call__(self, item):
        await asyncio.sleep(0)
        return Noting.__call__(self, item)


def ran(folder):
    """Return what was run since the last time."""
    file = folder / "ran"
    items = [] if not file.exists() else [int(line) for line in file.read_text().split()]
    file.unlink(missing_ok=True)
    return sorted(items)


def make_bad(folder, *items):
    for item in items:
        (folder / f"bad {item}").touch()


def mend(folder, *items):
    for item in items:
        (folder / f"bad {item}").unlink()


@pytest.mark.parametrize("kind", [Noting, NotingAsync])
def test_the_same_call_again_runs_nothing(how, kind, tmp_path):
    fn = kind(tmp_path)
    first = atonce.map(fn, range(50), **how)
    assert (first, ran(tmp_path), first.report.recalled) == ([x * 10 for x in range(50)], list(range(50)), 0)
    again = atonce.map(fn, range(50), **how)
    assert (again, ran(tmp_path), again.report.recalled) == (first, [], 50)
    assert (again.report.items, again.report.succeeded) == (50, 50)
    assert "50 of them were in the journal" in str(again.report)


def test_more_inputs_other_inputs_and_another_order(how, tmp_path):
    fn = Noting(tmp_path)
    atonce.map(fn, range(40), **how)
    ran(tmp_path)
    inputs = [7, 7, *range(60, 30, -1), 3]
    results = atonce.map(fn, inputs, **how)
    assert (results, ran(tmp_path)) == ([x * 10 for x in inputs], [7, *range(40, 61)])
    assert atonce.map(fn, inputs, **how) == results
    assert ran(tmp_path) == []


@pytest.mark.parametrize("buffersize", [None, 1, 5])
@pytest.mark.parametrize("ordered", [True, False])
def test_streams_go_on_where_they_were_left(how, ordered, buffersize, tmp_path):
    fn, how = Noting(tmp_path), {**how, "ordered": ordered, "buffersize": buffersize}
    inputs = list(range(100))
    with atonce.stream(fn, iter(inputs), **how) as stream:
        handed = [next(stream) for _ in range(30)]
    ran(tmp_path)
    again = atonce.stream(fn, iter(inputs), **how)
    assert sorted(again) == [x * 10 for x in inputs]
    run_again = ran(tmp_path)
    assert not {x * 10 for x in run_again} & set(handed)  # what was handed on was in the journal before
    assert again.report.recalled == len(inputs) - len(run_again)


def test_failures_are_kept_and_run_again_only_if_asked(how, tmp_path):
    fn = Noting(tmp_path)
    make_bad(tmp_path, 3, 8)
    how["errors"] = "return"
    first = atonce.map(fn, range(10), **how)
    assert [isinstance(result, atonce.Failure) for result in first].count(True) == 2
    ran(tmp_path)
    mend(tmp_path, 3)
    again = atonce.map(fn, range(10), **how)
    assert ran(tmp_path) == []
    assert (again[3].index, type(again[3].error), str(again[3].error), again[3].attempts) == (3, ValueError, "no 3", 1)
    assert any("item 3: 3 (attempt 1, journal)" in note for note in again[3].error.__notes__)
    assert (again.report.failed, again.report.succeeded, again.report.recalled) == (2, 8, 10)
    third = atonce.map(fn, range(10), retry_failed=True, **how)
    assert ran(tmp_path) == [3, 8]
    assert (third[3], isinstance(third[8], atonce.Failure)) == (30, True)
    mend(tmp_path, 8)
    assert atonce.map(fn, range(10), retry_failed=True, **how) == [x * 10 for x in range(10)]
    assert ran(tmp_path) == [8]


def test_a_failure_that_ends_a_call_ends_it_again_until_it_is_retried(how, tmp_path):
    fn = Noting(tmp_path)
    make_bad(tmp_path, 5)
    with pytest.raises(ValueError, match="no 5"):
        atonce.map(fn, range(10), **how)
    ran(tmp_path)
    with pytest.raises(ValueError, match="no 5") as caught:
        atonce.map(fn, range(10), **how)
    assert 5 not in ran(tmp_path)
    assert caught.value.__notes__[-1] == f"it is kept in {how['journal']}: retry_failed=True (--retry-failed) runs it again"
    mend(tmp_path, 5)
    assert atonce.map(fn, range(10), retry_failed=True, **how) == [x * 10 for x in range(10)]


def test_outcomes_of_a_group_come_from_the_journal_too(how, tmp_path):
    fn = Noting(tmp_path)
    make_bad(tmp_path, 1)
    for _ in range(2):
        with pytest.raises(atonce.TasksFailed) as caught:
            atonce.map(fn, range(3), errors="group", **how)
        assert [outcome.ok for outcome in caught.value.outcomes] == [True, False, True]
    assert [outcome.worker for outcome in caught.value.outcomes] == ["journal"] * 3


def test_retries_and_their_number_are_kept(path, tmp_path):
    fn = Noting(tmp_path)
    make_bad(tmp_path, 2)
    how = {"errors": "return", "journal": path, "engine": "thread", "retries": atonce.Retry(2, backoff=0.001)}
    for _ in range(2):
        results = atonce.map(fn, range(4), **how)
        assert results[2].attempts == 3
    assert ran(tmp_path) == [0, 1, 2, 2, 2, 3]


def add(x, y):
    return x + y


def test_several_inputs_and_tuples(path):
    for _ in range(2):
        assert atonce.map(add, [1, 2], [10, 20], journal=path) == [11, 22]
    assert atonce.starmap(add, [(1, 10), (2, 20)], journal=path).report.recalled == 2


def identity(x):
    return x


@pytest.mark.parametrize("one_item", [[1], ["a"]])
def test_a_call_with_one_item_keeps_it(path, one_item):
    assert atonce.map(identity, one_item, journal=str(path)).report.recalled == 0
    assert atonce.map(identity, one_item, journal=str(path)).report.recalled == 1


def test_no_item_at_all(path):
    assert atonce.map(identity, [], journal=path) == []


async def test_from_a_running_loop(path, tmp_path):
    async def inputs():
        for number in range(30):
            await asyncio.sleep(0)
            yield number

    for kind in (Noting, NotingAsync):
        fn = kind(tmp_path)
        assert await atonce.amap(fn, inputs(), journal=path) == [x * 10 for x in range(30)]
        ran(tmp_path)
        results = await atonce.amap(fn, inputs(), journal=path, durable=True)
        assert (results, results.report.recalled, ran(tmp_path)) == ([x * 10 for x in range(30)], 30, [])
        found = [value async for value in atonce.astream(fn, [*range(25, 35)], journal=path, durable=True, ordered=False)]
        assert (sorted(found), ran(tmp_path)) == ([x * 10 for x in range(25, 35)], [*range(30, 35)])


def test_on_trio(path, tmp_path):
    trio = pytest.importorskip("trio")

    class NotingOnTrio(Noting):
        async def __call__(self, item):
            await trio.lowlevel.checkpoint()
            return Noting.__call__(self, item)

    fn = NotingOnTrio(tmp_path)

    async def main():
        return await atonce.amap(fn, range(20), journal=path, durable=True)

    for _ in range(2):
        assert trio.run(main) == [x * 10 for x in range(20)]
    assert ran(tmp_path) == list(range(20))


def test_calls_of_a_pool_may_share_a_file(path, tmp_path):
    with atonce.Pool(engine="thread", max_workers=2, journal=path) as pool:
        stream = pool.stream(Noting(tmp_path), range(20))
        next(stream)
        assert pool.map(identity, range(5)) == list(range(5))
        with pytest.raises(atonce.JournalError, match="another call of this program"):
            pool.map(Noting(tmp_path), range(20))
        assert list(stream) == [x * 10 for x in range(1, 20)]
        with pytest.raises(atonce.OptionError, match="journal= holds for map and stream"):
            pool.submit(identity, 1)


def test_a_rate_and_a_deadline_count_for_what_is_run_only(path, tmp_path):
    fn = Noting(tmp_path)
    atonce.map(fn, range(500), journal=path, engine="inline")
    assert atonce.map(fn, range(501), journal=path, rate="1/min", deadline=50) == [x * 10 for x in range(501)]


def slow_from_five(x):
    time.sleep(60 if x >= 5 and os.environ.get("ATONCE_TEST_SLOW") else 0)
    return x


def test_what_is_done_at_the_deadline_is_kept(path, monkeypatch):
    monkeypatch.setenv("ATONCE_TEST_SLOW", "1")
    how = {"engine": "process", "max_workers": 2, "chunksize": 1, "journal": path}
    with pytest.raises(atonce.DeadlineExceeded, match="of 10 items, 5 succeeded"):
        atonce.map(slow_from_five, range(10), deadline=3, **how)
    monkeypatch.delenv("ATONCE_TEST_SLOW")
    results = atonce.map(slow_from_five, range(10), **how)
    assert (results, results.report.recalled) == (list(range(10)), 5)


def test_what_cannot_be_kept_is_said_in_the_report(path):
    results = atonce.map(identity, [1, (x for x in "a")], journal=path, engine="inline")
    (notice,) = [text for text in results.report.notices if "not kept" in text]
    assert "item 1: generator" in notice


def test_a_journal_that_takes_no_more_ends_the_call(how, monkeypatch, tmp_path):
    fn = Noting(tmp_path)
    atonce.map(fn, range(10), **how)
    from atonce._journal import store

    monkeypatch.setattr(store, "_CHECKPOINT_PAGES", 1)
    full = store.Store._connect

    def connect(self):
        database = full(self)
        (pages,) = database.execute("PRAGMA page_count").fetchone()
        database.execute(f"PRAGMA max_page_count={pages + 2}")
        return database

    monkeypatch.setattr(store.Store, "_connect", connect)
    with pytest.raises(atonce.JournalError, match="full") as caught:
        atonce.map(fn, range(5000), **how)
    assert "make room" in str(caught.value)
    monkeypatch.undo()
    ran(tmp_path)
    results = atonce.map(fn, range(5000), **how)
    assert results == [x * 10 for x in range(5000)]
    assert results.report.recalled == 5000 - len(ran(tmp_path)) >= 10


def test_a_journal_that_cannot_be_opened_starts_nothing(tmp_path, evidence):
    def inputs():
        evidence.note("read")
        yield 1

    with pytest.raises(atonce.JournalError, match="cannot be opened"):
        atonce.map(identity, inputs(), journal=tmp_path / "no" / "run.db")
    assert evidence.lines() == []


def test_an_input_may_wait_for_what_the_consumer_was_given(path):
    for _ in range(2):
        handed = queue.SimpleQueue()

        def inputs(handed=handed):
            for number in range(12):
                yield number
                assert handed.get(timeout=60) == number

        for value in atonce.stream(identity, inputs(), engine="thread", max_workers=1, chunksize=1, journal=path):
            handed.put(value)


def test_a_call_after_one_that_was_interrupted_has_the_journal(path, monkeypatch):
    from atonce._journal.journal import Journal

    def interrupted(self, deliveries):
        raise KeyboardInterrupt

    monkeypatch.setattr(Journal, "keep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        atonce.map(identity, range(10), journal=path, engine="inline")
    monkeypatch.undo()
    assert atonce.map(identity, range(10), journal=path) == list(range(10))


def draw(x):
    return x, random.random()


def test_what_a_seed_gives_comes_back_and_goes_on_where_it_was(how):
    whole = atonce.map(draw, range(40), seed=7, **{**how, "journal": None})
    assert atonce.map(draw, range(25), seed=7, **how) == whole[:25]
    again = atonce.map(draw, range(40), seed=7, **how)
    assert (again, again.report.recalled) == (whole, 25)
    # Another seed, and another place, are other numbers.
    other = atonce.map(draw, range(40), seed=8, **how)
    assert other.report.recalled == 0
    moved = atonce.map(draw, range(1, 40), seed=7, **how)
    assert moved.report.recalled == 0
    assert atonce.map(draw, range(1, 40), seed=7, **{**how, "journal": None}) == moved
    with closing(sqlite3.connect(how["journal"])) as database:
        assert database.execute("SELECT count(*) FROM outcomes WHERE input = '5'").fetchone() == (3,)


KILLED = """if True:
    import os, sys
    import atonce
    sys.path.insert(0, sys.argv[1])
    from killed_work import fn
    options = eval(sys.argv[3])
    for value in atonce.stream(fn, range(400), journal=sys.argv[2], ordered=False, **options):
        os.write(1, b"%d\\n" % value)
"""
WORK = """import os

def fn(x):
    with open(os.path.join(os.path.dirname(__file__), "ran"), "a") as file:
        file.write(f"{x}\\n")
    return x * 10
"""


@pytest.mark.parametrize("options", ENGINES.values(), ids=ENGINES)
def test_what_was_handed_on_before_a_kill_is_never_run_again(options, path, tmp_path):
    (tmp_path / "killed_work.py").write_text(WORK)
    command = [sys.executable, "-c", KILLED, str(tmp_path), str(path), repr(options)]
    handed: list[int] = []
    done: set[int] = set()
    for rounds in range(4):
        with subprocess.Popen(command, stdout=subprocess.PIPE) as program:
            lines = [program.stdout.readline() for _ in range(60 + 80 * rounds)]
            program.send_signal(signal.SIGKILL)
            rest = program.stdout.read()
        handed += [int(line) for line in b"".join([*lines, rest]).split()]
        before = ran(tmp_path)  # a worker process that ends a moment later may add to the next one, and has handed on nothing
        assert not {x * 10 for x in before} & done, "an item was run again whose result had been handed on"
        done = set(handed)
    ended = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    assert sorted(int(line) for line in ended.stdout.split()) == [x * 10 for x in range(400)]
    assert not {x * 10 for x in ran(tmp_path)} & done
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT count(*), count(DISTINCT digest) FROM outcomes").fetchone() == (400, 400)
