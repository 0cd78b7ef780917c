"""How the command line's journals hold values: as JSON, so that nobody who reads one runs what somebody else has written."""

import json
from traceback import format_exception

from atonce._journal.form import Unwritable
from atonce._wire.tracebacks import RemoteTraceback
from atonce.cli.jsonable import NotJson, Written, to_json
from atonce.cli.records import described
from atonce.errors import RemoteError

__all__ = ("Json",)


class Json:
    """Values as the records show them; an exception as its type, text, notes and traceback."""

    name = "json"

    def write(self, value: object) -> bytes:
        """Write a value as its record shows it."""
        try:
            return to_json(value).encode("utf-8", "surrogatepass")
        except NotJson as reason:
            raise Unwritable(str(reason)) from None

    def read(self, blob: bytes) -> Written:
        """Return the text that was written, which goes into the record as it is."""
        return Written(blob.decode("utf-8", "surrogatepass"))

    def write_error(self, error: BaseException) -> bytes:
        """Describe an exception."""
        story = str(error.__cause__.args[0]) if isinstance(error.__cause__, RemoteTraceback) else "".join(format_exception(error))
        return json.dumps({**described(error), "traceback": story}).encode()

    def read_error(self, blob: bytes) -> RemoteError:
        """Make what stands for the exception."""
        told = json.loads(blob)
        error = RemoteError(told["type"], told["message"], told["traceback"])
        for note in told["notes"]:
            error.add_note(note)
        error.__cause__ = RemoteTraceback(told["traceback"])
        return error
