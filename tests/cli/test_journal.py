"""``atonce map --journal`` and ``atonce journal``."""

import json
import pickle
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from atonce.testing.evidence import wait_until

WORK = """
    import os, threading

    def note(item):
        with open("ran", "a") as file:
            file.write(f"{item}\\n")

    def up(text):
        note(text)
        return text.upper()

    def odd(text):
        note(text)
        return {1: "a", "1": [1.5, float("1e300"), None, True, "ä"], (): ()} if text == "bad" else {1: "a", "1": [1.5, 1e300, "ä"]}

    def picky(text):
        note(text)
        if os.path.exists("bad " + text):
            error = ValueError("no " + text)
            error.add_note("of its own")
            raise error
        return len(text)

    def hangs_at_nine(text):
        note(text)
        if text == "9" and os.path.exists("hang"):
            with open("gate", "w") as gate:
                gate.write("here")
                gate.flush()
                while not threading.Event().wait(0.1):  # a signal that comes just before a wait is heard only after it
                    pass
        return text * 2
"""


@pytest.fixture
def work(cli):
    cli.write("work.py", WORK)
    return cli


def ran(cli):
    file = cli.folder / "ran"
    lines = file.read_text().split() if file.exists() else []
    file.unlink(missing_ok=True)
    return sorted(lines)


def kept(path):
    with closing(sqlite3.connect(path)) as database:
        return database.execute("SELECT count(*) FROM outcomes").fetchone()[0]


def test_the_same_command_again_writes_the_same_records_and_runs_nothing(work):
    words = ["map", "work.py:up", "a", "b", "c", "-o", "out.jsonl", "--journal", "run.db"]
    assert work.run(*words).status == 0
    before = (work.folder / "out.jsonl").read_bytes()
    assert ran(work) == ["a", "b", "c"]
    ended = work.run(*words)
    assert (ended.status, (work.folder / "out.jsonl").read_bytes(), ran(work)) == (0, before, [])
    assert "3 of them were in the journal" in ended.err


def test_values_stay_as_they_were_written(work):
    words = ["map", "work.py:odd", "good", "bad", "--journal", "run.db", "--errors", "return", "-q"]
    first, again = work.run(*words), work.run(*words)
    assert [line.rsplit('"seconds"', 1)[0] for line in first.out.splitlines()] == [
        line.rsplit('"seconds"', 1)[0] for line in again.out.splitlines()
    ]
    assert '"value": {"1": "a", "1": [1.5, 1e+300, "ä"]}' in again.out
    assert again.status == first.status == 1
    assert ran(work) == ["bad", "bad", "good"]  # what cannot be written is not kept


def test_failures_are_records_again_and_run_again_if_asked(work):
    words = ["map", "work.py:picky", "a", "bb", "--journal", "run.db", "--errors", "return", "-q"]
    (work.folder / "bad bb").touch()
    first, again = work.run(*words), work.run(*words)
    assert (first.status, again.status, ran(work)) == (1, 1, ["a", "bb"])
    errors = [ended.records[1]["error"] for ended in (first, again)]
    assert errors[0]["type"] == errors[1]["type"] == "ValueError"
    assert errors[0]["message"] == errors[1]["message"] == "no bb"
    assert errors[0]["notes"][0] == errors[1]["notes"][0] == "of its own"
    assert errors[1]["notes"][1:] == ["item 1: 'bb' (attempt 1, journal)"]
    (work.folder / "bad bb").unlink()
    third = work.run(*words, "--retry-failed")
    assert (third.status, third.records[1]["value"], ran(work)) == (0, 2, ["bb"])
    assert work.run(*words).records[1]["value"] == 2


def test_a_failure_that_ends_the_run_is_told_with_its_traceback_again(work):
    (work.folder / "bad bb").touch()
    for _ in range(2):
        ended = work.run("map", "work.py:picky", "a", "bb", "--journal", "run.db")
        assert ended.status == 1
        assert "in picky" in ended.err
        assert "ValueError: no bb" in ended.err


