"""The caller works alone, and is watched: does it wait, let go of the GIL, or hold it?"""

from __future__ import annotations

from atonce._policy.action import Nap, Stay, Weigh
from atonce._policy.observation import Span, item_s_of, left_of
from atonce._policy.phases.case import FIRST_NAP_S, LONGEST_NAP_S, WAITS_BELOW
from atonce._values.words import in_words

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from atonce._policy.action import Action
    from atonce._policy.observation import Seen
    from atonce._policy.phases.case import Case
    from atonce._policy.phases.growing import Growing
    from atonce._policy.phases.processes import Processes
    from atonce._policy.phases.sharing import Sharing

__all__ = ("Watching",)

_BLOCKED_LOOKS = 2  # in a row, before work counts as waiting
_IDLE = 0.75  # part of a tick without CPU time in which no item has ended: it waits
_IDLE_BETWEEN = 0.35  # the same, of a tick in which some have, or where it has gone on for long enough
_LONG_ENOUGH_S = 0.02  # to tell by the whole: it may wait a little all the time
_ENOUGH_S = 0.004  # of work that computes, before anything is concluded from it
_ONE_LONG_S = 0.03  # the same, while the first item has not ended
_NATIVE = 1.4  # CPUs busy, and CPU seconds of the program over those of the caller: C code with threads of its own
# Threads of a BLAS that has just been imported, or used, wait for work with a busy CPU for a while.
# (Measured: OpenBLAS in NumPy 2, 23-28 ms after the import; its source says 2**26 cycles)
_SPINS_S = 0.04
_WORTH_THREADS_S = 0.003  # what has to be left
_WORTH_A_TRIAL_S = 0.1  # the same, where they may well bring nothing
_HEAVY = 0.1  # of the time of an item: what takes longer to ship is better worked on here, even by threads that wait a little


class Watching:
    """Watches the caller, and says who should work instead."""

    def __init__(self, case: Case, growing: Growing, sharing: Sharing, processes: Processes) -> None:
        """Prepare; the others are those who may be called upon."""
        self._case = case
        self._growing = growing
        self._sharing = sharing
        self._processes = processes
        self._mark = case.last
        self._blocked = 0  # looks in a row
        self._blind_until_s = 0.0  # work that turned out not to wait is not taken for waiting work again before
        self._said: set[str] = set()
        self._nap_s = FIRST_NAP_S

    def again(self, seen: Seen, blind_until_s: float) -> None:
        """Watch from this look on. With a time, until then nothing is taken for work that waits."""
        self._case.go_on, self._case.last, self._mark, self._nap_s = self.look, seen, seen, FIRST_NAP_S
        self._blind_until_s = max(self._blind_until_s, blind_until_s)
        self._blocked = 0
        self._case.lateness.forget()

    def look(self, seen: Seen) -> Action:
        """Say what to do."""
        if seen.left == 0:
            return Nap(LONGEST_NAP_S)
        tick = Span(self._case.last, seen)
        if tick.wall_s <= 0:
            return Nap(FIRST_NAP_S)
        since = Span(self._mark, seen)
        self._case.lateness.note(seen)
        if self._looks_blocked(seen, tick, since):
            self._blocked += 1
            if self._blocked >= _BLOCKED_LOOKS:
                return self._case.unless_shared(seen, self._growing.begin)
            return Nap(FIRST_NAP_S)
        self._blocked = 0
        if since.wall_s < (_ENOUGH_S if seen.done else _ONE_LONG_S):
            return Nap(FIRST_NAP_S)
        action = self._think_of_others(seen, since)  # may be an empty tuple, which is no None
        return self._nap_longer(seen, since) if action is None else action

    def _looks_blocked(self, seen: Seen, tick: Span, since: Span) -> bool:
        if seen.now_s < self._blind_until_s or seen.first_ready:
            return False
        if not tick.done and since.wall_s < _LONG_ENOUGH_S:
            return tick.idle_s > _IDLE * tick.wall_s
        return since.load < WAITS_BELOW and tick.idle_s > _IDLE_BETWEEN * tick.wall_s

    def _think_of_others(self, seen: Seen, since: Span) -> Action | None:
        """Say whom to hire for work that computes; ``None`` to wait and see."""
        case, held = self._case, self._case.lateness.is_held()
        if held is None:
            return Nap(FIRST_NAP_S)
        if case.scene.cpus == 1:
            case.flips = ["with more CPUs processes might win"]
            return self._say("it computes, and there is one CPU", about="CPUs")
        if since.load < WAITS_BELOW:
            return None  # it may turn out to wait
        if since.cpus > _NATIVE and since.process_cpu_s > _NATIVE * since.first_cpu_s:  # who wakes late waited for a CPU
            if seen.now_s < _SPINS_S:
                self._mark = seen
                return Nap(FIRST_NAP_S)
            return self._say(f"it computes, with threads of its own: {since.cpus:.1f} CPUs are busy", about="native")
        return self._choose(seen, held=held)

    def _choose(self, seen: Seen, *, held: bool) -> Action | None:
        """Choose between threads, processes and nobody, which is ``None``."""
        case, rest_s = self._case, left_of(seen) * item_s_of(seen)
        may_share = "thread" not in case.tried and case.most_threads > 1
        if may_share and not held:
            return case.unless_shared(seen, self._sharing.begin) if rest_s > _WORTH_THREADS_S else None
        if may_share and rest_s > _WORTH_A_TRIAL_S and case.lateness.was_free:
            return case.unless_shared(seen, self._share_or_move)
        return self._move(seen, held=held)

    def _share_or_move(self, seen: Seen) -> Action:
        """Have threads for work that holds the GIL now and then, if it cannot be shipped, or takes long to ship."""
        apart = seen.safety is not None and seen.safety.apart
        if apart or not self._case.has_others:
            return self._sharing.begin(seen, held=True)
        if seen.payload is None:
            return Weigh()
        if seen.payload.stays or seen.payload.item_s > _HEAVY * item_s_of(seen):
            return self._sharing.begin(seen, held=True)
        action = self._move(seen, held=True)
        return self._nap_longer(seen, Span(self._mark, seen)) if action is None else action

    def _move(self, seen: Seen, *, held: bool) -> Action | None:
        """Think of processes."""
        case, since = self._case, Span(self._mark, seen)
        if held:
            case.ruled_out["thread"] = f"the GIL is held ({in_words(case.lateness.usual_s)} to get it, 0.1 = free)"
        if not self._processes.may_be_worth_it(left_of(seen) * item_s_of(seen)):
            return None
        if self._processes.are_hopeless(seen):  # and there is no need to look at the state around them
            self._nap_longer(seen, since)
            return self._processes.rule_out(seen, self._nap_s)
        return case.unless_shared(seen, lambda _: self._processes.consider(seen, since, self._nap_s), apart=True)

    def _nap_longer(self, seen: Seen, since: Span) -> Action:
        if since.wall_s > LONGEST_NAP_S:
            self._mark = seen
        self._nap_s = min(LONGEST_NAP_S, 1.5 * self._nap_s)
        return Nap(self._nap_s)

    def _say(self, reason: str, about: str) -> Action | None:
        """Say something about a kind of worker that is not hired, once; then look more seldom."""
        if about in self._said:
            return None
        self._said.add(about)
        return Stay(reason)
