"""What workers print, log and warn, as it arrives in the parent. ``forward.py`` is the workers' side.

Everything here that takes what came from a worker is called by the one thread that reads from all of them. So lines of two workers
never mix; and nothing may raise, whatever streams, handlers and hooks of the user do: that thread feeds every worker.
"""

from __future__ import annotations

import marshal
import sys
import threading
import warnings
from _pickle import loads
from collections import deque
from contextlib import suppress
from functools import reduce
from io import TextIOWrapper
from itertools import islice

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from typing import Any

__all__ = ("LineRelay", "describe_logging", "describe_warnings", "relay_record", "relay_warning")

_PARTIAL_BYTES = 1 << 16  # so much of a line may wait for its end
_TAIL_LINE_BYTES = 1_000  # so much of a line can be read in an error's message


# ---- print ----------------------------------------------------------------------------------------------------------------------


class LineRelay:
    r"""Turns the raw bytes of one worker's stdout or stderr into whole lines on the parent's.

    A line ends with ``\n``, or with ``\r``: a progress bar is seen while it moves.

    The stream is looked up for every write: notebooks, ``contextlib.redirect_stdout`` and pytest replace it. One that is closed, or
    whose reader has gone, is not tried again, because every line would cost another exception; one that replaces it is. What any
    other failure kept from being written is dropped.

    Args:
        stream_name: ``"stdout"`` or ``"stderr"``.
        tail_lines: how many of the last lines are kept for ``tail``.

    Example:
        >>> relay = LineRelay("stdout")
        >>> relay.feed(b"one\ntw")
        one
        >>> relay.feed(b"o\n")
        two
        >>> relay.feed(b"the last wor")
        >>> relay.end()
        the last wor
    """

    def __init__(self, stream_name: str, tail_lines: int = 0) -> None:
        self._stream_name = stream_name
        self._rest = b""
        self._broken: object = None  # the stream that is not tried again
        self._tail: deque[bytes] = deque(maxlen=tail_lines)
        self._open = b""  # what is to be seen so far of the line that the tail does not have yet

    def feed(self, data: bytes) -> None:
        """Write the lines that these bytes complete, and keep what begins a new one."""
        self._remember(data)
        cut = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        whole = self._rest + data[:cut] if cut else b""
        self._rest = data[cut:] if cut else self._rest + data
        if len(self._rest) > _PARTIAL_BYTES:
            cut = _last_character(self._rest)
            whole, self._rest = whole + self._rest[:cut], self._rest[cut:]
        if whole:
            self._write(whole)

    def end(self) -> None:
        """Let out a line that has no end, with one: the worker has gone, or the run is over. More may come."""
        rest, self._rest = self._rest, b""
        if rest:
            self._remember(b"\n")
            self._write(rest + b"\n")

    def tail(self) -> tuple[str, ...]:
        """Return the last lines that are not blank, the oldest first, as a terminal would show them."""
        lines = [*self._tail, self._open] if self._open.strip() else [*self._tail]
        shown = lines[-self._tail.maxlen :] if self._tail.maxlen else []
        return tuple(line.decode("utf-8", "replace").rstrip() for line in shown)

    def _remember(self, data: bytes) -> None:
        if not self._tail.maxlen:
            return
        *lines, last = (self._open + data).split(b"\n")
        seen = (shown for line in reversed(lines) if (shown := _as_shown(line)).strip())
        self._tail.extend(reversed([*islice(seen, self._tail.maxlen)]))  # from the end: most of a flood is never looked at
        self._open = _as_shown(last) + (b"\r" if last.endswith(b"\r") else b"")  # the half of an end of line, or a way back

    def _write(self, data: bytes) -> None:
        stream: Any = getattr(sys, self._stream_name, None)
        if stream is None or stream is self._broken:
            return
        try:
            _write(stream, data)
        except UnicodeError:
            pass  # a ValueError too, but the next line may do
        except (BrokenPipeError, ValueError):  # ValueError: "I/O operation on closed file"
            self._broken = stream
        except BaseException:  # noqa: S110 (somebody's stream may raise anything, and there is nowhere to tell it)
            pass