@pytest.mark.parametrize("engine", ["inline", "thread", "process", "auto"])
def test_killed_in_the_middle_and_started_again_each_input_has_one_record(work, engine):
    gate = work.fifo("gate")
    (work.folder / "hang").touch()
    work.write("inputs.txt", "".join(f"{number}\n" for number in range(200)))
    words = ["map", "work.py:hangs_at_nine", "--lines", "inputs.txt", "-o", "out.jsonl", "--journal", "run.db"]
    words += ["--engine", engine, "-j", "1", "--chunksize", "1"] if engine != "auto" else []
    child = work.start(*words)
    gate.heard_from(child)
    here = engine in ("inline", "thread")  # a worker process keeps the results of some milliseconds together
    wait_until(lambda: not here or kept(work.folder / "run.db") == 9, "nine outcomes")
    child.send_signal(signal.SIGKILL)
    child.wait()
    (work.folder / "hang").unlink()
    before = ran(work)
    assert "9" in before
    ended = work.run(*words)
    assert ended.status == 0, ended.err
    records = work.records("out.jsonl")
    assert [(record["index"], record["input"], record["value"]) for record in records] == [
        (number, str(number), str(number) * 2) for number in range(200)
    ]
    if here:
        assert set(before) & set(ran(work)) == {"9"}


def test_a_refused_journal_leaves_the_output_alone(work):
    work.write("out.jsonl", "precious\n")
    work.write("run.db", "no journal")
    ended = work.run("map", "work.py:up", "a", "-o", "out.jsonl", "--journal", "run.db")
    assert (ended.status, ran(work)) == (2, [])
    assert "run.db is no journal, but some other file" in ended.err
    assert (work.folder / "out.jsonl").read_text() == "precious\n"
    assert (work.folder / "run.db").read_text() == "no journal"


@pytest.mark.parametrize("output", ["run.db", "./run.db", "link.db"])
def test_the_output_may_not_be_the_journal(work, output):
    work.run("map", "work.py:up", "a", "--journal", "run.db", "-q")
    (work.folder / "link.db").symlink_to("run.db")
    before = (work.folder / "run.db").read_bytes()
    ended = work.run("map", "work.py:up", "a", "--journal", "run.db", "-o", output)
    assert ended.status == 2
    assert "would overwrite the journal" in ended.err
    assert (work.folder / "run.db").read_bytes() == before


def test_a_second_program_is_told_and_takes_nothing_from_the_first(work):
    gate = work.fifo("gate")
    (work.folder / "hang").touch()
    words = [
        "map",
        "work.py:hangs_at_nine",
        "8",
        "9",
        "-o",
        "out.jsonl",
        "--journal",
        "run.db",
        "--engine",
        "inline",
        "--chunksize",
        "1",
    ]
    first = work.start(*words)
    gate.heard_from(first)
    second = work.run(*words)
    assert second.status == 2
    assert f"is being written by process {first.pid}" in second.err
    first.send_signal(signal.SIGINT)
    assert first.wait() == 130
    assert [record["input"] for record in work.records("out.jsonl")] == ["8"]


def test_changed_code_is_refused_or_run_again(work):
    words = ["map", "work.py:up", "a", "--journal", "run.db", "-q"]
    work.run(*words)
    work.write("work.py", WORK.replace("text.upper()", "text.lower()"))
    refused = work.run(*words)
    assert (refused.status, refused.out) == (2, "")
    assert "the code of work.up has changed" in refused.err
    assert "--rerun-changed" in refused.err
    assert work.run(*words, "--rerun-changed").records[0]["value"] == "a"


@pytest.mark.parametrize("flag", ["--retry-failed", "--rerun-changed", "--durable"])
def test_flags_of_a_journal_need_one(work, flag):
    ended = work.run("map", "work.py:up", "a", flag)
    assert (ended.status, ran(work)) == (2, [])
    assert "give journal=" in ended.err


def test_the_plan_names_the_journal(work):
    ended = work.run("map", "work.py:up", "a", "--journal", "run.db", "--durable", "--dry-run")
    assert "journal    run.db --durable" in ended.err
    assert not (work.folder / "run.db").exists()


