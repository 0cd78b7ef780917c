"""The engines by name. Each is imported when it is first asked for."""

from functools import cache

from atonce._workers.base import Engine

__all__ = ("engine_named",)


@cache
def engine_named(name: str) -> Engine:
    """Return the one engine of this name: ``inline``, ``thread``, ``process`` or ``async``."""
    if name == "inline":
        from atonce._workers.inline import InlineEngine  # noqa: PLC0415

        return InlineEngine()
    if name == "thread":
        from atonce._workers.thread import ThreadEngine  # noqa: PLC0415

        return ThreadEngine()
    if name == "process":
        from atonce._workers.process.handle import ProcessEngine  # noqa: PLC0415

        return ProcessEngine()
    if name == "async":
        from atonce._workers.loop import AsyncEngine  # noqa: PLC0415

        return AsyncEngine()
    raise AssertionError(f"no engine is called {name!r}; options are checked before")
