"""The command lines of ``atonce map`` and ``atonce explain``: their options, their help, and what is refused."""

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from atonce._values.options import Options
from atonce._values.retry import Retry
from atonce.cli.usage import UsageError, did_you_mean
from atonce.errors import OptionError

__all__ = ("KEPT", "LIMITS", "Parser", "options_of", "parse")

LIMITS = ("timeout", "retries", "backoff", "rate", "deadline", "memory", "max_tasks_per_child")
KEPT = ("journal", "durable", "retry_failed", "rerun_changed")
_WAYS = ("engine", "max_workers", "concurrency", "chunksize")
_USAGE = "atonce map TARGET (INPUT ... | - | --lines F | --jsonl F | --glob PATTERN) [-o OUT] [options]"
_DESCRIPTION = """\
Run a Python function over many inputs at once, on threads, processes or an event loop, and write one
JSON record for each input.

  TARGET  the function: pkg.mod:fn, or path/file.py:fn. It is called with one input at a time, and may
          be a coroutine function.
  INPUT   the inputs, as strings; or a single - for the lines of standard input"""
_EPILOG = """\
a record is one line:
  {"index": 0, "input": ..., "value": ..., "attempts": 1, "seconds": 0.012}
  {"index": 1, "input": ..., "error": {"type": ..., "message": ..., "notes": [...]}, "attempts": 1, "seconds": ...}
Progress, the summary and what the function prints go to standard error.

exit status:
  0 all succeeded   1 some item failed   2 wrong usage, nothing was started   130 Ctrl-C

examples:
  atonce map shop.prices:fetch --lines urls.txt -o prices.jsonl --errors return
  atonce map shop.prices:fetch --lines urls.txt --rate 100/s --retries 3 --backoff 0.5 --deadline 3600
  atonce map thumbnails.py:make --glob 'photos/**/*.jpg' --engine process -j 4 -o made.jsonl
  atonce map shop.prices:fetch --lines urls.txt -o prices.jsonl --errors return --journal run.db
  cat rows.jsonl | atonce map clean.py:tidy --jsonl - > tidy.jsonl"""
_EXPLAIN_USAGE = "atonce explain TARGET (INPUT ... | - | --lines F | --jsonl F | --glob PATTERN) [options]"
_EXPLAIN_DESCRIPTION = """\
Say which workers a function would get for some inputs, when, and why. It runs inputs for a second at
most to find out, throws the results away, and stops; what the function does besides is really done.

  TARGET, INPUT  as for `atonce map`"""
_EXPLAIN_EPILOG = """\
exit status:
  0 an explanation   1 some item failed   2 wrong usage, nothing was started   130 Ctrl-C

examples:
  atonce explain thumbnails.py:make --glob 'photos/**/*.jpg'
  atonce explain shop.prices:fetch --lines urls.txt --concurrency 20"""
_NOT_YET = ("--report",)


def parse(words: Sequence[str], *, explain: bool = False) -> argparse.Namespace:
    """Read the command line of ``atonce map``, or of ``atonce explain``.

    Args:
        words: what follows the command. Behind ``--`` everything is an input, even what begins with a dash.
        explain: whether it is ``atonce explain``.

    Returns:
        ``target``, ``inputs``, and an attribute for each option; ``None`` where nothing was said.

    Raises:
        UsageError: it cannot be read, or asks for what this version does not have.
        SystemExit: it asks for help.
    """
    words = list(words)
    dashes = words.index("--") if "--" in words else len(words)
    parser = _explain_parser() if explain else _map_parser()
    wish, unknown = parser.parse_known_intermixed_args(words[:dashes])
    if unknown:
        raise UsageError(_unknown(parser, unknown))
    wish.inputs = wish.words + words[dashes + 1 :]
    if not wish.inputs:
        raise UsageError("there is no function to run: give pkg.mod:fn, or path/file.py:fn")
    wish.target = wish.inputs.pop(0)
    return wish


def options_of(wish: argparse.Namespace, **more: Any) -> Options:
    """Return the options that a command line asks for, and some more.

    Raises:
        UsageError: they cannot be honoured.
    """
    given = {name: value for name in (*_WAYS, *LIMITS) if (value := getattr(wish, name, None)) is not None}
    given |= {name: value for name in KEPT if (value := getattr(wish, name, None))}
    backoff = given.pop("backoff", None)
    if backoff is not None and "retries" not in given:
        raise UsageError("--backoff says how much later a failed item is started again: say how often, too, with --retries N")
    try:
        if backoff is not None:
            given["retries"] = Retry(given["retries"], backoff=backoff)
        return Options().updated({**given, **more})
    except OptionError as error:
        raise UsageError(str(error)) from None


class Parser(argparse.ArgumentParser):
    """Says what is wrong with a command line as everything else here does."""

    def error(self, message: str) -> NoReturn:
        """Raise it."""
        raise UsageError(message)


class _NotYet(argparse.Action):
    """An option that the interface promises and this version does not have: refused by name, never ignored."""

    def __call__(self, _parser: object, _namespace: object, _values: object, option: str | None = None) -> None:
        raise UsageError(f"this version does not have {option} yet; leave it out; nothing was started")


