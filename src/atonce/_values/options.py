"""What the caller may ask for: every option checked once, before any work starts."""

from __future__ import annotations

import sys

from atonce._values.record import Record
from atonce._values.retry import Retry
from atonce.errors import OptionError

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from os import PathLike
    from typing import Any

    from atonce._values.adopted import Adopted
    from atonce._values.option_types import BlockingMode, EngineName, ErrorsMode, TenacityPolicy

__all__ = ("ENGINES", "ERRORS_MODES", "Options", "bytes_in", "per_s_in")

ENGINES: tuple[EngineName, ...] = ("auto", "inline", "thread", "process", "async")
BLOCKING_MODES: tuple[BlockingMode, ...] = ("warn", "error")
ERRORS_MODES: tuple[ErrorsMode, ...] = ("raise", "group", "return")

# What the interface promises and this version does not have yet: refused by name, never ignored.
_NOT_YET_ENGINES = ("interpreter", "dask", "ray")

_LEAST_MEMORY_BYTES = 1 << 20  # Assumes: whoever writes less has left out the unit. No interpreter starts with so little
_MOST_MEMORY_BYTES = 2**63 - 1  # what the kernel's limits can hold
_SECONDS = {"s": 1, "sec": 1, "second": 1, "min": 60, "minute": 60, "h": 3600, "hour": 3600}
_SIZE = r"([0-9]{1,19}(?:\.[0-9]*)?|\.[0-9]+)\s*(?:([kmgt])(i?b)?|b)?"
_POWERS = {"k": 1, "m": 2, "g": 3, "t": 4}

# What only some engines can do, and what is to be said to the others. "auto" takes one that can; an engine object knows for itself.
_ONLY_WITH: Mapping[str, tuple[tuple[EngineName, ...], str]] = {
    "timeout": (
        ("process", "async"),
        (
            "{worker} cannot be stopped in the middle of an item.\n"
            "Write engine='process', whose workers can be, or engine='async' for a coroutine function; 'auto' takes the right one."
        ),
    ),
    "memory": (
        ("process",),
        "{worker} has the memory of the whole program.\nWrite engine='process', whose workers have their own; 'auto' takes it.",
    ),
    "max_tasks_per_child": (
        ("process",),
        "{worker} is not renewed.\nWrite engine='process', or 'auto', where it counts once processes are hired; or leave it out.",
    ),
}
_WORKERS = {"inline": "the calling thread", "thread": "a thread", "async": "an event loop"}


