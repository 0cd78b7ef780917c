"""One run: tasks take turns, and which of them goes on is decided here, by a strategy, at each operation.

Exactly one task runs at any moment; all others are parked on a baton, each with the operation that it will do next. A task that
comes to an operation calls `Scheduler.point`: it announces the operation, the strategy picks one of the tasks whose operation is
ready, and that one goes on. The operation itself is done by the task, after `point` has returned, by the interpreter's own
instruction. So a run is a list of picks, and the same picks make the same run.

Who touches what: everything here belongs to the running task; handing on the baton hands on all of it. Threads that are not tasks
never come in: the hooks look at `Scheduler.ident` first.
"""

from __future__ import annotations

import sys
from _thread import allocate_lock, get_ident
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FunctionType
from typing import TYPE_CHECKING, Any

from atonce.errors import InternalError
from atonce.race.operations import WHOLE, Operation, Place
from atonce.race.tasks import Abort, Failure, Step, Stuck, Task

if TYPE_CHECKING:
    from atonce.race.carriers import Carriers
    from atonce.race.search.strategy import Strategy
    from atonce.race.switching import Around, Counter

__all__ = ("Scheduler", "activate", "active", "deactivate")

_LIBRARY = {*sys.stdlib_module_names, "atonce"}
_END = object()  # stands for the end of the program, which daemons do not live to see
_OUT_OF_TURN = (IndexError, RuntimeError)  # after the second Ctrl-C two tasks may run, and find a baton free that one hands on
_GRACE_S = 0.5  # for tasks to end, after the second Ctrl-C
_NO_FAILURES = ("BdbQuit", "SkipTest")  # whoever sits at the debugger has had enough; a test of unittest's is to be skipped
_PATIENCE = 2_000  # operations that a task may do while it is being unwound, before it is stopped at the next one again


_active: Scheduler | None = None


def active() -> Scheduler | None:
    """Return the scheduler that decides over the calling thread, if there is one."""
    scheduler = _active
    return scheduler if scheduler is not None and scheduler.ident == get_ident() else None


def activate(scheduler: Scheduler) -> None:
    """Let the hooks find this scheduler."""
    global _active  # noqa: PLW0603 (one run at a time in a process: names are patched for all of it)
    _active = scheduler


def deactivate() -> None:
    """Let the hooks find none."""
    global _active  # noqa: PLW0603
    _active = None


def _has_finalizer(kind: type) -> bool:
    """Tell whether user code runs when an object of a class ends."""
    finalizer = getattr(kind, "__del__", None)
    return isinstance(finalizer, FunctionType) and finalizer.__module__.partition(".")[0] not in _LIBRARY


def _broken(error: Exception) -> InternalError:
    broken = InternalError(f"the search broke down while it decided who goes on: {type(error).__name__}: {error}")
    broken.__cause__ = error
    return broken


def _as_it_is(function: Any, place: Place | None) -> Any:  # noqa: ARG001 (as any `Scheduler.as_seen`)
    return function


