"""What the phases of a run's hiring share."""

from __future__ import annotations

from atonce._policy.action import Inspect, Nap, Stay
from atonce._policy.phases.lateness import Lateness
from atonce._values.typed import Protocol

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable

    from atonce._policy.action import Action
    from atonce._policy.observation import Scene, Seen

__all__ = (
    "CHANGE_S",
    "FIRST_NAP_S",
    "INSTANT_S",
    "KEEP_FASTER",
    "LONGEST_NAP_S",
    "RESTS",
    "SATURATED",
    "WAITS_BELOW",
    "Case",
    "Threads",
    "stay",
)

FIRST_NAP_S = 0.001
LONGEST_NAP_S = 0.05
WAITS_BELOW = 0.6  # CPU seconds over wall seconds, all in all
SATURATED = 0.85  # CPUs of a program whose threads wait for the GIL
RESTS = 0.3  # of the CPUs that those who compute would keep busy: it has begun to wait
KEEP_FASTER = 1.15  # times as many items a second as without them
CHANGE_S = 0.2  # to have threads leave, and processes do the first items that wait, is not worth less
INSTANT_S = 1e-6  # of an item that the clock has told of no time of
_WATCHED_ITEMS = 3  # that have to end between two looks at the state around them
_SHORT_S = 0.001  # an item of less is worth waiting for, to see that it changes nothing, also where nothing points at it


class Case:
    """One run: what is known of it, and who looks next.

    Attributes:
        scene: what is known from the beginning.
        ruled_out: why kinds of workers are not taken, by kind.
        flips: what would turn the choice.
        tried: the kinds of workers that are not to be tried (again).
        lateness: how long it takes to get the GIL.
        last: the look before this one.
        go_on: looks next.
        watch_again: goes back to the caller alone, from a look on. With a time, until then nothing is taken for work that waits.
    """

    watch_again: Callable[[Seen, float], None]

    def __init__(self, scene: Scene, seen: Seen) -> None:
        self.scene = scene
        self.ruled_out: dict[str, str] = {}
        self.flips: list[str] = []
        self.tried: set[str] = set()
        self.lateness = Lateness(seen, gil=scene.gil)
        self.last = seen
        self.go_on: Callable[[Seen], Action] = stay

    @property
    def most_threads(self) -> int:
        """Threads that there may be."""
        return min(self.scene.most_threads, self.scene.in_flight)

    @property
    def has_others(self) -> bool:
        """Whether processes may still be tried."""
        return "process" not in self.tried and self.scene.most_processes > 1

    def unless_shared(self, seen: Seen, then: Callable[[Seen], Action], *, apart: bool = False) -> Action:
        """Go on only if others may have a part in the work, or find out whether they may.

        Args:
            seen: the look.
            then: what is to be done if they may.
            apart: in other processes.
        """
        safety = seen.safety
        if safety is None:
            return Inspect()
        if safety.together:
            self.go_on = stay
            self.flips = ["with engine=, or declared @atonce.pure, others would help"]
            return Stay(f"{safety.together}, so the items stay one after the other (engine= overrules)")
        doubt = safety.doubt or (apart and safety.doubt_apart)
        if not safety.watched and (doubt or 0.0 < seen.item_s < _SHORT_S):
            return Inspect() if seen.done >= safety.done + _WATCHED_ITEMS else Nap(FIRST_NAP_S)
        return then(seen)


class Threads(Protocol):
    """Threads that may give way to processes, and come back if these are not better.

    Attributes:
        crew: how many they are.
        compute: whether they compute all the time, where they need not wait for the GIL.
        shortest_s: the latency of an item that waits for no other; 0 if that is not known.
    """

    @property
    def crew(self) -> int: ...
    @property
    def compute(self) -> bool: ...
    @property
    def shortest_s(self) -> float: ...

    def hear(self, seen: Seen) -> None:
        """Take into account what has come back."""

    def come_back(self, seen: Seen) -> Action:
        """Look after them again, from this look on."""


def stay(seen: Seen) -> Action:  # noqa: ARG001 (nothing can change it)
    """Leave everything as it is."""
    return Nap(3600.0)
