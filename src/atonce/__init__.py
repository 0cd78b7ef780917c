"""Run a Python function over many inputs at once.

On the right kind of concurrency, chosen by watching the real work; without losing a result; and it tells you why::

    import atonce

    results = atonce.map(fn, inputs)             # a list in input order, with .report
    for result in atonce.stream(fn, inputs): ...  # lazy, bounded, closable

The names are loaded when they are first used, so that ``import atonce`` costs next to nothing.
"""

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from atonce import errors, race
    from atonce._api.explain import Explanation, explain
    from atonce._api.mapping import amap, astream, map, starmap, stream  # noqa: A004 (the built-in's name and meaning)
    from atonce._api.pool import Pool
    from atonce._api.results import AsyncStream, Results, Stream
    from atonce._values.outcome import Failure, Outcome, Success
    from atonce._values.plan import Plan
    from atonce._values.purity import pure
    from atonce._values.report import Report
    from atonce._values.retry import Retry
    from atonce.errors import (
        AtonceError,
        BlockingCall,
        DeadlineExceeded,
        DeadlockFound,
        EngineUnavailable,
        InternalError,
        JournalError,
        OptionError,
        PicklingFailed,
        PoolClosed,
        RaceError,
        RaceFound,
        RemoteError,
        RetryAfter,
        ScheduleDiverged,
        TaskError,
        TasksFailed,
        TaskTimeout,
        WorkerCrashed,
    )

__version__ = "0.1.0"

__all__ = (
    "AsyncStream",
    "AtonceError",
    "BlockingCall",
    "DeadlineExceeded",
    "DeadlockFound",
    "EngineUnavailable",
    "Explanation",
    "Failure",
    "InternalError",
    "JournalError",
    "OptionError",
    "Outcome",
    "PicklingFailed",
    "Plan",
    "Pool",
    "PoolClosed",
    "RaceError",
    "RaceFound",
    "RemoteError",
    "Report",
    "Results",
    "Retry",
    "RetryAfter",
    "ScheduleDiverged",
    "Stream",
    "Success",
    "TaskError",
    "TaskTimeout",
    "TasksFailed",
    "WorkerCrashed",
    "amap",
    "astream",
    "errors",
    "explain",
    "map",
    "pure",
    "race",
    "starmap",
    "stream",
)

_HOMES = {
    "atonce._api.explain": ("Explanation", "explain"),
    "atonce._api.mapping": ("amap", "astream", "map", "starmap", "stream"),
    "atonce._api.pool": ("Pool",),
    "atonce._api.results": ("AsyncStream", "Results", "Stream"),
    "atonce._values.purity": ("pure",),
    "atonce._values.outcome": ("Failure", "Outcome", "Success"),
    "atonce._values.plan": ("Plan",),
    "atonce._values.report": ("Report",),
    "atonce._values.retry": ("Retry",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    from importlib import import_module  # noqa: PLC0415 (nothing is loaded before it is used)

    if name in ("errors", "race"):
        return import_module(f"atonce.{name}")
    if name not in __all__:
        raise AttributeError(f"module 'atonce' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF.get(name, "atonce.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
