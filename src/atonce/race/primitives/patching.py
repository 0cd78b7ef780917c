"""Replace names for the time of a check, and put them back."""

from __future__ import annotations

import _thread
import threading
from types import TracebackType
from typing import Any, Self

from atonce.errors import InternalError, RaceError
from atonce.race.primitives import (
    barriers,
    caches,
    census,
    conditions,
    cpus,
    executors,
    futures,
    gathering,
    queues,
    signals,
    simple_queues,
    threads,
    times,
)
from atonce.race.primitives.locks import Lock
from atonce.race.primitives.memory import settle
from atonce.race.primitives.replacing import REPLACED, REPLACEMENTS, Replacement, replace_name
from atonce.race.primitives.rlocks import RLock
from atonce.race.primitives.shadows import shadow
from atonce.race.scheduler import active

__all__ = ("REPLACED", "Patched", "shadow")

_MODELS = (
    barriers,
    caches,
    census,
    conditions,
    cpus,
    executors,
    futures,
    gathering,
    queues,
    signals,
    simple_queues,
    threads,
    times,
)  # each has registered its own
_one_check = _thread.allocate_lock()
_checker = 0  # the thread that has it. Guarded by: _one_check

for _owner, _name, _replacement in (
    (threading, "Lock", Lock),
    (threading, "_allocate_lock", Lock),
    (threading, "_CRLock", RLock),
    (_thread, "allocate_lock", Lock),
    (_thread, "allocate", Lock),
    (_thread, "RLock", RLock),
):
    replace_name(_owner, _name, _replacement)


class Patched:
    """For the time of a ``with`` block, tasks find our models where the names of the standard library stood.

    Whatever runs outside of a run, or in a thread that is no task, is not affected. What somebody else has replaced before stays as
    it is. One check at a time: another thread waits.

    Raises:
        RaceError: a check inside a check.
        InternalError: at the end, an attribute could not be put back.
    """

    def __init__(self) -> None:
        self._done: list[Replacement] = []

    def __enter__(self) -> Self:
        global _checker  # noqa: PLW0603
        run = active()
        if run is not None or (_one_check.locked() and _checker == _thread.get_ident()):
            error = RaceError("a check inside a check: the inner one cannot decide over threads that the outer one decides over")
            if run is not None:
                run.stop(error)  # it is no failure of the function's, which no order could avoid
            raise error
        _one_check.acquire()
        _checker = _thread.get_ident()
        try:
            for replacement in REPLACEMENTS:
                self._apply(replacement)
        except BaseException:
            self._leave()
            raise
        return self

    def _apply(self, replacement: Replacement) -> None:
        if _current(replacement) is replacement.original:
            self._done.append(replacement)
            setattr(replacement.owner, replacement.name, replacement.replacement)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._leave()

    def _leave(self) -> None:
        global _checker  # noqa: PLW0603
        try:
            settle()
        finally:
            lost = [_name_of(replacement) for replacement in reversed(self._done) if not _restored(replacement)]
            self._done.clear()
            _checker = 0
            _one_check.release()
        if lost:
            raise InternalError(f"could not put back {', '.join(lost)}")


def _restored(replacement: Replacement) -> bool:
    owner: Any = replacement.owner
    setattr(owner, replacement.name, replacement.original)
    return _current(replacement) is replacement.original


def _current(replacement: Replacement) -> Any:
    if replacement.name == "__code__":
        return replacement.owner.__code__
    return vars(replacement.owner).get(replacement.name)


def _name_of(replacement: Replacement) -> str:
    return f"{replacement.owner.__name__}.{replacement.name}"
