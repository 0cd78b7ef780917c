"""``atonce map`` from end to end: inputs, engines, records, order."""

import json
import os

import pytest

WORK = """
    import asyncio, os, sys, threading

    def up(text):
        return text.upper()

    async def later(text):
        await asyncio.sleep(0)
        return text.upper()

    both = asyncio.Barrier(2)

    async def meet(item):
        await both.wait()
        return item

    def loud(text):
        print("printed", text)
        return text

    def pid(_):
        return os.getpid()

    def change(row):
        row["changed"] = True
        return row["n"]

    said = threading.Event()

    def second_lets_first_go(text):
        said.set() if text == "second" else said.wait()
        return text

    seen = set()

    def fails_once(text):
        if text == "bad" or text not in seen:
            seen.add(text)
            raise ValueError(text)
        return text

    async def fails_once_later(text):
        await asyncio.sleep(0)
        return fails_once(text)

    def hangs(text):
        if text == "hang":
            threading.Event().wait()
        return text

    async def hangs_later(text):
        if text == "hang":
            await asyncio.Event().wait()
        return text

    def fifo_or_text(text):
        if text.startswith("wait:"):
            with open(text.removeprefix("wait:")) as gate:
                gate.read(1)
        return text
"""


@pytest.fixture
def work(cli):
    cli.write("work.py", WORK)
    return cli


def values(ended):
    assert (ended.status, ended.err) == (0, "")
    records = ended.records
    assert [record["index"] for record in records] == list(range(len(records)))
    return [record["value"] for record in records]


def test_a_record_has_what_was_promised(work):
    ended = work.run("map", "work.py:up", "a", "--quiet")
    (record,) = ended.records
    assert list(record) == ["index", "input", "value", "attempts", "seconds"]
    assert record["seconds"] >= 0
    del record["seconds"]
    assert record == {"index": 0, "input": "a", "value": "A", "attempts": 1}


def test_arguments_anywhere_on_the_line(work):
    assert values(work.run("map", "-q", "work:up", "a", "-j", "2", "b", "--chunksize", "1", "-5", "--", "--c")) == [
        "A",
        "B",
        "-5",
        "--C",
    ]


def test_a_module_in_a_package(work):
    work.write("pkg/__init__.py", "")
    work.write("pkg/mod.py", "class Kind:\n    @staticmethod\n    def twice(text):\n        return text * 2\n")
    assert values(work.run("map", "pkg.mod:Kind.twice", "ab", "--quiet")) == ["abab"]


def test_lines_of_a_file(work):
    work.write("in.txt", "ä\r\n\nlast".encode())
    ended = work.run("map", "work.py:up", "--lines", "in.txt", "--quiet")
    assert values(ended) == ["Ä", "", "LAST"]
    assert [record["input"] for record in ended.records] == ["ä", "", "last"]


@pytest.mark.parametrize("words", [["-"], ["--lines", "-"]])
def test_lines_of_standard_input(work, words):
    assert values(work.run("map", "work.py:up", *words, "--quiet", stdin=b"a\nb\n")) == ["A", "B"]


def test_json_lines_of_standard_input(work):
    assert values(work.run("map", "builtins:len", "--jsonl", "-", "--quiet", stdin=b'[1]\n \n{"a": 1, "b": 2}\n')) == [1, 2]


def test_the_input_is_shown_as_it_was_written(work):
    work.write("in.jsonl", ' {"n": 1.0,\t"big": 1e999} \r\n')
    ended = work.run("map", "work.py:change", "--jsonl", "in.jsonl", "--quiet", "--engine", "inline")
    assert '"input": {"n": 1.0,\t"big": 1e999}, "value": 1.0' in ended.out


def test_files_that_match(work):
    for name in ("b.txt", "a.txt", "deep/er/c.txt", "d.dat"):
        work.write(name, "")
    (work.folder / "folder.txt").mkdir()
    assert values(work.run("map", "builtins:str", "--glob", "**/*.txt", "--quiet")) == ["a.txt", "b.txt", "deep/er/c.txt"]


def test_a_file_name_that_is_not_utf8(work):
    work.write(os.fsdecode(b"x\xff.txt"), "")
    assert values(work.run("map", "builtins:str", "--glob", "*.txt", "--quiet")) == [os.fsdecode(b"x\xff.txt")]


def test_lines_are_read_when_they_come_and_records_are_seen_at_once(work):
    child = work.start("map", "work.py:up", "-", "--chunksize", "1", "--quiet")
    for text in ("first", "second"):
        child.stdin.write(text.encode() + b"\n")
        child.stdin.flush()
        assert json.loads(child.stdout.readline())["value"] == text.upper()  # while the input is still open
    out, err = child.communicate()
    assert (child.returncode, out, err) == (0, b"", b"")


