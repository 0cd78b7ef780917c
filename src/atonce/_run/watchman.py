"""Says so when nothing has finished for long: which items are under way, for how long, on which workers, and where they are.

It looks now and then at how far the run has come, and asks for more only in a silence. When to speak, ``_policy/silence.py`` says.

====================================================== ===================================================================
what it sees                                           what it takes it for
====================================================== ===================================================================
the books have grown, or something else is under way   the end of an item
nothing is under way, and nobody reads the input       rest: the consumer takes its time, or all waits for ``rate`` or a retry
somebody reads the input                               "waits for the next input", which no item is to blame for
====================================================== ===================================================================
"""

from __future__ import annotations

import sys
import threading
from contextlib import suppress

from atonce._policy import silence
from atonce._run.attendants import ATTENDANTS
from atonce._run.inflow import FedSource
from atonce._run.source import Source
from atonce._values.shown import shortly
from atonce._values.words import in_words, plural
from atonce._workers.in_flight import awaited_by, carried_by, place_of, reads, stacks

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from typing import Any

    from atonce._machine.clock import Clock
    from atonce._run.attendants import Errand
    from atonce._run.driver import Run
    from atonce._workers.in_flight import InFlight

__all__ = ("Watchman",)

_LOOKS = 16  # in the shortest silence
_SAID = 3  # items named on stderr
_TOLD = 8  # items named in the report
_READERS = {Source._read_list.__code__}  # noqa: SLF001 (by its frame, it shows that somebody reads the input)


class _Scene:
    """What goes on in a run.

    Attributes:
        items: some of those under way, the longest first.
        more: how many others are.
        reading: where the next input is being read; empty if that cannot be told; ``None`` if nobody reads.
    """

    __slots__ = ("items", "more", "reading")

    def __init__(self, items: list[InFlight], more: int, reading: str | None) -> None:
        self.items = items
        self.more = more
        self.reading = reading

    @property
    def is_at_rest(self) -> bool:
        """Whether there is nothing that could end."""
        return not self.items and not self.more and self.reading is None


