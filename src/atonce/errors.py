"""Every error that atonce raises, in one tree.

The user's own exception is never replaced: it arrives as itself. The classes here are for what happens around it, and each is also
the standard library's class for the same mishap, so that code which catches that keeps working.
"""

from __future__ import annotations

from _pickle import PicklingError

# As typing.TYPE_CHECKING. A worker process imports this module before its first item: the whole of pickle, and typing, would make
# that take twice as long. (Measured: python -X importtime -c "import atonce.errors", 16 ms and 8 ms on a busy machine)
TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures.process import BrokenProcessPool
    from typing import Any

    from atonce._values.outcome import Outcome

__all__ = (
    "AtonceError",
    "BlockingCall",
    "DeadlineExceeded",
    "DeadlockFound",
    "EngineUnavailable",
    "InternalError",
    "JournalError",
    "OptionError",
    "PicklingFailed",
    "PoolClosed",
    "RaceError",
    "RaceFound",
    "RemoteError",
    "RetryAfter",
    "ScheduleDiverged",
    "TaskError",
    "TaskTimeout",
    "TasksFailed",
    "WorkerCrashed",
)


class AtonceError(Exception):
    """What all errors of atonce have in common."""


class OptionError(AtonceError, ValueError):
    """An option is unknown, of the wrong type, or cannot be honoured. Raised before any work starts."""


class EngineUnavailable(AtonceError, ImportError):
    """The engine asked for cannot work here: a package or a service of the operating system is missing."""


class DeadlineExceeded(AtonceError, TimeoutError):
    """A call took longer than ``deadline=`` allows, and was ended. The message says how far it came.

    Attributes:
        outcomes: what had ended by then, in input order: from ``map`` all of it, from ``stream`` what it has not handed on.
    """

    outcomes: Sequence[Outcome[Any]] = ()


class PoolClosed(AtonceError, RuntimeError):
    """The pool was asked for work after it was closed."""


class JournalError(AtonceError):
    """A journal cannot be used: it is no journal, is being written by another program, was made by other code, or is damaged."""


class InternalError(AtonceError):
    """A defect in atonce itself. The work goes on where it can."""


class TaskError(AtonceError):
    """One item came to harm on its way, not inside the user's function."""


class TaskTimeout(TaskError, TimeoutError):
    """An item took longer than ``timeout=`` allows, and was ended. The message says how long that is."""


class BlockingCall(TaskError):
    """A coroutine kept its event loop from everything else (``blocking="error"``). The message names the call and its line."""


class PicklingFailed(TaskError, PicklingError):
    """A function, an item or a result could not be sent to another process. The message names what in it does not pickle."""


class RemoteError(TaskError):
    """Stands for an exception that could not be sent back: it does not pickle, or does not rebuild.

    Attributes:
        type_name: the qualified name of the original exception's class.
        text: the original exception's message.
        traceback_text: the traceback as it was formatted in the worker.
    """

    def __init__(self, type_name: str, text: str, traceback_text: str) -> None:
        super().__init__(f"{type_name}: {text}" if text else type_name)
        self.type_name = type_name
        self.text = text
        self.traceback_text = traceback_text

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.type_name, self.text, self.traceback_text)


class TasksFailed(AtonceError, ExceptionGroup[Exception]):
    """Some items failed while all were run (``errors="group"``).

    The exceptions of the group are the items' own, in input order. A failure that is not an ``Exception`` (a ``SystemExit``, for
    example) stands in the group as a ``RemoteError`` with the original as its cause.

    Attributes:
        outcomes: from ``map``, one ``Success`` or ``Failure`` for each input, in input order; from ``stream``, which keeps no
            results, the failures only.
    """

    outcomes: Sequence[Outcome[Any]] = ()

    def derive(self, excs: Sequence[Exception], /) -> TasksFailed:  # type: ignore[override]
        """Make the group that ``split`` and ``except*`` ask for, keeping the outcomes."""
        part = TasksFailed(self.message, excs)
        part.outcomes = self.outcomes
        return part


class RetryAfter(Exception):
    """What an item answers that is to be started again later, by ``raise`` or by ``return``: a service has asked to be left alone.

    No worker of the call takes another item either before the time is over; what it has taken, it ends. The item is started again
    up to ten times, or as often as ``retries=Retry(...)`` says, if that is more; then this is its failure.

    Args:
        seconds: for how long; 0 or more.

    Raises:
        ValueError: that is no such number.
    """

    made = False  # whether there has ever been one in this process: then results are looked through for them

    def __init__(self, seconds: float) -> None:
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < float("inf"):
            raise ValueError(f"RetryAfter({seconds!r}): expected seconds, 0 or more, and an end")
        super().__init__(seconds)
        self.seconds = float(seconds)
        RetryAfter.made = True

    def __str__(self) -> str:
        return f"asked to be tried again after {self.seconds:g} s"


class RaceError(AtonceError, AssertionError):
    """What ``atonce.race`` found, or why it could not say. A test runner counts it as a failed assertion.

    Attributes:
        report: the ``atonce.race.Report`` behind it, where there is one.
    """

    report: Any = None


class RaceFound(RaceError):
    """An order of execution was found in which the program fails. The user's exception is its cause."""


class DeadlockFound(RaceError):
    """An order of execution was found in which nobody can go on. The message says who waits for what, and who holds it."""


class ScheduleDiverged(RaceError):
    """A replay string does not fit this program: at one of its steps, the task that it names cannot go on, or is not there."""


class _Crash(TaskError):
    """What ``WorkerCrashed`` says for itself: all of it but for the base that is costly to import."""

    # Both are sent with the exception: they are in its __dict__, which BaseException.__reduce__ gives along.
    how: str
    stderr_tail: tuple[str, ...]

    def __init__(self, message: str = "", *, how: str = "", stderr_tail: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.how = how
        self.stderr_tail = stderr_tail


def is_crash(error: BaseException) -> bool:
    """Tell whether an error is a ``WorkerCrashed``, without loading that."""
    return isinstance(error, _Crash)


_CRASH_DOC = """A worker process ended in the middle of this item: the message says how, and what the item was.

    Attributes:
        how: the exit status or the signal, in words; empty if nobody knows.
        stderr_tail: the last lines that the worker wrote to its standard error.
    """

if TYPE_CHECKING:

    class WorkerCrashed(_Crash, BrokenProcessPool):
        """A worker process ended in the middle of this item: the message says how, and what the item was."""


def __getattr__(name: str) -> Any:
    # WorkerCrashed is made when first asked for: its second base lives in a module that takes 18 ms to import, and only a
    # process that has seen a crash needs it. (Measured: python -X importtime -c "import concurrent.futures.process")
    if name != "WorkerCrashed":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from concurrent.futures.process import BrokenProcessPool  # noqa: PLC0415

    crashed = type(name, (_Crash, BrokenProcessPool), {"__module__": __name__, "__doc__": _CRASH_DOC})
    globals()[name] = crashed
    return crashed
