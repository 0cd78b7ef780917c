"""The manager of an ``engine="auto"`` run: looks at the work while it goes on, and does what the policy decides.

That is ``_policy/hiring.py``, or, for coroutine functions, ``_policy/looping.py``.

::

    calling thread ── works ──▶ deliveries ─┐
    CPU clocks of threads and processes ────┼──▶ Seen ──▶ Hiring.look() ──▶ hire, let go, keep
    how late this thread wakes (the GIL) ───┘

It is a thread of its own, because the caller may be in the middle of its first item; one that was there before, for it may not cost
a call of a few microseconds a hundred more.
"""

from __future__ import annotations

import threading
from contextlib import nullcontext

from atonce._machine.hurry import HURRY
from atonce._policy.action import Hire, Inspect, Nap, Prepare, Return, Stay, Verified, Weigh
from atonce._policy.observation import HELD_S, Seen
from atonce._probe.clocks import own_clocks
from atonce._run.attendants import ATTENDANTS
from atonce._run.bell import ThreadBell
from atonce._run.driver import Crew, is_of_kind
from atonce._run.engines import engine_named, processes_are_warm
from atonce._run.pause import Pause
from atonce._values.typed import Protocol
from atonce.errors import InternalError, PoolClosed

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from typing import Any

    from atonce._machine.clock import Clock
    from atonce._policy.action import Action
    from atonce._policy.observation import Payload, Safety, Scene
    from atonce._probe.clocks import Clocks
    from atonce._probe.effects import Watch
    from atonce._run.asking import Enquiry
    from atonce._run.attendants import Errand
    from atonce._run.driver import Run, Witnessed
    from atonce._workers.base import Worker

__all__ = ("HiringManager",)

_FIRST_NAP_S = 0.001
_ASK_AGAIN_S = 0.01
_HAND_OVER_S = 0.02  # Assumes: worker processes that are ready have their first items before
_STARTED_S = 0.1
_OVERDUE_S = 0.01  # Assumes: two switch intervals; later than this, threads are in line for the GIL
_SETTLED_S = 0.2  # Assumes: 64 threads in line have all had their 3 ms by then
_COMPUTES = 0.75  # part of the time since the last look
_SMOOTHING = 0.5  # weight of the newest delivery


class Policy(Protocol):
    """What decides."""

    def __init__(self, scene: Scene, seen: Seen) -> None: ...
    @property
    def ruled_out(self) -> dict[str, str]: ...
    @property
    def flips(self) -> list[str]: ...

    def look(self, seen: Seen) -> Action:
        """Say what to do now."""


