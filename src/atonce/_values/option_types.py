"""The options as type checkers see them. Imported by nobody else at run time: what is checked then stands in ``options.py``."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from typing import Any, Literal, Protocol, TypeAlias, TypedDict

from atonce._values.retry import Retry

__all__ = (
    "BlockingMode",
    "DefaultsDict",
    "EngineName",
    "EngineObject",
    "ErrorsMode",
    "OptionsDict",
    "PoolOptionsDict",
    "TenacityPolicy",
)

EngineName: TypeAlias = Literal["auto", "inline", "thread", "process", "async"]
BlockingMode: TypeAlias = Literal["warn", "error"]
ErrorsMode: TypeAlias = Literal["raise", "group", "return"]


class EngineObject(Protocol):
    """What an engine of somebody's own has at least; ``atonce._workers.base.Engine`` is the whole of it."""

    kind: str

    def worker(self, context: Any, /) -> Any:
        """Make a worker."""
        ...


class TenacityPolicy(Protocol):
    """A ``tenacity.Retrying`` or ``tenacity.AsyncRetrying``, as far as it is asked."""

    stop: Any
    wait: Any
    retry: Any
    before_sleep: Any


class PoolOptionsDict(TypedDict, total=False):
    """All options but ``errors``: the shape of ``**options`` for type checkers."""

    engine: EngineName | EngineObject
    max_workers: int | None
    concurrency: int | None
    chunksize: int | None
    buffersize: int | None
    ordered: bool
    timeout: float | None
    deadline: float | None
    rate: float | str | None
    retries: int | Retry | TenacityPolicy
    memory: int | str | None
    journal: str | PathLike[str] | None
    durable: bool
    retry_failed: bool
    rerun_changed: bool
    max_tasks_per_child: int | None
    seed: int | None
    blocking: BlockingMode
    initializer: Callable[..., object] | None
    initargs: tuple[Any, ...]
    progress: bool | str
    name: str | None


class OptionsDict(PoolOptionsDict, total=False):
    """All options of a call whose results hold values only: the shape of ``**options`` for type checkers."""

    errors: Literal["raise", "group"]


class DefaultsDict(PoolOptionsDict, total=False):
    """All options, as defaults: the shape of a pool's ``**options`` for type checkers."""

    errors: ErrorsMode
