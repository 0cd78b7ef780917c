"""How a process ended, in words, and whether the kernel ended it for want of memory."""

from __future__ import annotations

import _signal  # signal, around it, makes enumerations: 2 ms

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from os import PathLike

__all__ = ("OutOfMemory", "in_words")

_VMSTAT = "/proc/vmstat"
_NAMES = {
    _signal.SIGSEGV: "it touched memory that is not its own",
    _signal.SIGABRT: "it gave up by abort()",
    _signal.SIGKILL: "somebody killed it",
    _signal.SIGTERM: "somebody asked it to end",
    _signal.SIGBUS: "it touched memory that is not there",
    _signal.SIGFPE: "it divided by zero in compiled code",
    _signal.SIGILL: "its compiled code is not for this CPU",
}


def in_words(status: int, killer: str = "") -> str:
    """Say how a process ended.

    Args:
        status: as ``os.waitstatus_to_exitcode`` gives it.
        killer: who sent the signal, if that is known.

    Example:
        >>> in_words(3), in_words(-11)
        ('ended with exit status 3', 'was ended by SIGSEGV (it touched memory that is not its own)')
    """
    if status >= 0:
        return f"ended with exit status {status}"
    from signal import Signals  # noqa: PLC0415 (2 ms, when a process has died)

    try:
        name = Signals(-status)
    except ValueError:
        return f"was ended by signal {-status}"
    return f"was ended by {name.name} ({killer or _NAMES.get(name, name.name)})"


class OutOfMemory:
    """Watches how often the kernel has killed a process for want of memory.

    Source: ``oom_kill`` in ``/proc/vmstat`` counts both the whole machine's and a control group's (Linux 4.13 and later). It does
    not say whom: a worker that was killed while it rose is taken to be one of them.
    """

    def __init__(self, vmstat: str | PathLike[str] = _VMSTAT) -> None:
        self._vmstat = vmstat
        self._seen = self._count()

    def killer(self, status: int) -> str:
        """Name the killer of a process that has just died, if it was the kernel."""
        if status != -_signal.SIGKILL:
            return ""
        seen, self._seen = self._seen, self._count()
        return (
            "the kernel did, because memory had run out; memory= sets a limit that fails the item instead"
            if self._seen > seen
            else ""
        )

    def _count(self) -> int:
        try:
            with open(self._vmstat, encoding="utf-8") as file:  # noqa: PTH123 (pathlib takes 4 ms of a program's first result)
                return next((int(line.split()[1]) for line in file if line.startswith("oom_kill ")), 0)
        except (OSError, ValueError):
            return 0
