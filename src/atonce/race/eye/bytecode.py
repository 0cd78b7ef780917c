"""The code that Python keeps beside a source file: another patch release, which shares it, may have compiled it otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from importlib.util import cache_from_source
from pathlib import Path
from types import CodeType
from typing import Any

__all__ = ("kept_code",)


def kept_code(file: str) -> frozenset[CodeType]:
    """Return the code of all functions of a source file as an import would find it now.

    Python 3.13.0 and 3.13.5 read each other's ``.pyc`` files, and do not compile all to the same. So what was imported may not be
    what its source compiles to, and be its code nevertheless. An import trusts such a file if it names the time and the size of the
    source. The time is one in seconds, so we do so only if the source was not written again after the file was.
    """
    try:
        if Path(file).stat().st_mtime_ns >= Path(cache_from_source(file)).stat().st_mtime_ns:
            return frozenset()
        return frozenset(_within(_Reader("", file).get_code("")))
    except (OSError, ImportError, SyntaxError, ValueError, EOFError, NotImplementedError):
        return frozenset()


class _Reader(SourceFileLoader):
    def set_data(self, *args: Any, **options: Any) -> None:
        """Write nothing: to look is not to import."""


def _within(code: CodeType | None) -> Iterator[CodeType]:
    for constant in () if code is None else code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _within(constant)
