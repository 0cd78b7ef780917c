"""Large arrays: 8 MiB in and out, item by item, and 200 MB that all items share.

Demanded: in and out at least 15 times as fast as ``multiprocessing.Pool`` and 10 times as fast as joblib, and at most 4 times as
long as two copies and the work itself. Shared: one copy in all, and at least 20 times as fast as ``multiprocessing.Pool``.
"""

import itertools
import sys
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from comparing import Contender, compare, found
from pools import EXECUTOR, IMAP, JOBLIB, LOKY, MP_POOL, MPIRE, PEBBLE, STARMAP, Way, contenders, labelled, open_pools
from sheet import MILLISECONDS, Sheet, program
from work import PARTS, double, private_while_reducing, reduce_part

import atonce

try:
    import numpy as np
except ImportError:
    sys.exit("this file needs NumPy: make peers installs it, with everything else")

ARRAY_BYTES = 8 * 1024**2
SHARED_BYTES = 200_000_000
IN_AND_OUT = {MP_POOL: (None, 1), IMAP: (1,), EXECUTOR: (1,), JOBLIB: (None, 1), LOKY: (1,), MPIRE: (1,), PEBBLE: (1,)}
LIMIT, ONE_COPY = "limit: two copies and the work, in this process", "limit: one copy and the work, in this process"

Array = Any  # whoever checks types here need not have NumPy


