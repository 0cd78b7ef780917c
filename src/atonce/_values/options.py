"""What the caller may ask for: every option checked once, before any work starts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Protocol, TypedDict, get_args

from atonce.errors import OptionError

__all__ = ("DefaultsDict", "EngineName", "EngineObject", "ErrorsMode", "Options", "OptionsDict", "PoolOptionsDict")

EngineName = Literal["auto", "inline", "thread", "process", "async"]
ErrorsMode = Literal["raise", "group", "return"]

# What the interface promises and this version does not have yet: refused by name, never ignored.
_NOT_YET_ENGINES = ("interpreter", "dask", "ray")
_NOT_YET_OPTIONS = (
    "blocking",
    "deadline",
    "journal",
    "max_tasks_per_child",
    "memory",
    "rate",
    "retries",
    "retry_failed",
    "seed",
    "timeout",
)


class EngineObject(Protocol):
    """What an engine of somebody's own has at least; ``atonce._workers.base.Engine`` is the whole of it."""

    kind: str

    def worker(self, context: Any, /) -> Any:
        """Make a worker."""
        ...


class PoolOptionsDict(TypedDict, total=False):
    """All options but ``errors``: the shape of ``**options`` for type checkers."""

    engine: EngineName | EngineObject
    max_workers: int | None
    concurrency: int | None
    chunksize: int | None
    buffersize: int | None
    ordered: bool
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


@dataclass(frozen=True, slots=True)
class Options:
    """One call's options, checked. ``None`` means: not said, so atonce chooses.

    Attributes:
        engine: which kind of worker runs the items, or an engine object.
        max_workers: threads or processes, at most.
        concurrency: items in flight in all workers together, at most.
        chunksize: items that a worker takes at a time.
        buffersize: items that may have been read from the input and not yet been handed to the consumer.
        ordered: whether a stream hands on results in input order, or as they finish.
        errors: what the failure of an item does to the call.
        initializer: called once in each worker before its first item.
        initargs: the initializer's arguments.
        progress: whether to show progress, or the description to show it under.
        name: what the work is called in progress lines, threads and reports; the function's name if ``None``.
    """

    engine: Any = "auto"
    max_workers: int | None = None
    concurrency: int | None = None
    chunksize: int | None = None
    buffersize: int | None = None
    ordered: bool = True
    errors: ErrorsMode = "raise"
    initializer: Callable[..., object] | None = None
    initargs: tuple[Any, ...] = ()
    progress: bool | str = False
    name: str | None = None

    def updated(self, given: Mapping[str, Any]) -> "Options":
        """Return these options with what was given put over them.

        Args:
            given: option names and values, as the caller wrote them.

        Returns:
            Checked options; ``self`` where nothing was given.

        Raises:
            OptionError: an option is unknown, not available yet, of the wrong type, or out of range.
        """
        if not given:
            return self
        known = {name: value for name, value in given.items() if _is_known(name, value)}
        for name, value in known.items():
            _CHECKS[name](name, value)
        return replace(self, **known)


def _is_known(name: str, value: object) -> bool:
    if name in _CHECKS:
        return True
    if name in _NOT_YET_OPTIONS:
        if value is None or value is False or (name == "retries" and value == 0):
            return False  # says nothing, so nothing is ignored
        raise OptionError(
            f"{name}={value!r} cannot be honoured: this version of atonce does not have the option {name!r} yet.\n"
            f"Leave it out; nothing has been started.",
        )
    from difflib import get_close_matches  # noqa: PLC0415 (only on the way to an error)

    close = get_close_matches(name, _CHECKS, n=1)
    hint = f"Did you mean {close[0]!r}?" if close else f"The options are: {', '.join(sorted(_CHECKS))}."
    raise OptionError(f"there is no option {name!r}. {hint}")


def _check_engine(_name: str, value: object) -> None:
    if not isinstance(value, str):
        if callable(getattr(value, "worker", None)) and isinstance(getattr(value, "kind", None), str):
            return
        raise OptionError(f"engine={value!r} is neither the name of an engine nor an engine object (with .kind and .worker)")
    if value in _NOT_YET_ENGINES:
        raise OptionError(
            f"engine={value!r} cannot be honoured: this version of atonce does not have that engine yet.\n"
            f"Available: {', '.join(get_args(EngineName))}.",
        )
    _check_choice("engine", value, get_args(EngineName))


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise OptionError(f"{name}={value!r}: expected one of {', '.join(map(repr, choices))}")


def _check_errors(name: str, value: object) -> None:
    _check_choice(name, value, get_args(ErrorsMode))


def _check_count(name: str, value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise OptionError(f"{name}={value!r}: expected a whole number or None, not {type(value).__name__}")
    if value < 1:
        raise OptionError(f"{name}={value!r}: expected 1 or more")


def _check_flag(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise OptionError(f"{name}={value!r}: expected True or False, not {type(value).__name__}")


def _check_progress(name: str, value: object) -> None:
    if not isinstance(value, bool | str):
        raise OptionError(f"{name}={value!r}: expected True, False or a description, not {type(value).__name__}")


def _check_name(name: str, value: object) -> None:
    if value is not None and not isinstance(value, str):
        raise OptionError(f"{name}={value!r}: expected text, not {type(value).__name__}")


def _check_initializer(name: str, value: object) -> None:
    if value is not None and not callable(value):
        raise OptionError(f"{name}={value!r}: expected something that can be called, not {type(value).__name__}")


def _check_initargs(name: str, value: object) -> None:
    if not isinstance(value, tuple):
        raise OptionError(f"{name}={value!r}: expected a tuple, not {type(value).__name__}; for one argument write (x,)")


_CHECKS: Mapping[str, Callable[[str, object], None]] = {
    "engine": _check_engine,
    "max_workers": _check_count,
    "concurrency": _check_count,
    "chunksize": _check_count,
    "buffersize": _check_count,
    "ordered": _check_flag,
    "errors": _check_errors,
    "initializer": _check_initializer,
    "initargs": _check_initargs,
    "progress": _check_progress,
    "name": _check_name,
}
assert set(_CHECKS) == {field.name for field in fields(Options)}  # a new option needs a check
