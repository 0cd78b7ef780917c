"""The command ``atonce``: which subcommand is meant, and with which status it ends."""

import sys
from collections.abc import Sequence

from atonce import __version__
from atonce.cli.usage import UsageError, did_you_mean

__all__ = ("main",)

_HELP = """\
usage: atonce COMMAND ...

Run a Python function over many inputs at once: on the right kind of concurrency, chosen by watching the
real work, and without losing a result.

commands:
  map          run a function over inputs, and write one JSON record for each
  explain      say which workers a function would get, and why
  journal      say what a journal holds, which a run has left
  race         look for an order of execution in which a function with threads or tasks fails

options:
  -h, --help   this text; `atonce COMMAND --help` tells about a command
  --version    the version

examples:
  atonce map pkg.mod:fn a b c
  atonce map file.py:fn --lines inputs.txt -o out.jsonl
  atonce race tests/test_bank.py::test_deposits
"""
_NOT_YET = ("lab", "doctor")
_WRONG_USAGE, _CTRL_C = 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: the words behind the command's name; those of this process if ``None``.

    Returns:
        The exit status: 0 all succeeded, 1 some item failed, 2 wrong usage, 130 Ctrl-C; 141 the reader of the output has gone.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return _dispatch(words)
    except UsageError as error:
        print(f"atonce: {error}", file=sys.stderr)
        return _WRONG_USAGE
    except KeyboardInterrupt as error:
        print(f"atonce: stopped by Ctrl-C{f'; {error}' if str(error) else ''}", file=sys.stderr)
        return _CTRL_C


def _dispatch(words: list[str]) -> int:
    if not words:
        print(_HELP, end="", file=sys.stderr)
        return _WRONG_USAGE
    command, *rest = words
    if command == "map":
        from atonce.cli.map import main as run_map  # noqa: PLC0415 (the help should not wait for the library)

        return run_map(rest)
    if command == "explain":
        from atonce.cli.explain import main as run_explain  # noqa: PLC0415

        return run_explain(rest)
    if command == "journal":
        from atonce.cli.journal import main as run_journal  # noqa: PLC0415

        return run_journal(rest)
    if command == "race":
        from atonce.cli.race import main as run_race  # noqa: PLC0415

        return run_race(rest)
    if command in ("-h", "--help", "help"):
        print(_HELP, end="")
    elif command in ("-V", "--version"):
        print(f"atonce {__version__}")
    else:
        raise UsageError(_unknown(command))
    return 0


def _unknown(command: str) -> str:
    if command in _NOT_YET:
        return f"this version does not have `atonce {command}` yet; nothing was started"
    if ":" in command:
        return f"{command!r} is not a command.\nDid you mean: atonce map {command}"
    near = did_you_mean(command, ("map", "explain", "journal", "race"))
    return f"there is no command {command!r}{near}\n`atonce --help` lists the commands."
