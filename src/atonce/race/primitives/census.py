"""Looking at all threads in a task. What is seen depends on all that begin and end, so nothing is proved from it."""

from __future__ import annotations

import threading
from typing import Any

from atonce.race.operations import Operation
from atonce.race.places import here
from atonce.race.primitives.replacing import replace_code, twin_of
from atonce.race.scheduler import active

__all__ = ("active_count", "enumerate_threads")

_real_enumerate = twin_of(threading.enumerate)
_real_active_count = twin_of(threading.active_count)


def enumerate_threads() -> Any:
    """Stands for `threading.enumerate`."""
    _look("enumerate")
    return _real_enumerate()


def active_count() -> Any:
    """Stands for `threading.active_count`."""
    _look("active_count")
    return _real_active_count()


def _look(kind: str) -> None:
    run = active()
    if run is not None:
        place = here()
        run.doubt("looks at all threads", place)
        run.point(Operation(kind, tuple([(run.number(task), None, False) for task in run.tasks]), place))


def _enumerate_code() -> Any:
    from atonce.race.primitives.census import enumerate_threads as stand_in  # noqa: PLC0415 (runs among another module's names)

    return stand_in()


def _active_count_code() -> Any:
    from atonce.race.primitives.census import active_count as stand_in  # noqa: PLC0415 (as above)

    return stand_in()


replace_code(threading.enumerate, _enumerate_code)
replace_code(threading.active_count, _active_count_code)
