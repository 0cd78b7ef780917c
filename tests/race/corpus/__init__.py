"""Programs with a race, each beside the same program put right."""

from tests.race.corpus import (
    accesses,
    accounts,
    buffers,
    caches,
    changes,
    containers,
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
from tests.race.corpus.sharing import ACCESSES, BAD_ORDERS

__all__ = ("ACCESSES", "BAD_ORDERS", "PROGRAMS", "Program")

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

assert ACCESSES, (accesses, changes, containers)  # they fill it while they are imported
PROGRAMS: tuple[Program, ...] = tuple(program for module in MODULES for program in module.PROGRAMS)