class Scheduler:
    """One run of one program.

    Attributes:
        ident: the operating system's thread of the running task.
        running: the task that runs.
        now_s: virtual time.
        picks: what was decided so far: a task's number, or ``~k`` for the k-th of several things (see `choose`).
        could: for each pick, who could have gone on.
        trace: what was done so far.
        unfinished: what daemons were about to do when the program ended.
        doubts: why this run can be no part of a proof: words for people, each once, and the place that was seen first.
        as_seen: says what is to be called in place of a function that user code has handed to the library, at a place, so that the
            eye sees what it does, as if the user's code had called it.
        around: makes what a task does into what its thread does; ``None``: nothing else.
        between: counts opcodes, and switches at some; ``None``: nobody does.
    """

    def __init__(
        self, strategy: Strategy, carriers: Carriers, *, max_steps: int, strict: bool = False, brief: bool = False
    ) -> None:
        self.ident = get_ident()
        self.now_s = 1_000.0
        self.picks: list[int] = []
        self.could: list[Sequence[Task]] = []
        self.trace: list[Step] = []
        self.unfinished: list[Step] = []
        self.doubts: dict[str, Place | None] = {}
        self.failure: Failure | None = None
        self.interrupt: BaseException | None = None
        self.aborting = False
        self.forced = False  # the calling thread was got out of the run by force: it does not wait for the others for long
        self.strict = strict  # a release is a decision as well, since somebody looks at whether a lock is free
        self.wants_strict = False
        self.tasks: list[Task] = []
        self.live: list[Task] = []
        self.kept: list[object] = []  # alive until the run ends: no number is given twice, no address used again
        self.as_seen: Callable[[Any, Place | None], Any] = _as_it_is
        self.around: Around | None = None
        self.between: Counter | None = None
        self.on_step: Callable[[Step], None] | None = None  # who wants to see each step: the report does, in a run of its own
        self._numbers: dict[int, int] = {}
        self._strategy = strategy
        self._pick = strategy.pick
        self._every_pick = strategy.every_pick
        self._carriers = carriers
        self._max_steps = max_steps
        self._alone = brief  # and no second task has begun
        self._steps_alone = 0
        self._over = allocate_lock()
        self._over.acquire()
        self.running = self._new_task("main", None, daemon=False)
        self.running.ident = self.ident  # the watchdog asks for it at any time, also before the run begins

    # ---------------------------------------------------------------- for the hooks and the primitives

    def number(self, thing: object) -> int:
        """Return the number of an object in this run: counted as they are met, so that equal runs give equal numbers."""
        number = self._numbers.get(id(thing))
        if number is None:
            number = self._numbers[id(thing)] = len(self.kept)
            self.kept.append(thing)
            if _has_finalizer(type(thing)):
                self.doubt(f"{type(thing).__qualname__}.__del__ runs later than it would, since the object is kept")
        return number

    def same(self, thing: object, owner: object) -> None:
        """Let an object stand for another one: an object's ``__dict__`` holds the object's own cells."""
        if id(thing) not in self._numbers:
            number = self.number(owner)
            self.kept.append(thing)
            self._numbers[id(thing)] = number

    def point(self, operation: Operation) -> None:
        """Announce what the running task does next, and return when it may do it.

        Raises:
            Abort: the run is over.
        """
        me = self.running
        if self.aborting:
            self._go_on_unwinding(me, operation)
            return
        if self._alone and self._passes_alone(operation):
            return
        me.pending = operation
        chosen = self._next(me)
        if chosen is not None and chosen is not me:
            self._hand(chosen)
            me.baton.acquire()
            self._taken_up_by(me)
        step = Step(me.number, me.pending, len(self.picks) - 1)
        self.trace.append(step)
        if self.on_step is not None:
            self.on_step(step)

    def no_longer_alone(self) -> None:
        """Take picks from now on: there is a second task, or an event loop with tasks of its own."""
        self._alone = False

    def _passes_alone(self, operation: Operation) -> bool:
        """Let what the first task does before there is another one pass without a pick: nobody could come in between."""
        self._steps_alone += 1
        free = operation.ready is None or operation.ready()
        return free and operation.wake_s is None and self._steps_alone < self._max_steps

    def _taken_up_by(self, me: Task) -> None:
        self.ident = me.ident
        if self.aborting:
            me.unwinding = True
            raise Abort

    def note(self, operation: Operation) -> None:
        """Record what the running task does now, without letting others go first."""
        if self.aborting or self._alone:
            return
        step = Step(self.running.number, operation, -1)
        self.trace.append(step)
        if self.on_step is not None:
            self.on_step(step)

    def replace(self, operation: Operation) -> None:
        """Say that the step just permitted turns out to touch something else: others have changed what it would do."""
        if self.trace and not self.aborting and not self._alone:
            self.trace[-1] = self.trace[-1]._replace(operation=operation)

    def choose(self, count: int) -> int:
        """Let the strategy decide between `count` things that are not tasks, and return which: from 0."""
        if self.aborting or count == 1:
            return 0
        choice = self._strategy.choose(self, count)
        self.picks.append(~choice)
        self.could.append(())
        return choice

    def doubt(self, reason: str, place: Place | None = None) -> None:
        """Say why nothing can be proved from this run."""
        self.doubts.setdefault(reason, place)

    def spawn(self, body: Callable[[], None], name: str, subject: object, *, daemon: bool) -> Task:
        """Add a task. It begins when it is first picked.

        Args:
            body: what it does. An exception that leaves it is the run's failure.
            name: for people.
            subject: the object that stands for it in the user's program.
            daemon: whether the program may end without it.
        """
        task = self._new_task(name, subject, daemon=daemon)
        self.no_longer_alone()
        task.born = next((step.pick for step in reversed(self.trace) if step.pick >= 0 and step.task == self.running.number), -1)
        self._carriers.carry(task, lambda: self._run(task, body))
        return task

    # ---------------------------------------------------------------- the run as a whole

    def run(self, program: Callable[[], None]) -> None:
        """Run the program, as task 0, in the calling thread, and return when all tasks have ended."""
        main = self.running
        main.begun = True
        self._strategy.begin(self)
        try:
            self._run(main, program)
        finally:
            self._wait_for_all()
            self._strategy.end(self)

    def _wait_for_all(self) -> None:
        """Wait until all tasks have ended; or until Ctrl-C, since one of them may never come to a step again."""
        if not self.forced:
            with suppress(KeyboardInterrupt):
                self._over.acquire()
                return
        if not self._over.acquire(timeout=_GRACE_S):
            for task in self.live:
                task.abandoned = True

    def fail(self, error: BaseException, task: Task) -> None:
        """End the run: a task has failed. The first failure counts."""
        if self.failure is None and not self.aborting:
            self.failure = Failure("exception", error, task)
        self.aborting = True

    def stop(self, interrupt: BaseException | None = None) -> None:
        """End the run, from whichever thread: nobody wants it any more."""
        if self.interrupt is None:
            self.interrupt = interrupt
        self.aborting = True

    def abandon(self, task: Task, why: BaseException) -> None:
        """End the run without the running task, which hangs where no step is. Called in a thread that is no task."""
        if self.failure is not None:
            why.__cause__ = self.failure.error  # what had failed before, and was being wound up
        self.stop(why)
        if task.number:  # the calling thread's own task has to come back by itself
            task.abandoned = task.done = True
            self._carriers.abandon(task)
            self.live.remove(task)
            self._wake_one()

    def _run(self, task: Task, body: Callable[[], None]) -> None:
        """Run the body of a task, and hand on the baton when it has ended. Called in the thread that carries it."""
        self.ident = task.ident = get_ident()
        try:
            if not self.aborting:
                task.begun = True
                (body if self.around is None else self.around(body))()
        except Abort:
            pass
        except BaseException as error:
            self._left_by(error, task)
        if not task.abandoned:
            self._carriers.give_back(task)
            self._finish(task)

    def _left_by(self, error: BaseException, task: Task) -> None:
        if isinstance(error, Exception):
            if type(error).__name__ in _NO_FAILURES:
                self.stop(error)
            else:
                self.fail(error, task)
            return
        if task.number and isinstance(error, SystemExit):
            return  # as threading does: it ends the thread, and nothing else
        if task.number:
            self.fail(error, task)
        else:
            self.stop(error)  # Ctrl-C, or a test runner's skip

    def _finish(self, task: Task) -> None:
        task.done = True
        self.live.remove(task)
        if not self.aborting:
            ends = ((self.number(task), WHOLE, True),)
            self.note(Operation("end", ends if task.daemon else (*ends, (self.number(_END), WHOLE, False)), enables=True))
            chosen = None if self._only_daemons() else self._next(None)
            if chosen is not None:
                self._hand(chosen)
                return
            self.unfinished = [Step(other.number, self._cut_off(other.pending), -1) for other in self.live]
            self.aborting = True
        self._wake_one()

    def _cut_off(self, operation: Operation) -> Operation:
        """Say what a daemon would have done next: it conflicts with the program's end, since all that comes after it is unknown.

        Scenario in the README: the daemon that was cut off.
        """
        if operation.ready is not None and not operation.ready():
            return operation
        return Operation(operation.kind, (*operation.cells, (self.number(_END), WHOLE, True)), operation.place)

    def _only_daemons(self) -> bool:
        return all(task.daemon for task in self.live)

    def _wake_one(self) -> None:
        """Let the next parked task unwind; the last one to do so ends the run."""
        with suppress(*_OUT_OF_TURN if self.forced else ()):
            if self.live:
                self._hand(self.live[-1])
            else:
                self._over.release()

    # ---------------------------------------------------------------- deciding

    def _new_task(self, name: str, subject: object, *, daemon: bool) -> Task:
        task = Task(len(self.tasks), name, Operation("begin"), subject, daemon=daemon)
        self.tasks.append(task)
        self.live.append(task)
        return task

    def _hand(self, task: Task) -> None:
        self.running = task
        task.baton.release()

    def _next(self, me: Task | None) -> Task | None:
        """Decide who goes on. ``None``: nobody, since the run is over, and the last task has ended."""
        try:
            enabled = [task for task in self.live if (ready := task.pending.ready) is None or ready()] or self._in_time()
            if not enabled or len(self.picks) + self._steps_alone >= self._max_steps:
                self._no_more(enabled)
                self._unwind(me)
                return None
            chosen = enabled[0] if len(enabled) == 1 and not self._every_pick else self._pick(self, enabled, me)
        except (RecursionError, MemoryError):  # they may be the program's own doing
            raise
        except Exception as error:  # whatever it is: it must not pass for a failure of the program
            self.stop(_broken(error))
            self._unwind(me)
            return None
        operation = chosen.pending
        if operation.wake_s is not None and operation.ready is None and operation.wake_s > self.now_s:
            self.now_s = operation.wake_s  # whoever sleeps may be woken at any time, and then it is that late
        self.picks.append(chosen.number)
        self.could.append(enabled)
        return chosen

    def _unwind(self, me: Task | None) -> None:
        """Unwind the running task, unless it has ended."""
        if me is not None:
            me.unwinding = True
            raise Abort

    def _in_time(self) -> list[Task]:
        """Let time pass until a timeout ends, since nobody can go on, and return who can then."""
        enabled: list[Task] = []
        while not enabled:
            ends = [task.pending.wake_s for task in self.live if task.pending.wake_s is not None]
            later = [end for end in ends if end > self.now_s]
            if not later:
                break
            self.now_s = min(later)
            enabled = [task for task in self.live if task.pending.ready is None or task.pending.ready()]
        return enabled

    def _no_more(self, enabled: list[Task]) -> None:
        """End a run that cannot go on, or goes on for too long."""
        if enabled:
            self._fail_with("livelock")
        elif not self._only_daemons():  # an executor's worker is one as soon as there is no work left
            self._fail_with("left alive" if self.tasks[0].done else "deadlock")
        self.aborting = True

    def _fail_with(self, kind: str) -> None:
        if self.failure is None and not self.aborting:
            self.unfinished = [Step(task.number, task.pending, -1) for task in self.live]
            self.failure = Failure(kind, None, None, [Stuck.of(task) for task in self.live if not task.daemon])

    def _go_on_unwinding(self, me: Task, operation: Operation) -> None:
        """Let a task whose run is over do what its ``finally`` blocks do, but not wait, and not for ever.

        Scenario in the README: caught Abort.
        """
        me.caught += 1
        blocked = operation.ready is not None and not operation.ready()
        if not me.unwinding or blocked or me.caught > _PATIENCE:
            me.unwinding = True
            raise Abort
