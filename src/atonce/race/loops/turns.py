"""What is ready on one event loop, and which of it runs next.

asyncio runs what is ready in the order in which it became ready. It promises that order to callbacks only, not to tasks, and other
loops keep another one. So:

* a step of a task, and a timer that has run out, may run in any order: the strategy chooses;
* callbacks stay in their line (``call_soon`` promises it), but the first of them may run before or after any task;
* callbacks of asyncio's own that only make tasks ready (a ``gather`` that counts, a sleep's end) run as soon as they head the line,
  without a choice: what they make ready is chosen then. Versions of Python differ in how many of them there are: picks do not.

The choice 0 is what asyncio itself would run next. For that each entry has a rank: the round of the loop in which asyncio would
run it, then what made it ready, then when it did.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, Future, Task
from bisect import bisect_left, insort
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncio import Handle, TimerHandle
    from collections.abc import Callable, Iterator

__all__ = ("Turns", "is_own", "stepped")

_PATIENCE = 200  # rounds that an entry may be passed over: a task that spins until another one has run is no livelock

_Entry = tuple[int, int, int, "Handle"]
"""(round, number of what made it ready, own number, handle). The numbers are counted, so handles are never compared."""

_STEPS = frozenset({None, "task_wakeup", "__step", "__wakeup"})  # how asyncio calls what drives a task, in C and in Python
_OWN = ("asyncio.tasks", "asyncio.futures", "asyncio.base_events", "asyncio.taskgroups", "asyncio.timeouts", __package__)


def stepped(callback: object) -> Task[Any] | None:
    """Return the task that a callback drives, if it does."""
    task = getattr(callback, "__self__", None)
    if isinstance(task, Task) and getattr(callback, "__name__", None) in _STEPS:
        return task
    return None


def is_own(callback: object) -> bool:
    """Tell whether a callback is how asyncio itself, or this package, goes on, and nothing that a user could have scheduled.

    ``event.set``, ``queue.put_nowait``, ``future.set_result`` or ``loop.stop`` are the user's, whoever has written them.
    """
    function = callback.func if isinstance(callback, partial) else callback
    owner = getattr(function, "__self__", None)
    module = getattr(function, "__module__", None) if owner is None else type(owner).__module__
    return isinstance(module, str) and module.startswith(_OWN) and not isinstance(owner, Future | AbstractEventLoop)


def _only_wakes(handle: Any) -> bool:
    """Tell whether all that a callback does is to make tasks ready. Then nothing is lost by running it at once.

    Assumes: nobody asks a future of ``gather`` whether it is done and its parts whether they are, all without awaiting them.
    """
    callback, args = handle._callback, handle._args
    if not is_own(callback):
        return False
    name = getattr(callback, "__name__", "")
    if name == "_on_task_done":  # a group whose task has failed cancels the others
        return bool(args[0].cancelled() or args[0]._exception is None)
    if name == "_call_check_cancel":  # what a thread does is cancelled with what stands for it
        return not args[0].cancelled()
    return name != "callback"  # of run_coroutine_threadsafe: a task may begin inside it


class Turns:
    """What is ready, in the order of its rank.

    Attributes:
        round: that of what ran last.
        passed_over: something was kept waiting for so long that it had to run.

    Guarded by: the loop's thread.
    """

    __slots__ = ("_any", "_count", "_line", "_parent", "passed_over", "round")

    def __init__(self) -> None:
        self._any: list[_Entry] = []  # in the order of their rank; each may be next
        self._line: deque[_Entry] = deque()  # the first may be next
        self._count = 0
        self._parent = 0
        self.round = 0
        self.passed_over = False

    def __len__(self) -> int:
        return len(self._any) + len(self._line)

    def __iter__(self) -> Iterator[Handle]:
        return (entry[3] for entry in (*self._any, *self._line))

    def add(self, handle: Handle) -> None:
        """Let a handle run, sooner or later."""
        self._count += 1
        entry = (self.round + 1, self._parent, self._count, handle)
        if stepped(handle._callback) is not None:  # type: ignore[attr-defined]
            insort(self._any, entry)
        else:
            self._line.append(entry)

    def add_timer(self, timer: TimerHandle) -> None:
        """Let a timer run that has run out. Of those with the same deadline asyncio promises no order."""
        self._count += 1
        entry = (self.round + 1, self._parent, self._count, timer)
        if _only_wakes(timer):
            self._line.append(entry)
        else:
            insort(self._any, entry)

    def from_outside(self) -> None:
        """Say that what is added next was made ready by nothing that ran here: it ranks behind what there is."""
        self._parent = self._count

    def drop(self, timer: TimerHandle) -> None:
        """Forget a timer that was cancelled between running out and running."""
        self._any = [entry for entry in self._any if entry[3] is not timer]

    def take(self, choose: Callable[[int], int], last_round: int | None = None) -> Handle | None:
        """Return what runs next.

        Args:
            choose: picks one of so many.
            last_round: leave alone what asyncio would run in a later round.
        """
        line = self._line
        while line and line[0][3].cancelled():
            line.popleft()
        if line and (last_round is None or line[0][0] <= last_round) and _only_wakes(line[0][3]):
            return self._begin(line.popleft())
        entry = self._chosen(choose, last_round)
        return None if entry is None else self._begin(entry)

    def clear(self) -> None:
        """Forget everything."""
        self._any.clear()
        self._line.clear()

    def _chosen(self, choose: Callable[[int], int], last_round: int | None) -> _Entry | None:
        entries, line = self._any, self._line
        count = len(entries) if last_round is None else bisect_left(entries, (last_round + 1,))
        head = line[0] if line and (last_round is None or line[0][0] <= last_round) else None
        at = count if head is None else bisect_left(entries, head, 0, count)
        total = count + (head is not None)
        if total <= 1:
            choice = 0
        elif (head if at == 0 and head is not None else entries[0])[0] + _PATIENCE < self.round:
            self.passed_over = True
            choice = 0
        else:
            choice = choose(total)
        if not total:
            return None
        if head is not None and choice == at:
            return line.popleft()
        return entries.pop(choice - (head is not None and choice > at))

    def _begin(self, entry: _Entry) -> Handle:
        self.round = entry[0]
        self._parent = entry[2]
        return entry[3]
