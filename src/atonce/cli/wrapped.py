"""A line of the input that could not be read, on its way to the item that it belongs to.

Both classes travel to worker processes by name, so this module imports next to nothing.
"""

from functools import partial
from typing import Any

__all__ = ("Checked", "UnreadableLine")


class UnreadableLine(ValueError):
    """Stands in the input where a line could not be read, and is raised when that item's turn comes.

    So a bad line is one item's failure, with its place, its record and its note, and ``--errors`` says what it does to the run.
    """

    def __repr__(self) -> str:
        return "a line that cannot be read"  # for the note on the item; the message says which one, and why


class Checked(partial[Any]):
    """The user's function, but for an input that is an ``UnreadableLine``: that is raised instead.

    It is a ``partial`` because everybody looks through one: the run still finds the user's name for the function, whether it is a
    coroutine function, and what it writes to. (An event loop calls it where it would call the coroutine function, so what is raised
    here arrives there too.)
    """

    def __call__(self, /, *args: Any, **keywords: Any) -> Any:
        """Call the function, or raise what stands in the place of its input."""
        if args and isinstance(args[0], UnreadableLine):
            raise args[0]
        return super().__call__(*args, **keywords)
