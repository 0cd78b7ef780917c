"""How values and exceptions are written in a journal: as pickles, so that they come back equal."""

from __future__ import annotations

import _pickle
from typing import Any, Protocol

from atonce._wire import pickling
from atonce._wire.tracebacks import pack, unpack

__all__ = ("Form", "Pickles", "Unwritable")

_PROTOCOL = 5
_SIMPLE = frozenset({int, float, str, bytes, bool, type(None)})  # what names no module, so that nobody has to look for one


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
        """Pickle a value; by value what a program cannot import, as for worker processes."""
        if type(value) in _SIMPLE:
            return _pickle.dumps(value, _PROTOCOL)
        try:
            return pickling.dumps(value)
        except BaseException as error:  # also what the value's own methods raise
            raise Unwritable(str(error).splitlines()[0] if str(error) else type(error).__name__) from error

    def read(self, blob: bytes) -> Any:
        """Unpickle a value."""
        return pickling.loads(blob)

    def write_error(self, error: BaseException) -> bytes:
        """Pickle an exception with its traceback as text."""
        return _pickle.dumps(pack(error), _PROTOCOL)

    def read_error(self, blob: bytes) -> BaseException:
        """Unpickle an exception; its cause is the traceback as text."""
        return unpack(_pickle.loads(blob))
