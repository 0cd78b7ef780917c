"""One more run of the failing order, in which each step is looked at: what it reads and writes, and which locks are held there."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from atonce.race.search.replaying import Replaying
from atonce.race.telling.values import Peek, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from atonce.race.operations import Cell, Operation, Place
    from atonce.race.scheduler import Scheduler
    from atonce.race.search.strategy import Strategy
    from atonce.race.tasks import Step, Task

__all__ = ("Coroutine", "Once", "Seen", "Watched", "plain", "watch")

_RESUME = "resume "  # and the name of a task: what an event loop notes before it goes on with one
_FIRST_COROUTINE = 1_000_000  # above all numbers of threads


class Once(Protocol):
    """Runs the program one time."""

    def __call__(self, strategy: Strategy, /, *, watch: Callable[[Scheduler], None] | None = None) -> Scheduler:
        """Run it in the order that the strategy decides, and let somebody see the run before it begins."""


class Seen:
    """A step as it was seen.

    Attributes:
        index: which step of the run it is.
        task: whose it is.
        operation: what was done.
        held: numbers of the locks that the task held before.
        before, after: what stood in its cells, as text.
        happened: it was done. If not, it is what a task was about to do when the run ended.
    """

    __slots__ = ("after", "before", "happened", "held", "index", "operation", "task")

    def __init__(self, index: int, task: int, operation: Operation, held: frozenset[int], *, happened: bool = True) -> None:
        self.index = index
        self.task = task
        self.operation = operation
        self.held = held
        self.before: dict[tuple[int, Hashable], str] = {}
        self.after: dict[tuple[int, Hashable], str] = {}
        self.happened = happened

    @property
    def cells(self) -> tuple[Cell, ...]:
        """What it touches."""
        return self.operation.cells

    @property
    def place(self) -> Place | None:
        """Where it stands in the source."""
        return self.operation.place


class Coroutine(NamedTuple):
    """A task of an event loop.

    Attributes:
        thread: the scheduler's task that it runs in.
        name: its name.
        function: the function that it runs.
    """

    thread: int
    name: str
    function: str


class Watched:
    """A run, and its steps as they were seen.

    Attributes:
        run: the run.
        steps: what was done, in time order.
        next: what each task that had not ended was about to do.
        locks: numbers of the objects that some task held.
        coroutines: the tasks of event loops, by the numbers that they have here: those of the scheduler are the threads'.
        diverged: why the run is not the one that was asked for; empty if it is.
    """

    def __init__(self, watcher: _Watcher, run: Scheduler, diverged: str) -> None:
        self.run = run
        self.steps = watcher.steps
        self.locks = _told_apart(watcher.locks | _held_at_end(run))
        self.coroutines = watcher.coroutines
        self.diverged = diverged
        self.next = [
            Seen(len(self.steps), task.number, task.pending, frozenset(), happened=False)
            for task in run.tasks
            if task.begun and task.pending.cells and not any(step.operation is task.pending for step in self.steps)
        ]

    def label(self, task: int) -> str:
        """Return the short name of a task."""
        if task in self.coroutines:
            return self.coroutines[task].name
        return f"T{task}" if task else "main"

    def labels(self) -> dict[int, str]:
        """Return the long names of all tasks."""
        long = {task.number: plain(task.name) if task.number else "" for task in self.run.tasks}
        long |= {number: coroutine.function for number, coroutine in self.coroutines.items()}
        return {number: f"{self.label(number)} {name}".strip() for number, name in long.items()}

    def on_one_loop(self, one: int, other: int) -> bool:
        """Tell whether two tasks are tasks of the same event loop."""
        mine, theirs = self.coroutines.get(one), self.coroutines.get(other)
        return mine is not None and theirs is not None and mine.thread == theirs.thread

    def thing(self, number: int) -> object:
        """Return the object that has a number."""
        return self.run.kept[number] if number < len(self.run.kept) else None


def plain(name: str) -> str:
    """Return a thread's name without what every thread's name has."""
    if name.startswith("Thread-") and name.endswith(")"):
        return name.partition("(")[2][:-1]
    return name


def _held_at_end(run: Scheduler) -> dict[int, str]:
    stuck = run.failure.stuck if run.failure is not None else ()
    return {number: name for one in stuck for name, number, _ in one.held}


def _told_apart(locks: dict[int, str]) -> dict[int, str]:
    """Number those that have the same name."""
    names = list(locks.values())
    told, seen = {}, dict.fromkeys(names, 0)
    for number, name in sorted(locks.items()):
        seen[name] += 1
        told[number] = f"{name} {seen[name]}" if names.count(name) > 1 else name
    return told


def watch(once: Once, picks: Sequence[int], peek: Peek) -> Watched:
    """Run an order again, and look at each of its steps.

    Args:
        once: runs the program.
        picks: the order.
        peek: says what stands in a cell.
    """
    strategy = Replaying(picks)
    watcher = _Watcher(peek)
    run = once(strategy, watch=watcher.begin)
    watcher.look_back(run)
    return Watched(watcher, run, strategy.diverged)


class _Watcher:
    def __init__(self, peek: Peek) -> None:
        self.steps: list[Seen] = []
        self.locks: dict[int, str] = {}
        self.coroutines: dict[int, Coroutine] = {}
        self._numbers: dict[tuple[int, str], int] = {}
        self._resumed: dict[int, int] = {}  # which coroutine runs in a thread
        self._peek = peek
        self._run: Scheduler | None = None

    def begin(self, run: Scheduler) -> None:
        self._run = run
        run.on_step = self._on_step

    def _on_step(self, step: Step) -> None:
        run = self._run
        assert run is not None
        self.look_back(run, len(run.trace) - 2)
        task = run.running
        if step.operation.kind.startswith(_RESUME):
            self._resume(step)
        who = self._resumed.get(step.task, step.task)
        seen = Seen(len(self.steps), who, step.operation, self._held(task))
        seen.before = self._look(run, step.operation)
        self.steps.append(seen)

    def look_back(self, run: Scheduler, at: int = -1) -> None:
        """See what the last step has done: it is only now that it is over."""
        if not self.steps:
            return
        last = self.steps[-1]
        operation = run.trace[at].operation
        if operation is not last.operation:  # it turned out to touch something else than it was permitted for
            last.operation = operation
            last.before = {}
        last.after = self._look(run, operation)

    def _resume(self, step: Step) -> None:
        """See that an event loop goes on with one of its tasks."""
        name = step.operation.kind.removeprefix(_RESUME)
        number = self._numbers.setdefault((step.task, name), _FIRST_COROUTINE + len(self._numbers))
        place = step.operation.place
        self.coroutines.setdefault(number, Coroutine(step.task, name, place.function.rpartition(".")[2] if place else ""))
        self._resumed[step.task] = number

    def _held(self, task: Task) -> frozenset[int]:
        for name, number, _ in task.held:
            self.locks.setdefault(number, name)
        return frozenset([number for _, number, _ in task.held])

    def _look(self, run: Scheduler, operation: Operation) -> dict[tuple[int, Hashable], str]:
        looked = {}
        for number, element, _ in operation.cells:
            text = shown(self._peek(run.kept[number], element)) if number < len(run.kept) else ""
            if text:
                looked[number, element] = text
        return looked