def test_no_lines_are_no_records(work):
    work.write("empty.txt", "")
    assert values(work.run("map", "work.py:up", "--lines", "empty.txt", "--quiet")) == []


def test_records_go_to_a_file(work):
    ended = work.run("map", "work.py:up", "ß", "你", "-o", "out.jsonl", "--quiet")
    assert (ended.status, ended.out, ended.err) == (0, "", "")
    assert [record["value"] for record in work.records("out.jsonl")] == ["SS", "你"]
    assert "你" in (work.folder / "out.jsonl").read_text(encoding="utf-8")


@pytest.mark.parametrize("engine", ["auto", "inline", "thread", "process", "async"])
def test_every_engine(work, engine):
    words = ["map", "work.py:up", *"abcdefgh", "--engine", engine, "--chunksize", "2", "--quiet"]
    words += [] if engine == "async" else ["-j", "2"]
    assert values(work.run(*words)) == [*"ABCDEFGH"]


def test_a_file_elsewhere_in_worker_processes(work):
    work.write("else where/tool.py", "import os\n\ndef pid(_):\n    return os.getpid()\n")
    child = work.start("map", "else where/tool.py:pid", "a", "--engine", "process", "-j", "1", "--quiet")
    out, err = child.communicate()
    assert (child.returncode, err) == (0, b"")
    assert json.loads(out)["value"] != child.pid


def test_coroutine_functions(work):
    assert values(work.run("map", "work.py:later", "a", "b", "--quiet")) == ["A", "B"]


@pytest.mark.parametrize("words", [["1", "2"], ["--jsonl", "-"], ["-", "--concurrency", "2"]])
def test_coroutines_are_in_flight_side_by_side(work, words):
    """Each waits for the other: one after the other would never end."""
    assert len(values(work.run("map", "work.py:meet", *words, "--quiet", stdin=b"1\n2\n"))) == 2


def test_what_is_printed_does_not_mix_with_the_records(work):
    ended = work.run("map", "work.py:loud", "a", "b", "--quiet", "--engine", "process", "-j", "1")
    assert [record["value"] for record in ended.records] == ["a", "b"]
    assert ended.err == "printed a\nprinted b\n"
    ended = work.run("map", "work.py:loud", "a", "--quiet")
    assert ([record["value"] for record in ended.records], ended.err) == (["a"], "printed a\n")


def test_input_order(work):
    words = ("first", "second", "--engine", "thread", "-j", "2", "--chunksize", "1")
    assert values(work.run("map", "work.py:second_lets_first_go", *words, "--quiet")) == ["first", "second"]


def test_as_they_finish(work):
    gate = work.fifo("gate")
    words = ("wait:gate", "quick", "--engine", "thread", "-j", "2", "--chunksize", "1", "--unordered", "--quiet")
    child = work.start("map", "work.py:fifo_or_text", *words)
    assert json.loads(child.stdout.readline())["index"] == 1  # the first item waits for the gate, which opens now
    gate.open_gate()
    assert json.loads(child.stdout.readline())["index"] == 0
    assert (child.wait(), child.stderr.read()) == (0, b"")


def test_the_summary(work):
    ended = work.run("map", "work.py:up", "a", "b", "c")
    assert (ended.status, len(ended.records)) == (0, 3)
    assert "up: 3 items in " in ended.err
    assert "-> the calling thread" in ended.err


def test_dry_run(work):
    work.write("marked.py", "import pathlib\n\ndef mark(item):\n    pathlib.Path('ran').touch()\n")
    work.write("in.txt", "a\nb\nc\nd\n")
    ended = work.run("map", "marked.py:mark", "--lines", "in.txt", "--engine", "thread", "-o", "out.jsonl", "--dry-run")
    assert (ended.status, ended.out) == (0, "")
    assert ended.err.splitlines() == [
        f"would run  mark, from {work.folder / 'marked.py'}, line 3",
        "over       lines of in.txt: 'a', 'b', 'c', ...",
        "engine     thread",
        "records    to out.jsonl",
        "Nothing was run.",
    ]
    assert sorted(path.name for path in work.folder.iterdir() if path.is_file()) == ["in.txt", "marked.py", "work.py"]


def test_dry_run_names_the_engine_of_coroutines(work):
    ended = work.run("map", "work.py:later", "a", "--dry-run")
    assert (ended.status, ended.out) == (0, "")
    assert "over       arguments: 'a'\nengine     auto: it is a coroutine function, so it runs on an event loop\n" in ended.err


