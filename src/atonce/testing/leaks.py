"""Nothing is left behind: threads, child processes, file descriptors, shared memory."""

import sys
import threading
from pathlib import Path
from typing import NamedTuple, Self

from atonce.testing.evidence import wait_until

__all__ = ("Leaks",)

_PROC = Path("/proc/self")
_SHM = Path("/dev/shm")  # noqa: S108 (looked at, not written to)


class Belongings(NamedTuple):
    """What this process has at one moment."""

    threads: frozenset[str]
    children: frozenset[str]
    descriptors: frozenset[str]
    shared_memory: frozenset[str]


class Leaks:
    """Compares what there is after a block with what there was before, and fails on anything more.

    What is on its way out gets some seconds to leave. Where there is no ``/proc``, only threads are seen.

    Example:
        >>> with Leaks():
        ...     thread = threading.Thread(target=print)
        ...     thread.start()
        ...     thread.join()
        <BLANKLINE>
    """

    def __init__(self, patience_s: float = 10.0) -> None:
        self._patience_s = patience_s
        self._before = _belongings()

    def __enter__(self) -> Self:
        self._before = _belongings()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.check()

    def check(self) -> None:
        """Fail if there is more than there was.

        Raises:
            AssertionError: says what is left.
        """
        _let_go_of_what_is_kept_warm()
        try:
            wait_until(lambda: not self.left_behind(), "everything to be cleaned up", self._patience_s)
        except AssertionError:
            raise AssertionError("left behind: " + "; ".join(self.left_behind())) from None

    def left_behind(self) -> list[str]:
        """Name what is there now and was not before."""
        return [thing for before, now in zip(self._before, _belongings(), strict=True) for thing in sorted(now - before)]


def _let_go_of_what_is_kept_warm() -> None:
    """Have the zygote of worker processes, and threads that wait for a call, end now, and not half a second after the last."""
    mailbox = sys.modules.get("atonce._workers.process.mailbox")
    if mailbox is not None:
        mailbox.MAILBOX.rest()
    attendants = sys.modules.get("atonce._run.attendants")
    if attendants is not None:
        attendants.ATTENDANTS.rest()


def _belongings() -> Belongings:
    return Belongings(
        frozenset(f"thread {thread.name} ({thread.ident})" for thread in threading.enumerate()),
        frozenset(f"process {pid}" for task in _list(_PROC / "task") for pid in _read(_PROC / "task" / task / "children").split()),
        frozenset(filter(None, (_descriptor(name) for name in _list(_PROC / "fd")))),
        frozenset(f"shared memory {name}" for name in _list(_SHM)),
    )


def _descriptor(name: str) -> str:
    try:
        target = (_PROC / "fd" / name).readlink()
    except OSError:
        return ""  # the one that lists this folder
    return f"descriptor {name} -> {target}"


def _list(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:
        return []


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
