"""What is refused, before anything is started: always status 2, and what to type instead."""

import pytest

from atonce.cli.main import main


@pytest.fixture(autouse=True)
def folder(cli, monkeypatch, imports):
    monkeypatch.chdir(cli.folder)
    cli.write("cli_usage_work.py", "import pathlib\n\ndef up(text):\n    pathlib.Path('ran').touch()\n    return text.upper()\n")
    yield cli.folder
    assert not (cli.folder / "ran").exists()


def refused(capsys, *words):
    assert main(["map", *words]) == 2
    streams = capsys.readouterr()
    assert streams.out == ""
    assert streams.err.startswith("atonce: ")
    assert "Traceback" not in streams.err
    return streams.err


@pytest.mark.parametrize("words", [["--report=run.html"], ["--report", "run.html"]])
@pytest.mark.parametrize("before", [True, False])
def test_options_that_are_not_there_yet(capsys, words, before):
    target = ["cli_usage_work:up", "a"]
    said = refused(capsys, *(words + target if before else target + words))
    name = words[0].split("=")[0]
    assert said == f"atonce: this version does not have {name} yet; leave it out; nothing was started\n"


@pytest.mark.parametrize("name", ["--report"])
def test_flags_that_are_not_there_yet(capsys, name):
    assert f"this version does not have {name} yet" in refused(capsys, "cli_usage_work:up", "a", name)


def test_no_function(capsys):
    assert "there is no function to run" in refused(capsys)


def test_no_input(capsys):
    assert "there is no input: give arguments, --lines FILE" in refused(capsys, "cli_usage_work:up")


@pytest.mark.parametrize(
    ("words", "kinds"),
    [
        (["a", "--lines", "x"], "arguments ('a' ...) and --lines"),
        (["-", "--jsonl", "x"], "- and --jsonl"),
        (["--lines", "x", "--jsonl", "y"], "--lines and --jsonl"),
        (["a.txt", "--glob", "b.txt"], "arguments ('a.txt' ...) and --glob"),
    ],
)
def test_several_kinds_of_input(capsys, words, kinds):
    said = refused(capsys, "cli_usage_work:up", *words)
    assert f"{kinds} are several kinds of input" in said
    assert ("A pattern needs quotes" in said) is ("--glob" in words)


def test_standard_input_among_others(capsys):
    assert "has to be alone" in refused(capsys, "cli_usage_work:up", "a", "-")


def test_a_file_that_is_not_there(capsys):
    assert "'gone.txt' cannot be read: No such file" in refused(capsys, "cli_usage_work:up", "--lines", "gone.txt")


def test_no_file_matches(capsys, folder):
    assert f"no file matches '*.gone', seen from {folder}" in refused(capsys, "cli_usage_work:up", "--glob", "*.gone")


def test_an_output_that_cannot_be_opened(capsys):
    assert "-o no/out cannot be written: No such file" in refused(capsys, "cli_usage_work:up", "a", "-o", "no/out")


def test_the_output_is_the_input(capsys, folder):
    (folder / "in.txt").write_text("a\n")
    (folder / "link").symlink_to("in.txt")
    assert "would overwrite the inputs" in refused(capsys, "cli_usage_work:up", "--lines", "in.txt", "-o", "link")
    assert (folder / "in.txt").read_text() == "a\n"


def test_an_existing_output_survives_wrong_usage(capsys, folder):
    (folder / "out.jsonl").write_text("old\n")
    refused(capsys, "cli_usage_work:gone", "a", "-o", "out.jsonl")
    assert (folder / "out.jsonl").read_text() == "old\n"


@pytest.mark.parametrize(
    ("words", "fact"),
    [
        (["--engine", "dask"], "this version of atonce does not have that engine yet"),
        (["--engine", "threads"], "engine='threads': expected one of"),
        (["-j", "0"], "expected a whole number, 1 or more, not '0'"),
        (["--timeout", "soon"], "expected seconds, not 'soon'"),
        (["--timeout", "0"], "timeout=0.0: expected more than 0 seconds"),
        (["--timeout", "-1"], "timeout=-1.0: expected more than 0 seconds"),
        (["--timeout", "nan"], "timeout=nan: expected more than 0 seconds"),
        (["--timeout", "3", "--engine", "thread"], "a thread cannot be stopped"),
        (["--retries", "-1"], "expected a whole number, 0 or more, not '-1'"),
        (["--retries", "1.5"], "expected a whole number, 0 or more, not '1.5'"),
        (["--backoff", "1"], "say how often, too, with --retries N"),
        (["--backoff", "-1", "--retries", "2"], "Retry(backoff=-1.0): expected seconds, 0 or more"),
        (["--backoff", "soon", "--retries", "2"], "expected seconds, not 'soon'"),
        (["--deadline", "soon"], "expected seconds, not 'soon'"),
        (["--deadline", "0"], "deadline=0.0: expected more than 0 seconds"),
        (["--rate", "often"], "rate='often': expected a number of starts per second, or text such as '100/s'"),
        (["--rate", "0"], "rate=0: expected more than 0 starts"),
        (["--memory", "lots"], "memory='lots': expected an amount of memory, such as '2 GiB'"),
        (["--memory", "2"], "expected 1 MiB or more, and less than 8 EiB; this is 2 bytes"),
        (["--memory", "2GB", "--engine", "inline"], "the calling thread has the memory of the whole program"),
        (["--max-tasks-per-child", "0"], "expected a whole number, 1 or more, not '0'"),
        (["--max-tasks-per-child", "2", "--engine", "async"], "an event loop is not renewed"),
        (["--concurrency", "many"], "expected a whole number, 1 or more, not 'many'"),
        (["--errors", "group"], "invalid choice: 'group'"),
        (["--quite"], "there is no option --quite\nDid you mean --quiet?"),
        (["-z"], "there is no option -z\nInputs that begin with a dash go behind --"),
    ],
)
def test_options_that_cannot_be_honoured(capsys, words, fact):
    assert fact in refused(capsys, "cli_usage_work:up", "a", *words)
