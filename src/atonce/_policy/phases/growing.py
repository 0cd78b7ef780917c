"""Threads for work that waits: ever more of them, as long as more comes back."""

from __future__ import annotations

from collections import deque

from atonce._policy.action import Hire, Nap, Return, Verified
from atonce._policy.concurrency import Knee
from atonce._policy.observation import HELD_S, Seen, Span, left_of
from atonce._policy.phases.case import CHANGE_S, FIRST_NAP_S, INSTANT_S, KEEP_FASTER, SATURATED
from atonce._values.words import in_words

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from atonce._policy.action import Action
    from atonce._policy.phases.case import Case
    from atonce._policy.phases.mixing import Mixing

__all__ = ("Growing",)

_LONGEST_LOOK_S = 0.02  # between two of them
_IN_LINE_S = 0.02  # Assumes: who has to wait for so long stands in a line for the GIL, with threads that compute
_BY_AND_BY_S = 0.1  # of the window, before work in threads is said to compute by and by
_WINDOW_STEP_S = 0.06  # between the looks that the window is made of; two to three of them are looked back on
_STEADY = 1.5  # times as many items in the older part of the window as in the newer: that is one kind of work still
_COMPUTES = 0.55  # CPUs: with two processes, it would be more than one
_FULL_LOOKS = 3  # in a row, before work in threads counts as kept up by the GIL; one may be chance
_FULL_S = 0.05  # the same, in time: with many threads in line, looks are few
_FEW = 5  # items: less is chance
_FEW_S = 0.03


