"""How many files and connections this program may have open at once, and how to have more."""

from __future__ import annotations

import sys
from contextlib import suppress

__all__ = ("make_room", "most_open")

_OTHERS = 64  # that a program has open besides: its own files, pipes to workers, the loop's
_ALL = 1 << 20  # Assumes: where there is no limit, nobody needs more


def most_open() -> int:
    """Return how many descriptors may be open at once."""
    if sys.platform == "win32":
        return _ALL  # sockets are not counted among the files there
    import resource  # noqa: PLC0415 (not there on Windows)

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _ALL if soft == resource.RLIM_INFINITY else soft


def make_room(connections: int) -> None:
    """Raise this program's limit, as far as it may, if it would not do for so many connections besides what is open.

    The soft limit, mostly 1024, is what every program begins with; the hard one is what the system allows it. More does harm only
    where descriptors above 1023 are handed to ``select()``. Source: the manual page getrlimit(2).
    """
    wanted = connections + _OTHERS
    if wanted <= most_open() or sys.platform == "win32":
        return
    import resource  # noqa: PLC0415

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if wanted > most_open():
        with suppress(ValueError, OSError):  # the kernel has a limit of its own, and a sandbox may refuse
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
