"""What is wrong with a command line, and what to type instead."""

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ("UsageError", "did_you_mean")


class UsageError(Exception):
    """The command line asks for something that cannot be done. Nothing was started; the exit status is 2."""


def did_you_mean(word: str, words: Iterable[str]) -> str:
    r"""Return a line that offers the nearest of some words, or nothing.

    Example:
        >>> did_you_mean("mpa", ["map", "lab"])
        '\nDid you mean map?'
        >>> did_you_mean("xyz", ["map", "lab"])
        ''
    """
    close = get_close_matches(word, list(words), n=1)
    return f"\nDid you mean {close[0]}?" if close else ""
