"""Threads for work that lets go of the GIL: they share the CPUs."""

from __future__ import annotations

from math import inf

from atonce._policy.action import Hire, Nap, Return, Verified
from atonce._policy.observation import Span
from atonce._policy.phases.case import KEEP_FASTER, LONGEST_NAP_S, RESTS, SATURATED, WAITS_BELOW
from atonce._values.words import in_words

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from atonce._policy.action import Action
    from atonce._policy.observation import Seen
    from atonce._policy.phases.case import Case
    from atonce._policy.phases.growing import Growing
    from atonce._policy.phases.mixing import Mixing

__all__ = ("Sharing",)

_KEEP_BUSIER = 1.25  # CPUs
_MANY_EACH = 8  # items of each thread tell enough
_WHILE_S = 0.1  # of threads that compute, before they are judged once more


class Sharing:
    """Tries threads that compute, and looks after those that are kept. They are ``Threads``."""

    compute = True
    shortest_s = 0.0

    def __init__(self, case: Case, growing: Growing, mixing: Mixing) -> None:
        """Prepare.

        Args:
            case: what is known.
            growing: looks after work that turns out to wait.
            mixing: decides on processes for threads that wait for the GIL.
        """
        self.crew = 0
        self._case = case
        self._growing = growing
        self._mixing = mixing
        self._mark = case.last
        self._base_rate = 0.0  # items a second of one worker
        self._alone_cpu_s = 0.0  # CPU seconds an item of one worker
        self._patience_s = 0.0
        self._looks_in_line = 0  # in a row, at which they waited for the GIL

    def begin(self, seen: Seen, *, held: bool = False) -> Action:
        """Hire threads, to try; ``held`` if the work holds the GIL now and then."""
        case = self._case
        case.tried.add("thread")
        self._base_rate = 1 / seen.item_s if seen.item_s else 0.0
        self._alone_cpu_s = seen.first_cpu_s / seen.done if seen.done else 0.0
        self.crew = min(case.scene.cpus, case.most_threads)
        self._patience_s = seen.now_s + max(0.02, 3 * seen.item_s)
        case.go_on = self._await
        case.ruled_out["process"] = "threads need nothing shipped"
        case.flips = ["if it held the GIL processes would win"] if case.scene.gil else []
        facts = f"{in_words(case.lateness.usual_s)} to get it, 5 = held" if case.scene.gil else "there is none"
        free = "the GIL is free" if not held else "the GIL is held now and then, but it had better stay here"
        each = f"{in_words(seen.item_s or seen.now_s)} an item"
        return Hire("thread", self.crew, 1, f"it computes, and {free} ({facts}), {each}")

    def hear(self, seen: Seen) -> None:
        """Nothing to do: they are told by their CPU time."""

    def come_back(self, seen: Seen) -> Action:
        """Look after them again."""
        self._mark, self._looks_in_line = seen, 0
        self._case.go_on = self._oversee
        return Nap(LONGEST_NAP_S)

    def _await(self, seen: Seen) -> Action:
        if seen.delivered < self.crew and seen.now_s < self._patience_s:
            return Nap(0.002)
        self._mark, self._case.go_on = seen, self._verify
        self._patience_s = max(0.006, min(0.06, 3 * seen.item_s))
        return Nap(self._patience_s)

    def _verify(self, seen: Seen) -> Action:
        case, since = self._case, Span(self._mark, seen)
        if since.done < 2 * self.crew and since.wall_s < 10 * self._patience_s and seen.left != 0:
            return Nap(self._patience_s)
        faster = since.done / since.wall_s / self._base_rate if self._base_rate else since.crew_cpus
        wait = since.crew_cpus < min(_KEEP_BUSIER, self.crew * WAITS_BELOW) and since.cpus < SATURATED
        if faster >= KEEP_FASTER and wait:
            return self._growing.begin(seen, since.load)
        gained = min(faster, self._gain_by_cpu(since))
        if gained >= KEEP_FASTER and since.crew_cpus >= _KEEP_BUSIER:
            self.come_back(seen)
            return Verified(min(gained, case.scene.cpus))
        few = since.done < _MANY_EACH * self.crew  # and these may be of very different length
        if few and since.crew_cpus > KEEP_FASTER * _KEEP_BUSIER and since.wall_s < 10 * self._patience_s:
            return Nap(self._patience_s)  # they burn CPU, and bring nothing yet
        case.watch_again(seen, seen.now_s + max(0.05, seen.now_s))  # those who are on their way out may hold locks
        case.ruled_out = {"thread": f"brought {gained:.2f}x one worker"}
        case.flips = []
        return Return(f"threads brought {gained:.2f}x one worker ({since.crew_cpus:.1f} CPUs busy), so they were let go")

    def _gain_by_cpu(self, since: Span) -> float:
        """Tell what they bring by CPU time: before, the manager was in the way, and an item took longer, but no more CPU."""
        if not self._alone_cpu_s or since.process_cpu_s <= 0:
            return inf
        return since.cpus * self._alone_cpu_s * since.done / since.process_cpu_s

    def _oversee(self, seen: Seen) -> Action:
        """Notice when work that computed begins to wait, or lets go of the GIL and waits for it again for much of the time."""
        case, since = self._case, Span(self._mark, seen)
        enough = since.done >= _MANY_EACH * self.crew or since.cpus < RESTS
        if since.wall_s < _WHILE_S or seen.left == 0 or not enough:
            return Nap(LONGEST_NAP_S)
        self._mark = seen
        if since.crew_cpus < RESTS * self.crew and since.cpus < SATURATED:
            return self._growing.begin(seen, since.load)
        # Where fewer are busy than one alone would keep, it is not the GIL that they wait for.
        in_line = since.crew_cpus < SATURATED * self.crew and 1.0 <= since.cpus < SATURATED * case.scene.cpus
        self._looks_in_line = self._looks_in_line + 1 if in_line else 0
        # One such look may be half of one kind of work, half of another.
        if self._looks_in_line > 1 and case.scene.gil and case.has_others:
            return self._mixing.begin(seen, since, self)
        return Nap(LONGEST_NAP_S)
