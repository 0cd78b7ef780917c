"""`concurrent.futures.wait` and `as_completed` in a task. What they give comes in an order that is the same in every such run."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import _base
from functools import partial
from typing import Any

from atonce.race.operations import Cell
from atonce.race.places import here
from atonce.race.primitives.memory import memory
from atonce.race.primitives.replacing import replace_code, twin_of
from atonce.race.primitives.waiting import wait_until
from atonce.race.scheduler import Scheduler, active

__all__ = ("as_completed", "wait")

_base_: Any = _base
_ENDED = frozenset((_base_.CANCELLED_AND_NOTIFIED, _base_.FINISHED))


class _Ordered(set[Any]):
    """A set whose order does not depend on addresses."""

    def __init__(self, futures: Iterable[Any]) -> None:
        self._order = list(futures)
        super().__init__(self._order)

    def __iter__(self) -> Iterator[Any]:
        known = [future for future in self._order if future in self]
        return iter(known + [future for future in set.__iter__(self) if future not in self._order])

    def pop(self) -> Any:
        for future in self:
            self.remove(future)
            return future
        raise KeyError("pop from an empty set")


def wait(fs: Iterable[Any], timeout: float | None = None, return_when: str = _base.ALL_COMPLETED) -> Any:
    """Stands for `concurrent.futures.wait`."""
    run = active()
    if run is None:
        return _real_wait(fs, timeout, return_when)
    futures = _numbered(run, fs)
    enough = _ENOUGH.get(return_when)
    if enough is None:
        raise ValueError(f"Invalid return condition: {return_when!r}")
    all_of_them = return_when == _base.ALL_COMPLETED
    wait_until(run, "wait", _cells(run, futures), lambda: enough(futures), timeout, here(), waits=all_of_them)
    done = [future for future in futures if future._state in _ENDED]
    return _base_.DoneAndNotDoneFutures(
        _Ordered(_by_end(run, done)), _Ordered([future for future in futures if future._state not in _ENDED])
    )


def as_completed(fs: Iterable[Any], timeout: float | None = None) -> Iterator[Any]:
    """Stands for `concurrent.futures.as_completed`."""
    run = active()
    if run is None:
        return iter(_real_as_completed(fs, timeout))
    return _as_completed(run, _numbered(run, fs), timeout)


def _as_completed(run: Scheduler, futures: list[Any], timeout: float | None) -> Iterator[Any]:
    pending = list(futures)
    end = None if timeout is None else run.now_s + timeout
    while pending:
        left = None if end is None else max(end - run.now_s, 0)
        wait_until(run, "as_completed", _cells(run, pending), partial(_any_of, pending), left, here(), waits=False)
        done = _by_end(run, [future for future in pending if future._state in _ENDED])
        if not done:
            raise TimeoutError(f"{len(pending)} (of {len(futures)}) futures unfinished")
        pending = [future for future in pending if future not in done]
        while done:
            yield done.pop(0)


def _any_of(futures: list[Any]) -> bool:
    return any(future._state in _ENDED for future in futures)


def _all_of(futures: list[Any]) -> bool:
    return all(future._state in _ENDED for future in futures)


def _any_failed(futures: list[Any]) -> bool:
    return _all_of(futures) or any(future._state == _base_.FINISHED and future._exception is not None for future in futures)


_ENOUGH: dict[str, Callable[[list[Any]], bool]] = {
    _base.FIRST_COMPLETED: lambda futures: not futures or _any_of(futures),
    _base.FIRST_EXCEPTION: _any_failed,
    _base.ALL_COMPLETED: _all_of,
}


def _numbered(run: Scheduler, fs: Iterable[Any]) -> list[Any]:
    """Return each future once; those that come in no order by the number that they have in this run."""
    futures = list(dict.fromkeys(fs))
    return sorted(futures, key=run.number) if isinstance(fs, (set, frozenset)) and not isinstance(fs, _Ordered) else futures


def _by_end(run: Scheduler, futures: list[Any]) -> list[Any]:
    finished = memory(run).finished
    return sorted(futures, key=lambda future: finished.get(id(future), -1))


def _cells(run: Scheduler, futures: list[Any]) -> tuple[Cell, ...]:
    return tuple([(run.number(future), None, False) for future in futures])


_real_wait = twin_of(_base.wait)
_real_as_completed = twin_of(_base.as_completed)


def _wait_code(fs: Any, timeout: Any = None, return_when: Any = _base.ALL_COMPLETED) -> Any:
    from atonce.race.primitives.gathering import wait as stand_in  # noqa: PLC0415 (this code runs among another module's names)

    return stand_in(fs, timeout, return_when)


def _as_completed_code(fs: Any, timeout: Any = None) -> Any:
    from atonce.race.primitives.gathering import as_completed as stand_in  # noqa: PLC0415 (as above)

    yield from stand_in(fs, timeout)  # a generator as the original: Python 3.13 warns of code of another kind


replace_code(concurrent.futures.wait, _wait_code)
replace_code(concurrent.futures.as_completed, _as_completed_code)
