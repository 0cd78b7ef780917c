"""What the two halves of a process worker say to each other, and the page of memory that they share.

Every message is one frame: a letter and a payload. The parent asks, the child answers; only one batch is under way at a time.

====== ========= ======================================================= ==================================
letter from      payload                                                 answer
====== ========= ======================================================= ==================================
S      parent    pickled (sys.path, sys.argv, recursion limit,           R, or F if the initializer raised
                 initializer, initargs)
J      parent    pickled ``JobParts``                                    R, or F if it does not unpickle
B      parent    start (8 bytes), pickled list of items                  D, or U if it does not unpickle
A      parent    start (8 bytes), pickled list of pickled items          D
X      parent    nothing: send the last results again, each for itself   D
R      child     nothing: ready
F      child     pickled ``Packed``: the exception
D      child     pickled ``Done``
U      child     nothing: the batch cannot be read as a whole
====== ========= ======================================================= ==================================

The page is written by both sides without a lock, each word by one side only:

==== ======= ========= ==========================================================================================
word name    writer    meaning
==== ======= ========= ==========================================================================================
0    BARRED  parent    no item with this index or above may be started
1    HEARD   child     how many messages it has received, so that a death before it heard of a batch is not blamed on the batch
2    PHASE   child     what it is doing with the last one: READING, RUNNING, PACKING
3    STARTED child     how many items of the batch it has started, so that a death in RUNNING names its item
==== ======= ========= ==========================================================================================
"""

import struct
from mmap import mmap
from typing import NamedTuple

from atonce._wire.tracebacks import Packed

__all__ = (
    "BARRED",
    "HEARD",
    "NOTHING_BARRED",
    "PACKING",
    "PAGE_BYTES",
    "PHASE",
    "READING",
    "RUNNING",
    "START",
    "STARTED",
    "Done",
    "JobParts",
    "Page",
)

PAGE_BYTES = 4096
BARRED, HEARD, PHASE, STARTED = range(4)
READING, RUNNING, PACKING = range(3)
NOTHING_BARRED = 2**63 - 1
START = struct.Struct("<Q")


class JobParts(NamedTuple):
    """A job, as it is sent; ``fn`` is pickled for itself."""

    fn: bytes
    star: bool
    name: str
    is_async: bool
    timed: bool
    in_flight: int
    stops: bool


class Done(NamedTuple):
    """The results of a batch, as they are sent.

    Attributes:
        values: the pickled list of values; or a list with one pickled value, or the reason why it did not pickle, for each item.
        failed: position and exception of each item that raised.
        seconds: wall time.
        cpu_s: CPU time of the process.
        durations: wall time of each item, where asked for.
        undone: items that were given up.
    """

    values: bytes | list[bytes | Packed]
    failed: list[tuple[int, Packed]]
    seconds: float
    cpu_s: float
    durations: list[float] | None
    undone: int


class Page:
    """The shared words. Reading and writing one is a single aligned store or load of 8 bytes."""

    def __init__(self, memory: mmap) -> None:
        self._memory = memory
        self.words = memoryview(memory).cast("q")

    def close(self) -> None:
        """Let go of the memory."""
        self.words.release()
        self._memory.close()