class HiringManager:
    """Manages one run. Everything belongs to its thread, but for what is said otherwise."""

    def __init__(self, policy: Callable[[], type[Policy]], look_around: Callable[[], Scene], clock: Clock, home: Crew) -> None:
        """Make a manager. The functions are called in its thread: the caller has no time to lose.

        Args:
            policy: finds the class that decides, and imports it.
            look_around: says what is known before anything is seen.
            clock: where the time is read.
            home: those who work alone again if others are of no use, where the caller does not.
        """
        self._policy = policy
        self._look_around = look_around
        self._home = home
        self._scene: Scene | None = None
        self._clock = clock
        self._looking = threading.RLock()  # held while it looks and acts, and not while it sleeps
        self._bell = ThreadBell()  # rung at the end
        self._ended = False  # Written by end(), in any thread
        self._errand: Errand | None = None
        self._run: Run | None = None
        self._begun_s = 0.0
        self._held = False  # whether it took long to get the GIL, at the last look
        self._pause = Pause(clock)
        self._caller = ""  # the name of the calling thread as a worker, if it is one
        self._caller_clocks: Clocks | None = None
        self._witnessed: deque[Witnessed]
        self._process_cpu_s = 0.0  # when it began
        self._first_cpu_s = 0.0
        self._first_seen = 0.0, 0.0  # when, and its CPU time then
        self._queued_before_s = self._queued_s = 0.0
        self._done = 0
        self._heard: list[tuple[int, int, float]] = []  # since somebody was told last
        self._item_s = 0.0
        self._delivered: set[str] = set()
        self._hired_kind = ""  # as the plan says
        self._kind = "thread"  # of those who were hired last
        self._crew_cpu_s = 0.0  # of all who were ever hired
        self._crew_queued_s = 0.0
        self._crowd = False  # whether more were hired than there are CPUs
        self._first_clocks = 0.0, 0.0, False
        self._crew_clocks_s = 0.0, 0.0
        self._crew_clocks: dict[Worker, tuple[float, float]] = {}  # what each of them showed last
        self._watch: Watch | None = None
        self._safety: Safety | None = None
        self._payload: Payload | None = None
        self._ready = False  # whether worker processes have been made ready
        self._prepared_s = 0.0  # when that began

    def begin(self, run: Run) -> None:
        """Start to watch. The calling thread does so, whose work it is, unless it is on an event loop."""
        self._run = run
        self._witnessed = run.manage(self)
        self._begun_s = self._clock.now()
        self._process_cpu_s = self._clock.process_cpu()
        if run.caller_helps:
            self._caller, self._caller_clocks = run.caller_name, own_clocks()
            self._first_cpu_s = self._clock.thread_cpu()
        self._errand = ATTENDANTS.send(self._manage)

    def end(self, *, wait: bool) -> None:
        """Stop; with ``wait``, return when it does nothing more. Any thread."""
        self._ended = True
        if self._errand is None or ATTENDANTS.call_off(self._errand):
            self._run = None
            return
        self._bell.ring()
        if wait:
            with self._looking:  # it wakes up and finds that it has ended
                pass

    # ---- the thread -------------------------------------------------------------------------------------------------------------

    def _manage(self) -> None:
        try:
            self._look_and_act()
        except PoolClosed:
            return  # closed meanwhile: the consumer hears of it from the pool
        except BaseException as error:
            self._give_up(error)
        finally:
            self._pause.end()
            self._run = None

    def _look_and_act(self) -> None:
        late_s = self._clock.now() - self._begun_s
        with self._looking, HURRY:
            if (run := self._open_run()) is None:
                return
            self._held = late_s > HELD_S
            if self._held:
                self._pause.begin(run)
            self._queued_before_s = 0.0 if self._caller_clocks is None else self._caller_clocks.queued_s()
            self._process_cpu_s -= self._clock.thread_cpu()  # what this thread does is not the work's
            self._scene = scene = self._look_around()
            hiring = self._policy()(scene, self._see(run, late_s))
            self._pause.end()
        nap = Nap(_FIRST_NAP_S)
        while True:
            late_s = self._sleep(nap)
            with self._looking:
                if (run := self._open_run()) is None:
                    return
                nap = self._act(run, hiring, late_s)

    def _sleep(self, nap: Nap) -> float:
        """Sleep, and return by how much it was too long."""
        if nap.alert and self._crowd and (run := self._open_run()) is not None and self._scene is not None:
            self._clear_the_way(run, nap.seconds + _OVERDUE_S)
            del run  # a run that nobody wants any more must not live on in a nap
        asleep_s = self._clock.now()
        self._bell.wait(nap.seconds)
        return self._clock.now() - asleep_s - nap.seconds

    def _open_run(self) -> Run | None:
        return None if self._ended else self._run

    def _act(self, run: Run, hiring: Policy, late_s: float) -> Nap:
        """Do what there is to do now; return for how long there is nothing."""
        self._held = late_s > HELD_S
        with self._haste():
            seen = self._see(run, late_s)
        if self._delivered and self._pause.is_limited:  # those whom work was handed over to
            self._pause.end()
        self._pause.look()
        acted: Action | None = None
        while not isinstance(action := hiring.look(seen), Nap):
            acted = action
            if isinstance(action, Hire | Return | Stay | Verified):
                now_s = self._clock.now() - self._begun_s
                with self._haste():
                    self._obey(run, action)
                self._explain(run, hiring, action, now_s)
            else:
                self._make_room(run)
                with HURRY:
                    self._find_out(run, action)
            with self._haste():
                seen = self._see(run, 0.0)
        if not isinstance(acted, Hire | None) or not self._pause.is_limited:
            self._pause.end()
        return action

    def _haste(self) -> AbstractContextManager[None]:
        """Be in a hurry: to open a file, or to start a thread, lets the GIL go, and to have it again would take 5 ms.

        Not where many are in line for it: the shorter the turn of each, the longer the line, and the next to lose it are we.
        """
        return nullcontext() if self._crowd and self._held else HURRY

    def _make_room(self, run: Run) -> None:
        """Have the threads pause that are in the way."""
        assert self._scene is not None
        if self._crowd:
            self._clear_the_way(run, 0.0)
            self._pause.settle(_SETTLED_S)
        elif self._held:
            self._pause.begin(run, self._scene.start_s)

    def _clear_the_way(self, run: Run, after_s: float) -> None:
        assert self._scene is not None
        self._pause.clear_the_way(run, after_s, self._scene.cpus, len(run.present()))

    def _find_out(self, run: Run, action: Inspect | Weigh | Prepare) -> None:
        if isinstance(action, Inspect):
            self._inspect(run)
        elif isinstance(action, Weigh):
            self._weigh(run)
        else:
            self._prepare(run, action.workers)

    def _obey(self, run: Run, action: Action) -> None:
        if isinstance(action, Hire):
            self._hire(run, action)
        elif isinstance(action, Return):
            self._return(run)

    def _explain(self, run: Run, hiring: Policy, action: Action, now_s: float) -> None:
        """Enter a decision into the plan, for the report."""
        plan = run.report.plan
        if isinstance(action, Verified):
            plan.verified_s, plan.gain = now_s, action.gain
        elif isinstance(action, Hire | Return | Stay) and action.reason:
            plan.reasons.append(action.reason)
        if isinstance(action, Hire) and self._hired_kind != action.engine:
            plan.hired_s = self._prepared_s if action.engine == "process" else now_s
            plan.verified_s = plan.gain = None
        if isinstance(action, Return):
            plan.hired_s = plan.verified_s = plan.gain = None
        self._hired_kind = plan.engine
        plan.ruled_out, plan.flips = dict(hiring.ruled_out), list(hiring.flips)
        plan.safe = self._safe_in_words()

    def _safe_in_words(self) -> str:
        words = ["pickles"] if self._payload is not None and not self._payload.stays else []
        if self._watch is not None and self._safety is not None and not self._safety.together:
            words.append(self._watch.grounds)
        return "; ".join(words)

    def _inspect(self, run: Run) -> None:
        if self._watch is None:
            from atonce._probe.effects import Watch  # noqa: PLC0415 (3 ms, for those who are about to hire)

            fn: Any = run.job.fn
            self._watch = Watch(fn, star=fn.star if run.job.seeded else run.job.star, seeded=run.job.seeded)
        # Race: 1. a look takes some milliseconds; 2. items end meanwhile, and what they change is in the fingerprints already;
        # 3. these items would be taken for witnesses that nothing changes. So those count that end after the look.
        sample = run.source.sample
        if run.job.seeded:
            from atonce._values.numbered import unnumbered  # noqa: PLC0415 (loaded, where inputs are numbered)

            sample = tuple(map(unnumbered, sample))
        safety = self._watch.look(sample)
        self._hear()
        self._safety = safety._replace(done=self._done)

    def _weigh(self, run: Run) -> None:
        from atonce._machine.calibration import CALIBRATION  # noqa: PLC0415 (loaded, to look around)
        from atonce._probe.payload import weigh  # noqa: PLC0415

        self._payload = weigh(run.job.fn, run.source.sample, run.account.sample, CALIBRATION.constants())

    def _prepare(self, run: Run, workers: int) -> None:
        """Have worker processes import what the function needs before they get any items: those would lie there meanwhile.

        They are asked what they find where the function reads.
        """
        from atonce._probe.elsewhere import state_of  # noqa: PLC0415
        from atonce._run.asking import Enquiry  # noqa: PLC0415

        assert self._scene is not None
        places = self._watch.places if self._watch is not None else ()
        asked_s, warm = self._clock.now(), processes_are_warm()
        self._prepared_s = asked_s - self._begun_s
        crew = Crew(engine_named("process"), workers, 1, self._scene.most_processes)
        question = (run.job.fn, places)
        enquiry = Enquiry(run.staff, crew, state_of, question, bell=self._bell, clock=self._clock)
        try:
            answers = self._ask(enquiry)
        except PoolClosed:
            raise
        except Exception as error:  # the function arrives, and what it needs is not there: no fault of the manager's
            self._keep_here(f"a new process cannot take it: {type(error).__name__}: {str(error).partition(chr(10))[0]}")
            return
        finally:
            self._bell.reset()  # which the workers have rung
            if self._ended:
                self._bell.ring()
        self._ready = True
        if answers:
            imports_s = self._payload.imports_s if self._payload is not None else 0.0  # which another program does not have
            self._learn(self._clock.now() - asked_s - imports_s, warm=warm)
            here = state_of(*question)
        for there in answers:
            other = next((place for place, one, two in zip(places, here, there, strict=True) if one != two), None)
            if other is not None:
                self._keep_here(f"{other[1]!r} is not what it is in a new process that imports {other[0]}")

    def _ask(self, enquiry: Enquiry) -> list[Any]:
        """Return the answers; none if the run has ended meanwhile."""
        try:
            enquiry.ask()
            while not self._ended and not enquiry.answered():
                self._bell.wait(_ASK_AGAIN_S)
                self._pause.look()  # what workers import may take seconds
        finally:
            enquiry.close(patient=not self._ended)
        return [] if self._ended else enquiry.answers

    def _keep_here(self, reason: str) -> None:
        self._ready = True
        if self._safety is not None:
            self._safety = self._safety._replace(apart=self._safety.apart or reason)

    @staticmethod
    def _learn(took_s: float, *, warm: bool) -> None:
        """Remember how long worker processes took to start."""
        from atonce._machine.calibration import CALIBRATION  # noqa: PLC0415 (loaded, to look around)

        if 0.0 < took_s < _STARTED_S:  # else the imports took longer or less long than was thought
            CALIBRATION.learn(**{"warm_start_s" if warm else "cold_start_s": took_s})

    def _hire(self, run: Run, action: Hire) -> None:
        assert self._scene is not None
        self._delivered.clear()
        self._kind = action.engine
        self._crowd = action.workers > self._scene.cpus
        if action.engine != "process":
            self._pause.end()
        elif self._held or self._pause.goes_on:
            self._pause.begin(run, _HAND_OVER_S)
        limit = self._scene.most_processes if action.engine == "process" else self._scene.most_threads
        run.hire(Crew(engine_named(action.engine), action.workers, action.in_flight, limit))

    def _return(self, run: Run) -> None:
        self._delivered.clear()
        self._crowd = False
        if self._caller:
            run.send_home()
        else:
            run.hire(self._home)

    def _give_up(self, error: BaseException) -> None:
        run = self._run
        if run is not None:
            fault = InternalError(f"the manager has failed: {type(error).__name__}: {error}")
            run.report.notices.append(f"InternalError: {fault}; the run went on with the workers that it had")
            if self._caller:
                run.send_home()

    # ---- what is seen -----------------------------------------------------------------------------------------------------------

    def _see(self, run: Run, late_s: float) -> Seen:
        source = run.source
        self._hear()
        heard, self._heard = self._heard, []
        if not self._crowd:  # else it waits, and to ask each of them would take more time than they do
            self._first_clocks = self._first(run)
            self._crew_clocks_s = self._crew(run)
        first_cpu_s, queued, ready = self._first_clocks
        crew_cpu_s, crew_queued_s = self._crew_clocks_s
        return Seen(
            self._worked_s(),
            late_s,
            self._done,
            source.taken,
            None if source.length is None else max(0, source.length - source.taken),
            self._item_s,
            first_cpu_s,
            queued,
            ready,
            self._clock.process_cpu() - self._clock.thread_cpu() - self._process_cpu_s,
            crew_cpu_s,
            crew_queued_s,
            len(self._delivered),
            heard,
            self._safety,
            self._payload,
            self._ready,
        )

    def _worked_s(self) -> float:
        """Tell how long the run has gone on, without pauses: who pauses neither computes nor waits."""
        return self._clock.now() - self._begun_s - self._pause.total_s

    def _hear(self) -> None:
        while self._witnessed:
            start, items, seconds, worker = self._witnessed.popleft()
            self._heard.append((start, items, seconds))
            self._done += items
            cost_s = seconds / items
            self._item_s = cost_s if not self._item_s else _SMOOTHING * cost_s + (1 - _SMOOTHING) * self._item_s
            if worker != self._caller and is_of_kind(worker, self._kind):
                self._delivered.add(worker)

    def _first(self, run: Run) -> tuple[float, float, bool]:
        """Tell the first worker's CPU time, its time in the queue for a CPU, and whether it is ready to run now."""
        clocks = self._caller_clocks
        if clocks is None:  # a caller on an event loop does not work: the first one who does is a thread
            present = run.present()
            clocks = getattr(present[0], "clocks", None) if present else None
        if clocks is None or (spent := clocks.cpu_s()) is None:
            return 0.0, 0.0, False
        now_s, spent = self._worked_s(), spent - self._first_cpu_s
        before_s, before = self._first_seen
        self._first_seen = now_s, spent
        if spent - before > _COMPUTES * (now_s - before_s):
            return spent, self._queued_s, True  # nothing more has to be known, and to read files would take its time
        if self._caller_clocks is not None:
            self._queued_s = clocks.queued_s() - self._queued_before_s
        return spent, self._queued_s, clocks.is_ready()

    def _crew(self, run: Run) -> tuple[float, float]:
        """Tell the CPU time of all who were ever hired, and their time in the queue for a CPU."""
        for worker in run.present():
            clocks = getattr(worker, "clocks", None)
            if clocks is None or (spent := clocks.cpu_s()) is None:
                continue
            now = spent, clocks.queued_s()
            before = self._crew_clocks.get(worker, (0.0, 0.0))
            if spent < before[0]:
                before = 0.0, 0.0  # it has a new process
            self._crew_cpu_s += now[0] - before[0]
            self._crew_queued_s += max(0.0, now[1] - before[1])
            self._crew_clocks[worker] = now
        return self._crew_cpu_s, self._crew_queued_s
