"""Which workers to hire for a run, and whether they were worth it: from what is seen of the work to what to do about it.

::

                     waits               GIL free                    GIL held
    watching ──────▶ growing     ──────▶ sharing         ──────▶ processes
     ▲ the caller     │ threads: as many  │ threads: kept if    │ kept if they bring
     │ works alone    │ as the service    │ they burn CPU and   │ more than one worker
     │                │ bears             │ bring more          │
     └────────────────┴──── not worth it ─┴─────────────────────┘

Those that are kept are looked at again: threads that come to wait for the GIL give way to processes (mixing), and processes that
come to wait make room for threads. Each of these phases is a file in ``phases/``; ``phases/case.py`` is what they share.

Everything here is pure: ``Hiring.look`` gets what was seen and when, and returns what to do next. The manager (``_run/manager.py``)
looks and obeys.
"""

from __future__ import annotations

from atonce._policy.action import Nap
from atonce._policy.phases.case import Case
from atonce._policy.phases.growing import Growing
from atonce._policy.phases.mixing import Mixing
from atonce._policy.phases.processes import Processes
from atonce._policy.phases.sharing import Sharing
from atonce._policy.phases.watching import Watching

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from atonce._policy.action import Action
    from atonce._policy.observation import Scene, Seen

__all__ = ("Hiring",)


class Hiring:
    """Decides on the workers of one run, look by look."""

    def __init__(self, scene: Scene, seen: Seen) -> None:
        """Begin, with a first look at the run."""
        self._case = case = Case(scene, seen)
        processes = Processes(case)
        mixing = Mixing(case, processes)
        growing = Growing(case, mixing)
        watching = Watching(case, growing, Sharing(case, growing, mixing), processes)
        case.watch_again = watching.again
        case.go_on = watching.look

    @property
    def ruled_out(self) -> dict[str, str]:
        """Why kinds of workers are not taken, by kind."""
        return self._case.ruled_out

    @property
    def flips(self) -> list[str]:
        """What would turn the choice."""
        return self._case.flips

    def look(self, seen: Seen) -> Action:
        """Say what to do now."""
        action = self._case.go_on(seen)
        if isinstance(action, Nap):
            self._case.last = seen
        return action
