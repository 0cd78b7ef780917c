"""From a session to records: every item that finished gets its record, however the run ends."""

from contextlib import AbstractContextManager, nullcontext, suppress

from atonce._api.results import outcomes_of
from atonce._api.session import SyncSession
from atonce._values.batch import Delivery
from atonce._values.outcome import Failure
from atonce.cli.interrupts import CtrlC
from atonce.cli.output import CannotWrite
from atonce.cli.records import Ledger
from atonce.errors import JournalError

__all__ = ("record_all",)


def record_all(session: SyncSession, ledger: Ledger, ctrl_c: CtrlC) -> None:
    """Run to the end, and write a record for each item.

    With ``errors="raise"``, records of items that had finished when the failure came may stand behind that of the failed item: they
    are paid for.

    Args:
        session: a run that was begun.
        ledger: writes the records.
        ctrl_c: held while the results of a batch become records.

    Raises:
        BaseException: what ended the run: an item's failure, Ctrl-C, the input's error, no worker that could work.
        CannotWrite: the output takes no more.
    """
    deliveries = session.deliveries()  # held until the run is closed: dropping it would end the run without waiting
    fatal: BaseException | None = None
    try:
        for delivery in deliveries:
            with ctrl_c.held():
                fatal = _enter(session, ledger, delivery)
            # A pipe may keep us waiting for as long as its reader likes, and Ctrl-C has to work then.
            with ctrl_c.held() if ledger.output.is_file else nullcontext(), _reader_may_have_gone(fatal):
                ledger.output.flush()  # a reader sees these records now, and not when the next item ends
            if fatal is not None:
                break
    except BaseException as error:
        session.close(patient=False)  # has happened before, unless this was raised here
        if not isinstance(error, CannotWrite | JournalError):  # nothing is handed on that a journal could not keep
            with _reader_may_have_gone(error):
                for delivery in session.run.left_over():
                    _enter(session, ledger, delivery)
                ledger.output.flush()
        raise
    if fatal is not None:
        session.close()
        raise fatal


def _reader_may_have_gone(error: BaseException | None) -> AbstractContextManager[None]:
    """Bear that nobody reads any more, if Ctrl-C was pressed: it goes to all programs of a pipeline."""
    return suppress(CannotWrite) if isinstance(error, KeyboardInterrupt) else nullcontext()


def _enter(session: SyncSession, ledger: Ledger, delivery: Delivery) -> BaseException | None:
    """Make the records of a delivery; return the failure that ends the run, if it holds one."""
    for outcome in outcomes_of(delivery):
        if isinstance(outcome, Failure) and isinstance(outcome.error, KeyboardInterrupt):
            return outcome.error  # Ctrl-C while the item ran: the item did not fail, it has no result
        failure = ledger.enter(outcome)
        session.run.source.handed += 1
        if failure is not None and session.errors == "raise" and not session.run.closed:
            return failure
    return None
