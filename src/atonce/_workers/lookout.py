"""Notices, while it happens, that a coroutine blocks its event loop: nothing else goes on there meanwhile.

A thread looks every few milliseconds whether the loop's thread is in the middle of an item and has not used any CPU since: then it
waits for something that the loop knows nothing of. Which call that is, the frames of the thread tell.

Who waits for a CPU, or for the GIL, waits too, and does nothing wrong: a look that comes late itself tells nothing.
"""

from __future__ import annotations

import os
import threading

from atonce._machine.frames import current_frames
from atonce._values.words import in_words
from atonce._workers.shift import Shift, item_of
from atonce.errors import BlockingCall

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from atonce._machine.clock import Clock
    from atonce._probe.blocking import Call
    from atonce._probe.clocks import Clocks
    from atonce._workers.base import Worker

__all__ = ("Lookout",)

_BLOCKED_S = 0.005  # Source: the design; a loop that serves many should never be kept for so long
_NAP_S = 0.0022  # two of them show what has gone on for 5 ms
# Each look takes the GIL from the loop: every 2.2 ms, they cost a loop of 2,000 connections, beside the other end on two CPUs, 30 %
# of its time; every 10 ms, 4 %. (Measured: benchmarks/peers/connections.py)
_CALM_NAP_S = 0.01
_CALM = 25  # looks in a row that saw nothing last, before they are fewer
_LATE_S = 0.001  # more than this, and somebody else had the GIL, or all CPUs
_ON_CPU = 0.2  # part of the time: then it computes
# Where other threads compute, a thread may wait for the GIL as long as it waits for a call. Five in line have had it by then.
_CONTENDED, _CONTENDED_S = 0.3, 0.05  # part of the time; and what counts as blocked then
_MOST_NAMED = 5  # places


class Blockage:
    """What one call in the user's code has done so far.

    Attributes:
        call: the call.
        times: how often it has blocked.
        seconds: for how long, in all.
        longest_s: for how long at most.
    """

    def __init__(self, call: Call) -> None:
        self.call = call
        self.times = 0
        self.seconds = 0.0
        self.longest_s = 0.0

    @property
    def place(self) -> tuple[str, int]:
        """Where the call is: file and line."""
        return self.call.file, self.call.line

    def words(self, name: str) -> str:
        """Say it."""
        often = "" if self.times == 1 else f" ({self.times:,} times, {in_words(self.longest_s)} at most)"
        from atonce._probe.blocking import instead_of  # noqa: PLC0415 (loaded, to find the call)

        place = f"{os.path.basename(self.call.file)}:{self.call.line}"  # noqa: PTH119 (pathlib takes 3.5 ms)
        return (
            f"{name} blocked the event loop for {in_words(self.seconds)}{often} in {place}: {self.call.text}. "
            f"Nothing else went on there; use {instead_of(self.call)}"
        )


class _Spell:
    """A call that a loop's thread is in, look after look."""

    def __init__(self, sign: tuple[int, int], since_s: float, others_s: float) -> None:
        self.sign = sign
        self.since_s = since_s
        self.others_s = others_s  # the CPU time of other threads, when it began
        self.blockage: Blockage | None = None
        self.counted_s = 0.0
        self.index = -1  # of the item
        self.error: BlockingCall | None = None