def test_dry_run_names_the_limits_and_the_engine_that_keeps_them(work):
    words = ["--timeout", "1.5", "--retries", "2", "--backoff", "0.5", "--rate", "9/s", "--deadline", "60"]
    words += ["--memory", "2 GiB", "--max-tasks-per-child", "9"]
    ended = work.run("map", "work.py:up", "a", "--dry-run", *words)
    assert (ended.status, ended.out) == (0, "")
    assert "engine     auto: memory= limits a whole process, so processes do it\n" in ended.err
    limits = "--timeout 1.5, --retries 2, --backoff 0.5, --rate 9/s, --deadline 60.0, --memory 2 GiB, --max-tasks-per-child 9"
    assert f"limits     {limits}\n" in ended.err
    ended = work.run("map", "work.py:up", "a", "--dry-run", *words[:2])
    assert "engine     auto: timeout= needs workers that can be stopped, so processes do it\n" in ended.err


@pytest.mark.parametrize("name", ["fails_once", "fails_once_later"])
def test_a_failed_item_is_started_again(work, name):
    ended = work.run("map", f"work.py:{name}", "a", "bad", "b", "--retries", "1", "--errors", "return")
    assert ended.status == 1
    assert [(record.get("value"), record["attempts"]) for record in ended.records] == [("a", 2), (None, 2), ("b", 2)]
    assert ended.records[1]["error"]["notes"][0].startswith("item 1: 'bad' (attempt 2, ")
    assert "again  3 attempts after a failure" in ended.err


@pytest.mark.parametrize("name", ["hangs", "hangs_later"])
def test_an_item_that_hangs_is_ended(work, name):
    ended = work.run("map", f"work.py:{name}", "a", "hang", "b", "--timeout", "0.3", "--errors", "return", "--quiet")
    assert ended.status == 1
    assert [(record.get("value"), record["attempts"]) for record in ended.records] == [("a", 1), (None, 1), ("b", 1)]
    error = ended.records[1]["error"]
    assert error["type"] == "atonce.errors.TaskTimeout"
    assert "took longer than its timeout of 0.3 s" in error["message"]


@pytest.mark.parametrize("name", ["fails_once", "fails_once_later"])
@pytest.mark.parametrize("engine", [(), ("--engine", "process", "-j", "1")], ids=["auto", "process"])
def test_a_failed_item_is_started_again_later(work, name, engine):
    words = ["--retries", "1", "--backoff", "0.05", "--errors", "return", *engine]
    ended = work.run("map", f"work.py:{name}", "a", "bad", "b", *words)
    assert ended.status == 1
    assert [(record.get("value"), record["attempts"]) for record in ended.records] == [("a", 2), (None, 2), ("b", 2)]


def test_a_rate_spaces_the_starts(work):
    work.write("clock.py", "import time\n\ndef now(item):\n    return time.monotonic()\n")
    ended = work.run("map", "clock.py:now", *"abcd", "--rate", "5", "--quiet")
    assert ended.status == 0
    times = [record["value"] for record in ended.records]
    assert times[-1] - times[0] >= 3 / 5 - 0.05


@pytest.mark.parametrize("engine", ["thread", "process"])  # "auto" may be with the calling thread, which nobody can stop
def test_a_deadline_ends_the_run_and_keeps_what_was_done(work, engine):
    """Others finish while one hangs; they have records, and the message says how far it came."""
    work.write("slow.py", "import time\n\ndef slow(item):\n    if item == 'hang':\n        time.sleep(1000)\n    return item\n")
    words = ["-j", "2", "--chunksize", "1", "--deadline", "3", "--engine", engine]
    ways = [(*order, "--errors", errors) for order in [(), ("--unordered",)] for errors in ("raise", "return")]
    children = [work.start("map", "slow.py:slow", "a", "hang", "b", "c", *words, *way) for way in ways]  # side by side: they wait
    for way, ended in zip(ways, map(work.end, children), strict=True):
        assert ended.status == 1, way
        assert sorted(record["value"] for record in ended.records) == ["a", "b", "c"], way
        assert ended.err.endswith("atonce: slow did not end within its deadline of 3 s: of 4 items, 3 succeeded\n"), way
        assert "Traceback" not in ended.err, way


def test_a_deadline_that_is_kept_is_not_heard_of(work):
    ended = work.run("map", "work.py:up", "a", "b", "--deadline", "1000", "--quiet")
    assert (ended.status, ended.err) == (0, "")
    assert [record["value"] for record in ended.records] == ["A", "B"]


def test_a_deadline_of_the_users_own_is_told_as_the_users(work):
    work.write("inner.py", "import atonce, time\n\ndef inner(item):\n    atonce.map(time.sleep, [1, 1], deadline=0.1)\n")
    ended = work.run("map", "inner.py:inner", "a", "--deadline", "1000", "--quiet")
    assert ended.status == 1
    assert "inner.py" in ended.err
    assert "item 0: 'a'" in ended.err