def in_and_out(sheet: Sheet, pool: atonce.Pool, others: dict[str, Way]) -> None:
    """Compare what it takes to send an array to a worker, have it doubled, and get the result."""
    count = sheet.arguments.choose(64, 8)
    arrays = [np.arange(ARRAY_BYTES // 8, dtype=np.float64) + number for number in range(count)]

    def doubled(values: Iterable[Array]) -> bool:
        return all(itertools.starmap(_is_double, itertools.zip_longest(arrays, values)))

    everybody = [
        Contender(LIMIT, copies_and_work(arrays), count),
        Contender("atonce map", partial(pool.map, double, arrays), count, doubled),
        Contender("atonce stream, no result kept", partial(_last_of_stream, pool, arrays), count, partial(_is_double, arrays[-1])),
        *contenders(others, double, arrays, IN_AND_OUT, doubled),
    ]
    rounds = sheet.arguments.turns(7, 3)
    measured = compare(everybody, rounds)
    title = f"{count} arrays of {ARRAY_BYTES // 1024**2} MiB in and out, {rounds} rounds; an item"
    sheet.table(title, measured, "atonce map", LIMIT, MILLISECONDS)
    for library, factor in ((MP_POOL, 15.0), (JOBLIB, 10.0)):
        best = measured.best([each.name for each in everybody if each.name.startswith(library.split(".map", maxsplit=1)[0])])
        sheet.at_least(f"in and out: times as fast as {best}, its best", found(measured, best, "atonce map"), factor)
    sheet.at_most("in and out: time over that of two copies and the work", found(measured, "atonce map", LIMIT), 4.0)


def copies_and_work(arrays: Sequence[Array]) -> Callable[[], None]:
    """Make what has to be done at the very least: copy each array over, double it, copy the result back, into memory in use."""
    there, done, back = (np.ones_like(arrays[0]) for _ in range(3))

    def run() -> None:
        for array in arrays:
            np.copyto(there, array)
            np.multiply(there, 2, out=done)
            np.copyto(back, done)

    return run


def shared_by_all(sheet: Sheet, pool: atonce.Pool, others: dict[str, Way]) -> None:
    """Compare what it takes when all items need the same large array, which no worker has seen yet."""
    big = Fresh(sheet.arguments.choose(SHARED_BYTES, SHARED_BYTES // 5))
    numbers = range(PARTS)
    # The others send the array along with each chunk: what they do by themselves, and one chunk a worker, which is their best.
    chunks = {STARMAP: (None, PARTS // sheet.arguments.workers), EXECUTOR: (8, PARTS // sheet.arguments.workers), JOBLIB: (None,)}
    chunks |= dict.fromkeys((LOKY, PEBBLE), chunks[EXECUTOR])

    def with_partial(array: Array) -> list[float]:
        return pool.map(partial(reduce_part, array), numbers)

    def with_closure(array: Array) -> list[float]:
        return pool.map(lambda number: reduce_part(array, number), numbers)

    ours = {"atonce map, partial(function, array)": with_partial, "atonce map, a closure over the array": with_closure}
    everybody = {ONE_COPY: big.copy_and_reduce, **ours}
    for name, sizes in chunks.items():
        if name in others:
            everybody |= {labelled(name, chunk): partial(_way_of_others, name, others[name], chunk) for chunk in sizes}
    rounds = sheet.arguments.turns(5, 2)
    measured = compare([Contender(name, run, 1, big.is_reduced, big.renew) for name, run in everybody.items()], rounds)
    title = f"one array of {big.size / 1e6:g} MB for {PARTS} items, a new array each time, {rounds} rounds; all items"
    sheet.table(title, measured, next(iter(ours)), ONE_COPY, MILLISECONDS)
    for name in ours:
        sheet.at_least(f"{name}: times as fast as mp.Pool.starmap", found(measured, labelled(STARMAP, None), name), 20.0)


def one_copy(sheet: Sheet) -> None:
    """Show that the array crosses once, by what the report says, and by what the workers have in memory meanwhile."""
    big = Fresh(sheet.arguments.choose(SHARED_BYTES, SHARED_BYTES // 5))
    with atonce.Pool(engine="process", max_workers=sheet.arguments.workers) as pool:  # whose workers have seen nothing yet
        without = max(pool.map(partial(private_while_reducing, np.ones(PARTS)), range(PARTS)))
        results = pool.map(partial(private_while_reducing, big.renew()), range(PARTS))
    print(f"\none array of {big.size / 1e6:g} MB for {PARTS} items: how many copies")
    copies = results.report.bytes_moved / big.size
    sheet.at_least("shared: bytes moved over the array's size, which shows that they are counted", (copies, ""), 1.0)
    sheet.at_most("shared: bytes moved over the array's size", (copies, ""), 1.05)
    sheet.at_most(
        "shared: memory that a worker has of its own for it, over its size", ((max(results) - without) / big.size, ""), 0.1
    )


class Fresh:
    """A large array that is another one each time, so that nobody can have kept it from the time before."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._renewed = 0
        self._array: Array = None
        self._copy = np.ones(size // 8)

    def renew(self) -> Array:
        """Make a new array with other values."""
        self._renewed += 1
        self._array = np.arange(self.size // 8, dtype=np.float64) + self._renewed
        return self._array

    def is_reduced(self, values: list[float]) -> bool:
        """Tell whether these are the right results for the array of this time."""
        return values == [reduce_part(self._array, number) for number in range(PARTS)]

    def copy_and_reduce(self, array: Array) -> list[float]:
        """Do what has to be done at the very least."""
        np.copyto(self._copy, array)
        return [reduce_part(self._copy, number) for number in range(PARTS)]


def _way_of_others(name: str, way: Way, chunk: int | None, array: Array) -> list[float]:
    if name == STARMAP:
        return way(reduce_part, [(array, number) for number in range(PARTS)], chunk)
    return way(partial(reduce_part, array), range(PARTS), chunk)


def _last_of_stream(pool: atonce.Pool, arrays: Sequence[Array]) -> Array:
    return deque(pool.stream(double, arrays), maxlen=1)[0]


def _is_double(array: Array, value: Array) -> bool:
    return bool(np.array_equal(value, array * 2))


def main(sheet: Sheet) -> None:
    with open_pools(sheet.arguments.workers) as (pool, others):
        in_and_out(sheet, pool, others)
        shared_by_all(sheet, pool, others)
    one_copy(sheet)


if __name__ == "__main__":
    program(main)
