"""The call with one item: nobody could help with it, so nobody is looked for, and no run is set up.

A run takes 0.1 ms to set up, this takes a fifth of that. (Measured: benchmarks/choice/overhead.py) What comes of the item goes into
the same books, and ends the call in the same way.
"""

from __future__ import annotations

import time

from atonce._api.results import Results, finish, outcomes_of
from atonce._run.account import Account
from atonce._values.batch import Batch
from atonce._values.job import Job
from atonce._workers.carry import carry_out, plain_call_of
from atonce.errors import RetryAfter

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from typing import Any

    from atonce._api.opening import Order
    from atonce._machine.clock import Clock
    from atonce._values.batch import Delivery

__all__ = ("collect_single", "is_single")


def is_single(order: Order) -> bool:
    """Tell whether an order is for one item that the calling thread runs, with nothing to be done around it."""
    options = order.options
    return (
        order.length == 1
        and order.prompt
        and options.engine in ("auto", "inline")
        and not order.is_async
        and order.emit is None
        and not options.progress
        and options.initializer is None
        and options.seed is None
        and options.timeout is None
        and options.deadline is None
        and options.memory is None
        and options.retry is None
        and options.journal is None
    )


def collect_single(order: Order, clock: Clock) -> Results[Any]:
    """Run the item and return the list of its result."""
    options = order.options
    job = Job(
        order.fn,
        star=order.star,
        name=options.name,
        is_async=False,
        stops=options.errors == "raise",
        retries=options.retries_at_once,
        collected=True,
    )
    account = Account(job, clock)
    plan = account.report.plan
    plan.reasons.append("there is one item" if options.engine == "auto" else f"engine={options.engine!r} was asked for")
    account.report.workers_hired = 1
    items = list(order.inputs)
    delivery = _carried_out(job, items, clock)
    if delivery.trouble is not None:  # not of the item's making: what a signal's handler raised
        raise delivery.trouble
    account.enter(delivery)
    account.close(len(items))
    account.verdict()
    outcomes = list(outcomes_of(delivery)) if options.errors == "group" else None
    return finish(Results(delivery.values), job.name, account.report, outcomes)


def _carried_out(job: Job, items: list[Any], clock: Clock) -> Delivery:
    """Run the item; again, after the time that it asks for, if it does so."""
    attempts = 0
    while True:
        delivery = carry_out(plain_call_of(job), job, Batch(0, items), None, clock, "calling thread")
        if attempts:
            delivery.attempts = {0: attempts + (delivery.attempts or {}).get(0, 1)}
            delivery.failed = [bad._replace(attempts=bad.attempts + attempts) for bad in delivery.failed]
        if not delivery.failed or not isinstance(delivery.failed[0].error, RetryAfter):
            return delivery
        from atonce._policy.retrying import Retrying  # noqa: PLC0415 (few ask for it)

        attempts = delivery.failed[0].attempts
        wait_s = Retrying(None, lambda: 1.0).wait_s(delivery.failed[0].error, attempts)
        if wait_s is None:
            return delivery
        time.sleep(wait_s)