def _map_parser() -> argparse.ArgumentParser:
    parser = _parser("atonce map", _USAGE, _DESCRIPTION, _EPILOG)
    ways = _add_ways(parser.add_argument_group("how it runs"))
    ways.add_argument("--dry-run", action="store_true", help="say what would be run, and run nothing")
    limits = _add_limits(parser.add_argument_group("what an item may take, and all of them"))
    limits.add_argument(
        "--deadline",
        metavar="S",
        type=_seconds,
        help="seconds for the whole run, which then ends with status 1; what was done by then has its records",
    )
    _add_results(parser.add_argument_group("what comes out"))
    _add_journal(parser.add_argument_group("what outlives the program"))
    for name in _NOT_YET:
        parser.add_argument(name, action=_NotYet, nargs="?", help=argparse.SUPPRESS)
    return parser


def _explain_parser() -> argparse.ArgumentParser:
    parser = _parser("atonce explain", _EXPLAIN_USAGE, _EXPLAIN_DESCRIPTION, _EXPLAIN_EPILOG)
    _add_ways(parser.add_argument_group("how it would run"))
    _add_limits(parser.add_argument_group("what an item may take"))
    return parser


def _parser(prog: str, usage: str, description: str, epilog: str) -> argparse.ArgumentParser:
    parser = Parser(
        prog=prog,
        usage=usage,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("words", nargs="*", help=argparse.SUPPRESS)
    _add_inputs(parser.add_argument_group("inputs from elsewhere, read as they are needed"))
    return parser


def _add_inputs(group: Any) -> None:
    group.add_argument("--lines", metavar="F", help="each line of a file, as a string; F may be - for standard input")
    group.add_argument("--jsonl", metavar="F", help="each line of a file, read as JSON; F may be -")
    group.add_argument("--glob", metavar="PATTERN", help="the files that match, sorted, as strings; ** goes into folders")


def _add_ways(group: Any) -> Any:
    group.add_argument("--engine", metavar="E", help="auto (default), inline, thread, process or async")
    group.add_argument("-j", "--max-workers", metavar="N", type=_count, help="threads or processes, at most")
    group.add_argument("--concurrency", metavar="N", type=_count, help="items in flight in all workers together, at most")
    group.add_argument(
        "--chunksize",
        metavar="N",
        type=_count,
        help="items that a worker takes at a time; say 1 for a pipe whose lines come slowly",
    )
    return group


def _add_limits(group: Any) -> Any:
    group.add_argument(
        "--timeout",
        metavar="S",
        type=_seconds,
        help="seconds for one attempt at an item; only processes and coroutines can be stopped, and auto takes those",
    )
    group.add_argument(
        "--retries",
        metavar="N",
        type=_count_or_none,
        help="how often a failed item is started again, at most: at once, if there is no --backoff",
    )
    group.add_argument(
        "--backoff",
        metavar="S",
        type=_seconds,
        help="the first retry comes a random part of S seconds later, the next one of 2 S, then of 4 S, up to a minute; a dead "
        "service is then not asked for ever, either: all items together have 100 retries, and one more for each success",
    )
    group.add_argument(
        "--rate", metavar="R", type=_rate, help="starts per second of all workers together, like 50, or 100/s, 30/min, 500/h"
    )
    group.add_argument("--memory", metavar="SIZE", help="what each worker process may have, like 512MiB or 2GB")
    group.add_argument("--max-tasks-per-child", metavar="N", type=_count, help="items after which a process is renewed")
    return group


def _add_results(group: Any) -> None:
    group.add_argument("-o", "--output", metavar="OUT", default="-", help="where records go; standard output if left out")
    group.add_argument(
        "--errors",
        metavar="HOW",
        default="raise",
        choices=("raise", "return"),
        help="raise (default): the first failure stops the run; return: it gets its record, and the others go on",
    )
    group.add_argument("--unordered", action="store_true", help="write records as items finish, not in input order")
    group.add_argument("-q", "--quiet", action="store_true", help="no progress, no summary")


def _add_journal(group: Any) -> None:
    group.add_argument(
        "--journal",
        metavar="F",
        help="keep each outcome in a file, before its record is written; the same command again goes on from there",
    )
    group.add_argument("--durable", action="store_true", help="... and on the disk, so that a power cut takes nothing back either")
    group.add_argument("--retry-failed", action="store_true", help="run items again whose failure is kept there")
    group.add_argument(
        "--rerun-changed",
        action="store_true",
        help="throw outcomes away if the function's code has changed since; else they are refused",
    )


def _unknown(parser: argparse.ArgumentParser, words: list[str]) -> str:
    word = next((word for word in words if word.startswith("-")), words[0])
    near = did_you_mean(word, [name for name in parser._option_string_actions if name.startswith("--")])  # noqa: SLF001
    return f"there is no option {word}{near}\nInputs that begin with a dash go behind -- at the end of the line."


def _count(text: str) -> int:
    return _whole_number(text, 1)


def _count_or_none(text: str) -> int:
    return _whole_number(text, 0)


def _whole_number(text: str, least: int) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"expected a whole number, {least} or more, not {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected seconds, not {text!r}") from None


def _rate(text: str) -> float | str:
    try:
        return int(text) if text.isdecimal() else float(text)
    except ValueError:
        return text  # with its unit: the options read it
