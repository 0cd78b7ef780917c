"""One JSON line for each item, and the count of those that failed."""

from typing import Any

from atonce._values.outcome import AnyOutcome, Success
from atonce._values.report import Report
from atonce.cli.inputs import Inputs
from atonce.cli.jsonable import NotJson, to_json
from atonce.cli.output import Output
from atonce.errors import RemoteError

__all__ = ("Ledger", "described")


class Ledger:
    """Writes the records of a run. Belongs to the consumer's thread.

    Attributes:
        output: where the records go.
        failed: records with an error so far.
    """

    def __init__(self, inputs: Inputs, output: Output) -> None:
        self.output = output
        self.failed = 0
        self._inputs = inputs
        self._not_json: list[NotJson] = []

    def enter(self, outcome: AnyOutcome) -> BaseException | None:
        """Write the record of an item.

        Returns:
            Why the item has failed; ``None`` if it has not. A value that cannot be written as JSON is a failure too.

        Raises:
            CannotWrite: the output takes no more.
        """
        error: BaseException | None = None
        if isinstance(outcome, Success):
            try:
                result = f'"value": {to_json(outcome.value)}'
            except NotJson as reason:
                reason.add_note(f"item {outcome.index}: what it returned (attempt {outcome.attempts}, {outcome.worker})")
                self._not_json.append(reason)
                error = reason
        else:
            error = outcome.error
        if error is not None:
            self.failed += 1
            result = f'"error": {to_json(described(error))}'
        how = f'"attempts": {outcome.attempts}, "seconds": {outcome.seconds:.6f}'
        self.output.add(f'{{"index": {outcome.index}, "input": {self._inputs.forget(outcome.index)}, {result}, {how}}}')
        return error

    def correct(self, report: Report) -> None:
        """Count the values that could not be written as what they are here: failures. Once, after the run."""
        count = len(self._not_json)
        if count:
            report.succeeded -= count
            report.failed += count
            report.notices.append(f"values that could not be written: {count:,}; the first: {self._not_json[0]}")


def described(error: BaseException) -> dict[str, Any]:
    """Tell of an exception; one that could not be sent here is told of as what it was."""
    if isinstance(error, RemoteError):
        kind, message = error.type_name, error.text
    else:
        kind, message = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins."), _text(error)
    return {"type": kind, "message": message, "notes": [str(note) for note in getattr(error, "__notes__", ())]}


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as failure:
        return f"<its text cannot be made: {type(failure).__name__}>"
