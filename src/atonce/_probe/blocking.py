"""What a thread is doing in the middle of a coroutine: which call in the user's code it is in, and what to write instead.

::

    time.sleep  (C, no frame)
    fetch()          app.py:12   ◀── the call that is named: the innermost frame of the user's own
    Shift._pull()                ◀── which item it is
    Handle._run(), run_forever()
"""

from __future__ import annotations

import os
import sysconfig
from contextlib import suppress
from itertools import islice
from linecache import getline
from types import ModuleType

from atonce._values.typed import NamedTuple

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, FrameType
    from typing import Any

__all__ = ("Call", "call_in", "instead_of", "is_users", "stack")

_OURS = os.path.dirname(os.path.dirname(__file__)) + os.sep  # noqa: PTH120 (pathlib takes 3.5 ms)
_LIBRARIES = tuple(
    {f"{sysconfig.get_path(name)}{os.sep}" for name in ("stdlib", "platstdlib", "purelib", "platlib")} | {_OURS, "<frozen"}
)
_LOOPS = ("asyncio", "uvloop", "anyio", "trio", "selectors")  # what they do is their business
_DEEPEST = 200  # frames
_LONGEST_TEXT = 60  # characters

# By the module, or the first parts of its name, that the call belongs to.
_INSTEAD = {
    "time.sleep": "await asyncio.sleep(...)",
    "requests": "an asynchronous client, such as httpx.AsyncClient",
    "httpx": "httpx.AsyncClient",
    "urllib": "an asynchronous client, such as httpx.AsyncClient",
    "urllib3": "an asynchronous client, such as httpx.AsyncClient",
    "http": "an asynchronous client, such as httpx.AsyncClient",
    "subprocess": "await asyncio.create_subprocess_exec(...)",
    "os.system": "await asyncio.create_subprocess_shell(...)",
    "socket": "await asyncio.open_connection(...)",
    "_socket": "await asyncio.open_connection(...)",
    "ssl": "await asyncio.open_connection(...)",
    "_ssl": "await asyncio.open_connection(...)",
    "sqlite3": "aiosqlite, or await asyncio.to_thread(...)",
    "psycopg2": "an asynchronous driver, such as psycopg.AsyncConnection",
    "psycopg": "psycopg.AsyncConnection",
    "pymysql": "an asynchronous driver, such as asyncmy",
    "redis": "redis.asyncio",
    "threading": "asyncio.Lock, Event or Condition, if only coroutines use it",
    "_thread": "asyncio.Lock, if only coroutines use it",
    "queue": "asyncio.Queue",
    "_queue": "asyncio.Queue",
    "concurrent": "await asyncio.wrap_future(...)",
    "select": "asyncio's own readers and writers",
}
_OTHERWISE = "await asyncio.to_thread(...)"


class Call(NamedTuple):
    """A call in the user's code that a coroutine is in.

    Attributes:
        file: where it stands.
        line: in which line.
        text: the call itself, as far as it is known; else its line.
        into: the module that it leads into, and its name, as far as that is known: ``time.sleep``.
    """

    file: str
    line: int
    text: str
    into: str


def stack(frame: FrameType | None) -> Iterator[FrameType]:
    """Give the frames of a thread, the innermost first."""
    for _ in range(_DEEPEST):
        if frame is None:
            return
        yield frame
        frame = frame.f_back


def is_users(file: str) -> bool:
    """Tell whether a file of code is the user's own: not of Python, of an installed package, or of ours."""
    return not file.startswith(_LIBRARIES)


def call_in(frames: list[FrameType]) -> Call | None:
    """Find the call in the user's code that leads out of it.

    Args:
        frames: of one thread, the innermost first, down to what runs the item.

    Returns:
        The call; ``None`` if a loop's own code is what it leads into, or if no code of the user's is there.
    """
    for depth, frame in enumerate(frames):
        code = frame.f_code
        if not is_users(code.co_filename):
            continue
        beyond = frames[:depth]
        if any(_module(inner).partition(".")[0] in _LOOPS for inner in beyond):
            return None
        text = _text(code, frame.f_lasti, frame.f_lineno)
        into = _module(beyond[-1]) if beyond else _named(frame, text)
        return Call(code.co_filename, frame.f_lineno or 0, text, into)
    return None


def instead_of(call: Call) -> str:
    """Say what to write instead of a call that blocks."""
    name = call.into
    while name:
        if name in _INSTEAD:
            return _INSTEAD[name]
        name = name.rpartition(".")[0]
    return _OTHERWISE


def _module(frame: FrameType) -> str:
    name = frame.f_globals.get("__name__", "")
    return name if isinstance(name, str) else ""


def _text(code: CodeType, instruction: int, line: int | None) -> str:
    """Return the source of what is being called; its whole line, if it stands in several, or nothing else is known."""
    whole = getline(code.co_filename, line or 0)
    text = whole
    first, last, begin, end = next(islice(code.co_positions(), instruction // 2, None), (None, None, None, None))
    if first == last == line and begin is not None and end is not None:
        text = whole.encode()[begin:end].decode(errors="replace")
    text = text.strip().removeprefix("await ")
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 3]}..."


def _named(frame: FrameType, text: str) -> str:
    """Say what a call without a frame of its own, which is one into C, leads into."""
    names = text.partition("(")[0].strip().split(".")
    space: dict[str, Any] = {**frame.f_globals, **frame.f_locals}
    value = space.get(names[0])
    if value is None:
        return ""
    with suppress(Exception):  # nothing of the user's is run: only modules are looked into
        for name in names[1:]:
            if not isinstance(value, ModuleType):
                break
            value = vars(value)[name]
        module = getattr(value, "__module__", None) if callable(value) else type(value).__module__
        return f"{module or ''}.{getattr(value, '__name__', '')}".strip(".")
    return ""
