"""What a finished run says about order: which steps follow from which others, and which two could have come the other way round.

A *block* is what a task does between two picks: the operation that the pick let happen, and what was noted after it. Blocks are
what the scheduler can put in another order, so everything here is about blocks.

A block *happens before* another one if it is an earlier one of the same task, or conflicts with it and came first, or by a chain of
these. Two conflicting blocks *race* if no chain orders them but their own conflict: then there is a run in which they are swapped.

Source: vector clocks as in C. Flanagan and S. Qadeer style analyses; "race" as in P. Abdulla et al., Optimal Dynamic Partial
Order Reduction (POPL 2014), section 3. Where we differ: what a task had to wait for does not race with the waiting (a lock's
release with the next acquire of it), since those two cannot be swapped. Such an edge is therefore put aside while earlier
conflicting blocks are looked at, or it would hide them: of two sections of one lock, the two acquires race.

Nobody has to wait for the second permit of a semaphore if one is enough, nor for an event that is set twice, and what comes
before the second may come after the wait. So a task had to wait only if it was seen to: it stood before the same operation when
the pick was made, and could not go on. Where it came later, both may be true, and both are looked at. What is noted (a lock's
release, a task's end) is always waited for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from atonce.race.operations import WHOLE, Operation

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from atonce.race.scheduler import Scheduler
    from atonce.race.tasks import Step

__all__ = ("Block", "Race", "blocks_of", "races_of")

Clock = list[int]
"""For each task, how many of its blocks have happened before."""


class Block:
    """What one pick let happen.

    Attributes:
        task: whose it is.
        pick: the index of the pick.
        since: the index of the pick from which on its task stood before it.
        steps: the operation that was picked, and what was noted after it.
        count: the how-manieth block of its task it is, from 1.
        clock: what happened before it, and itself.
    """

    __slots__ = ("clock", "count", "pick", "since", "steps", "task")

    def __init__(self, step: Step, since: int) -> None:
        self.task = step.task
        self.pick = step.pick
        self.since = since
        self.steps: list[Operation] = [step.operation]
        self.count = 0
        self.clock: Clock = []

    def before(self, clock: Clock) -> bool:
        """Tell whether this block is among what the clock has counted."""
        return clock[self.task] >= self.count


class Race:
    """Two blocks of different tasks that could have come the other way round.

    Attributes:
        first, second: indices of the blocks in the run.
        clock: what happens before the second one, the conflict with the first one left aside.
        ours, theirs: the conflicting operations, of the first and of the second.
    """

    __slots__ = ("clock", "first", "ours", "second", "theirs")

    def __init__(self, first: int, second: int, clock: Clock, ours: Operation, theirs: Operation) -> None:
        self.first = first
        self.second = second
        self.clock = clock
        self.ours = ours
        self.theirs = theirs


def blocks_of(run: Scheduler) -> list[Block]:
    """Cut the trace of a run into blocks. The last ones are what daemons were about to do when the program ended."""
    blocks: list[Block] = []
    last: dict[int, Block] = {}

    def begin(step: Step) -> None:
        before = last.get(step.task)
        since = before.pick if before is not None else run.tasks[step.task].born
        last[step.task] = block = Block(step, since + 1)
        blocks.append(block)

    for step in run.trace:
        if step.pick < 0 and step.task in last:
            last[step.task].steps.append(step.operation)
        else:
            begin(step)
    for step in run.unfinished:
        begin(step)
    return blocks


class _Touched:
    """Who has touched an object, as far as later blocks can tell."""

    __slots__ = ("entries",)

    def __init__(self) -> None:
        self.entries: list[tuple[int, Operation, Hashable, bool]] = []

    def conflicting(self, element: Hashable, writes: bool) -> Iterator[tuple[int, Operation]]:  # noqa: FBT001 (part of a cell)
        for index, operation, other, wrote in reversed(self.entries):
            if (writes or wrote) and (element is WHOLE or other is WHOLE or element == other):
                yield index, operation

    def add(self, index: int, operation: Operation, element: Hashable, writes: bool) -> None:  # noqa: FBT001 (part of a cell)
        if writes and not operation.waits and not operation.enables:  # it is after all that it hides, and they need no look again
            if element is WHOLE:
                self.entries.clear()
            else:
                self.entries = [entry for entry in self.entries if entry[2] != element]
        self.entries.append((index, operation, element, writes))


def races_of(run: Scheduler, blocks: Sequence[Block]) -> Iterator[Race]:
    """Go through a run, set the clock of each block, and yield the races of each with those before it."""
    touched: dict[int, _Touched] = {}
    clocks: list[Clock] = [[0] * len(run.tasks) for _ in run.tasks]
    born = _births(run, blocks)
    for index, block in enumerate(blocks):
        clock = list(clocks[block.task])
        if not clock[block.task] and block.task in born:
            _join(clock, blocks[born[block.task]].clock)
        for operation in block.steps:
            aside: list[int] = []
            for number, element, writes in operation.cells:
                history = touched.get(number)
                if history is not None:
                    yield from _met(run, blocks, index, operation, clock, aside, history.conflicting(element, writes))
            for other in aside:
                _join(clock, blocks[other].clock)
        block.count = clock[block.task] = clock[block.task] + 1
        block.clock = clocks[block.task] = clock
        if block.pick >= 0:  # else it was not done, and nothing that was about to be done as well comes after it
            _remember(touched, index, block)


def _remember(touched: dict[int, _Touched], index: int, block: Block) -> None:
    for operation in block.steps:
        for number, element, writes in operation.cells:
            touched.setdefault(number, _Touched()).add(index, operation, element, writes)


def _met(
    run: Scheduler,
    blocks: Sequence[Block],
    index: int,
    operation: Operation,
    clock: Clock,
    aside: list[int],
    earlier: Iterator[tuple[int, Operation]],
) -> Iterator[Race]:
    """Order a block after those that it conflicts with, the latest first; yield those that nothing else orders.

    Scenario in the README: the release put aside.
    """
    task = blocks[index].task
    for other, theirs in earlier:
        block = blocks[other]
        if block.task == task or block.before(clock):
            continue
        so_far = list(clock)
        for waited_for in aside:
            _join(so_far, blocks[waited_for].clock)
        if operation.waits and theirs.enables:
            aside.append(other)
            if _had_to_wait(run, blocks[index], block, theirs):
                continue
        else:
            _join(clock, block.clock)
        yield Race(other, index, so_far, theirs, operation)


def _had_to_wait(run: Scheduler, waiting: Block, enabling: Block, theirs: Operation) -> bool:
    """Tell whether the one could not have come before the other.

    Scenario in the README: the second permit.
    """
    if theirs is not enabling.steps[0]:
        return True  # noted
    return waiting.since <= enabling.pick and all(task.number != waiting.task for task in run.could[enabling.pick])


def _births(run: Scheduler, blocks: Sequence[Block]) -> dict[int, int]:
    """Find the block in which each task was started."""
    at_pick = {block.pick: index for index, block in enumerate(blocks)}
    return {task.number: at_pick[task.born] for task in run.tasks if task.born in at_pick}


def _join(clock: Clock, other: Clock) -> None:
    for task, count in enumerate(other):
        clock[task] = max(clock[task], count)