class Watchman:
    """Watches one run, in a thread that was there before. Everything belongs to it, but for what is said otherwise."""

    def __init__(self, run: Run, clock: Clock) -> None:
        limits = silence.LIMITS
        self._run: Run | None = run  # Cleared by end(), in any thread
        self._clock = clock
        self._nap_s = min(limits.soonest_s, limits.first_s) / _LOOKS
        begun_s = run.account.begun_s
        finished = run.ended > 0
        self._silence = silence.Silence(clock.now() if finished else begun_s, finished=finished, limits=limits)
        self._seen = _progress(run)  # how far the run had come at the last look
        self._carried: Any = None  # what threads had in hand then
        self._notice = -1  # which of the report's notices tells of this silence
        self._over = threading.Lock()  # held until the end
        self._over.acquire()
        self._errand: Errand | None = None

    def begin(self) -> None:
        """Begin to watch."""
        run = self._run
        assert run is not None
        run.watch_over(self)
        # Race: 1. the run ends, and all who are to end with it; 2. we join them too late.
        if run.closed:
            self.end(wait=False)
        else:
            self._errand = ATTENDANTS.send(self._watch)

    def end(self, *, wait: bool) -> None:  # noqa: ARG002 (a look may take half a second, and what it finds does not matter any more)
        """Watch no more. Any thread, as often as it likes."""
        if self._run is not None:
            self._run = None
            self._over.release()
        if self._errand is not None:
            ATTENDANTS.call_off(self._errand)

    # ---- the thread -------------------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        while not self._over.acquire(timeout=self._nap_s):
            run = self._open_run()
            if run is None:
                return
            try:
                self._look(run)
            except Exception as error:  # a defect of ours, which the run need not mind
                run.report.notices.append(f"InternalError: the watch for silence has failed: {type(error).__name__}: {error}")
                return
            del run  # a run that nobody wants any more must not live on in a nap

    def _open_run(self) -> Run | None:
        """Give the run, if it is not about to end."""
        run = self._run
        return None if run is None or run.closed or run.source.stopped else run

    def _look(self, run: Run) -> None:
        threads = stacks()
        try:
            self._look_into(run, threads)
        finally:
            for frames in threads:  # frames of others who look have lists of frames, too, and nobody would let go of any
                frames.clear()

    def _look_into(self, run: Run, threads: list[list[Any]]) -> None:
        now_s, seen = self._clock.now(), _progress(run)
        if seen != self._seen:
            self._seen, self._carried = seen, None
            self._heard(now_s)
            return
        workers = self._workers_of(run)
        carried = carried_by(workers, threads, now_s)
        at = {(each.worker, each.index) for each in carried}
        if self._carried not in (None, at):  # some items of a batch have ended, and not the batch
            self._heard(now_s)
        self._carried = at
        if not carried and run.source.taken <= sum(seen) and self._reading(run, workers, threads, busy=False) is None:
            self._rested(now_s)
            return
        if not self._silence.is_due(now_s):
            return
        scene = self._scene(run, workers, threads, carried, now_s)
        if scene.is_at_rest:
            self._rested(now_s)
        elif self._open_run() is run:
            self._say(run, scene, now_s)

    def _heard(self, now_s: float) -> None:
        self._silence.heard(now_s)
        self._notice = -1

    def _rested(self, now_s: float) -> None:
        self._silence.rested(now_s)
        self._notice = -1

    @staticmethod
    def _workers_of(run: Run) -> list[Any]:
        return [*run.present(), *([] if run.caller is None else [run.caller])]

    def _scene(self, run: Run, workers: list[Any], threads: list[list[Any]], carried: list[InFlight], now_s: float) -> _Scene:
        items, more = list(carried), 0
        for worker in workers:
            if hasattr(worker, "pullers"):
                found = awaited_by(worker, threads, now_s)
                items += found.items
                more += found.more
        handle = sys.modules.get("atonce._workers.process.handle")
        processes = [] if handle is None else [worker for worker in workers if isinstance(worker, handle.ProcessWorker)]
        if processes:
            from atonce._workers.process.whereabouts import in_processes  # noqa: PLC0415 (for those who have processes)

            found = in_processes(processes, run)
            items += found.items
            more += found.more
        if not items and not more and any(not type(worker).__module__.startswith("atonce.") for worker in workers):
            more = max(0, run.source.taken - sum(_progress(run)))  # an engine of somebody's own tells no more
        items.sort(key=lambda each: (-(each.for_s or 0.0), each.index))
        return _Scene(items, more, self._reading(run, workers, threads, busy=bool(items)))

    @staticmethod
    def _reading(run: Run, workers: list[Any], threads: list[list[Any]], *, busy: bool) -> str | None:
        source = run.source
        if source.exhausted:
            return None
        if isinstance(source, FedSource):  # nobody has anything to do, and there is room for more: its reader has nothing
            return "" if not busy and not source.full and source.due_in_s() is None and not source.there else None
        for frames in threads:
            beyond = reads(frames, _READERS, source, workers)
            if beyond is not None:
                return place_of(beyond)
        return None

    # ---- words ------------------------------------------------------------------------------------------------------------------

    def _say(self, run: Run, scene: _Scene, now_s: float) -> None:
        self._silence.spoke(now_s)
        lasts_s = self._silence.lasts_s(now_s)
        notices = run.report.notices
        told = f"{self._fact(run, lasts_s)}{_in_words(run, scene, lasts_s, _TOLD)}"
        if 0 <= self._notice < len(notices):
            notices[self._notice] = told  # the latest says it all
        else:
            notices.append(told)
            self._notice = len(notices) - 1
        _write(f"atonce: {self._fact(run, lasts_s)}{_in_words(run, scene, lasts_s, _SAID)}\n")

    def _fact(self, run: Run, lasts_s: float) -> str:
        longest_s = self._silence.longest_s
        if not self._silence.finished:
            return f"{run.job.name}: nothing has finished yet, after {_rounded(lasts_s)}"
        usual = f" (the longest wait before was {_rounded(longest_s)})" if longest_s > self._nap_s else ""
        return f"{run.job.name}: nothing has finished for {_rounded(lasts_s)}{usual}"


def _progress(run: Run) -> tuple[int, int]:
    """Tell how many items have ended, and how many wait to be started again."""
    return run.ended, len(run.source.shelf)


def _in_words(run: Run, scene: _Scene, lasts_s: float, most: int) -> str:
    parts = []
    if scene.reading is not None:
        parts.append(f". It waits for the next input, item {run.source.taken}" + (f", at {scene.reading}" if scene.reading else ""))
    if scene.items or scene.more:
        named = [_named(each, lasts_s) for each in scene.items[:most]]
        others = len(scene.items) - len(named) + scene.more
        if others:
            named.append(f"{others:,} more" if named else f"{others:,} item{plural('item', others)}")
        parts.append(f". In flight: {'; '.join(named)}")
    return "".join(parts)


def _named(each: InFlight, lasts_s: float) -> str:
    text = f"item {each.index} {shortly(each.item)} for {_rounded(lasts_s if each.for_s is None else each.for_s)}"
    on = f"in the {each.worker}" if each.worker == "calling thread" else f"on {each.worker}"
    return f"{text} {on}" + (f" at {each.at}" if each.at else "")


def _rounded(seconds: float) -> str:
    return f"{seconds:,.0f} s" if seconds >= 10 else in_words(seconds)  # noqa: PLR2004


def _write(line: str) -> None:
    """Write a line to stderr, with one call; above bars, where tqdm draws some there."""
    stream: Any = sys.stderr
    tqdm = getattr(sys.modules.get("tqdm"), "tqdm", None)
    with suppress(Exception):  # there may be none, it may be closed, and it may be somebody's own
        if tqdm is not None and getattr(tqdm, "_instances", None):
            tqdm.write(line, file=stream, end="", nolock=True)  # whoever draws may have failed with the lock in hand
        else:
            stream.write(line)
        stream.flush()
