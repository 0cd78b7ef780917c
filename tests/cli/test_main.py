"""The command itself: help, version, wrong usage."""

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

import atonce
from atonce.cli.main import main


def test_without_arguments_it_prints_help_and_fails(cli):
    ended = cli.run()
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith("usage: atonce COMMAND")


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["help"]])
def test_help(words, capsys):
    assert main(words) == 0
    out = capsys.readouterr().out
    assert out.startswith("usage: atonce COMMAND")
    assert "atonce map file.py:fn" in out


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"atonce {atonce.__version__}\n"


def test_the_installed_command_is_the_same():
    (script,) = entry_points(group="console_scripts", name="atonce")
    assert script.load() is main


@pytest.mark.parametrize("command", ["lab", "doctor"])
def test_commands_that_are_not_there_yet(command, capsys):
    assert main([command, "x"]) == 2
    assert f"this version does not have `atonce {command}` yet" in capsys.readouterr().err


def test_a_mistyped_command(capsys):
    assert main(["mpa"]) == 2
    assert capsys.readouterr().err.splitlines()[:2] == ["atonce: there is no command 'mpa'", "Did you mean map?"]


def test_a_forgotten_command(capsys):
    assert main(["work.py:up", "a"]) == 2
    assert "Did you mean: atonce map work.py:up" in capsys.readouterr().err


def test_help_does_not_wait_for_the_library():
    code = """if True:
        import sys
        from atonce.cli.main import main
        main(["--help"])
        loaded = {"argparse", "json", "threading", "atonce._api", "atonce._run"} & set(sys.modules)
        sys.exit(f"loaded {loaded}" if loaded else 0)
    """
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_help_of_map(cli):
    ended = cli.run("map", "--help")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith("usage: atonce map TARGET")
    for word in (
        "--lines",
        "--jsonl",
        "--glob",
        "--engine",
        "-j N",
        "--errors",
        "--unordered",
        "--dry-run",
        "--deadline S",
        "--rate R",
        "--retries N",
        "--backoff S",
        "--quiet",
        "130 Ctrl-C",
    ):
        assert word in ended.out
    assert "--report" not in ended.out
