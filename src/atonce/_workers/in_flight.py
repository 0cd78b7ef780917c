"""Which items are under way in this process, and where they are: found out when somebody asks, so that nobody has to keep books.

An item that a thread runs shows in the thread's stack, one that is awaited in what its coroutine waits for::

    resize()          thumbs.py:12  ◀── the innermost frame of the user's own
    _watched(...)                   ◀── the item
    carry_out(...)                  ◀── its index, and since when
    ThreadWorker.carry()            ◀── whose it is
"""

from __future__ import annotations

import os
from _thread import get_ident
from itertools import islice
from opcode import opmap

from atonce._machine.frames import current_frames
from atonce._probe.blocking import is_users, stack
from atonce._values.typed import NamedTuple
from atonce._workers import carry

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from types import CodeType, FrameType
    from typing import Any

__all__ = ("InFlight", "InProcess", "awaited_by", "carried_by", "in_code", "place_of", "reads", "stacks")

_CARRY = carry.carry_out.__code__
_FROM_LOOP = 2  # frames between a loop, itself included, and ``carry_out``
_LOOPS = {fn.__code__ for fn in (carry._plain, carry._watched, carry._timed)}  # noqa: SLF001 (by its frame, an item is told)
_AGAIN = carry.run_again.__code__
_PULLERS = {"Shift._pull", "TrioWorker._run"}  # trio may not be there
_RUNNER = "Runner.run"  # of asyncio
_BETWEEN = "_may_go_on"
_MOST_LOOKED_AT = 256  # coroutines; to look at one takes some microseconds
_DEEPEST = 200  # coroutines that wait for one another


class InFlight:
    """An item that is under way.

    Attributes:
        index: the item's.
        item: the item.
        worker: who has it, in words.
        for_s: how long it has been under way, where that is known.
        at: where it is, in words: ``thumbs.py:12 in resize``; empty if that cannot be told.
    """

    __slots__ = ("at", "for_s", "index", "item", "worker")

    def __init__(self, index: int, item: Any, worker: str, for_s: float | None, at: str) -> None:
        self.index = index
        self.item = item
        self.worker = worker
        self.for_s = for_s
        self.at = at


class InProcess(NamedTuple):
    """Everything that some workers have under way.

    Attributes:
        items: those that were looked at.
        more: how many others there are.
    """

    items: list[InFlight]
    more: int = 0


def stacks() -> list[list[FrameType]]:
    """Return the frames of every other thread, the innermost first. Whoever asks clears the lists: frames keep things alive."""
    return [list(stack(frame)) for thread, frame in current_frames().items() if thread != get_ident()]


def carried_by(workers: Iterable[object], threads: list[list[FrameType]], now_s: float) -> list[InFlight]:
    """Find what threads run, one item after the other: the calling thread, and those that were hired."""
    known = {id(worker): worker for worker in workers}
    found: list[InFlight] = []
    for frames in threads:
        for depth, frame in enumerate(frames[:-1]):
            if frame.f_code is _CARRY and id(worker := frames[depth + 1].f_locals.get("self")) in known:
                found += _carried(frames[:depth], frame, str(getattr(worker, "name", "")), now_s)
    return found


def _carried(beyond: list[FrameType], frame: FrameType, name: str, now_s: float) -> Iterator[InFlight]:
    """Give the item that a call of ``carry_out`` is at, unless it is between two of them."""
    nearest = range(len(beyond) - 1, max(-1, len(beyond) - 1 - _FROM_LOOP), -1)  # the item may have a run of its own
    depth = next((at for at in nearest if beyond[at].f_code in _LOOPS or beyond[at].f_code is _AGAIN), None)
    if depth is None or _is_at_next(beyond[depth]):
        return
    inner, outer = beyond[depth].f_locals, frame.f_locals
    batch, values = outer["batch"], outer["values"]
    item = inner["bad"].item if beyond[depth].f_code is _AGAIN else inner["item"]
    begun_s = inner.get("begun", None if values else outer.get("begun"))  # that of the batch is the first item's, too
    yield InFlight(
        batch.start + len(values), item, name, None if begun_s is None else now_s - begun_s, _place_in_thread(beyond[:depth])
    )


