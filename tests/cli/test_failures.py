"""Items that fail, and lines that cannot be read: what is written, what is said, which status."""

import json

import pytest

WORK = """
    import asyncio

    def no_b(text):
        if text == "b":
            raise ValueError("no b")
        return text

    async def no_b_later(text):
        await asyncio.sleep(0)
        return no_b(text)

    def leave(text):
        raise SystemExit(3)

    class Odd(Exception):
        def __init__(self, one, two):
            super().__init__(one)

    def odd(text):
        raise Odd("gone", 2)

    def thing(text):
        return object() if text == "b" else text

    def number(text):
        return float(text)

    def write(row):
        return row
"""
ENGINES = ("auto", "inline", "thread", "process")


@pytest.fixture
def work(cli):
    cli.write("work.py", WORK)
    return cli


def outlines(records):
    return [(record["index"], record["value"] if "value" in record else record["error"]["message"]) for record in records]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_first_failure_stops_the_run(work, engine):
    ended = work.run("map", "work.py:no_b", "a", "b", "c", "--engine", engine, "--quiet")
    assert (ended.status, outlines(ended.records)) == (1, [(0, "a"), (1, "no b")])
    lines = ended.err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1] == f'  File "{work.folder / "work.py"}", line 6, in no_b'  # and no frame of ours before it
    assert lines[-2] == "ValueError: no b"
    assert lines[-1].startswith("item 1: 'b' (attempt 1, ")


@pytest.mark.parametrize("engine", ENGINES)
def test_failures_are_records_and_the_others_go_on(work, engine):
    ended = work.run("map", "work.py:no_b", "a", "b", "c", "--engine", engine, "--errors", "return", "--quiet")
    assert (ended.status, ended.err) == (1, "")
    assert outlines(ended.records) == [(0, "a"), (1, "no b"), (2, "c")]
    error = ended.records[1]["error"]
    assert (list(error), error["type"]) == (["type", "message", "notes"], "ValueError")
    assert error["notes"][0].startswith("item 1: 'b' (attempt 1, ")


def test_failures_of_coroutines(work):
    ended = work.run("map", "work.py:no_b_later", "a", "b", "c", "--errors", "return", "--quiet")
    assert (ended.status, outlines(ended.records)) == (1, [(0, "a"), (1, "no b"), (2, "c")])


def test_what_had_finished_is_written_in_an_unordered_run_too(work):
    """The three are one batch: when its failure is seen, the run hands out nothing any more."""
    ended = work.run("map", "work.py:no_b", "x", "y", "b", "c", "--unordered", "--chunksize", "4", "--engine", "inline", "--quiet")
    assert (ended.status, outlines(ended.records)) == (1, [(0, "x"), (1, "y"), (2, "no b")])
    assert "ValueError: no b" in ended.err


def test_the_summary_counts_failures(work):
    ended = work.run("map", "work.py:no_b", "a", "b", "b", "--errors", "return")
    assert "no_b: 3 items in " in ended.err
    assert "(2 failed)" in ended.err


def test_a_failure_that_would_end_the_program(work):
    ended = work.run("map", "work.py:leave", "a", "--quiet", "--engine", "inline")
    assert (ended.status, ended.records[0]["error"]["type"]) == (1, "SystemExit")
    ended = work.run("map", "work.py:leave", "a", "--quiet", "--engine", "inline", "--errors", "return")
    assert (ended.status, ended.records[0]["error"]["message"], ended.err) == (1, "3", "")


def test_an_exception_that_cannot_be_sent_keeps_its_name(work):
    ended = work.run("map", "work.py:odd", "a", "--quiet", "--engine", "process", "--errors", "return")
    error = ended.records[0]["error"]
    assert (ended.status, error["type"], error["message"]) == (1, "work.Odd", "gone")


def test_a_worker_process_that_dies(work):
    work.write("dying.py", "import os\n\ndef die(text):\n    os._exit(9)\n")
    ended = work.run("map", "dying.py:die", "a", "--quiet", "--engine", "process", "--errors", "return")
    error = ended.records[0]["error"]
    assert (ended.status, error["type"]) == (1, "atonce.errors.WorkerCrashed")
    assert "exit status 9" in error["message"]


def test_a_value_that_is_not_json_is_a_failure(work):
    ended = work.run("map", "work.py:thing", "a", "b", "c", "--errors", "return")
    assert ended.status == 1
    fact = "a value of type object cannot be written as JSON: return text, numbers, lists and dicts"
    assert outlines(ended.records) == [(0, "a"), (1, fact), (2, "c")]
    assert "(1 failed)" in ended.err
    assert f"values that could not be written: 1; the first: {fact}" in ended.err


def test_a_value_that_is_not_json_stops_the_run(work):
    ended = work.run("map", "work.py:thing", "a", "b", "c", "--quiet")
    assert (ended.status, [record["index"] for record in ended.records]) == (1, [0, 1])
    assert ended.err.startswith("atonce.cli.jsonable.NotJson: a value of type object cannot be written as JSON")
    assert "item 1: what it returned (attempt 1, calling thread)" in ended.err
    assert "Traceback" not in ended.err


def test_not_a_number_is_not_json(work):
    ended = work.run("map", "work.py:number", "nan", "1", "inf", "--errors", "return", "--quiet")
    assert ended.status == 1
    strict = [json.loads(line, parse_constant=pytest.fail) for line in ended.out.splitlines()]
    assert outlines(strict)[1] == (1, 1.0)
    assert "JSON has no nan" in strict[0]["error"]["message"]
    assert "JSON has no inf" in strict[2]["error"]["message"]


@pytest.mark.parametrize("engine", [*ENGINES, "async"])
def test_a_line_that_is_not_json(work, engine):
    work.write("in.jsonl", '{"a": 1}\n\n{"b": 2\n3\n')
    words = ("map", "work.py:write", "--jsonl", "in.jsonl", "--quiet", "--engine", engine)
    fact = "in.jsonl, line 3 is not JSON: Expecting ',' delimiter at column 8"
    ended = work.run(*words)
    assert (ended.status, outlines(ended.records)) == (1, [(0, {"a": 1}), (1, fact)])
    assert ended.err.splitlines()[0] == f"atonce: {fact}"
    assert "Traceback" not in ended.err
    ended = work.run(*words, "--errors", "return")
    assert (ended.status, ended.err) == (1, "")
    assert outlines(ended.records) == [(0, {"a": 1}), (1, fact), (2, 3)]
    assert ended.records[1]["input"] == '{"b": 2'


def test_a_bad_line_of_a_coroutine_function(work):
    words = ("map", "work.py:no_b_later", "--jsonl", "-", "--quiet", "--errors", "return")
    ended = work.run(*words, stdin=b'"a"\n}\n"c"\n')
    assert (ended.status, ended.err) == (1, "")
    assert outlines(ended.records) == [(0, "a"), (1, "standard input, line 2 is not JSON: Expecting value at column 1"), (2, "c")]


def test_a_line_that_is_not_utf8(work):
    fact = "standard input, line 2 is not UTF-8: byte 3 of the line is 0xff"
    ended = work.run("map", "work.py:no_b", "-", "--quiet", "--errors", "return", stdin=b"a\nxy\xff\nc")
    assert (ended.status, outlines(ended.records)) == (1, [(0, "a"), (1, fact), (2, "c")])
    ended = work.run("map", "work.py:no_b", "-", "--quiet", stdin=b"a\nxy\xff\nc")
    assert (ended.status, outlines(ended.records)) == (1, [(0, "a"), (1, fact)])
    assert ended.err.startswith(f"atonce: {fact}\n")
