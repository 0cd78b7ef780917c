"""From a session to records: every item that finished gets its record, however the run ends."""

from collections.abc import Iterator

from atonce._api.results import outcomes_of
from atonce._api.session import SyncSession
from atonce._values.batch import Delivery
from atonce._values.outcome import Failure
from atonce.cli.output import CannotWrite
from atonce.cli.records import Ledger

__all__ = ("record_all",)


def record_all(session: SyncSession, ledger: Ledger) -> None:
    """Run to the end, and write a record for each item.

    With ``errors="raise"`` the record of the failed item is the last one in an ordered run. In an unordered one, records of items
    that had finished by then stand behind it.

    Args:
        session: a run that was begun.
        ledger: writes the records.

    Raises:
        BaseException: what ended the run: an item's failure, Ctrl-C, the input's error, no worker that could work.
        CannotWrite: the output takes no more.
    """
    deliveries = session.deliveries()  # held until the run is closed: dropping it would end the run without waiting
    fatal: BaseException | None = None
    try:
        for delivery in deliveries:
            fatal = _record(session, ledger, delivery)
            if fatal is not None:
                break
    except BaseException as error:
        session.close(patient=False)  # has happened before, unless this was raised here
        if not isinstance(error, CannotWrite):
            for delivery in _left_over(session):
                _record(session, ledger, delivery)
        raise
    if fatal is not None:
        session.close()
        raise fatal


def _record(session: SyncSession, ledger: Ledger, delivery: Delivery) -> BaseException | None:
    """Write the records of a delivery; return the failure that ends the run, if it holds one."""
    for outcome in outcomes_of(delivery):
        if isinstance(outcome, Failure) and isinstance(outcome.error, KeyboardInterrupt):
            return outcome.error  # Ctrl-C while the item ran: the item did not fail, it has no result
        failure = ledger.enter(outcome)
        session.run.source.handed += 1
        if failure is not None and session.errors == "raise" and not session.run.closed:
            ledger.output.flush()
            return failure
    ledger.output.flush()  # a reader sees what is there before the next wait
    return None


def _left_over(session: SyncSession) -> Iterator[Delivery]:
    """Give the deliveries that were due when the run ended, and that the run did not hand out any more."""
    ordering = session.run._ordering  # noqa: SLF001 (a run that fails drops them; these values are paid for)
    while (delivery := ordering.pop()) is not None:
        yield delivery
