"""What the user's function prints, logs and warns, on its way out of the worker. ``voices.py`` is the parent's side.

* What is printed goes to descriptors 1 and 2, whose other ends the parent reads. C libraries write there as well.
* A log record is sent instead of being handled here: handlers, and the filters of loggers, are the parent's. The levels that decide
  whether a record is made at all are set here as they are there.
* A warning is sent instead of being shown. The filters are the parent's, so "error" raises here, in the user's function.

A worker may log and warn from several threads, so what is given as ``send`` has to bear that. It has to bear being called within
itself too: the garbage collector may run anywhere, and a file that it closes warns. A process that the function forks inherits all
this, but not the right to use the worker's pipe, so it speaks for itself: on stderr, as it would without us.

Source: ``logging.handlers.QueueHandler`` for what becomes of a record. We differ in that ``Logger.callHandlers`` is replaced and no
handler added, because a module that sets up its own handlers when it is imported does so in both processes: its lines would come
twice, and a handler is not asked whether the ones before it may run.
"""

from __future__ import annotations

import marshal
import sys
from os import getpid

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from io import TextIOWrapper
    from types import FrameType, ModuleType
    from typing import Any, TextIO, TypeAlias

    Send: TypeAlias = Callable[[bytes], None]

__all__ = ("LogVoice", "WarningVoice", "adopt_logging", "adopt_warnings", "set_up_streams")

_MARSHALLED = frozenset([str, int, float, bool, bytes, type(None)])
_LEVEL_OF_ROOT, _LEVEL_OF_OTHERS = 30, 0  # WARNING and NOTSET, from which they start
_UNTOUCHED = marshal.dumps((0, {}, []))


# ---- print ----------------------------------------------------------------------------------------------------------------------


def set_up_streams() -> None:
    """Let every line leave when it is complete, and let a crash leave its stack on stderr."""
    # A line in the buffer of a process that is killed is lost, and the last ones are those that matter.
    sys.stdout = sys.__stdout__ = _by_line(sys.stdout, 1, "strict")  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _by_line(sys.stderr, 2, "backslashreplace")  # type: ignore[misc]
    import faulthandler  # noqa: PLC0415 (built in; measured: 40 µs to import, 10 µs to enable)

    if not faulthandler.is_enabled():
        # The stack in C, which Python 3.14 adds, is longer than what is kept of a worker's last words.
        faulthandler.enable(2, **({"c_stack": False} if sys.version_info >= (3, 14) else {}))


def _by_line(stream: Any, descriptor: int, errors: str) -> TextIOWrapper:
    """Return the interpreter's stream, or a new one where the program was started without."""
    try:
        if stream.fileno() == descriptor:
            stream.reconfigure(line_buffering=True)
            same: TextIOWrapper = stream
            return same
    except (AttributeError, OSError, ValueError):
        pass  # None, closed, or not the interpreter's own
    # The descriptor outlives the stream: the next file to be opened must not get its number.
    return open(descriptor, "w", buffering=1, encoding="utf-8", errors=errors, closefd=False)


# ---- logging --------------------------------------------------------------------------------------------------------------------


def adopt_logging(description: bytes | None, send: Send) -> None:
    """Set the levels of the parent's loggers here, and send records to its handlers.

    Cheap if the description is the one before: what an initializer has changed since then stays. ``logging`` takes 17 ms to import,
    so this waits until the user's code does.

    Args:
        description: from ``describe_logging``; None leaves logging, from now on, to this process.
        send: takes a record, packed for ``relay_record``.
    """
    _log.adopt(description, send)