class Evil:
    def __reduce__(self):
        return (exec, ("open('evil', 'w').close()",))


def test_the_command_line_never_unpickles(work):
    words = ["map", "work.py:up", "a", "--journal", "run.db", "-q"]
    work.run(*words)
    with sqlite3.connect(work.folder / "run.db") as database:
        database.execute("UPDATE outcomes SET value = ?", (pickle.dumps(Evil()),))
        database.execute("INSERT INTO works SELECT 99, 'work.down', bound, 'pickle', code, source, python, begun FROM works")
        database.execute(
            "INSERT INTO outcomes SELECT 99, place, digest, input, error, attempts, seconds, worker, value FROM outcomes"
        )
    database.close()
    for command in (words, [*words, "--retry-failed"], ["journal", "run.db"], ["journal", "run.db", "--jsonl"]):
        work.run(*command)
        assert not (work.folder / "evil").exists()


def test_a_journal_is_told_to_people(work):
    (work.folder / "bad bb").touch()
    work.run("map", "work.py:picky", "a", "bb", "--journal", "run.db", "--errors", "return")
    work.run("map", "work.py:up", "a", "--journal", "run.db")
    told = work.run("journal", "run.db")
    assert told.status == 0
    first, failure, second = told.out.splitlines()
    assert first.startswith("work.picky: 2 outcomes (1 succeeded, 1 failed) since ")
    assert failure == "  item 1: 'bb'  ValueError: no bb"
    assert second.startswith("work.up: 1 outcome (1 succeeded, 0 failed) since ")
    records = [json.loads(line) for line in work.run("journal", "run.db", "--jsonl").out.splitlines()]
    assert [(record["function"], record["index"], record["input"]) for record in records] == [
        ("work.picky", 0, "'a'"),
        ("work.picky", 1, "'bb'"),
        ("work.up", 0, "'a'"),
    ]
    assert (records[0]["value"], records[1]["error"], records[2]["value"]) == (1, "ValueError: no bb", "A")
    (failed,) = work.run("journal", "run.db", "--jsonl", "--failed").out.splitlines()
    assert json.loads(failed) == records[1]


def test_many_failures_are_counted_and_told_if_asked(work):
    names = [f"x{number}" for number in range(9)]
    for name in names:
        (work.folder / f"bad {name}").touch()
    work.run("map", "work.py:picky", *names, "--journal", "run.db", "--errors", "return")
    assert work.run("journal", "run.db").out.splitlines()[-1] == "  6 more: --failed"
    assert len(work.run("journal", "run.db", "--failed").out.splitlines()) == 10


def test_journals_of_the_library_are_told_too(work):
    program = "import atonce, work\natonce.map(work.up, ['a'], journal='run.db')"
    subprocess.run([sys.executable, "-c", program], cwd=work.folder, check=True)
    (record,) = work.run("journal", "run.db", "--jsonl").records
    assert record["value"] == {"pickle": len(pickle.dumps("A", 5))}
    assert "as pickle" in work.run("journal", "run.db").out


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [("no.db", None, "there is no journal no.db"), ("a.txt", "text", "is no journal"), ("empty.db", "", "there is no journal")],
)
def test_what_is_no_journal_is_said(work, name, content, said):
    if content is not None:
        work.write(name, content)
    ended = work.run("journal", name)
    assert (ended.status, ended.out) == (2, "")
    assert said in ended.err


def test_help_and_wrong_usage(work):
    assert work.run("journal", "--help").out.startswith("usage: atonce journal FILE")
    assert work.run("journal").status == 2
    assert work.run("journal", "a", "--nonsense").status == 2
    assert "--journal" in work.run("map", "--help").out


def test_a_reader_that_goes_away_is_no_news(work):
    work.run("map", "work.py:up", *[str(number) for number in range(3000)], "--journal", "run.db", "-o", "out.jsonl")
    child = work.start("journal", "run.db", "--jsonl")
    child.stdout.readline()
    child.stdout.close()
    assert child.wait() in (0, 141)
    assert child.stderr.read() == b""
