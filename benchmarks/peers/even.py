"""Items of 100 µs and of 10 ms, all the same: how near the pools come to bare forks that share no data.

Demanded: at least 0.95 of what as many bare forks as there are workers do, each with its share of the items, nothing tuned.
"""

from functools import partial

from bare import forks_of
from comparing import Contender, compare, found
from pools import EXECUTOR, IMAP, JOBLIB, LOKY, MP_POOL, MPIRE, PEBBLE, Way, contenders, open_pools, serial
from sheet import Sheet, program
from work import burn, pack, turns_in

import atonce

# About 5 ms of work a chunk: what the others need to be told in order to be good at 100 µs.
SMALL = {MP_POOL: (None, 50), EXECUTOR: (50,), JOBLIB: (None, 50), LOKY: (50,), MPIRE: (None, 50), PEBBLE: (50,)}
LARGE = {MP_POOL: (None, 1), IMAP: (1,), EXECUTOR: (1,), JOBLIB: (None,), LOKY: (1,), MPIRE: (None, 1), PEBBLE: (1,)}
LIMIT = "limit: bare forks"


def compare_at(
    sheet: Sheet, pool: atonce.Pool, others: dict[str, Way], cost_s: float, count: int, chunks: dict[str, tuple[int | None, ...]]
) -> None:
    """Compare everybody at items of one cost."""
    turns, workers = turns_in(cost_s), sheet.arguments.workers
    items = [pack(number, turns) for number in range(count)]
    expected = [burn(item) for item in items]
    everybody = [
        forks_of(items, workers, LIMIT),
        Contender("atonce map", partial(pool.map, burn, items), count, expected),
        Contender("atonce stream", lambda: list(pool.stream(burn, items)), count, expected),
        serial(items, workers),
        *contenders(others, burn, items, chunks, expected),
    ]
    rounds = sheet.arguments.turns(7, 3)
    measured = compare(everybody, rounds)
    sheet.table(f"{count:,} items of {cost_s * 1e3:g} ms, {rounds} rounds; an item", measured, "atonce map", LIMIT)
    sheet.at_least(f"items of {cost_s * 1e3:g} ms: part of the speed of bare forks", found(measured, LIMIT, "atonce map"), 0.95)


def main(sheet: Sheet) -> None:
    share = sheet.arguments.workers * sheet.arguments.choose(10_000, 2_000)  # so many items of 100 µs: 1 s of work a worker
    with open_pools(sheet.arguments.workers) as (pool, others):
        compare_at(sheet, pool, others, 100e-6, share, SMALL)
        compare_at(sheet, pool, others, 10e-3, share // 100, LARGE)


if __name__ == "__main__":
    program(main)
