"""Would a function find the same state in another process?

A worker imports the function's module anew, and knows nothing of what was put there since.
"""

from __future__ import annotations

import sys
from importlib import import_module

from atonce._probe.fingerprint import fingerprint

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ("state_of",)


def state_of(fn: Callable[..., Any], places: tuple[tuple[str, str], ...]) -> list[str]:  # noqa: ARG001 (it is there when it arrives)
    """Say what stands in these places in this process.

    Args:
        fn: the function that reaches them. To receive it, a process has imported what it needs.
        places: modules and names of their globals.

    Returns:
        A text for each of them, the same in each process in which the same stands there.
    """
    return [repr(fingerprint(getattr(_module(module), name, None), portable=True)) for module, name in places]


def _module(name: str) -> Any:
    return sys.modules.get(name) or import_module(name)
