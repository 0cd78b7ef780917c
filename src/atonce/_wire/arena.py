"""Memory for large buffers on their way to another process: a file of which one process writes and another reads.

Each side of a pipe has an arena of its own: the parent opens one for what it sends, and one for each worker, for what comes back.
One file for all would make them wait for each other: a kernel lets only one process at a time write to a file. (Measured:
benchmarks/micro/arena_files.py, two processes that write 8 MiB again and again get as far as one does, and twice as far with a file
each.) An arena is cut into **slots**; one slot carries all large buffers of one message.

```
        ArenaWriter                              a pipe                    ArenaReader (another process)
 free ──put()──▶ written ──────── slot, spans ─────────▶ open() ──▶ views of private mappings, or copies
  ▲                                                                     │ the last view dies
  └──────────── free(slot) ◀────── "let go: slot" ────── let_go() ◀─────┘
```

The writer writes with ``pwrite``: a full memory or disk is then an error to answer (``put`` returns ``None``, the message goes over
the pipe), and not a SIGBUS. Through a mapping it stores only into memory that it has written before and not given back. The reader
maps privately (copy on write): what arrives may be written to, as with any unpickled object, and nobody else sees it.

Who may touch the bytes of a slot, and when:

* *free*: only the writer, to write them anew or to give their memory back.
* *written*, until it is announced: only the writer. A ``put`` that fails, or is interrupted, frees the slot itself.
* *announced*: nobody writes. Any number of windows in other processes read. Pages of a private mapping that were not yet written
  to still show the file, so a write here would change an object that somebody has in hand.
* *let go*: the reader has no window left. Nobody reads; the writer frees the slot when it hears of it.

Race: a slot is written again while it is read. 1. The reader's last view dies; its lease says so. 2. The reader tells. 3. The
writer calls ``free``. 4. The writer writes. Each step follows from the one before, and the writes of 4 come after the last read.
The end of a view is not told by a weak reference: a garbage collector that finds views in a cycle calls these back *before*
finalizers that may still read the views, or revive them. See ``arena_reader._Window``.

Race: the reader dies. 1. It is killed with windows open. 2. Its pipes show the end of file, perhaps before the last of its threads
is off the CPU. 3. The writer frees what that reader held. So 3 must wait until the process was *reaped*: an end of file proves
nothing.

The writer dies: its file has no other writer, and is gone when the last window on it is. What nobody looks at any more is given
back at once, by ``reclaim``.

Assumes: nobody forks while it holds a view and lets the child live longer than the view. The child's copy of the mapping would show
later messages: the child's views are not counted.
"""

from __future__ import annotations

import mmap
import os

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which a worker would have to import

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = (
    "BIG_BYTES",
    "GRAIN",
    "PAGE",
    "copy_in",
    "is_memory",
    "map_pages",
    "open_arena",
    "punch",
    "read_out",
    "reclaim",
    "round_up",
    "write_in",
)

BIG_BYTES = 64 << 10  # smaller buffers stay inside the pickle, and go over the pipe
GRAIN = 64 << 10  # slots begin and end on multiples of this, which no page size exceeds
PAGE = mmap.PAGESIZE
_MOST_BYTES = 1 << 40  # addresses, not memory: the file is sparse
_LEAST_BYTES = 1 << 20
_STEP_BYTES = 1 << 20
_MADV_POPULATE_WRITE = 23  # Source: madvise(2)
_LOWEST_FD = 3  # below are the standard streams, which a worker replaces


def open_arena(*, forced_file: bool = False) -> int:
    """Open the file of an arena: memory where the system has ``memfd_create``, otherwise a temporary file without a name.

    Nothing is left of it when the last process that has it open is gone, however it went.

    Args:
        forced_file: take the temporary file in any case.

    Returns:
        A descriptor of at least 3, closed on exec. The file is as long as its file system allows, up to 1 TiB, all of it a hole.

    Raises:
        OSError: no such file can be had: no positioned writes, no room, or a limit on the size of files (``ulimit -f``).
    """
    if not hasattr(os, "pwrite") or not hasattr(os, "preadv"):
        raise OSError("this system has no positioned reads and writes")
    fd = _open_temporary() if forced_file else _open_memory()
    try:
        _stretch(fd)
    except BaseException:
        os.close(fd)
        raise
    return fd


