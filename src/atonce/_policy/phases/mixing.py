"""Processes with threads inside each: for threads that wait for the GIL, because the work waits and computes."""

from __future__ import annotations

from math import ceil

from atonce._policy.action import Prepare, Return, Weigh
from atonce._policy.observation import left_of
from atonce._policy.phases.case import CHANGE_S, INSTANT_S, KEEP_FASTER, stay
from atonce._values.words import in_words

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from atonce._policy.action import Action
    from atonce._policy.observation import Payload, Seen, Span
    from atonce._policy.phases.case import Case, Threads
    from atonce._policy.phases.processes import Processes

__all__ = ("Mixing",)

_INSIDE = 2  # times as many items in a process as keep it busy if none of them ever waits at the same time as another
_MOST_INSIDE = 64  # items in flight in one process


class Mixing:
    """Decides whether processes replace threads."""

    def __init__(self, case: Case, processes: Processes) -> None:
        """Prepare; ``processes`` looks after those that are hired."""
        self._case = case
        self._processes = processes
        self._busy: Span
        self._threads: Threads

    def begin(self, seen: Seen, busy: Span, threads: Threads) -> Action:
        """Think of processes.

        Args:
            seen: the look.
            busy: what the threads did while the GIL was busy, before anything was done about it.
            threads: those who work now.
        """
        self._busy, self._threads, self._case.go_on = busy, threads, self._think_on
        return self._case.unless_shared(seen, self._think, apart=True)

    def _think_on(self, seen: Seen) -> Action:
        if seen.safety is not None and seen.safety.together:
            self._case.go_on = stay
            return Return(f"{seen.safety.together}, so the items go on one after the other (engine= overrules)")
        self._threads.hear(seen)
        return self._case.unless_shared(seen, self._think, apart=True)

    def _think(self, seen: Seen) -> Action:
        payload, scene, busy, threads = seen.payload, self._case.scene, self._busy, self._threads
        if payload is None:
            return Weigh()
        rate, cpu_s = busy.done / busy.wall_s, max(INSTANT_S, busy.process_cpu_s / max(busy.done, busy.worked))
        latency_s = cpu_s if threads.compute else threads.shortest_s or seen.item_s
        workers, inside = scene.most_processes, self._inside(latency_s, cpu_s)
        # What threads bring: lately, many of them may only just have been started.
        at_best = max(rate, min(1 / cpu_s, threads.crew / max(latency_s, INSTANT_S)))
        hoped_for = workers * inside / max(latency_s, inside * cpu_s)  # items a second
        if self._stays(seen, payload) or cpu_s < 4 * payload.item_s or hoped_for < KEEP_FASTER * at_best:
            self._case.tried.add("process")
            return threads.come_back(seen)
        start_s = 0.0 if seen.ready else scene.start_s + payload.imports_s
        items = left_of(seen)
        if items * (1 / rate - 1 / hoped_for) < start_s or items / rate < 2 * start_s + CHANGE_S:
            return threads.come_back(seen)
        if not seen.ready:
            return Prepare(workers)
        self._case.ruled_out = {"thread": "they wait for the GIL"}
        self._case.flips = ["without a GIL threads would win"]
        reason = f"it waits, but needs {in_words(cpu_s)} of CPU an item, and the GIL is busy"
        if threads.compute:
            reason = f"it computes ({in_words(cpu_s)} an item), and threads wait for the GIL: {busy.cpus:.1f} CPUs are busy"
        return self._processes.hire(seen, workers, inside, reason, base_rate=rate, instead_of=threads)

    def _stays(self, seen: Seen, payload: Payload) -> bool:
        return bool(payload.stays or (seen.safety is not None and seen.safety.apart))

    def _inside(self, latency_s: float, cpu_s: float) -> int:
        """Say how many threads are to be in each process."""
        if self._threads.compute:
            return 1
        most = min(_MOST_INSIDE, self._case.scene.in_flight // self._case.scene.most_processes)
        return max(1, min(most, ceil(_INSIDE * latency_s / cpu_s)))