class Options(Record):
    """One call's options, checked. ``None`` means: not said, so atonce chooses.

    Attributes:
        engine: which kind of worker runs the items, or an engine object.
        max_workers: threads or processes, at most.
        concurrency: items in flight in all workers together, at most.
        chunksize: items that a worker takes at a time.
        buffersize: items that may have been read from the input and not yet been handed to the consumer.
        ordered: whether a stream hands on results in input order, or as they finish.
        errors: what the failure of an item does to the call.
        timeout: seconds that one attempt at an item may take, above 0. Only for workers that can be stopped: processes, coroutines.
        deadline: seconds that the whole call may take, above 0: then nothing more is started, and what can be stopped is.
        rate: starts in a second, of all workers together: a number, or text as ``per_s_in`` reads it.
        retries: how often an item that raised an ``Exception`` is started again, at once and in the same worker, at most; or a
            ``Retry``, which says of which exceptions, and when; or a ``tenacity.Retrying``, whose ``stop``, ``wait`` and ``retry``
            say so.
        memory: what each worker process may have: bytes, or text as ``bytes_in`` reads it; 1 MiB at least.
        journal: path of a file that keeps each outcome before it is handed on; the same call with it runs only what is not there.
        durable: whether what is kept there is on the disk, and not only out of the program's hands: survives a power cut, too.
        retry_failed: whether items whose failure is there are run again.
        rerun_changed: whether outcomes of a function whose code has changed since are thrown away; else they are refused.
        max_tasks_per_child: items after which a worker process is renewed.
        seed: what the random numbers of each item follow from, together with its place in the input: any whole number. They are
            then the same for any engine, for any number of workers, for each attempt at the item, and in another run. It covers
            the functions of ``random`` and those of ``numpy.random``, and ``numpy.random.default_rng()`` and all else of NumPy
            that is made without a seed of its own. Not covered are generators that are made once and used by several items, an
            unseeded ``random.Random()``, and what an item starts in a thread or a process of its own. What asks the operating
            system is random on purpose, and stays so: ``secrets``, ``os.urandom``, ``uuid.uuid4``. Where a worker has several
            items under way (threads, coroutines), names taken from a module before (``from random import random``) are not
            covered if they are ``random`` or ``getrandbits`` of ``random``, or a function of ``numpy.random``; where items run one
            after the other, they are. ``"auto"`` takes care of that where it sees it.
        blocking: what becomes of a coroutine that blocks its event loop: it is named in the report, or it fails.
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
    timeout: float | None = None
    deadline: float | None = None
    rate: float | str | None = None
    retries: int | Retry | TenacityPolicy = 0
    memory: int | str | None = None
    journal: str | PathLike[str] | None = None
    durable: bool = False
    retry_failed: bool = False
    rerun_changed: bool = False
    max_tasks_per_child: int | None = None
    seed: int | None = None
    blocking: BlockingMode = "warn"
    initializer: Callable[..., object] | None = None
    initargs: tuple[Any, ...] = ()
    progress: bool | str = False
    name: str | None = None

    def updated(self, given: Mapping[str, Any]) -> Options:
        """Return these options with what was given put over them.

        Args:
            given: option names and values, as the caller wrote them.

        Returns:
            Checked options; ``self`` where nothing was given.

        Raises:
            OptionError: an option is unknown, not available yet, of the wrong type, or out of range; or two do not go together.
        """
        if not given:
            return self
        for name, value in given.items():
            _check_is_known(name)
            _CHECKS[name](name, value)
        options = self.__replace__(**given)
        _check_engine_can(options)
        _check_has_journal(options)
        return options

    @property
    def retry(self) -> Retry | Adopted | None:
        """What decides on failures, where the workers do not."""
        if isinstance(self.retries, int):
            return None
        if isinstance(self.retries, Retry):
            return self.retries
        from atonce._values.adopted import Adopted  # noqa: PLC0415 (for those who have such a thing)

        return Adopted(self.retries)

    @property
    def retries_at_once(self) -> int:
        """How often a worker starts a failed item again by itself."""
        return self.retries if isinstance(self.retries, int) else 0

    @property
    def timed(self) -> bool:
        """Whether what decides on failures may want to know for how long an item has been tried."""
        return not isinstance(self.retries, int | Retry)

    @property
    def per_s(self) -> float:
        """Starts in a second; without an end where there is no ``rate``."""
        if self.rate is None:
            return float("inf")
        return per_s_in(self.rate) or float("inf") if isinstance(self.rate, str) else self.rate

    @property
    def memory_bytes(self) -> int | None:
        """What each worker process may have, in bytes."""
        return bytes_in(self.memory) if isinstance(self.memory, str) else self.memory


def bytes_in(text: str) -> int | None:
    """Read an amount of memory.

    ``KiB``, ``MiB``, ``GiB`` and ``TiB`` are powers of 1024, and so are the letters alone; ``KB``, ``MB``, ``GB`` and ``TB`` are
    powers of 1000. Source: GNU coreutils read sizes so.

    Args:
        text: a number, and a unit in capitals or not; bytes, if there is none.

    Returns:
        Whole bytes; ``None`` if it is not an amount.

    Example:
        >>> bytes_in("2 GiB"), bytes_in("1.5GB"), bytes_in("300M"), bytes_in("lots")
        (2147483648, 1500000000, 314572800, None)
    """
    import re  # noqa: PLC0415 (4 ms, for those who write a limit as text)

    match = re.fullmatch(_SIZE, text.strip(), re.IGNORECASE)
    if match is None:
        return None
    number, letter, ending = match.groups()
    power = _POWERS[letter.lower()] if letter else 0
    return int(float(number) * (1000 if (ending or "").lower() == "b" else 1024) ** power)


def per_s_in(text: str) -> float | None:
    """Read a rate.

    Args:
        text: a number, and after a slash ``s``, ``min`` or ``h``, or the words that these stand for.

    Returns:
        How many in a second; ``None`` if it is no rate.

    Example:
        >>> per_s_in("100/s"), per_s_in("30/min"), per_s_in("1800 / hour"), per_s_in("often")
        (100.0, 0.5, 0.5, None)
    """
    number, _, unit = text.partition("/")
    seconds = _SECONDS.get(unit.strip().lower().removesuffix("s") or unit.strip().lower())
    try:
        return None if seconds is None else float(number) / seconds
    except ValueError:
        return None


def _check_is_known(name: str) -> None:
    if name in _CHECKS:
        return
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
            f"Available: {', '.join(ENGINES)}.",
        )
    _check_choice("engine", value, ENGINES)


def _check_engine_can(options: Options) -> None:
    """Refuse an engine that was named and cannot do what else was asked for."""
    engine = options.engine
    for name, (engines, reason) in _ONLY_WITH.items():
        value = getattr(options, name)
        if value is not None and isinstance(engine, str) and engine != "auto" and engine not in engines:
            raise OptionError(
                f"{name}={value!r} cannot be honoured with engine={engine!r}: {reason.format(worker=_WORKERS[engine])}",
            )


def _check_has_journal(options: Options) -> None:
    """Refuse what only says something about a journal, where there is none."""
    if options.journal is None:
        for name in ("durable", "retry_failed", "rerun_changed"):
            if getattr(options, name):
                raise OptionError(f"{name}=True says something about a journal, and there is none: give journal='run.db' too")


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise OptionError(f"{name}={value!r}: expected one of {', '.join(map(repr, choices))}")


def _check_errors(name: str, value: object) -> None:
    _check_choice(name, value, ERRORS_MODES)


def _check_blocking(name: str, value: object) -> None:
    _check_choice(name, value, BLOCKING_MODES)


def _check_count(name: str, value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise OptionError(f"{name}={value!r}: expected a whole number or None, not {type(value).__name__}")
    if value < 1:
        raise OptionError(f"{name}={value!r}: expected 1 or more")


def _check_seed(name: str, value: object) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise OptionError(f"{name}={value!r}: expected a whole number or None, not {type(value).__name__}")


def _check_retries(name: str, value: object) -> None:
    if isinstance(value, Retry):
        return
    if isinstance(value, bool) or not isinstance(value, int):
        from atonce._values.adopted import check_foreign  # noqa: PLC0415 (for those who have such a thing)

        check_foreign(name, value)
    elif value < 0:
        raise OptionError(f"{name}={value!r}: expected 0 or more")


def _check_seconds(name: str, value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise OptionError(f"{name}={value!r}: expected seconds or None, not {type(value).__name__}")
    if not 0 < value <= sys.float_info.max:  # neither infinite, nor "not a number"
        raise OptionError(f"{name}={value!r}: expected more than 0 seconds, and an end; None is for no limit")


def _check_rate(name: str, value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise OptionError(
            f"{name}={value!r}: expected starts per second, text such as '30/min', or None, not {type(value).__name__}"
        )
    per_s = per_s_in(value) if isinstance(value, str) else value
    if per_s is None:
        raise OptionError(f"{name}={value!r}: expected a number of starts per second, or text such as '100/s', '30/min' or '500/h'")
    if not 0 < per_s <= sys.float_info.max or 1 / per_s > sys.float_info.max:
        raise OptionError(f"{name}={value!r}: expected more than 0 starts, and an end; None is for no limit")


def _check_memory(name: str, value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise OptionError(f"{name}={value!r}: expected bytes, text such as '2 GiB', or None, not {type(value).__name__}")
    count = bytes_in(value) if isinstance(value, str) else value
    if count is None:
        raise OptionError(f"{name}={value!r}: expected an amount of memory, such as '2 GiB', '512 MiB', '1.5GB' or '300M'")
    if not _LEAST_MEMORY_BYTES <= count <= _MOST_MEMORY_BYTES:
        raise OptionError(f"{name}={value!r}: expected 1 MiB or more, and less than 8 EiB; this is {count:,} bytes")


def _check_path(name: str, value: object) -> None:
    if value is None:
        return
    fspath = getattr(type(value), "__fspath__", None)
    path = value if fspath is None else fspath(value)
    if not isinstance(path, str):
        raise OptionError(f"{name}={value!r}: expected the path of a file, or None, not {type(value).__name__}")
    if not path or "\0" in path:
        raise OptionError(f"{name}={value!r}: expected the path of a file")


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
    "timeout": _check_seconds,
    "deadline": _check_seconds,
    "rate": _check_rate,
    "retries": _check_retries,
    "memory": _check_memory,
    "journal": _check_path,
    "durable": _check_flag,
    "retry_failed": _check_flag,
    "rerun_changed": _check_flag,
    "max_tasks_per_child": _check_count,
    "seed": _check_seed,
    "blocking": _check_blocking,
    "initializer": _check_initializer,
    "initargs": _check_initargs,
    "progress": _check_progress,
    "name": _check_name,
}
assert set(_CHECKS) == {*Options.__match_args__}  # a new option needs a check