def _place_in_thread(frames: list[FrameType]) -> str:
    """Say where an item is that a thread runs: for a coroutine on a loop of the thread's own, what it waits for."""
    task = next((each.f_locals.get("task") for each in frames if each.f_code.co_qualname == _RUNNER), None)
    return place_of(frames if task is None else _chain(task.get_coro(), [frames]))


def _is_at_next(frame: FrameType) -> bool:
    """Tell whether a loop over items is reading the next one."""
    return frame.f_code in _LOOPS and frame.f_code.co_code[frame.f_lasti] == opmap["FOR_ITER"]


def reads(frames: list[FrameType], readers: set[CodeType], owner: object, workers: Iterable[object]) -> list[FrameType] | None:
    """Tell whether a thread reads the input of a run.

    Args:
        frames: of the thread, the innermost first.
        readers: functions that read an input.
        owner: whose input.
        workers: who may have been lent the input.

    Returns:
        The frames of the input itself; ``None`` if the thread does something else.
    """
    for depth, frame in enumerate(frames):
        if frame.f_code in readers and frame.f_locals.get("self") is owner:
            return frames[:depth]
        outer = frames[depth + _FROM_LOOP + 1 : depth + _FROM_LOOP + 2]
        if outer and _is_at_next(frame) and any(outer[0].f_locals.get("self") is worker for worker in workers):
            return frames[:depth]
    return None


def awaited_by(worker: Any, threads: list[list[FrameType]], now_s: float) -> InProcess:
    """Find what is awaited on a loop. Any thread, while the loop goes on.

    Args:
        worker: has ``pullers``: the coroutines that it has at work.
        threads: frames of all threads.
        now_s: the time, by the worker's clock.
    """
    pullers = worker.pullers()
    seen = [_awaited(puller, worker.name, threads, now_s) for puller in islice(pullers, _MOST_LOOKED_AT)]
    items = [each for each in seen if each is not None]
    return InProcess(items, max(0, len(pullers) - _MOST_LOOKED_AT))


def _awaited(coroutine: Any, name: str, threads: list[list[FrameType]], now_s: float) -> InFlight | None:
    frames = _chain(coroutine, threads)
    for depth, frame in enumerate(frames):
        if frame.f_code.co_qualname not in _PULLERS:
            continue
        space = frame.f_locals
        if "item" not in space or (depth and frames[depth - 1].f_code.co_name == _BETWEEN):
            return None
        begun_s = space.get("begun")
        return InFlight(space["index"], space["item"], name, now_s - begun_s if begun_s else None, place_of(frames[:depth]))
    return None


def _chain(waiting: Any, threads: list[list[FrameType]]) -> list[FrameType]:
    """List the frames of a coroutine and of all that it waits for, the innermost first."""
    frames: list[FrameType] = []
    for _ in range(_DEEPEST):
        frame = getattr(waiting, "cr_frame", None) or getattr(waiting, "gi_frame", None) or getattr(waiting, "ag_frame", None)
        if frame is None:
            break
        if getattr(waiting, "cr_running", False):  # it keeps the loop: what it calls is in the thread's stack
            return [*next((thread[: thread.index(frame)] for thread in threads if frame in thread), []), frame, *frames]
        frames.insert(0, frame)
        waiting = getattr(waiting, "cr_await", None) or getattr(waiting, "gi_yieldfrom", None) or getattr(waiting, "ag_await", None)
    return frames


def place_of(frames: Sequence[FrameType]) -> str:
    """Say where an item is: in the user's own code, if any of it is there."""
    return in_code([(frame.f_code.co_filename, frame.f_lineno or 0, frame.f_code.co_name) for frame in frames])


def in_code(places: Sequence[tuple[str, int, str]]) -> str:
    """Say which of these is the innermost of the user's own, or else the innermost: file, line, function, the innermost first."""
    found = next((place for place in places if is_users(place[0])), places[0] if places else None)
    return "" if found is None else f"{os.path.basename(found[0])}:{found[1]} in {found[2]}"  # noqa: PTH119 (pathlib takes 3.5 ms)
