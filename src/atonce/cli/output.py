"""Where records are written: a file or standard output, by whole lines."""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EPIPE

from atonce.cli.usage import UsageError

__all__ = ("CannotWrite", "Output", "file_opened", "stdout_kept")

_FULL_BYTES = 1 << 16


class CannotWrite(Exception):
    """The output took no more.

    Attributes:
        closed: whether that is because its reader has gone, which is no news to anybody.
    """

    def __init__(self, message: str, *, closed: bool) -> None:
        super().__init__(message)
        self.closed = closed


class Output:
    """Collects lines and writes them together. Whatever happens, the file ends with a whole line.

    Attributes:
        name: what people call it.
        is_file: whether it is a file in a file system, and not a pipe, a terminal or a device.
    """

    def __init__(self, descriptor: int, name: str) -> None:
        self.name = name
        self.is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        self._descriptor = descriptor
        self._lines: list[bytes] = []
        self._waiting_bytes = 0

    def begin(self) -> None:
        """Throw away what a file held before: the run has begun."""
        if self.is_file:
            os.ftruncate(self._descriptor, 0)

    def add(self, line: str) -> None:
        """Take a line without its end. It is written with the next ``flush``, which comes by itself when much is waiting."""
        # What cannot be encoded is half of a surrogate pair, from a file name that is not UTF-8: as an escape it is valid JSON.
        self._lines.append(line.encode("utf-8", "backslashreplace") + b"\n")
        self._waiting_bytes += len(self._lines[-1])
        if self._waiting_bytes >= _FULL_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write the lines that wait.

        Raises:
            CannotWrite: the disk is full, or the reader has gone. What was written of a last, broken line is taken back.
        """
        lines, self._lines, self._waiting_bytes = self._lines, [], 0
        whole = b"".join(lines)
        done = 0
        try:
            while done < len(whole):
                done += os.write(self._descriptor, memoryview(whole)[done:])
        except OSError as error:
            self._take_back(done - (whole.rfind(b"\n", 0, done) + 1))
            raise CannotWrite(f"{self.name} cannot be written: {error.strerror}", closed=error.errno == EPIPE) from None

    def _take_back(self, count: int) -> None:
        with suppress(OSError):  # a pipe cannot be cut
            if count:
                os.ftruncate(self._descriptor, os.lseek(self._descriptor, 0, os.SEEK_CUR) - count)


@contextmanager
def stdout_kept() -> Iterator[int]:
    """Keep standard output for the records: what the user's code prints goes to standard error meanwhile.

    That holds for worker processes too, which inherit the descriptors.

    Yields:
        A descriptor of standard output.

    Raises:
        UsageError: there is no standard output.
    """
    try:
        descriptor = os.dup(1)
    except OSError as error:
        raise UsageError(f"standard output cannot be written: {error.strerror}. Give -o FILE") from None
    try:
        with suppress(OSError):  # without standard error there is no better place
            os.dup2(2, 1)
        yield descriptor
    finally:
        if sys.stdout is not None:
            with suppress(OSError, ValueError):
                sys.stdout.flush()
        os.dup2(descriptor, 1)
        os.close(descriptor)


@contextmanager
def file_opened(path: str, reads_from: int | None) -> Iterator[int]:
    """Open a file to be written from its beginning. What is in it stays there until the run has begun.

    Args:
        path: the file.
        reads_from: descriptor of the file that the inputs come from, which must not be the same.

    Yields:
        Its descriptor.

    Raises:
        UsageError: it cannot be opened for writing.
    """
    if reads_from is not None and os.path.exists(path) and os.path.samestat(os.stat(path), os.fstat(reads_from)):  # noqa: PTH110, PTH116
        raise UsageError(f"-o {path} would overwrite the inputs while they are read: write to another file")
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise UsageError(f"-o {path} cannot be written: {error.strerror}") from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)
