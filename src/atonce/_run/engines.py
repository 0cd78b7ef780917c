"""The engines by name. Each is imported when it is first asked for."""

from __future__ import annotations

import sys

from atonce.errors import EngineUnavailable

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from atonce._workers.base import Engine

__all__ = ("engine_named", "processes_are_warm")


_made: dict[str, Engine] = {}  # by name. Guarded by: single operations


def engine_named(name: str) -> Engine:
    """Return the one engine of this name: ``inline``, ``thread``, ``process`` or ``async``."""
    engine = _made.get(name)
    # Two threads may both find none. Then both make one, and the first that is put there counts: workers are shared by engine.
    return _made.setdefault(name, _make(name)) if engine is None else engine


def processes_are_warm() -> bool:
    """Tell whether worker processes can be started from a zygote that is already there."""
    mailbox = sys.modules.get("atonce._workers.process.mailbox")
    return mailbox is not None and mailbox.MAILBOX.supervisor is not None


def _make(name: str) -> Engine:
    if name == "inline":
        from atonce._workers.inline import InlineEngine  # noqa: PLC0415

        return InlineEngine()
    if name == "thread":
        from atonce._workers.thread import ThreadEngine  # noqa: PLC0415

        return ThreadEngine()
    if name == "process":
        return _process_engine()
    if name == "async":
        from atonce._workers.loop import AsyncEngine  # noqa: PLC0415

        return AsyncEngine()
    raise AssertionError(f"no engine is called {name!r}; options are checked before")


def _process_engine() -> Engine:
    if sys.platform == "win32":
        raise EngineUnavailable("worker processes need a POSIX system; engine='thread' works on Windows, too")
    from atonce._workers.process.launch import make_ahead  # noqa: PLC0415

    make_ahead()  # it takes about as long as what follows
    from atonce._workers.process.handle import ProcessEngine  # noqa: PLC0415
    from atonce._workers.process.mailbox import MAILBOX  # noqa: PLC0415

    MAILBOX.post(lambda _supervisor: None)  # who closes it again if nobody needs it after all
    return ProcessEngine()
