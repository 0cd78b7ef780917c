"""Programs with a race, each beside the same program put right."""

from tests.race.corpus import (
    accounts,
    buffers,
    caches,
    coroutines,
    deadlocks,
    executors,
    hidden,
    libraries,
    protocols,
    published,
    safestack,
    services,
    sound,
    waiting,
)
from tests.race.corpus.program import Program

__all__ = ("PROGRAMS", "Program")

MODULES = (
    accounts,
    deadlocks,
    caches,
    waiting,
    protocols,
    executors,
    libraries,
    coroutines,
    published,
    buffers,
    safestack,
    services,
    hidden,
    sound,
)

PROGRAMS: tuple[Program, ...] = tuple(program for module in MODULES for program in module.PROGRAMS)