class Lookout:
    """Looks after event loops. Everything belongs to the thread that watches, but for what is said otherwise."""

    def __init__(self, clock: Clock, present: Callable[[], list[Worker]], name: str, *, strict: bool) -> None:
        """Prepare.

        Args:
            clock: where the time is read.
            present: lists the workers that may have a loop.
            name: of the function, for people.
            strict: whether an item fails that blocks.
        """
        self._clock = clock
        self._present: Callable[[], list[Worker]] | None = present  # Cleared by end(), in any thread
        self._name = name
        self._strict = strict
        self._over = threading.Lock()  # held until the end
        self._over.acquire()
        self._looking = threading.RLock()  # held while it looks
        self._blockages: dict[tuple[str, int], Blockage] = {}
        self._spells: dict[int, _Spell] = {}  # by thread
        self._cpu_s: dict[int, float] = {}  # what each thread's clock showed at the last look
        self._calm = 0  # looks in a row at which nothing had gone on since the last one

    def watch(self) -> None:
        """Look, until the end."""
        looked_s = self._clock.now()
        while True:
            nap_s = _CALM_NAP_S if self._calm > _CALM and not self._strict else _NAP_S
            if self._over.acquire(timeout=nap_s):
                return
            with self._looking:
                present = self._present
                if present is None:
                    return
                now_s = self._clock.now()
                self._look(present(), now_s, now_s - looked_s, late=now_s - looked_s - nap_s > _LATE_S)
                looked_s = now_s
            del present  # a run that nobody wants any more must not live on in a nap

    def end(self, *, wait: bool) -> None:
        """Look no more; with ``wait``, return when the last look has been taken. Any thread, as often as it likes."""
        if self._present is not None:
            self._present = None
            self._over.release()
        if wait:
            with self._looking:
                pass

    def worst(self, *, over: bool = False) -> list[Blockage]:
        """Return what has blocked so far, the longest first; not more than is worth naming. Any thread.

        Args:
            over: leave out what has not come to an end.
        """
        with self._looking:
            going_on = {id(spell.blockage) for spell in self._spells.values()} if over else set()
            worst = sorted(self._blockages.values(), key=lambda blockage: -blockage.seconds)[:_MOST_NAMED]
            return [blockage for blockage in worst if id(blockage) not in going_on]

    def _look(self, workers: list[Worker], now_s: float, since_s: float, *, late: bool) -> None:
        frames = current_frames()
        lasts, process_s = False, self._clock.process_cpu()
        for worker in workers:
            # An engine object of somebody's own may call itself "async", and have neither.
            clocks: Clocks | None = getattr(worker, "clocks", None)
            thread: int = getattr(worker, "thread_id", 0)
            cpu_s = None if clocks is None else clocks.cpu_s()
            frame = frames.get(thread)
            if clocks is None or cpu_s is None or frame is None:
                continue
            used_s, self._cpu_s[thread] = cpu_s - self._cpu_s.get(thread, 0.0), cpu_s
            sign = id(frame), frame.f_lasti
            spell = self._spells.get(thread)
            if spell is None or spell.sign != sign or used_s > _ON_CPU * since_s or (late and spell.blockage is None):
                self._spells[thread] = _Spell(sign, now_s, process_s - cpu_s)
                continue
            if self._is_long(spell, now_s, process_s - cpu_s) and not clocks.is_ready():
                self._spells[thread] = spell = self._note(spell, frame, now_s)
            lasts = lasts or frame.f_code.co_name not in {"select", "run_forever", "_run_loop"}
        self._calm = 0 if lasts else self._calm + 1

    @staticmethod
    def _is_long(spell: _Spell, now_s: float, others_s: float) -> bool:
        """Tell whether a spell has gone on for too long, with what other threads have computed meanwhile."""
        long_s = now_s - spell.since_s
        contended = others_s - spell.others_s > _CONTENDED * long_s
        return spell.blockage is not None or long_s >= (_CONTENDED_S if contended else _BLOCKED_S) - _NAP_S

    def _note(self, spell: _Spell, frame: FrameType, now_s: float) -> _Spell:
        """It has been in one call for long enough: say which, and go on to count."""
        found = self._find(frame)
        if found is None:
            spell.since_s = now_s + 1.0  # it is the loop's own business: not asked again for a while
            return spell
        call, shift, index = found
        if spell.blockage is not None and spell.index != index:
            return _Spell(spell.sign, now_s, spell.others_s)  # the next item, in the same call, and in the same place in memory
        if spell.blockage is None:
            spell.index = index
            spell.blockage = self._blockages.setdefault((call.file, call.line), Blockage(call))
            spell.blockage.times += 1
            if self._strict:
                spell.error = shift.blame(index, BlockingCall(""))
        blockage, took_s = spell.blockage, now_s - spell.since_s + _NAP_S
        blockage.seconds += took_s - spell.counted_s
        blockage.longest_s = max(blockage.longest_s, took_s)
        spell.counted_s = took_s
        if spell.error is not None:
            single = Blockage(blockage.call)
            single.times, single.seconds = 1, took_s
            spell.error.args = (single.words(self._name),)
        return spell

    @staticmethod
    def _find(frame: FrameType) -> tuple[Call, Shift, int] | None:
        """Find the call, and the item that it is in: its shift, and its index."""
        from atonce._probe.blocking import call_in, stack  # noqa: PLC0415 (15 ms, for those who have blocked)

        frames: list[FrameType] = []
        for each in stack(frame):
            if (item := item_of(each)) is not None:
                call = call_in(frames)
                return None if call is None else (call, *item)
            frames.append(each)
        return None
