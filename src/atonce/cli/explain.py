"""``atonce explain``: which workers a function would get for some inputs, and why."""

import os
from collections.abc import Sequence
from contextlib import closing

from atonce._api.explain import watch
from atonce._api.opening import Order, Workplace
from atonce._values.options import Options
from atonce.cli.arguments import options_of, parse
from atonce.cli.inputs import open_inputs
from atonce.cli.output import stdout_kept
from atonce.cli.story import story_of
from atonce.cli.target import find
from atonce.cli.usage import UsageError
from atonce.cli.wrapped import Checked
from atonce.errors import EngineUnavailable, OptionError

__all__ = ("main",)


def main(words: Sequence[str]) -> int:
    """Run the command.

    Args:
        words: what follows ``explain`` on the command line.

    Returns:
        The exit status: 0 there is an explanation, 1 some item failed, or the run could not go on.

    Raises:
        UsageError: nothing can be run.
        KeyboardInterrupt: Ctrl-C.
    """
    wish = parse(words, explain=True)
    options = options_of(wish, ordered=False, errors="return")
    inputs = open_inputs(wish.inputs, lines=wish.lines, jsonl=wish.jsonl, pattern=wish.glob)
    with closing(inputs), stdout_kept() as stdout:
        fn = find(wish.target)
        order = Order(Checked(fn) if inputs.checked else fn, (inputs,), options, streamed=True, prompt=inputs.prompt)
        try:
            session = Workplace(Options()).open(order)
        except (OptionError, EngineUnavailable) as error:
            raise UsageError(str(error)) from None
        try:
            explanation = watch(session, order.length)
        except Exception as error:
            os.write(2, f"{story_of(error)}\n".encode())
            return 1
        os.write(stdout, f"{explanation}\n".encode())
    return 1 if explanation.report.failed else 0
