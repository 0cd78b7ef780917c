"""How values and exceptions are written in a journal: as pickles, so that they come back equal."""

from __future__ import annotations

import _pickle
from contextlib import suppress
from typing import Any, Protocol

from atonce._wire import pickling
from atonce._wire.tracebacks import pack, unpack
from atonce.errors import PicklingFailed

__all__ = ("Form", "Pickles", "Unwritable")

_PROTOCOL = 5


class Unwritable(Exception):
    """A value has no such form. The message says why."""


class Form(Protocol):
    """A way to write values down.

    Attributes:
        name: as it stands in the file.
    """

    @property
    def name(self) -> str: ...

    def write(self, value: Any) -> bytes:
        """Write a value.

        Raises:
            Unwritable: it has no such form.
        """

    def read(self, blob: bytes) -> Any:
        """Make the value again; raises whatever that raises."""

    def write_error(self, error: BaseException) -> bytes:
        """Write an exception; what cannot be written is described."""

    def read_error(self, blob: bytes) -> BaseException:
        """Make the exception again, or a ``RemoteError`` that describes it."""


class Pickles:
    """The form of the library's journals. Reading one runs code that it names: only read journals that you trust."""

    name = "pickle"

    def write(self, value: Any) -> bytes:
        """Pickle a value; by value what has no name: lambdas, local classes."""
        try:
            return _pickle.dumps(value, _PROTOCOL)  # also classes of the program itself by name: they are the same in its next run
        except Exception:
            return _by_value(value)

    read = staticmethod(_pickle.loads)

    def write_error(self, error: BaseException) -> bytes:
        """Pickle an exception with its traceback as text."""
        blob, *texts = pack(error)
        if blob is not None:  # it does pickle: by name, if it has one
            with suppress(Exception):
                blob = _pickle.dumps(error, _PROTOCOL)
        return _pickle.dumps((blob, *texts), _PROTOCOL)

    def read_error(self, blob: bytes) -> BaseException:
        """Unpickle an exception; its cause is the traceback as text."""
        return unpack(_pickle.loads(blob))


def _by_value(value: Any) -> bytes:
    try:
        return pickling.dumps(value)
    except PicklingFailed as error:
        raise Unwritable(str(error).splitlines()[0]) from error
