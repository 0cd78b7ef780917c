"""The generators of random numbers that a program has once: they go by name to another process, and are never copied.

``from random import gauss`` gives a method that is bound to the one generator of ``random``. Pickled as any other method, it would
be bound to a copy of it in the worker: the same numbers in all workers, and others than those that are seeded there.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 10 ms at the start of a worker

if TYPE_CHECKING:
    from typing import Any

__all__ = ("Draw", "draw_of", "name_of_generator")

# Where each is, what it is called there, and the module that has its methods as functions.
_GENERATORS = (("random", "_inst", "random"), ("numpy.random.mtrand", "_rand", "numpy.random"))


class Draw:
    """A function of ``random`` or ``numpy.random``, by name. Pickles as what is found there.

    Attributes:
        module: where it stands.
        name: what it is called there.
    """

    __slots__ = ("module", "name")

    def __init__(self, module: str, name: str) -> None:
        self.module = module
        self.name = name

    def __reduce__(self) -> tuple[Any, ...]:
        return _found, (self.module, self.name)

    def found(self) -> Any:
        """Return what stands there now."""
        return _found(self.module, self.name)


def draw_of(thing: object) -> Draw | None:
    """Tell which function it is, if it is a method of such a generator that can be found by name; else ``None``."""
    owner = getattr(thing, "__self__", None)
    if owner is None:
        return None
    for home, attribute, module in _GENERATORS:
        name = getattr(thing, "__name__", None)
        if owner is getattr(sys.modules.get(home), attribute, None) and hasattr(sys.modules.get(module), str(name)):
            return Draw(module, str(name))
    return None


def name_of_generator(thing: object) -> str | None:
    """Return what such a generator is called in its module; ``None`` if it is none."""
    return next((name for home, name, _ in _GENERATORS if thing is getattr(sys.modules.get(home), name, sys)), None)


def _found(module: str, name: str) -> Any:
    __import__(module)
    return getattr(sys.modules[module], name)
