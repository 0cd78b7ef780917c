"""``atonce race``: look for an order of execution in which a function fails, or run one again."""

import argparse
import inspect
import os
from collections.abc import Callable, Sequence
from typing import Any

from atonce.cli.arguments import Parser
from atonce.cli.output import stdout_kept
from atonce.cli.story import story_of
from atonce.cli.target import find
from atonce.cli.usage import UsageError
from atonce.errors import OptionError, RaceError, ScheduleDiverged
from atonce.race.schedule import parse_order

__all__ = ("main",)

_USAGE = "atonce race TARGET [--budget 5s] [--runs N] [--seed N] [--include M] [--replay r1:...] [--json]"
_DESCRIPTION = """\
Run a function that starts threads or tasks in the orders that could make a difference, decided one by one,
until one fails, all are known not to, or the time is up.

  TARGET  the function: path/file.py::fn, path/file.py::Class::method, or pkg.mod:fn. It is called without
          arguments, again and again, and fails by an exception, by a deadlock, or by never ending."""
_EPILOG = """\
exit status:
  0 no order is known that fails: proved, or not found   1 an order fails   2 wrong usage   130 Ctrl-C

examples:
  atonce race tests/test_bank.py::test_deposits
  atonce race shop.stock:sell_twice --budget 1min --include shop
  atonce race tests/test_bank.py::test_deposits --replay r1:0*6.1*3.2*4.1.0*6"""


def main(words: Sequence[str]) -> int:
    """Run the command.

    Args:
        words: what follows ``race`` on the command line.

    Returns:
        The exit status: 0 no order is known that fails, 1 one fails.

    Raises:
        UsageError: nothing can be run, or the order does not fit the function.
        KeyboardInterrupt: Ctrl-C.
    """
    wish = _parse(words)
    with stdout_kept() as stdout:
        fn, said = _test(wish.target)
        try:
            status, text = _replay(fn, said, wish) if wish.replay else _explore(fn, said, wish)
        except (OptionError, ScheduleDiverged) as error:
            raise UsageError(str(error)) from None
        os.write(stdout, f"{text}\n".encode("utf-8", "backslashreplace"))
    return status


def _explore(fn: Callable[[], object], said: dict[str, Any], wish: argparse.Namespace) -> tuple[int, str]:
    from atonce.race.checking import explore  # noqa: PLC0415 (the help should not wait for it)

    given = {name: getattr(wish, name) for name in ("budget", "runs", "seed", "include") if getattr(wish, name) is not None}
    report = explore(fn, **{**said, **given})
    report.target = wish.target
    return int(report.verdict == "failed"), report.to_json() if wish.json else str(report)


def _replay(fn: Callable[[], object], said: dict[str, Any], wish: argparse.Namespace) -> tuple[int, str]:
    from atonce.race.checking import replay  # noqa: PLC0415

    parse_order(wish.replay)
    try:
        replay(fn, wish.replay, include=wish.include if wish.include is not None else said.get("include"))
    except (OptionError, ScheduleDiverged):
        raise
    except RaceError as error:
        report = error.report
        return 1, report.to_json() if wish.json and report is not None else str(error)
    except Exception as error:
        return 1, _as_json("failed", wish, error) if wish.json else story_of(error)
    return 0, _as_json("not found", wish, None) if wish.json else f"{wish.target}: nothing fails in this order"


def _as_json(verdict: str, wish: argparse.Namespace, error: Exception | None) -> str:
    import json  # noqa: PLC0415

    told = None if error is None else {"type": type(error).__name__, "message": str(error)}
    return json.dumps({"verdict": verdict, "target": wish.target, "replay": wish.replay, "error": told}, ensure_ascii=False)


def _test(target: str) -> tuple[Callable[[], object], dict[str, Any]]:
    """Return the function to run, and the options that it was decorated with.

    Raises:
        UsageError: there is none, or it wants arguments.
    """
    place, colons, path = target.partition("::")
    if not colons:
        place, _, path = target.rpartition(":")
    names = [name for name in path.replace("::", ".").split(".") if name]
    fn = find(f"{place}:{'.'.join(names)}" if place and names else target)
    owner = find(f"{place}:{'.'.join(names[:-1])}") if len(names) > 1 else None
    if isinstance(owner, type) and not inspect.ismethod(fn):
        fn = getattr(_made(owner, target), names[-1])
    _refuse_parameters(fn, target)
    return fn, dict(getattr(fn, "race_options", {}))


def _made(owner: type, target: str) -> object:
    try:
        return owner()
    except Exception as error:
        raise UsageError(f"{target} is a method, and {owner.__name__}() cannot be made: {type(error).__name__}: {error}") from error


def _refuse_parameters(fn: Callable[..., object], target: str) -> None:
    try:
        parameters = inspect.signature(fn).parameters.values()
    except (TypeError, ValueError):
        return
    wanted = [one.name for one in parameters if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
    if wanted:
        raise UsageError(
            f"{target} takes arguments ({', '.join(wanted)}), and there are none to give: fixtures are pytest's.\n"
            f"To run it with them, decorate it with @race.check and type: pytest {target} --race-budget 5s"
        )


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = Parser(
        prog="atonce race",
        usage=_USAGE,
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("target", nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("--budget", metavar="TIME", help="time for the search, like 500ms, 5s (default) or 2min")
    parser.add_argument("--runs", metavar="N", type=int, help="orders that are run, at most")
    parser.add_argument("--seed", metavar="N", type=int, help="another one guesses other orders; 0 by default")
    parser.add_argument(
        "--include",
        metavar="M",
        action="append",
        help="a module or package whose code is looked into; may be given several times; by default the function's own",
    )
    parser.add_argument("--replay", metavar="R1:...", default="", help="run only this order, from a report")
    parser.add_argument("--json", action="store_true", help="the report as JSON, on one line")
    wish = parser.parse_args(list(words))
    if wish.target is None:
        raise UsageError("there is no function to run: give path/file.py::fn, or pkg.mod:fn")
    return wish
