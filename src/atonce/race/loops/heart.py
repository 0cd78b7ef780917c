"""The heart of a loop under control: which handle runs next, and what happens when none is ready.

A timer runs out when nothing is ready, in virtual time; and when there is no timer either, the loop waits for other threads as a
task of the scheduler does. So a loop that waits for nobody is a deadlock, and the scheduler says so.

The loop's cell stands for what other threads hand to it: they write it, the loop reads it at each turn.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections import deque
from heapq import heappop
from inspect import CORO_CREATED, getcoroutinestate
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from atonce.race.loops.sockets import LazySelector
from atonce.race.loops.stand import place_of_task, user_place
from atonce.race.loops.turns import Turns, is_own, stepped
from atonce.race.operations import WHOLE, Operation
from atonce.race.scheduler import active
from atonce.race.tasks import Abort

if TYPE_CHECKING:
    from asyncio import Handle, Task, TimerHandle

    from atonce.race.scheduler import Scheduler

__all__ = ("Heart",)

_SAME_TIME_S = 1e-9  # deadlines that differ by less are the same: asyncio's own tolerance
_TURNS_ALONE = 100  # after so many turns without a point there is one, so that a run that never ends is noticed
_SOCKETS_S = 2.0  # how long sockets are waited for, in real time, before nothing is expected of them any more
_SOCKETS_OR_TIMER_S = 0.05  # the same where a timer would run out

_SelectorEventLoop: Any = asyncio.SelectorEventLoop  # most of what is used and replaced here is not in its declared type


class Heart(_SelectorEventLoop):  # type: ignore[misc]
    """asyncio's selector loop with another way to run what is ready.

    Attributes:
        run: the run that it belongs to.
        all: every task that it ever had: asyncio itself keeps weak references.

    Guarded by: the baton. Threads that are not under control may add to `_brought`, and set `_woken`.
    """

    _scheduled: list[TimerHandle]  # asyncio's heap of timers
    _stopping: bool

    def __init__(self, run: Scheduler) -> None:
        self.run = run
        self.all: list[Task[Any]] = []
        self._turns = Turns()
        self._brought: deque[Handle] = deque()  # by other threads, in their order
        self._woken = False  # one of them wants the loop to notice
        self._deadline_s: float | None = None
        self._alone = 0
        number = run.number(self)
        self._reads = ((number, WHOLE, False),)
        self._writes = ((number, WHOLE, True),)
        self._watched = LazySelector(self._uses_sockets)
        super().__init__(self._watched)

    @property
    def has_something_to_run(self) -> bool:
        """Whether there are callbacks or timers."""
        return bool(self._turns or self._brought or self._scheduled)

    def forget(self) -> None:
        """Let nothing run any more."""
        for handle in (*self._turns, *self._brought):
            _close_unbegun(handle)
        self._turns.clear()
        self._brought.clear()
        self._scheduled.clear()

    # ---------------------------------------------------------------- running

    def _run_once(self) -> None:
        self._look_around()
        if not self._turns and not self._stopping:
            self._wait()
        last = self._turns.round + 1 if self._stopping else None
        self._run_one(last)
        if self._stopping:  # what asyncio would have run in the same round still runs: that is promised
            last = self._turns.round if last is None else last
            while self._run_one(last):
                pass
            self._announce("stop")

    def _run_one(self, last_round: int | None) -> bool:
        turns, run = self._turns, self.run
        handle: Any = turns.take(run.choose, last_round)
        if handle is None:
            return False
        if self._next_s() is not None:
            run.doubt("a timer might run out before what is ready has run")
        if run.on_step is not None and (task := stepped(handle._callback)) is not None:
            run.note(Operation(f"resume {task.get_name()}", (), place_of_task(task)))
        handle._run()
        if run.aborting:  # asyncio has swallowed the signal, as it swallows all that a task raises
            raise Abort
        if turns.passed_over:
            turns.passed_over = False
            run.doubt("a task of an event loop was kept waiting for very long")
        return True

    # ---------------------------------------------------------------- noticing

    def _look_around(self) -> None:
        """Let other threads go first where there are any, and notice what they have brought and which timers have run out."""
        if self.run.aborting:
            raise Abort
        if self._turns:
            self._let_others_go_first()
        self._take_in()

    def _let_others_go_first(self) -> None:
        run = self.run
        self._alone += 1
        if len(run.live) > 1 or self._alone > _TURNS_ALONE:
            self._alone = 0
            run.point(Operation("turn", self._reads))

    def _take_in(self) -> None:
        if self._brought:
            self._turns.from_outside()
            while self._brought:
                self._turns.add(self._brought.popleft())
        self._woken = False
        next_s = self._next_s()
        if next_s is not None and next_s <= self.run.now_s + _SAME_TIME_S:
            self._let_timers_run()

    def _next_s(self) -> float | None:
        """Return when the next timer runs out, if there is any."""
        scheduled = self._scheduled
        while scheduled and scheduled[0].cancelled():
            heappop(scheduled)
        return scheduled[0].when() if scheduled else None

    def _let_timers_run(self) -> None:
        self._turns.from_outside()
        end_s = self.run.now_s + _SAME_TIME_S
        while self._scheduled and self._scheduled[0].when() <= end_s:
            timer: Any = heappop(self._scheduled)
            timer._scheduled = False
            if not timer.cancelled():
                self._turns.add_timer(timer)

    def _timer_handle_cancelled(self, timer: Any) -> None:
        """Forget a timer that has run out, and not run yet: it is no longer one of those to choose from."""
        if not timer._scheduled:
            self._turns.drop(timer)

    # ---------------------------------------------------------------- waiting

    def _wait(self) -> None:
        """Wait for a timer, or for another thread. Nothing is ready."""
        if self._watched.watches and self._wait_for_sockets():
            return
        self._deadline_s = deadline_s = self._next_s()
        first = next((task for task in self.all if not task.done()), None)
        place = None if first is None else place_of_task(first)
        self.run.point(Operation("select", self._reads, place, self._may_go_on, wake_s=deadline_s, waits=deadline_s is None))
        self._let_others_go_first()  # what they bring may come before the loop looks, or after
        self._take_in()

    def _may_go_on(self) -> bool:
        return self._woken or (self._deadline_s is not None and self.run.now_s >= self._deadline_s)

    def _wait_for_sockets(self) -> bool:
        """Wait for sockets in real time, for a while, and tell whether something has come: from there, or from other threads."""
        patience_s = _SOCKETS_S if self._next_s() is None else _SOCKETS_OR_TIMER_S
        pause_s = 0.0
        while patience_s > 0:
            self._process_events(self._watched.select(pause_s))
            self.run.point(Operation("select", self._reads, yields=True))
            self._take_in()
            if self._turns:
                return True
            patience_s -= pause_s
            pause_s = pause_s * 2 or 0.001
        return False

    def _announce(self, kind: str, *, writes: bool = True, enables: bool = False) -> None:
        """Let other threads go first: what is done next touches what they see of the loop, or what the loop sees of them."""
        run = active()
        if run is not self.run:
            self.run.doubt("a thread that is not under control calls an event loop")
        elif len(run.live) > 1 or run.aborting:
            cells = self._writes if writes else self._reads
            run.point(Operation(kind, cells, user_place(sys._getframe(2)), enables=enables))

    def _uses_sockets(self) -> None:
        self.run.doubt("uses sockets: what comes from outside is not decided here")

    def _add_callback(self, handle: Handle) -> None:
        if not handle.cancelled():
            self._turns.add(handle)

    def _make_self_pipe(self) -> None:
        """Nothing wakes it but the scheduler."""

    def _close_self_pipe(self) -> None:
        """There is none."""

    def _write_to_self(self) -> None:
        self._woken = True


def _close_unbegun(handle: Handle) -> None:
    """End the coroutines that other threads have handed over and that never began.

    Where there is no global lock an object ends late, in the thread that made it: they would complain there, during another run.
    """
    callback: Any = handle._callback  # type: ignore[attr-defined]
    if callback is not None and is_own(callback):
        for thing in gc.get_referents(*(getattr(callback, "__closure__", None) or ())):
            if type(thing) is CoroutineType and getcoroutinestate(thing) == CORO_CREATED:
                thing.close()
