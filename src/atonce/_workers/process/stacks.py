"""Where a worker process is, whatever it does: it writes the stacks of its threads to a file when it gets a signal.

That happens below Python, so it works while an item holds the GIL, or waits in a call for ever. The file lies in memory, and the
parent opens it through ``/proc``; nobody pays for it before he asks.
"""

from __future__ import annotations

import _signal
import os

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 10 ms at the start of a worker

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ("SIGNAL", "main_stack", "show_stacks_when_asked")

# Assumes: nobody uses it. C libraries take the first real-time signals, and tools like the last ones. Whoever sets a handler of his
# own for it in a worker later is called, and there are no stacks then.
SIGNAL: int = getattr(_signal, "SIGRTMAX", 0) - 7
_LOOP = "serve"  # of child.py: in which thread items are run


def show_stacks_when_asked() -> int:
    """Let this process write its stacks when it gets the signal; return the descriptor of the file, -1 if that cannot be done."""
    if SIGNAL <= 0 or not hasattr(os, "memfd_create") or not os.path.exists("/proc/self/fd"):  # noqa: PTH110 (pathlib costs 5 ms)
        return -1
    try:
        import faulthandler  # noqa: PLC0415 (part of the interpreter)

        file = os.memfd_create("atonce-stacks")
        faulthandler.register(SIGNAL, file=file, all_threads=True)
    except (ImportError, OSError, RuntimeError, ValueError):
        return -1
    return file


def main_stack(dump: str) -> list[tuple[str, int, str]]:
    """Find the thread that runs items in what was written; return its frames from the item on, the innermost first.

    Args:
        dump: what ``faulthandler`` writes, of one moment.

    Returns:
        File, line and function of each frame; none if that thread is not there.

    Example:
        >>> main_stack(
        ...     '''Current thread 0x00007f (most recent call first):
        ...   File "/home/ann/thumbs.py", line 12 in resize
        ...   File "/usr/lib/atonce/_workers/process/child.py", line 300 in _run_stride
        ...   File "/usr/lib/atonce/_workers/process/child.py", line 100 in serve
        ... '''
        ... )
        [('/home/ann/thumbs.py', 12, 'resize')]
    """
    for block in dump.split("(most recent call first):")[1:]:
        frames = [*_frames(block)]
        ours = [at for at, (file, _, _) in enumerate(frames) if file.endswith(_CHILD)]
        if ours and frames[ours[-1]][2] == _LOOP:
            return frames[: ours[0]]
    return []


_CHILD = os.path.join("_workers", "process", "child.py")  # noqa: PTH118 (pathlib costs 5 ms)


def _frames(block: str) -> Iterator[tuple[str, int, str]]:
    for line in block.splitlines():
        file, _, rest = line.partition('", line ')
        number, _, name = rest.partition(" in ")
        if file.startswith('  File "') and number.isdigit():
            yield file[8:], int(number), name
