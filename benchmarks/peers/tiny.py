"""``x * x``, a million times, and item by item: nothing but what the pools themselves cost.

Demanded: forced to processes, no slower than ``multiprocessing.Pool.map`` at its best chunk size; and at a chunk size of 1, at most
half of what an item costs with ``imap``.
"""

from functools import partial

from comparing import Contender, compare, found
from pools import EXECUTOR, IMAP, JOBLIB, LOKY, MP_POOL, MPIRE, PEBBLE, Way, contenders, open_pools
from sheet import Sheet, Unit, program
from work import square

import atonce

CHUNK_SIZES = (None, 1_000, 10_000, 50_000)
# The others are best with chunks, too; a short run is enough to see what those cost that take a hundred times as long.
CHUNKED = {MP_POOL: CHUNK_SIZES, EXECUTOR: (10_000, 50_000), JOBLIB: (50_000,), LOKY: (10_000, 50_000), PEBBLE: (50_000,)}
SLOW_CHUNKED = {MPIRE: (None, 10_000)}
ONE_BY_ONE = {IMAP: (1,), MPIRE: (1,)}
SLOW_ONE_BY_ONE = {EXECUTOR: (1,), LOKY: (1,), PEBBLE: (1,), JOBLIB: (1,)}
SERIAL = "limit: a loop"


def million(sheet: Sheet, pool: atonce.Pool, others: dict[str, Way]) -> None:
    """Compare everybody's best way to map over very many very small items."""
    items = range(sheet.arguments.choose(1_000_000, 200_000))
    fewer = range(len(items) // 10)
    expected = [x * x for x in items]
    workers = sheet.arguments.workers
    everybody = [
        Contender("atonce map", partial(pool.map, square, items), len(items), expected),
        Contender(f"{SERIAL}, its time / {workers}", lambda: [square(x) for x in items], len(items) * workers),
        *contenders(others, square, items, CHUNKED, expected),
        *contenders(others, square, fewer, SLOW_CHUNKED, expected[: len(fewer)]),
    ]
    rounds = sheet.arguments.turns(11, 3)
    measured = compare(everybody, rounds)
    title = f"x * x, {len(items):,} items, {rounds} rounds; an item"
    sheet.table(title, measured, "atonce map", everybody[1].name, Unit(decimals=3))
    best = measured.best([each.name for each in everybody if each.name.startswith(MP_POOL)])
    sheet.at_most(f"time over that of {best}, its best", found(measured, "atonce map", best), 1.0)


def one_by_one(sheet: Sheet, pool: atonce.Pool, others: dict[str, Way]) -> None:
    """Compare what an item costs that travels alone."""
    items = range(sheet.arguments.choose(20_000, 5_000))
    fewer = range(len(items) // 5)
    expected = [x * x for x in items]

    def stream() -> list[int]:
        return list(pool.stream(square, items, chunksize=1))

    ours = ("atonce map, chunksize=1", "atonce stream, chunksize=1")
    everybody = [
        Contender(ours[0], partial(pool.map, square, items, chunksize=1), len(items), expected),
        Contender(ours[1], stream, len(items), expected),
        *contenders(others, square, items, ONE_BY_ONE, expected),
        *contenders(others, square, fewer, SLOW_ONE_BY_ONE, expected[: len(fewer)]),
    ]
    rounds = sheet.arguments.turns(11, 3)
    measured = compare(everybody, rounds)
    sheet.table(f"x * x one by one, {len(items):,} items, {rounds} rounds; an item", measured, ours[0], None)
    for name in ours:
        sheet.at_most(f"{name}: time over that of {IMAP}", found(measured, name, f"{IMAP}, chunks of 1"), 0.5)


def main(sheet: Sheet) -> None:
    with open_pools(sheet.arguments.workers) as (pool, others):
        million(sheet, pool, others)
        one_by_one(sheet, pool, others)


if __name__ == "__main__":
    program(main)
