"""``atonce.explain``: what ``engine="auto"`` would do, found out with real work that is stopped after a moment."""

from __future__ import annotations

from atonce._api.opening import Order, Workplace
from atonce._machine.clock import SYSTEM_CLOCK
from atonce._values.options import Options
from atonce._values.record import Record, field
from atonce._values.report import Report
from atonce._values.words import in_words, plural

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, Unpack

    from atonce._api.session import SyncSession
    from atonce._machine.clock import Clock
    from atonce._values.option_types import PoolOptionsDict
    from atonce._values.plan import Plan

__all__ = ("Explanation", "explain", "watch")

_LONGEST_S = 1.0
_WIDE = 120  # columns
_LOOK_S = 0.005  # how soon it is seen that the choice has been verified


class Explanation(Record, frozen=False):
    """Which workers ``engine="auto"`` takes for some work, when, and why; found out by doing some of it.

    Attributes:
        report: the account of the work that was watched; its ``plan`` is the answer.
        length: how many inputs there are in all; ``None`` where the input cannot tell.
        failure: what the first item that failed had raised; ``None`` if none did.
    """

    report: Report = field(default_factory=Report)
    length: int | None = None
    failure: BaseException | None = None

    @property
    def plan(self) -> Plan:
        """The answer."""
        return self.report.plan

    @property
    def rest_s(self) -> float | None:
        """Estimate of the seconds that the other inputs would take; ``None`` where nothing tells."""
        report, done = self.report, self.report.succeeded + self.report.failed
        if self.length is None or not done or report.one_worker_s is None:
            return None
        return max(0, self.length - report.items) * report.one_worker_s / done / (self.plan.gain or 1.0)

    def __str__(self) -> str:
        """Say it in ten lines at most."""
        report, rest_s = self.report, self.rest_s
        done = report.succeeded + report.failed
        first = f"{report.name}: watched {done:,} item{plural('item', done)} for {in_words(report.wall_s)} -> {self.plan}"
        lines = [f"{first}        {self.plan.history}" if self.plan.history else first]
        lines += self.plan.lines()
        if rest_s:
            assert self.length is not None
            left = self.length - report.items
            lines.append(f"  left   {left:,} item{plural('item', left)}, which would take about {in_words(rest_s)}")
        if self.failure is not None:
            said = f"{type(self.failure).__name__}: {self.failure}".splitlines()[0]
            lines.append(f"  note   {report.failed:,} failed, the first with {said}"[:_WIDE])
        return "\n".join(lines)


def explain(fn: Callable[..., Any], *iterables: Iterable[Any], **options: Unpack[PoolOptionsDict]) -> Explanation:
    """Say which workers ``engine="auto"`` takes for this function and these inputs, and why.

    It does real work to find out: items are run as ``map`` would run them, for a second at most, and for less where the choice has
    been verified before. Then it stops: what has begun is finished, nothing more is started, and the results are thrown away. What
    the function does besides, like writing files, is done for those items. Items that fail are counted, and stop nothing.

    Args:
        fn: as for ``map``.
        *iterables: as for ``map``. Of an iterator, what was read is gone.
        **options: as for ``map``.

    Returns:
        An explanation to print; ``.plan`` has the parts of it.

    Raises:
        OptionError: an option cannot be honoured; nothing was started. What the inputs or the initializer raise.

    Example:
        >>> import atonce
        >>> atonce.explain(len, ["a", "bb", "ccc"]).plan.engine
        'inline'
    """
    workplace = Workplace(Options())
    given = {**options, "errors": "return", "ordered": False}  # results are nobody's: they need not wait for each other
    order = Order(fn, iterables, workplace.options(given), streamed=True)
    return watch(workplace.open(order), order.length)


def watch(session: SyncSession, length: int | None, clock: Clock = SYSTEM_CLOCK) -> Explanation:
    """Let a session work for a moment, and end it."""
    run, bell = session.run, session.bell
    until, failure = clock.now() + _LONGEST_S, None
    try:
        while run.report.plan.verified_s is None and (left := until - clock.now()) > 0:
            delivery = run.poll()
            if delivery is not None:
                run.source.handed += len(delivery.values)
                if delivery.failed and failure is None:
                    failure = delivery.failed[0].error
            elif run.over or run.failing:
                break
            else:
                bell.wait(min(left, _LOOK_S))
    except BaseException as error:
        session.close(patient=not isinstance(error, KeyboardInterrupt))
        raise
    session.close()
    session.verdict()
    return Explanation(run.report, length, failure)
