"""Which workers to hire for a run, and whether they were worth it: from what is seen of the work to what to do about it.

::

                     waits               GIL free                    GIL held
    watching ──────▶ growing     ──────▶ trying threads      ──────▶ trying processes
     ▲ the caller     │ threads: as many  │ kept if they burn         │ kept if they bring
     │ works alone    │ as the service    │ CPU and bring more        │ more than one worker
     │                │ bears             │                           │
     └────────────────┴──── not worth it ─┴───────────────────────────┘

Those that are kept are looked at again: threads that come to wait for the GIL give way to processes, and processes that come to
wait make room for threads.

Everything here is pure: ``Hiring.look`` gets what was seen and when, and returns what to do next. The manager (``_run/manager.py``)
looks and obeys.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from math import ceil

from atonce._policy.action import Hire, Inspect, Nap, Prepare, Return, Stay, Verified, Weigh
from atonce._policy.concurrency import Knee
from atonce._policy.cost import breaks_even_s, saved_s
from atonce._policy.observation import HELD_S, Seen, Span, item_s_of, left_of, median
from atonce._values.words import in_words

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable

    from atonce._policy.action import Action
    from atonce._policy.observation import Scene

__all__ = ("Hiring",)

_FIRST_NAP_S = 0.001
_LONGEST_NAP_S = 0.05
_BLOCKED_LOOKS = 2  # in a row, before work counts as waiting
_IDLE = 0.75  # part of a tick without CPU time in which no item has ended: it waits
_IDLE_BETWEEN = 0.35  # the same, of a tick in which some have, or where it has gone on for long enough
_LONG_ENOUGH_S = 0.02  # to tell by the whole: it may wait a little all the time
_WAITS_BELOW = 0.6  # CPU seconds over wall seconds, all in all
_WITNESSES = 3  # looks
_SURELY_HELD_S = 0.0025  # Assumes: half of the switch interval is no chance
_IN_LINE_S = 0.02  # Assumes: who has to wait for so long stands in a line for the GIL, with threads that compute
_CAME_LATE_S = 0.004  # Assumes: to wake a thread, or to start one, takes less
_ENOUGH_S = 0.004  # of work that computes, before anything is concluded from it
_ONE_LONG_S = 0.03  # the same, while the first item has not ended
_NATIVE = 1.4  # CPUs busy, and CPU seconds of the program over those of the caller: C code with threads of its own
# Threads of a BLAS that has just been imported, or used, wait for work with a busy CPU for a while.
# (Measured: OpenBLAS in NumPy 2, 23-28 ms after the import; its source says 2**26 cycles)
_SPINS_S = 0.04
_MANY_EACH = 8  # items of each thread tell enough
_PATIENCE_S = 0.15  # with those who bring nothing yet: long items may not have ended
_WORTH_THREADS_S = 0.003  # what has to be left
_THINK_AGAIN = 1.25  # times what was left when processes were not worth it
_UNHEARD_S = 0.005  # of CPU time, in items that had ended before a look, and are heard of at the next: some are told of together
_WORTH = 0.1  # part of what is left that processes have to save
_KEEP_FASTER = 1.15
_KEEP_BUSIER = 1.25  # CPUs
_SATURATED = 0.85  # CPUs of a program whose threads wait for the GIL
_BY_AND_BY_S = 0.1  # of the window, before work in threads is said to compute by and by
_WINDOW_STEP_S = 0.06  # between the looks that the window is made of; two to three of them are looked back on
_STEADY = 1.5  # times as many items in the older part of the window as in the newer: that is one kind of work still
_CHANGE_S = 0.2  # to have threads leave, and processes do the first items that wait, is not worth less
_COMPUTES = 0.55  # CPUs: with two processes, it would be more than one
_FULL_LOOKS = 3  # in a row, before work in threads counts as kept up by the GIL; one may be chance
_FEW = 5  # items: less is chance
_WHILE_S = 0.1  # of threads that compute, before they are judged once more
_RESTS = 0.3  # of the CPUs that those who compute would keep busy: it has begun to wait
_FULL_S = 0.05  # the same, in time: with many threads in line, looks are few
_INSIDE = 2  # times as many items in a process as keep it busy if none of them ever waits at the same time as another
_MOST_INSIDE = 64  # items in flight in one process
_WATCHED_ITEMS = 3  # that have to end between two looks at the state around them
_SHORT_S = 0.001  # an item of less is worth waiting for, to see that it changes nothing, also where nothing points at it


class Hiring:
    """Decides on the workers of one run, look by look.

    Attributes:
        scene: what is known from the beginning.
        ruled_out: why kinds of workers are not taken, by kind.
        flips: what would turn the choice.
    """

    def __init__(self, scene: Scene, seen: Seen) -> None:
        """Begin, with a first look at the run."""
        self.scene = scene
        self.ruled_out: dict[str, str] = {}
        self.flips: list[str] = []
        self._most_threads = min(scene.most_threads, scene.in_flight)
        self._go_on: Callable[[Seen], Action] = self._watch
        self._mark = self._last = seen
        self._late: deque[float] = deque(maxlen=_WITNESSES)  # of the last naps
        self._came_late = seen.late_s > _CAME_LATE_S
        self._blocked = 0
        self._blind_until_s = 0.0  # work that turned out not to wait is not taken for waiting work again before
        self._tried: set[str] = set()
        self._said: set[str] = set()
        self._nap_s = _FIRST_NAP_S
        self._base_rate = 0.0  # items a second of one worker
        self._alone_cpu_s = 0.0  # CPU seconds an item of one worker
        self._not_worth_s = 0.0  # what was left when processes were not worth it
        self._crew = 0
        self._patience_s = 0.0
        self._knee = Knee(1, 0.0)
        self._full_looks = 0
        self._full_s = 0.0
        self._busy = Span(seen, seen)  # in which the GIL was busy, before anything was done about it
        self._threads_before = 0  # who had been hired for work that then got processes with threads inside each
        self._settled = False  # whether it has been told how many there are to be in flight
        self._window = deque([seen], maxlen=3)  # looks at threads that wait, some time apart; the first is the mark
        self._unverified = False  # whether it has not been told yet what threads bring
        self._back: Callable[[Seen], Action] = self._grow_on  # to the threads that there were, if processes are not better

    def look(self, seen: Seen) -> Action:
        """Say what to do now."""
        action = self._go_on(seen)
        if isinstance(action, Nap):
            self._last = seen
        return action

    # ---- watching the caller -------------------------------------------------------------------------------------------------

    def _watch(self, seen: Seen) -> Action:
        if seen.left == 0:
            return Nap(_LONGEST_NAP_S)
        tick = Span(self._last, seen)
        if tick.wall_s <= 0:
            return Nap(_FIRST_NAP_S)
        since = Span(self._mark, seen)
        self._note_lateness(seen)
        if self._looks_blocked(seen, tick, since):
            self._blocked += 1
            if self._blocked >= _BLOCKED_LOOKS:
                return self._unless_shared(seen, self._begin_growing)
            return Nap(_FIRST_NAP_S)
        self._blocked = 0
        if since.wall_s < (_ENOUGH_S if seen.done else _ONE_LONG_S):
            return Nap(_FIRST_NAP_S)
        action = self._think_of_others(seen, since)  # may be an empty tuple, which is no None
        return self._nap_longer(seen, since) if action is None else action

    def _note_lateness(self, seen: Seen) -> None:
        if seen.late_s > 0:  # else it is the same look, asked again, and no second witness
            self._late.append(seen.late_s)

    def _looks_blocked(self, seen: Seen, tick: Span, since: Span) -> bool:
        if seen.now_s < self._blind_until_s or seen.first_ready:
            return False
        if not tick.done and since.wall_s < _LONG_ENOUGH_S:
            return tick.idle_s > _IDLE * tick.wall_s
        return since.load < _WAITS_BELOW and tick.idle_s > _IDLE_BETWEEN * tick.wall_s

    def _think_of_others(self, seen: Seen, since: Span) -> Action | None:  # noqa: PLR0911 (a rule a line)
        """Say whom to hire for work that computes; ``None`` to wait and see."""
        scene = self.scene
        rest_s = left_of(seen) * item_s_of(seen)
        late, looks = sum(late_s > HELD_S for late_s in self._late) + self._came_late, len(self._late) + self._came_late
        held = scene.gil and (2 * late > looks or max(self._late, default=0.0) > _SURELY_HELD_S)
        if not self._late or looks < (2 if held else _WITNESSES):
            return Nap(_FIRST_NAP_S)
        if scene.cpus == 1:
            self.flips = ["with more CPUs processes might win"]
            return self._say("it computes, and there is one CPU", about="CPUs")
        if since.load < _WAITS_BELOW:
            return None  # it may turn out to wait
        if since.cpus > _NATIVE and since.process_cpu_s > _NATIVE * since.first_cpu_s:  # who wakes late waited for a CPU
            if seen.now_s < _SPINS_S:
                self._mark = seen
                return Nap(_FIRST_NAP_S)
            return self._say(f"it computes, with threads of its own: {since.cpus:.1f} CPUs are busy", about="native")
        if held:
            self.ruled_out["thread"] = f"the GIL is held ({in_words(median(self._late))} to get it, 0.1 = free)"
        if not held and "thread" not in self._tried and self._most_threads > 1:
            return self._unless_shared(seen, self._try_threads) if rest_s > _WORTH_THREADS_S else None
        if "process" in self._tried or rest_s <= max(scene.start_s, _THINK_AGAIN * self._not_worth_s):
            return None
        if scene.most_processes < 2:  # noqa: PLR2004 (one is no gain)
            return None
        return self._unless_shared(seen, self._think_of_processes, apart=True)

    def _unless_shared(self, seen: Seen, then: Callable[[Seen], Action], *, apart: bool = False) -> Action:
        safety = seen.safety
        if safety is None:
            return Inspect()
        if safety.together:
            self._go_on = self._stay
            self.flips = ["with engine=, or declared @atonce.pure, others would help"]
            return Stay(f"{safety.together}, so the items stay one after the other (engine= overrules)")
        doubt = safety.doubt or (apart and safety.doubt_apart)
        if not safety.watched and (doubt or 0.0 < seen.item_s < _SHORT_S):
            return Inspect() if seen.done >= safety.done + _WATCHED_ITEMS else Nap(_FIRST_NAP_S)
        return then(seen)

    def _nap_longer(self, seen: Seen, since: Span) -> Action:
        if since.wall_s > _LONGEST_NAP_S:
            self._mark = seen
        self._nap_s = min(_LONGEST_NAP_S, 1.5 * self._nap_s)
        return Nap(self._nap_s)

    def _say(self, reason: str, about: str) -> Action | None:
        """Say something about a kind of worker that is not hired, once; then look more seldom."""
        if about in self._said:
            return None
        self._said.add(about)
        return Stay(reason)

    def _stay(self, seen: Seen) -> Action:  # noqa: ARG002 (nothing can change it)
        return Nap(3600.0)

    def _watch_again(self, seen: Seen) -> None:
        self._go_on, self._mark, self._last, self._nap_s = self._watch, seen, seen, _FIRST_NAP_S
        self._blocked = 0
        self._late.clear()

    # ---- threads for work that lets go of the GIL ----------------------------------------------------------------------------

    def _try_threads(self, seen: Seen) -> Action:
        self._tried.add("thread")
        self._base_rate = 1 / seen.item_s if seen.item_s else 0.0
        self._alone_cpu_s = seen.first_cpu_s / seen.done if seen.done else 0.0
        self._crew = min(self.scene.cpus, self._most_threads)
        self._patience_s = seen.now_s + max(0.02, 3 * seen.item_s)
        self._go_on = self._await_threads
        self.ruled_out["process"] = "threads need nothing shipped"
        self.flips = ["if it held the GIL processes would win"] if self.scene.gil else []
        facts = f"{in_words(median(self._late))} to get it, 5 = held" if self.scene.gil else "there is none"
        return Hire(
            "thread", self._crew, 1, f"it computes, and the GIL is free ({facts}), {in_words(seen.item_s or seen.now_s)} an item"
        )

    def _await_threads(self, seen: Seen) -> Action:
        if seen.delivered < self._crew and seen.now_s < self._patience_s:
            return Nap(0.002)
        self._mark, self._go_on = seen, self._verify_threads
        self._patience_s = max(0.006, min(0.06, 3 * seen.item_s))
        return Nap(self._patience_s)

    def _verify_threads(self, seen: Seen) -> Action:
        since = Span(self._mark, seen)
        if since.done < 2 * self._crew and since.wall_s < 10 * self._patience_s and seen.left != 0:
            return Nap(self._patience_s)
        gained = since.done / since.wall_s / self._base_rate if self._base_rate else since.crew_cpus
        if self._alone_cpu_s and since.process_cpu_s > 0:
            # Before, the manager was in the way of the work: an item took longer, but no more CPU.
            gained = min(gained, since.cpus * self._alone_cpu_s * since.done / since.process_cpu_s)
        if gained >= _KEEP_FASTER and since.crew_cpus >= _KEEP_BUSIER:
            self._keep_threads(seen)
            return Verified(min(gained, self.scene.cpus))
        if gained >= _KEEP_FASTER and since.crew_cpus < self._crew * _WAITS_BELOW and since.cpus < _SATURATED:
            return self._begin_growing(seen)
        few = since.done < _MANY_EACH * self._crew  # and these may be of very different length
        if few and since.crew_cpus > _KEEP_FASTER * _KEEP_BUSIER and since.wall_s < 10 * self._patience_s:
            return Nap(self._patience_s)  # they burn CPU, and bring nothing yet
        self._blind_until_s = seen.now_s + max(0.05, seen.now_s)  # those who are on their way out may hold locks
        self._watch_again(seen)
        self.ruled_out = {"thread": f"brought {gained:.2f}x one worker"}
        self.flips = []
        return Return(f"threads brought {gained:.2f}x one worker ({since.crew_cpus:.1f} CPUs busy), so they were let go")

    def _oversee_threads(self, seen: Seen) -> Action:
        """Notice when work that computed begins to wait, or lets go of the GIL and waits for it again for much of the time."""
        since = Span(self._mark, seen)
        enough = since.done >= _MANY_EACH * self._crew or since.cpus < _RESTS
        if since.wall_s < _WHILE_S or seen.left == 0 or not enough:
            return Nap(_LONGEST_NAP_S)
        self._mark = seen
        if since.crew_cpus < _RESTS * self._crew and since.cpus < _SATURATED:
            return self._begin_growing(seen, since.load)
        # Where fewer are busy than one alone would keep, it is not the GIL that they wait for.
        in_line = since.crew_cpus < _SATURATED * self._crew and 1.0 <= since.cpus < _SATURATED * self.scene.cpus
        self._full_looks = self._full_looks + 1 if in_line else 0
        others = self.scene.gil and "process" not in self._tried and self.scene.most_processes > 1
        if self._full_looks > 1 and others:  # one look may be half of one kind of work, half of another
            self._busy, self._go_on, self._back = since, self._think_on, self._keep_threads
            return self._unless_shared(seen, self._think_of_both, apart=True)
        return Nap(_LONGEST_NAP_S)

    def _keep_threads(self, seen: Seen) -> Action:
        self._mark, self._go_on, self._full_looks = seen, self._oversee_threads, 0
        return Nap(_LONGEST_NAP_S)

    # ---- processes for work that holds the GIL -------------------------------------------------------------------------------

    def _think_of_processes(self, seen: Seen) -> Action:
        payload, apart = seen.payload, seen.safety.apart if seen.safety is not None else ""
        if payload is None and not apart:
            return Weigh()
        if payload is None or payload.stays or apart:
            self._tried.add("process")
            self.ruled_out["process"] = stays = apart or (payload.stays if payload is not None else "")
            return Stay(f"it computes, but {stays}, so it stays in the calling thread")
        scene, item_s, items = self.scene, item_s_of(seen), left_of(seen)
        since, longest_s = Span(self._mark, seen), item_s
        if since.done and since.first_cpu_s > 0:  # it computes: beyond that, it waited for the GIL, which the manager had
            item_s = min(item_s, since.first_cpu_s / since.done)
            longest_s = min(longest_s, (since.first_cpu_s + _UNHEARD_S) / since.done)
        ship_s, workers = payload.item_s, scene.most_processes
        start_s = scene.start_s + payload.imports_s
        saves = partial(saved_s, items=items, ship_s=ship_s, start_s=0.0 if seen.ready else start_s, workers=workers)
        each = f"{in_words(item_s)} an item" if seen.item_s else f"over {in_words(seen.now_s)} an item"
        facts = f"{each}, {in_words(ship_s)} to ship one"
        at_s = breaks_even_s(items=items, ship_s=ship_s, start_s=start_s, workers=workers, worth=_WORTH)
        if saves(item_s=item_s) <= _WORTH * items * item_s:
            if since.wall_s < _LONGEST_NAP_S and saves(item_s=longest_s) > _WORTH * items * longest_s:
                return Nap(_UNHEARD_S)  # too few have ended to tell
            self._not_worth_s = items * item_s  # more may be left than is known, or take longer
            self.ruled_out["process"] = "they would cost more than they save"
            self.flips = [f"above {in_words(at_s)} an item processes win"]
            reason = f"it computes ({facts}): processes would pay above {in_words(at_s)} an item"
            return self._say(reason, about="process") or Nap(self._nap_s)
        self._not_worth_s = 0.0
        if not seen.ready:
            return Prepare(workers)
        self._tried.add("process")
        self._base_rate = 1 / item_s
        self.flips = [f"below {in_words(at_s)} an item inline wins", *(["without a GIL threads would"] if scene.gil else [])]
        return self._hire_processes(seen, scene.most_processes, 1, f"it computes and holds the GIL ({facts})")

    def _hire_processes(self, seen: Seen, workers: int, in_flight: int, reason: str) -> Action:
        self._crew = workers
        self._patience_s = seen.now_s + max(1.0, 10 * seen.item_s)
        self._go_on = self._await_processes
        return Hire("process", workers, in_flight, reason)

    def _await_processes(self, seen: Seen) -> Action:
        if seen.delivered < self._crew and seen.left != 0 and seen.now_s < self._patience_s:
            return Nap(0.01)
        self._mark, self._go_on = seen, self._verify_processes
        return Nap(0.04)

    def _verify_processes(self, seen: Seen) -> Action:
        since = Span(self._mark, seen)
        if seen.left == 0:
            self._go_on = self._stay
            return Nap(_LONGEST_NAP_S)
        rate = since.done / since.wall_s if since.wall_s > 0 else 0.0
        gained = rate / self._base_rate if self._base_rate else 0.0
        if not self._threads_before:  # before, the manager was in the way of the work
            gained = max(gained, since.crew_cpus)
        if gained < _KEEP_FASTER and since.wall_s < max(_PATIENCE_S, 3 * seen.item_s):
            return Nap(0.04)
        if gained < _KEEP_FASTER and self._threads_before:
            self._back(seen)
            self._crew, self._threads_before = self._threads_before, 0
            self.ruled_out, self.flips = {"process": f"brought {gained:.2f}x the threads"}, []
            return Hire("thread", self._crew, 1, f"processes brought {gained:.2f}x the threads, so these came back")
        if gained < _KEEP_FASTER:
            self._watch_again(seen)
            self.ruled_out["process"], self.flips = f"brought {gained:.2f}x one worker", []
            return Return(f"processes brought {gained:.2f}x one worker, so they were let go")
        self._mark, self._go_on = seen, self._oversee_processes
        return Verified(min(gained, self.scene.cpus))  # before, the manager was in the way of the work

    def _oversee_processes(self, seen: Seen) -> Action:
        """Notice when work that computed begins to wait."""
        since = Span(self._mark, seen)
        if since.wall_s >= 4 * _LONGEST_NAP_S and seen.left != 0:
            self._mark = seen
            if since.crew_cpus < _RESTS * min(self._crew, self.scene.cpus) and since.cpus < _SATURATED:
                self._tried.discard("process")
                self._watch_again(seen)
                return Return(f"processes are busy only {since.crew_cpus / self._crew:.0%} of the time now")
        return Nap(_LONGEST_NAP_S)

    # ---- threads for work that waits -----------------------------------------------------------------------------------------

    def _begin_growing(self, seen: Seen, lately: float | None = None) -> Action:
        # If nothing has come back yet, the first item is as old as the run, and that much is known of how long one takes.
        load = Span(Seen(0.0), seen).load if lately is None else lately
        begun_s = seen.now_s - 2 * _FIRST_NAP_S if seen.done else 0.0
        self._knee = Knee(self._most_threads, begun_s, start=2, started=seen.taken, answered=seen.done)
        self._base_rate = 1 / seen.item_s if seen.item_s else 0.0
        self._unverified, self._settled = True, False
        self._back = self._grow_on
        self._grow_on(seen)
        self._crew = self._knee.target
        self.ruled_out = {"process": "there is little to compute"}
        self.flips = ["if it computed processes would win"]
        return Hire("thread", self._crew, 1, f"it waits ({load:.0%} CPU), so threads wait side by side")

    def _grow_on(self, seen: Seen) -> Action:
        self._go_on, self._full_looks, self._full_s = self._grow, 0, 0.0
        self._mark = seen
        self._window = deque([seen], maxlen=3)
        return Nap(_FIRST_NAP_S)

    def _tell_knee(self, seen: Seen) -> None:
        for start, items, seconds in seen.heard:
            for index in range(start, start + items):
                self._knee.heard(index, seconds / items)

    def _grow(self, seen: Seen) -> Action:
        knee, since = self._knee, Span(self._last, seen)
        self._tell_knee(seen)
        if since.wall_s <= 0:
            return Nap(_FIRST_NAP_S)
        busy = since.cpus
        self._note_lateness(seen)
        held = self.scene.gil and median(self._late) > HELD_S
        if self._unverified and knee.settled:
            self._unverified = False
            return Verified(max(1.0, knee.rate / (self._base_rate or 1 / max(knee.shortest_s, 1e-6))))
        bound = held or (self.scene.gil and not knee.settled)  # by the GIL; while it grows, nobody has slept long enough to know
        knee.look(seen.now_s, seen.taken, room=busy < _SATURATED * (1 if bound else self.scene.cpus))
        in_line = self.scene.gil and seen.late_s > _IN_LINE_S
        if seen.left != 0 and (((held or in_line) and busy >= _SATURATED) or self._computes_by_and_by(seen)):
            self._full_looks += 1
            self._full_s += since.wall_s
            if self._full_looks >= _FULL_LOOKS or self._full_s >= _FULL_S:
                action = self._mind_the_gil(seen)
                if action is not None:
                    return action
        else:
            self._full_looks, self._full_s = 0, 0.0
        self._move_window(seen)
        if knee.target != self._crew:
            self._crew, reason = knee.target, ""
            if knee.settled and not self._settled:
                self._settled = True
                reason = f"{knee.target} in flight: {knee.rate:,.0f} items/s, {in_words(knee.latency_s or 0.0)} each"
            return Hire("thread", knee.target, 1, reason)
        alert = self.scene.gil and "process" not in self._tried and self.scene.most_processes > 1
        return Nap(min(0.02, max(_FIRST_NAP_S, (knee.shortest_s or 0.0) / 8)), alert=alert)

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

    def _computes_by_and_by(self, seen: Seen) -> bool:
        """Tell whether the work, in the window, has had the GIL for so long that more threads would soon wait for it."""
        since = Span(self._mark, seen)
        met = self.scene.gil and max(self._late, default=0.0) > HELD_S
        return met and since.wall_s > _BY_AND_BY_S and since.cpus > _COMPUTES

    def _mind_the_gil(self, seen: Seen) -> Action | None:
        """Threads that wait keep the GIL busy all the same: it computes, too."""
        since = Span(self._window[-1], seen)
        if since.wall_s < _FULL_S or since.done < _FEW:
            since = Span(self._mark, seen)
            if since.wall_s < 0.03 or not since.done or not self._is_steady(seen):  # noqa: PLR2004
                return None
        rate = since.done / since.wall_s
        if self._knee.target <= 2 and self._base_rate and rate < _KEEP_FASTER * self._base_rate:  # noqa: PLR2004
            self._blind_until_s = 2 * seen.now_s
            self._watch_again(seen)
            return Return("it does not wait after all")
        if "process" in self._tried or self.scene.most_processes < 2:  # noqa: PLR2004
            return None
        if left_of(seen) * since.wall_s < (2 * self.scene.start_s + _CHANGE_S) * since.done:
            return None
        self._busy, self._go_on = since, self._think_on
        return self._unless_shared(seen, self._think_of_both, apart=True)

    def _think_on(self, seen: Seen) -> Action:
        if seen.safety is not None and seen.safety.together:
            self._go_on = self._stay
            return Return(f"{seen.safety.together}, so the items go on one after the other (engine= overrules)")
        self._tell_knee(seen)
        return self._unless_shared(seen, self._think_of_both, apart=True)

    def _think_of_both(self, seen: Seen) -> Action:
        """Say whether to have processes, with threads inside each, for work that waits and computes."""
        payload, apart = seen.payload, seen.safety is not None and seen.safety.apart
        if payload is None:
            return Weigh()
        rate, cpu_s = self._busy.done / self._busy.wall_s, self._busy.process_cpu_s / self._busy.done
        start_s = 0.0 if seen.ready else self.scene.start_s + payload.imports_s
        computes = self._back == self._keep_threads  # all the time, where it need not wait for the GIL
        latency_s = cpu_s if computes else self._knee.shortest_s or seen.item_s
        workers = self.scene.most_processes
        inside = 1 if computes else max(1, min(_MOST_INSIDE, ceil(_INSIDE * latency_s / cpu_s), self.scene.in_flight // workers))
        # What threads bring: lately, many of them may only just have been started.
        at_best = max(rate, min(1 / cpu_s, self._crew / max(latency_s, 1e-6)))
        hoped_for = workers * inside / max(latency_s, inside * cpu_s)  # items a second
        if payload.stays or apart or cpu_s < 4 * payload.item_s or hoped_for < _KEEP_FASTER * at_best:
            self._tried.add("process")
            return self._back(seen)
        if left_of(seen) * (1 / rate - 1 / hoped_for) < start_s or left_of(seen) / rate < 2 * start_s + _CHANGE_S:
            return self._back(seen)
        if not seen.ready:
            return Prepare(workers)
        self._tried.add("process")
        self._base_rate, self._threads_before = rate, self._crew
        self.ruled_out = {"thread": "they wait for the GIL"}
        self.flips = ["without a GIL threads would win"]
        reason = f"it waits, but needs {in_words(cpu_s)} of CPU an item, and the GIL is busy"
        if computes:
            reason = f"it computes ({in_words(cpu_s)} an item), and threads wait for the GIL: {self._busy.cpus:.1f} CPUs are busy"
        return self._hire_processes(seen, workers, inside, reason)
