"""Somebody who looks after the event loops of a run. What he sees is told in the run's report."""

from __future__ import annotations

from atonce._run.attendants import ATTENDANTS
from atonce._workers.lookout import Lookout

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from atonce._machine.clock import Clock
    from atonce._run.attendants import Errand
    from atonce._run.driver import Run

__all__ = ("LookoutOfRun",)


class LookoutOfRun:
    """Looks after the loops of one run, in a thread that was there before."""

    def __init__(self, run: Run, clock: Clock, *, strict: bool) -> None:
        """Begin.

        Args:
            run: whose loops.
            clock: where the time is read.
            strict: whether an item fails that blocks.
        """
        self._lookout = Lookout(clock, run.present, run.job.name, strict=strict)
        self._run: Run | None = run
        self._errand: Errand | None = None
        run.watch_over(self)
        self._errand = ATTENDANTS.send(self._lookout.watch)

    def end(self, *, wait: bool) -> None:
        """Look no more, and tell the run's report. The consumer; without ``wait``, any thread, and nothing is told."""
        run, self._run = self._run, None
        begun = self._errand is not None and not ATTENDANTS.call_off(self._errand)
        self._lookout.end(wait=wait and begun)
        if wait and run is not None:
            run.report.notices += [blockage.words(run.job.name) for blockage in self._lookout.worst()]