class LogVoice:
    """Where the loggers of this process call their handlers."""

    def __init__(self) -> None:
        self._description: bytes | None = None
        self._levels: dict[str, tuple[int, bool, bool]] = {}  # what was set here, so that it can be taken back
        self._heard_there: frozenset[str] = frozenset()  # the loggers that have handlers in the parent
        self._send: Send = _nobody
        self._pid = 0
        self._listening = False
        self._here: Callable[[logging.Logger, logging.LogRecord], None] | None = None

    def adopt(self, description: bytes | None, send: Send) -> None:
        """See ``adopt_logging``."""
        self._send, self._pid = send, getpid()
        if description == self._description:
            return
        self._description = description
        module = sys.modules.get("logging")
        if module is not None:
            self._apply(module)
        elif not self._listening:
            self._listening = True
            sys.meta_path.insert(0, _OnImport("logging", self._apply))

    def _apply(self, logging: Any) -> None:
        disable, levels, heard_there = marshal.loads(self._description or _UNTOUCHED)  # noqa: S302 (from the parent)
        for name in self._levels.keys() - levels.keys():
            _set(logging, name, _LEVEL_OF_ROOT if name == "root" else _LEVEL_OF_OTHERS, disabled=False, propagate=True)
        for name, (level, disabled, propagate) in levels.items():
            _set(logging, name, level, disabled=disabled, propagate=propagate)
        logging.disable(disable)
        self._levels, self._heard_there = levels, frozenset(heard_there)
        if self._here is None:
            self._here = logging.Logger.callHandlers

            def call_handlers(logger: logging.Logger, record: logging.LogRecord) -> None:
                self._call_handlers(logger, record)

            logging.Logger.callHandlers = call_handlers

    def _call_handlers(self, logger: logging.Logger, record: logging.LogRecord) -> None:
        assert self._here is not None
        if self._description is None or getpid() != self._pid:
            self._here(logger, record)
            return
        there = handled = False
        link: logging.Logger | None = logger
        while link is not None:
            if link.name in self._heard_there:
                there = True  # and if it has handlers here, they were set up by code that both processes have run
            else:
                for handler in link.handlers:
                    handled = True
                    if record.levelno >= handler.level:
                        handler.handle(record)
            link = link.parent if link.propagate else None
        if there or not handled:  # with no handler anywhere, the parent shows what logging shows by itself
            self._tell(record)

    def _tell(self, record: logging.LogRecord) -> None:
        try:
            self._send(_pack(record))
        except Exception:  # a record whose arguments do not fit its message, for one
            import logging  # noqa: PLC0415 (there is a record, so it is loaded)

            logging.Handler().handleError(record)


def _set(logging: Any, name: str, level: int, *, disabled: bool, propagate: bool) -> None:
    logger = logging.getLogger(name)
    logger.setLevel(level)
    logger.disabled, logger.propagate = disabled, propagate


def _pack(record: logging.LogRecord) -> bytes:
    """Make a record ready to be sent: its message formatted, its traceback as text.

    The result is marshalled: a dictionary of fields. One that is not plain is there as a pair: its pickle, or None where it has
    none, and words to stand for it.
    """
    fields = {**vars(record)}
    exc_text = record.exc_text
    if record.exc_info and not exc_text:
        import logging  # noqa: PLC0415 (there is a record, so it is loaded)

        exc_text = logging.Formatter().formatException(record.exc_info)
    fields.update(msg=_plain(record.getMessage()), args=None, exc_info=None, exc_text=exc_text)
    return marshal.dumps({name: value if type(value) in _MARSHALLED else _pickled(value) for name, value in fields.items()})


def _pickled(value: Any) -> tuple[bytes | None, str]:
    from _pickle import dumps  # noqa: PLC0415 (only for what is not plain)

    try:
        return dumps(value, 5), f"<{type(value).__qualname__} that cannot be rebuilt>"
    except Exception:
        return None, _plain(_repr(value))


def _repr(value: Any) -> str:
    try:
        return repr(value)
    except Exception as error:
        return f"<{type(value).__qualname__} whose repr raises {type(error).__qualname__}>"


class _OnImport:
    """A finder and loader that does something once a module has been imported."""

    def __init__(self, name: str, then: Callable[[ModuleType], None]) -> None:
        self._name = name
        self._then = then
        self._loader: Any = None

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Find the module as the others do, and stand in for its loader."""
        if name == self._name:
            for finder in sys.meta_path:
                if finder is not self and (spec := finder.find_spec(name, path, target)) is not None:
                    self._loader, spec.loader = spec.loader, self  # type: ignore[assignment]
                    return spec
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Leave it to the loader."""
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Have the loader do its work, leave no trace, and do ours."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        assert module.__spec__ is not None
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._then(module)


# ---- warnings -------------------------------------------------------------------------------------------------------------------


def adopt_warnings(description: bytes, send: Send) -> None:
    """Filter warnings here as the parent does, and send to it what is to be shown.

    Cheap if the description is the one before: what an initializer has changed since then stays.

    Args:
        description: from ``describe_warnings``.
        send: takes a warning, packed for ``relay_warning``.
    """
    _warned.adopt(description, send)


