"""`queue.SimpleQueue`: a class of our own around a real one, which keeps the items."""

from __future__ import annotations

import _queue
import queue
from types import GenericAlias
from typing import Any

from atonce.race.operations import Operation
from atonce.race.places import here
from atonce.race.primitives.flows import flow_of
from atonce.race.primitives.locks import LikeReal
from atonce.race.primitives.replacing import replace_name
from atonce.race.primitives.shadows import SHADOWS
from atonce.race.primitives.waiting import wait_until
from atonce.race.scheduler import active

__all__ = ("SimpleQueue",)

_REAL: Any = _queue.SimpleQueue


class SimpleQueue(metaclass=LikeReal):
    """Stands for `queue.SimpleQueue`, for those made in a run and, as their shadow, for those made before."""

    real_type = _REAL
    _inside: Any
    _itself: object

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Make one: a real one where no run decides."""
        if cls is SimpleQueue and active() is None:
            return _REAL(*args, **kwargs)
        made = object.__new__(cls)
        made._inside = _REAL()
        made._itself = made
        return made

    @classmethod
    def around(cls, real: Any) -> SimpleQueue:
        """Make the shadow of a real one."""
        made = object.__new__(cls)
        made._inside = made._itself = real
        return made

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:  # noqa: FBT001, FBT002, ARG002
        """Put an item in. It never waits."""
        run = active()
        if run is not None:
            number, place = run.number(self._itself), here()
            flow = flow_of(run, self._itself, self._inside.qsize())
            run.point(Operation("put", ((number, None, True),), place, enables=True))
            run.replace(Operation("put", flow.give((number,)), place, enables=True))
        self._inside.put(item)

    def put_nowait(self, item: Any) -> None:
        """Put an item in."""
        self.put(item)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:  # noqa: FBT001, FBT002
        """Take an item out."""
        run = active()
        if run is None:
            return self._inside.get(block, timeout)
        if block and timeout is not None and timeout < 0:
            raise ValueError("'timeout' must be a non-negative number")
        number, place = run.number(self._itself), here()
        flow = flow_of(run, self._itself, self._inside.qsize())
        there = wait_until(run, "get", ((number, None, True),), lambda: not self._inside.empty(), timeout if block else 0, place)
        cells = flow.take((number,)) if there else ((number, None, False),)
        run.replace(Operation("get", cells, place, waits=block and timeout is None))
        return self._inside.get_nowait()

    def get_nowait(self) -> Any:
        """Take an item out if there is one."""
        return self.get(block=False)

    def qsize(self) -> int:
        """Return how many items there are."""
        self._look("qsize")
        return int(self._inside.qsize())

    def empty(self) -> bool:
        """Tell whether there are none."""
        self._look("empty")
        return bool(self._inside.empty())

    def _look(self, kind: str) -> None:
        run = active()
        if run is not None:
            run.point(Operation(kind, ((run.number(self._itself), None, False),), here()))

    __class_getitem__: Any = classmethod(GenericAlias)


SHADOWS[_REAL] = SimpleQueue.around
replace_name(queue, "SimpleQueue", SimpleQueue)
replace_name(_queue, "SimpleQueue", SimpleQueue)
