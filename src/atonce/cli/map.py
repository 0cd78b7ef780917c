"""``atonce map``: a function over inputs, one JSON record for each."""

import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from itertools import islice
from pathlib import Path
from typing import Any

from atonce._api.opening import Order, Workplace
from atonce._run.begin import only_choice
from atonce._values.job import is_coroutine_function, name_of
from atonce._values.options import Options
from atonce.cli.arguments import KEPT, LIMITS, options_of, parse
from atonce.cli.inputs import Inputs, open_inputs
from atonce.cli.interrupts import CtrlC
from atonce.cli.kept import Json
from atonce.cli.output import CannotWrite, Output, file_opened, stdout_kept
from atonce.cli.records import Ledger
from atonce.cli.running import record_all
from atonce.cli.story import story_of
from atonce.cli.target import find
from atonce.cli.usage import UsageError
from atonce.cli.wrapped import Checked, UnreadableLine
from atonce.errors import DeadlineExceeded, EngineUnavailable, JournalError, OptionError

__all__ = ("main",)

_SHOWN_INPUTS = 3
_CLOSED_PIPE = 141  # 128 + SIGPIPE: what the shell shows for any program whose reader has gone


def main(words: Sequence[str]) -> int:
    """Run the command.

    Args:
        words: what follows ``map`` on the command line.

    Returns:
        The exit status: 0 all succeeded, 1 some item failed, 141 the reader of the records has gone.

    Raises:
        UsageError: nothing can be run.
        KeyboardInterrupt: Ctrl-C.
    """
    wish = parse(words)
    options = options_of(wish, ordered=not wish.unordered, progress=not wish.quiet, errors=wish.errors)
    inputs = open_inputs(wish.inputs, lines=wish.lines, jsonl=wish.jsonl, pattern=wish.glob)
    with closing(inputs), stdout_kept() if wish.output == "-" and not wish.dry_run else nullcontext() as stdout:
        fn = find(wish.target)
        if wish.dry_run:
            _tell_plan(wish, fn, inputs, options)
            return 0
        with nullcontext(stdout) if stdout is not None else file_opened(wish.output, inputs.source) as descriptor:
            name = "standard output" if stdout is not None else wish.output
            _check_apart(wish.output, wish.journal)
            ledger = Ledger(inputs, Output(descriptor, name))
            return _run(fn, ledger, inputs, options, quiet=wish.quiet, to_file=stdout is None)


def _run(fn: Callable[..., Any], ledger: Ledger, inputs: Inputs, options: Options, *, quiet: bool, to_file: bool) -> int:
    order = Order(
        Checked(fn) if inputs.checked else fn, (inputs,), options, streamed=True, timed=True, form=Json(), prompt=inputs.prompt
    )
    try:
        session = Workplace(Options()).open(order)
    except (OptionError, EngineUnavailable, JournalError) as error:
        raise UsageError(str(error)) from None
    if to_file:
        ledger.output.begin()
    ended_by: BaseException | None = None
    ctrl_c = CtrlC()
    try:
        with ctrl_c.installed():
            record_all(session, ledger, ctrl_c)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"what had finished is in {ledger.output.name}") from None
    except BaseException as error:
        ended_by = error
    if isinstance(ended_by, CannotWrite) and ended_by.closed:
        return _CLOSED_PIPE
    if not quiet:
        ledger.correct(session.run.report)
        _say(str(session.run.report))
    if ended_by is not None:
        _say(_explained(ended_by))
    return 1 if ended_by is not None or ledger.failed else 0


def _check_apart(output: str, journal: str | None) -> None:
    """Refuse to write records over the journal."""
    if journal is not None and output != "-":
        for name in (journal, f"{journal}-wal"):
            if Path(name).exists() and Path(output).samefile(name):
                raise UsageError(f"-o {output} would overwrite the journal: write to another file")


def _explained(error: BaseException) -> str:
    """Say what ended the run: with the traceback, where it is the user's own code that raised."""
    if isinstance(error, CannotWrite | JournalError):
        return f"atonce: {error}"
    if isinstance(error, DeadlineExceeded) and not getattr(error, "__notes__", ()):  # that of the run, and not an item's
        return f"atonce: {error}"
    if isinstance(error, UnreadableLine):
        return f"atonce: {error}\nWith --errors return, such a line gets a record with its error, and the others go on."
    return story_of(error)


def _tell_plan(wish: Namespace, fn: Callable[..., Any], inputs: Inputs, options: Options) -> None:
    code = getattr(fn, "__code__", None)
    source = f"{code.co_filename}, line {code.co_firstlineno}" if code is not None else f"module {getattr(fn, '__module__', '?')}"
    first = [repr(item) for item in islice(inputs, _SHOWN_INPUTS + 1)]
    more = ", ..." if len(first) > _SHOWN_INPUTS else ""
    limits = [f"--{name.replace('_', '-')} {value}" for name in LIMITS if (value := getattr(wish, name)) is not None]
    _say(f"would run  {name_of(fn)}, from {source}")
    _say(f"over       {inputs.kind}: {', '.join(first[:_SHOWN_INPUTS]) or 'none'}{more}")
    _say(f"engine     {_engine_in_words(fn, options)}")
    if wish.journal is not None:
        ways = [f"--{name.replace('_', '-')}" for name in KEPT[1:] if getattr(wish, name)]
        _say(f"journal    {' '.join([wish.journal, *ways])}")
    if limits:
        _say(f"limits     {', '.join(limits)}")
    _say(f"records    to {'standard output' if wish.output == '-' else wish.output}")
    _say("Nothing was run.")


def _engine_in_words(fn: Callable[..., Any], options: Options) -> str:
    if options.engine != "auto":
        return str(options.engine)
    choice = only_choice(options, is_async=is_coroutine_function(fn))
    return f"auto: {'chosen by watching the first items' if choice is None else choice.reason}"


def _say(text: str) -> None:
    print(text, file=sys.stderr)