class WarningVoice:
    """Where the warnings of this process are shown."""

    def __init__(self) -> None:
        self._description = b""
        self._adopted: list[Any] = []
        self._send: Send = _nobody
        self._pid = 0
        self._here: Callable[..., None] | None = None

    def adopt(self, description: bytes, send: Send) -> None:
        """See ``adopt_warnings``."""
        import warnings  # noqa: PLC0415 (measured: 0.4 ms, where nobody has imported it before)

        self._send, self._pid = send, getpid()
        if description != self._description:
            self._description = description
            _generation, entries = marshal.loads(description)  # noqa: S302 (from the parent)
            self._adopted = [_filter(*entry) for entry in entries]
            warnings.filters[:] = self._adopted  # type: ignore[index]
            with warnings.catch_warnings():
                pass  # to enter and leave it is the public way to say that filters have changed, and has no other effect
        if self._here is None:
            self._here, warnings.showwarning = warnings.showwarning, self._show

    def _show(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        import warnings  # noqa: PLC0415 (loaded, as one has been shown)

        assert self._here is not None
        if file is not None or getpid() != self._pid or _is_recorded(warnings):
            self._here(message, category, filename, lineno, file, line)
            return
        text, module, action = _plain(message), _module_of(filename, sys._getframe(1)), ""  # noqa: SLF001
        filters = _filters_of(warnings)
        if filters != self._adopted:  # the function has its own opinion, and the parent does not know it
            action = _action(filters, text, category, module, lineno)
        kinds = [(_plain(kind.__module__), _plain(kind.__qualname__)) for kind in category.__mro__ if issubclass(kind, Warning)]
        self._send(marshal.dumps((action, text, _plain(module), _plain(filename), int(lineno), kinds)))


def _is_recorded(warnings: Any) -> bool:
    """Tell whether the function records its warnings in a way that goes past ``showwarning``.

    Source: Lib/_py_warnings.py of Python 3.14, where ``catch_warnings`` keeps its record in a context variable if
    ``sys.flags.context_aware_warnings``; before, it puts the original ``showwarning`` back for as long.
    """
    context = getattr(warnings, "_get_context", None)
    return context is not None and context().log is not None


def _filters_of(warnings: Any) -> list[Any]:
    get = getattr(warnings, "_get_filters", None)  # Python 3.14: those of the context
    return list(warnings.filters if get is None else get())


def _module_of(filename: str, frame: FrameType | None) -> str:
    """Name the module whose line is blamed: it is on the stack, unless somebody blames a file for its content."""
    while frame is not None and frame.f_code.co_filename != filename:
        frame = frame.f_back
    if frame is None:
        return filename.removesuffix(".py")  # as the standard library does
    return str(frame.f_globals.get("__name__") or "<string>")


def _action(filters: list[Any], text: str, category: type[Warning], module: str, lineno: int) -> str:
    for action, message, kind, in_module, in_line in filters:
        if _fits(message, text) and issubclass(category, kind) and _fits(in_module, module) and in_line in (0, lineno):
            return str(action)
    return "default"


def _fits(pattern: Any, text: str) -> bool:
    if pattern is None or isinstance(pattern, str):
        return pattern in (None, text)
    return pattern.match(text) is not None


def _filter(action: str, message: Any, category: tuple[str, str], module: Any, lineno: int) -> tuple[Any, ...]:
    return action, _pattern(message), _category(*category), _pattern(module), lineno


def _pattern(described: Any) -> Any:
    return _LazyPattern(*described) if isinstance(described, tuple) else described


class _LazyPattern:
    """Compiled when the first warning comes, because most workers never see one, and ``re`` takes 7 ms to import."""

    def __init__(self, pattern: str, flags: int) -> None:
        self._pattern = pattern
        self._flags = flags
        self._compiled: Any = None

    def match(self, text: str) -> Any:
        """Match at the beginning, as a compiled pattern does."""
        if self._compiled is None:
            import re  # noqa: PLC0415 (see above)

            self._compiled = re.compile(self._pattern, self._flags)
        return self._compiled.match(text)


class _ByName(type):
    """The type of a category that knows its subclasses by name: its module need not be imported here for a filter's sake."""

    named: tuple[str, str]

    def __subclasscheck__(cls, other: type) -> bool:
        return cls.named in [(kind.__module__, kind.__qualname__) for kind in other.__mro__]


def _category(module: str, qualname: str) -> type:
    import builtins  # noqa: PLC0415 (always there, under a name that is not ours)

    if module == "builtins" and isinstance(kind := getattr(builtins, qualname, None), type):
        return kind
    return _ByName(qualname, (Warning,), {"named": (module, qualname), "__module__": module})


def _plain(value: Any) -> str:
    """Return a real ``str``: neither marshal nor the parent knows somebody's subclass of it."""
    return str.__str__(str(value))


def _nobody(_blob: bytes) -> None:
    raise AssertionError("nothing was adopted")


_log = LogVoice()
_warned = WarningVoice()
