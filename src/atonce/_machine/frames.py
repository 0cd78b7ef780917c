"""What all threads of this program are doing now."""

from __future__ import annotations

import gc
import sys

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from types import FrameType

__all__ = ("current_frames",)

# A collection of garbage in the middle of it may wait for the GIL, with a lock that whoever has the GIL needs to start a thread.
# Both wait for ever then. (Source: github.com/python/cpython/issues/106883, mended in 3.11.9; seen in a run of the tests on 3.11.7)
_MAY_HANG = sys.version_info < (3, 11, 9)


def current_frames() -> dict[int, FrameType]:
    """Return the innermost frame of each thread, by the thread's identifier."""
    if not (_MAY_HANG and gc.isenabled()):
        return sys._current_frames()  # noqa: SLF001 (documented; there is no other way)
    gc.disable()
    try:
        return sys._current_frames()  # noqa: SLF001
    finally:
        gc.enable()