def _last_character(data: bytes) -> int:
    """Return where the last character begins, so that a cut there splits none. UTF-8 has three bytes at most after the first."""
    cut = len(data) - 1
    while cut > len(data) - 4 and data[cut] & 0xC0 == 0x80:  # noqa: PLR2004 (10xxxxxx: not a first byte)
        cut -= 1
    return cut


def _as_shown(line: bytes) -> bytes:
    r"""Return what is left to see of a line: ``\r`` goes back to its beginning, and what follows is written over it."""
    return line.rstrip(b"\r").rpartition(b"\r")[2][:_TAIL_LINE_BYTES]


def _write(stream: Any, data: bytes) -> None:
    """Write with one call, so that what other threads print comes before or after."""
    if _writes_its_own_way(stream):
        stream.write(data.decode("utf-8", "replace"))
        stream.flush()
        return
    stream.flush()
    view = memoryview(data)
    while view and (written := stream.buffer.write(view)):  # python -u: unbuffered, and may write less
        view = view[written:]
    stream.buffer.flush()


def _writes_its_own_way(stream: Any) -> bool:
    """Tell a plain text stream, whose bytes can be written unchanged, from one that does something with what is written to it."""
    return getattr(type(stream), "write", None) is not TextIOWrapper.write or "write" in vars(stream)


# ---- logging --------------------------------------------------------------------------------------------------------------------


def describe_logging() -> bytes | None:
    """Describe what decides whether a log record is made, and which loggers have handlers, for ``adopt_logging``.

    Returns:
        ``manager.disable``; level, ``disabled`` and ``propagate`` of each logger where they were changed, by name; and the names of
        the loggers with handlers, marshalled. None if nobody has set up logging.
    """
    logging: Any = sys.modules.get("logging")
    if logging is None or not hasattr(logging, "root"):  # not there, or being imported by another thread
        return None
    levels: dict[str, tuple[int, bool, bool]] = {}
    with_handlers = []
    for logger in [logging.root, *logging.root.manager.loggerDict.values()]:
        if isinstance(logger, logging.PlaceHolder):
            continue
        if logger.level or logger.disabled or not logger.propagate:
            levels[str(logger.name)] = int(logger.level), bool(logger.disabled), bool(logger.propagate)
        if logger.handlers:
            with_handlers.append(str(logger.name))
    disable = int(logging.root.manager.disable)
    untouched = levels == {"root": (logging.WARNING, False, True)} and not with_handlers and not disable
    return None if untouched else marshal.dumps((disable, levels, with_handlers))


def relay_record(blob: bytes) -> None:
    """Give a worker's log record to the logger of its name, as if it had been made here. Its process and thread stay its own."""
    import logging  # noqa: PLC0415 (a record comes from a worker only if it is loaded here)

    try:
        fields = marshal.loads(blob)  # noqa: S302 (from our own worker)
        record = logging.makeLogRecord({name: _rebuilt(value) for name, value in fields.items()})
        logging.getLogger(record.name).handle(record)
    except BaseException:  # a filter of the user's may raise anything, SystemExit too
        _tell()


def _rebuilt(value: Any) -> Any:
    if not isinstance(value, tuple):
        return value
    pickled, words = value
    try:
        return words if pickled is None else loads(pickled)  # from our own worker
    except Exception:
        return words


# ---- warnings -------------------------------------------------------------------------------------------------------------------