class Growing:
    """Looks after threads that wait. They are ``Threads``."""

    compute = False

    def __init__(self, case: Case, mixing: Mixing) -> None:
        """Prepare; ``mixing`` decides on processes, if the work computes as well as waits."""
        self.crew = 0
        self._case = case
        self._mixing = mixing
        self._knee = Knee(1, 0.0)
        self._base_rate = 0.0  # items a second of one worker
        self._settled = False  # whether it has been told how many there are to be in flight
        self._unverified = True  # whether it has not been told yet what they bring
        self._full_looks = 0  # in a row, at which the GIL was busy
        self._full_s = 0.0
        self._mark = case.last
        self._window = deque([case.last], maxlen=3)  # looks, some time apart; the first is the mark

    @property
    def shortest_s(self) -> float:
        """The latency of an item that waits for no other; 0 if that is not known."""
        return self._knee.shortest_s

    def begin(self, seen: Seen, load: float | None = None) -> Action:
        """Hire the first ones.

        Args:
            seen: the look.
            load: CPU seconds over wall seconds, lately; ``None`` for since the run began.
        """
        case = self._case
        # If nothing has come back yet, the first item is as old as the run, and that much is known of how long one takes.
        begun_s = seen.now_s - 2 * FIRST_NAP_S if seen.done else 0.0
        self._knee = Knee(case.most_threads, begun_s, start=2, started=seen.taken, answered=seen.done)
        self._base_rate = 1 / seen.item_s if seen.item_s else 0.0
        self._unverified, self._settled = True, False
        self._watch(seen)
        self.crew = self._knee.target
        case.ruled_out = {"process": "there is little to compute"}
        case.flips = ["if it computed processes would win"]
        load = Span(Seen(0.0), seen).load if load is None else load
        return Hire("thread", self.crew, 1, f"it waits ({load:.0%} CPU), so threads wait side by side")

    def come_back(self, seen: Seen) -> Action:
        """Look after them again."""
        self._knee.resume(seen.taken)
        self._watch(seen)
        return Nap(FIRST_NAP_S)

    def _watch(self, seen: Seen) -> None:
        self._case.go_on, self._full_looks, self._full_s = self._look, 0, 0.0
        self._mark = seen
        self._window = deque([seen], maxlen=3)

    def hear(self, seen: Seen) -> None:
        """Tell the knee what has come back."""
        for start, items, seconds in seen.heard:
            for index in range(start, start + items):
                self._knee.heard(index, seconds / items)

    def _look(self, seen: Seen) -> Action:
        knee, case, since = self._knee, self._case, Span(self._case.last, seen)
        self.hear(seen)
        if since.wall_s <= 0:
            return Nap(FIRST_NAP_S)
        case.lateness.note(seen)
        held = case.scene.gil and case.lateness.usual_s > HELD_S
        if self._unverified and knee.settled:
            self._unverified = False
            return Verified(max(1.0, knee.rate / (self._base_rate or 1 / max(knee.shortest_s, INSTANT_S))))
        bound = held or (case.scene.gil and not knee.settled)  # by the GIL; while it grows, nobody has slept long enough to know
        room = since.cpus < SATURATED * (1 if bound else case.scene.cpus)
        knee.look(seen.now_s, seen.taken, room=room, left=seen.left)
        if (action := self._look_at_gil(seen, since, held=held)) is not None:
            return action
        self._move_window(seen)
        if knee.target != self.crew:
            return Hire("thread", knee.target, 1, self._resize())
        alert = case.scene.gil and case.has_others
        return Nap(min(_LONGEST_LOOK_S, max(FIRST_NAP_S, knee.shortest_s / 8)), alert=alert)

    def _resize(self) -> str:
        """Want as many as the knee says; return why, if that is news."""
        knee, self.crew = self._knee, self._knee.target
        if not knee.settled or self._settled:
            return ""
        self._settled = True
        return f"{knee.target} in flight: {knee.rate:,.0f} items/s, {in_words(knee.latency_s or 0.0)} each"

    # ---- the GIL that they may wait for -----------------------------------------------------------------------------------------

    def _look_at_gil(self, seen: Seen, since: Span, *, held: bool) -> Action | None:
        """Say what to do if the GIL has been busy for long enough; ``None`` for nothing."""
        in_line = self._case.scene.gil and seen.late_s > _IN_LINE_S
        full = ((held or in_line) and since.cpus >= SATURATED) or self._computes_by_and_by(seen)
        if seen.left == 0 or not full:
            self._full_looks, self._full_s = 0, 0.0
            return None
        self._full_looks += 1
        self._full_s += since.wall_s
        return self._mind_the_gil(seen) if self._full_looks >= _FULL_LOOKS or self._full_s >= _FULL_S else None

    def _computes_by_and_by(self, seen: Seen) -> bool:
        """Tell whether the work, in the window, has had the GIL for so long that more threads would soon wait for it."""
        since = Span(self._mark, seen)
        met = self._case.scene.gil and self._case.lateness.longest_s > HELD_S
        return met and since.wall_s > _BY_AND_BY_S and since.cpus > _COMPUTES

    def _mind_the_gil(self, seen: Seen) -> Action | None:
        """Threads that wait keep the GIL busy all the same: it computes, too."""
        case, since = self._case, Span(self._window[-1], seen)
        if since.wall_s < _FULL_S or since.done < _FEW:
            since = Span(self._mark, seen)
            if since.wall_s < _FEW_S or not since.done or not self._is_steady(seen):
                return None
        rate = since.done / since.wall_s
        if self._knee.target <= 2 and self._base_rate and rate < KEEP_FASTER * self._base_rate:  # noqa: PLR2004 (the first step)
            case.watch_again(seen, 2 * seen.now_s)
            return Return("it does not wait after all")
        if not case.has_others or left_of(seen) * since.wall_s < (2 * case.scene.start_s + CHANGE_S) * since.done:
            return None
        return self._mixing.begin(seen, since, self)

    def _move_window(self, seen: Seen) -> None:
        """Let what was long ago go: work that waited at first may compute later, and is judged by what it does then."""
        if Span(self._window[-1], seen).wall_s > _WINDOW_STEP_S:
            self._window.append(seen)
            self._mark = self._window[0]

    def _is_steady(self, seen: Seen) -> bool:
        """Tell whether as much has ended lately as before, so that the window is not half of one kind of work, half of another."""
        before, lately = Span(self._window[0], self._window[-1]), Span(self._window[-1], seen)
        if before.wall_s <= 0 or lately.wall_s < _WINDOW_STEP_S / 2:
            return before.wall_s <= 0  # it has just begun
        return before.done * lately.wall_s <= _STEADY * max(1, lately.done) * before.wall_s
