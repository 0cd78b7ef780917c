"""What the manager sees of a run: what there is, how the work goes, and what happened between two looks."""

from __future__ import annotations

from atonce._values.typed import NamedTuple

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ("HELD_S", "Payload", "Safety", "Scene", "Seen", "Span", "item_s_of", "left_of", "median")


_TO_COME = 2  # items for each that has ended, where nobody knows
_AT_LEAST = 8  # the same. Assumes: who has a few things to do knows how many they are
HELD_S = 0.001  # Measured: a thread that wakes has a free GIL within 0.1 ms, and a held one after 5 (the switch interval)


class Scene(NamedTuple):
    """What is known before a run begins.

    Attributes:
        cpus: CPUs that may be used.
        gil: whether threads of Python run one at a time.
        most_threads: threads that there may be.
        most_processes: worker processes that there may be.
        in_flight: items that may be in flight in all.
        start_s: seconds until worker processes deliver.
        ship_s: seconds for the smallest of items there and its result back.
    """

    cpus: int
    gil: bool
    most_threads: int
    most_processes: int
    in_flight: int
    start_s: float
    ship_s: float = 0.0


class Payload(NamedTuple):
    """What it takes to ship the work.

    Attributes:
        item_s: seconds for one item there and its result back.
        imports_s: seconds that a new process is going to import what the function needs.
        stays: why it cannot be shipped; empty if it can.
    """

    item_s: float
    imports_s: float = 0.0
    stays: str = ""


class Seen(NamedTuple):
    """What is seen of a run at one look. Times are in seconds, since the run began.

    Attributes:
        now_s: when.
        late_s: how much later than it wanted the manager woke: how long it takes to get the GIL. 0 if it has not slept since the
            last look.
        done: items that have ended.
        taken: items that somebody has taken.
        left: items that nobody has taken; ``None`` where the input cannot tell.
        item_s: what an item took lately; 0 before the first has ended.
        first_cpu_s: CPU time of the first worker.
        first_queued_s: for how long it was ready to run and had no CPU.
        first_ready: whether it runs at this moment, or would if it had a CPU.
        process_cpu_s: CPU time of all threads of this program, but for the manager's own.
        crew_cpu_s: CPU time of those who were hired.
        crew_queued_s: for how long they were ready to run and had no CPU.
        delivered: how many of those who were hired last have delivered.
        heard: what was delivered since the last look: index of the first item, how many items, seconds of all of them.
        safety: ``None`` before ``Inspect``.
        payload: ``None`` before ``Weigh``.
        ready: whether worker processes have been made ready.
    """

    now_s: float
    late_s: float = 0.0
    done: int = 0
    taken: int = 0
    left: int | None = None
    item_s: float = 0.0
    first_cpu_s: float = 0.0
    first_queued_s: float = 0.0
    first_ready: bool = False
    process_cpu_s: float = 0.0
    crew_cpu_s: float = 0.0
    crew_queued_s: float = 0.0
    delivered: int = 0
    heard: Sequence[tuple[int, int, float]] = ()
    safety: Safety | None = None
    payload: Payload | None = None
    ready: bool = False


class Safety(NamedTuple):
    """Whether other workers may have a part in the work without a change of what the program means.

    Attributes:
        together: why its items must not run side by side; empty if they may.
        apart: why they must not run in other processes; empty if they may.
        doubt: what it may do to state that others see; empty if there is no doubt.
        doubt_apart: what it may do that is of no use in other processes; empty if there is no doubt.
        done: items that had ended when this was found out.
        watched: whether there is nothing more to be watched: items were seen to change nothing, or reach nothing.
    """

    together: str = ""
    apart: str = ""
    doubt: str = ""
    doubt_apart: str = ""
    done: int = 0
    watched: bool = True


class Span:
    """What happened between two looks."""

    def __init__(self, before: Seen, after: Seen) -> None:
        self.wall_s = after.now_s - before.now_s
        self.done = after.done - before.done
        self.taken = after.taken - before.taken
        self.first_cpu_s = after.first_cpu_s - before.first_cpu_s
        self.process_cpu_s = after.process_cpu_s - before.process_cpu_s
        self.crew_s = after.crew_cpu_s - before.crew_cpu_s + after.crew_queued_s - before.crew_queued_s
        # Time in the queue for a CPU is not time that the work waits for something else.
        self.queued_s = max(0.0, after.first_queued_s - before.first_queued_s)

    @property
    def idle_s(self) -> float:
        """Seconds in which the first worker neither computed, nor had anything computed, nor waited for a CPU."""
        return max(0.0, self.wall_s - max(self.first_cpu_s, self.process_cpu_s) - self.queued_s)

    @property
    def load(self) -> float:
        """CPU seconds over wall seconds."""
        wall_s = self.wall_s - self.queued_s
        return min(self.wall_s, max(self.first_cpu_s, self.process_cpu_s)) / wall_s if wall_s > 0 else 1.0

    @property
    def worked(self) -> float:
        """Items' worth of work that was done, if those that were under way, before and after, were halfway."""
        return (self.done + self.taken) / 2

    @property
    def cpus(self) -> float:
        """CPUs that this program's threads kept busy."""
        return self.process_cpu_s / self.wall_s if self.wall_s > 0 else 0.0

    @property
    def crew_cpus(self) -> float:
        """CPUs that those who were hired kept busy, or would have, if others had left them."""
        return self.crew_s / self.wall_s if self.wall_s > 0 else 0.0


def left_of(seen: Seen) -> int:
    """Tell how many items are left; where nobody knows, assume that it is two thirds of them.

    Half of them would be the middle of what is likely. But a mistake costs less here than there: workers that turn out not to have
    been needed start on CPUs that nobody else used, and those that come late leave these idle. For the same reason it is some, even
    when only one has ended.
    """
    return seen.left if seen.left is not None else max(_AT_LEAST, _TO_COME * seen.done)


def item_s_of(seen: Seen) -> float:
    """Tell what an item takes; while none has ended, assume that the first is halfway."""
    return seen.item_s or 2 * seen.now_s


def median(numbers: Iterable[float]) -> float:
    ordered = sorted(numbers)
    return ordered[len(ordered) // 2] if ordered else 0.0