class _Described:
    """The filters that were described last. Guarded by: ``lock``.

    ``generation`` counts how often they have changed, or somebody entered or left ``catch_warnings``, which replaces the list: as
    here, a warning that was shown before is then shown again, and the workers have to hear of it although the filters may be equal.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.list: list[Any] | None = None
        self.copy: list[Any] = []
        self.generation = 0
        self.blob = b""
        self.shown: set[tuple[Any, ...]] = set()  # what workers with filters of their own have shown in this generation
        self.registries: dict[str, dict[Any, Any]] = {}  # by module: what was shown for modules that are not loaded here


_described = _Described()
_stand_ins: dict[tuple[str, str], type[Warning]] = {}  # Guarded by: the one thread that relays


def describe_warnings() -> bytes:
    """Describe the filters for ``adopt_warnings``. To be called by the thread that began the run: its context may have its own.

    Returns:
        How often they have changed, and the filters, marshalled: categories by name and patterns as text, so that a worker imports
        neither a package nor ``re`` for filters that it may never need. A filter that is not made of these is left out.
    """
    get = getattr(warnings, "_get_filters", None)  # Python 3.14: those of the context, where warnings know contexts
    filters: list[Any] = warnings.filters if get is None else get()  # type: ignore[assignment]
    with _described.lock:
        if filters is not _described.list or filters != _described.copy:
            _described.list, _described.copy = filters, list(filters)
            _described.generation += 1
            _described.shown.clear()
            described = [entry for entry in map(_entry, _described.copy) if entry is not None]
            _described.blob = marshal.dumps((_described.generation, described))
        return _described.blob


def _entry(entry: Any) -> tuple[Any, ...] | None:
    try:
        action, message, category, module, lineno = entry
        named = str(category.__module__), str(category.__qualname__)
        return str(action), _pattern(message), named, _pattern(module), int(lineno)
    except (AttributeError, TypeError, ValueError):
        return None


def _pattern(pattern: Any) -> str | tuple[str, int] | None:
    return pattern if pattern is None or isinstance(pattern, str) else (str(pattern.pattern), int(pattern.flags))


def relay_warning(blob: bytes) -> None:
    """Show a worker's warning as if it had been given here: where the hooks of this process want it, and once.

    "Once" is what the filters here say: the warning goes through them, and through the memory of the module that it is about. What
    this process has shown already, because it ran some items itself, is not shown again for each worker. Only a function that has
    filters of its own, within ``catch_warnings``, has its warning shown as it decided.
    """
    try:
        action, text, module, filename, lineno, kinds = marshal.loads(blob)  # noqa: S302 (from our own worker)
        message = _message(kinds, text)
        if action:
            _show(message, filename, lineno, always=action in ("always", "all"))
        else:
            _warn(message, filename, lineno, module)
    except BaseException:  # a hook of the user's may raise anything, SystemExit too
        _tell()


def _warn(message: Warning, filename: str, lineno: int, module: str) -> None:
    home = sys.modules.get(module)
    known = _described.registries.setdefault(module, {}) if home is None else vars(home).setdefault("__warningregistry__", {})
    try:
        warnings.warn_explicit(message, type(message), filename, lineno, module, known)
    except Warning as raised:
        if raised is not message:
            raise
        # The filters say "error" by now. They did not when the worker asked them, and there is nobody here to raise it to.
        _show(message, filename, lineno, always=False)


def _show(message: Warning, filename: str, lineno: int, *, always: bool) -> None:
    key = str(message), type(message), filename, lineno
    with _described.lock:
        if not always and key in _described.shown:
            return
        _described.shown.add(key)
    warnings.showwarning(message, type(message), filename, lineno)


def _message(kinds: list[tuple[str, str]], text: str) -> Warning:
    """Rebuild a warning from the names of its class and its bases, and its text."""
    found = [(place, kind) for place, name in enumerate(kinds) if (kind := _loaded(*name)) is not None]
    place, kind = found[0] if found else (len(kinds), Warning)
    if not place:
        with suppress(Exception):
            message = kind(text)
            if str(message) == text:
                return message
    return _stand_in(kinds[0], kind)(text)


def _loaded(module: str, qualname: str) -> type[Warning] | None:
    """Return a class if its module is loaded. It is not imported: that may take seconds, in the thread that feeds every worker."""
    try:
        kind: Any = reduce(getattr, qualname.split("."), sys.modules[module])
    except (AttributeError, KeyError):
        return None
    return kind if isinstance(kind, type) and issubclass(kind, Warning) else None


def _stand_in(name: tuple[str, str], base: type[Warning]) -> type[Warning]:
    """Make a class of that name under the nearest base that there is; it takes a text, whatever the real one takes."""
    if name not in _stand_ins or not issubclass(_stand_ins[name], base):
        plain = {"__new__": Warning.__new__, "__init__": Warning.__init__, "__str__": Warning.__str__}
        _stand_ins[name] = type(name[1].rpartition(".")[2], (base,), {**plain, "__module__": name[0], "__qualname__": name[1]})
    return _stand_ins[name]


def _tell() -> None:
    """Say on stderr what went wrong in the user's handlers or hooks: raised, it would end the thread that feeds every worker."""
    with suppress(BaseException):
        import traceback  # noqa: PLC0415 (3 ms, when something has been raised)

        traceback.print_exc()
