"""What the workers do. In a module of its own, which workers of every kind can import, and which imports next to nothing.

An item of ``burn`` is its number and its cost in one integer, so that next to nothing crosses to the worker and back, and so that
no pool takes it for several arguments.
"""

import time
from typing import Any

__all__ = ("anonymous_bytes", "burn", "double", "pack", "private_while_reducing", "reduce_part", "square", "turns_in")

COST_BITS = 32
Array = Any  # NumPy is not imported for its name's sake
PARTS = 64  # of the array that all items share


def square(x: int) -> int:
    return x * x


def pack(number: int, turns: int) -> int:
    """Make an item for ``burn``."""
    return number << COST_BITS | turns


def burn(item: int) -> int:
    """Compute something in pure Python, for as many turns as the item says; the result depends on the item's number."""
    value = item >> COST_BITS
    for _ in range(item & (1 << COST_BITS) - 1):
        value = (value * 1_103_515_245 + 12_345) & 0x7FFF_FFFF
    return value


def turns_in(seconds: float) -> int:
    """Return how many turns of ``burn`` take this long on this machine: the fastest of a few tries says."""
    probe = 200_000
    return max(1, round(seconds / min(_seconds(pack(1, probe)) for _ in range(9)) * probe))


def double(array: Array) -> Array:
    return array * 2


def reduce_part(array: Array, number: int) -> float:
    """Sum up one part of an array."""
    return float(array[number * (len(array) // PARTS) :][:1000].sum())


def private_while_reducing(array: Array, number: int) -> int:
    """Return how much memory this process has for itself, while it can read the array."""
    reduce_part(array, number)
    return anonymous_bytes()


def anonymous_bytes() -> int:
    """Return the bytes of this process's memory that it shares with nobody and no file."""
    with open("/proc/self/status", encoding="ascii") as file:  # noqa: PTH123 (pathlib would be imported for it)
        line = next(line for line in file if line.startswith("RssAnon"))
    return int(line.split()[1]) * 1024


def _seconds(item: int) -> float:
    begun = time.perf_counter()
    burn(item)
    return time.perf_counter() - begun
