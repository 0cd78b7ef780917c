"""How a process ended, in words, and whether the kernel ended it for want of memory."""

import signal
from pathlib import Path

__all__ = ("OutOfMemory", "in_words")

_VMSTAT = Path("/proc/vmstat")
_NAMES = {
    signal.SIGSEGV: "it touched memory that is not its own",
    signal.SIGABRT: "it gave up by abort()",
    signal.SIGKILL: "somebody killed it",
    signal.SIGTERM: "somebody asked it to end",
    signal.SIGBUS: "it touched memory that is not there",
    signal.SIGFPE: "it divided by zero in compiled code",
    signal.SIGILL: "its compiled code is not for this CPU",
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
    try:
        name = signal.Signals(-status)
    except ValueError:
        return f"was ended by signal {-status}"
    return f"was ended by {name.name} ({killer or _NAMES.get(name, name.name)})"


class OutOfMemory:
    """Watches how often the kernel has killed a process for want of memory.

    Source: ``oom_kill`` in ``/proc/vmstat`` counts both the whole machine's and a control group's (Linux 4.13 and later). It does
    not say whom: a worker that was killed while it rose is taken to be one of them.
    """

    def __init__(self, vmstat: Path = _VMSTAT) -> None:
        self._vmstat = vmstat
        self._seen = self._count()

    def killer(self, status: int) -> str:
        """Name the killer of a process that has just died, if it was the kernel."""
        if status != -signal.SIGKILL:
            return ""
        seen, self._seen = self._seen, self._count()
        return (
            "the kernel did, because memory had run out; memory= sets a limit that fails the item instead"
            if self._seen > seen
            else ""
        )

    def _count(self) -> int:
        try:
            with self._vmstat.open() as file:
                return next((int(line.split()[1]) for line in file if line.startswith("oom_kill ")), 0)
        except (OSError, ValueError):
            return 0