def reclaim(fd: int, spared: Iterable[tuple[int, int]] = ()) -> None:
    """Give back the memory of an arena whose writer is dead, before the file is closed: whoever maps a part of it keeps it all.

    Call it when the writer has been reaped.

    Args:
        fd: the file. Its file position moves; nothing here uses it.
        spared: offset and length of what somebody still reads (``ArenaReader.live``).
    """
    position = 0
    for offset, length in sorted(spared):
        _punch_data(fd, position, offset // PAGE * PAGE)
        position = max(position, round_up(offset + length, PAGE))
    _punch_data(fd, position, _MOST_BYTES)


def round_up(number: int, multiple: int) -> int:
    """Return the next multiple."""
    return -(-number // multiple) * multiple


def write_in(fd: int, view: memoryview, offset: int) -> None:
    """Write all of a buffer.

    Raises:
        OSError: there is no room; some of it may have been written.
    """
    while view:
        count = os.pwrite(fd, view, offset)  # at most 2 GiB at a time, and less where the room ends
        if not count:
            raise OSError("nothing could be written")
        view, offset = view[count:], offset + count


def is_memory(fd: int) -> bool:
    """Tell whether the file is memory, and not on a disk: pages that are there stay there, then."""
    try:
        import fcntl  # noqa: PLC0415 (only here)

        return bool(fcntl.fcntl(fd, fcntl.F_GET_SEALS) >= 0)  # others have no seals
    except (ImportError, AttributeError, OSError):
        return False


def map_pages(fd: int, offset: int, length: int) -> memoryview | None:
    """Map pages of a file, to be written to, all at once; ``None`` if that cannot be done, as before Linux 5.14."""
    try:
        pages = mmap.mmap(fd, length, offset=offset)
        pages.madvise(_MADV_POPULATE_WRITE)  # one by one, as they are written to, they take three times as long
        return memoryview(pages)
    except (OSError, MemoryError, ValueError):
        return None


def copy_in(pages: memoryview, view: memoryview, offset: int) -> None:
    """Copy a buffer into mapped pages, in steps: other threads may go on in between."""
    for at in range(0, view.nbytes, _STEP_BYTES):
        step = view[at : at + _STEP_BYTES]
        pages[offset + at : offset + at + step.nbytes] = step


def read_out(fd: int, offset: int, length: int) -> bytearray:
    """Copy some bytes.

    Raises:
        EOFError: the file ends before.
        OSError: it cannot be read.
    """
    buffer = bytearray(length)
    rest = memoryview(buffer)
    while rest:
        count = os.preadv(fd, [rest], offset)
        if not count:
            raise EOFError(f"the shared file ends before byte {offset + len(rest):#x}")
        rest, offset = rest[count:], offset + count
    return buffer


def punch(fd: int, offset: int, length: int) -> bool:
    """Give the memory, or the disk space, of some pages back to the system; return whether that was possible."""
    advice = getattr(mmap, "MADV_REMOVE", None)
    if advice is None:
        return False
    try:
        with mmap.mmap(fd, length, offset=offset) as pages:
            pages.madvise(advice)
    except (OSError, ValueError):  # no descriptor or no address space left, or a file system that has no holes
        return not length
    return True


def _open_memory() -> int:
    try:
        fd = os.memfd_create("atonce")
    except (AttributeError, OSError):  # another system, an old kernel, or a sandbox that forbids it
        return _open_temporary()
    return fd if fd >= _LOWEST_FD else _lift(fd)


def _open_temporary() -> int:
    import tempfile  # noqa: PLC0415 (12 ms, and only here)

    with tempfile.TemporaryFile(prefix="atonce-", buffering=0) as file:
        return _lift(os.dup(file.fileno()))


def _lift(fd: int) -> int:
    """Move a descriptor out of the range of the standard streams."""
    import fcntl  # noqa: PLC0415 (only here)

    try:
        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _LOWEST_FD)
    finally:
        os.close(fd)


def _stretch(fd: int) -> None:
    """Make the file as long as its file system lets it be: file systems' limits are a page below a power of two."""
    size = _MOST_BYTES
    while True:
        try:
            os.ftruncate(fd, size - GRAIN)
        except OSError:
            if size <= _LEAST_BYTES:
                raise
            size >>= 1
        else:
            return


def _punch_data(fd: int, start: int, stop: int) -> None:
    """Give back what is not a hole between two offsets that are multiples of the page size."""
    while start < stop:
        try:
            start = os.lseek(fd, start, os.SEEK_DATA) // PAGE * PAGE
            end = min(os.lseek(fd, start, os.SEEK_HOLE), stop)
        except OSError:  # no data up to the end of the file
            return
        if start < stop:
            punch(fd, start, end - start)
        start = max(end, start + PAGE)
