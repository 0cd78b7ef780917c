"""Nine items in ten take 1 ms, the tenth 60 ms: shuffled, and the longest last.

Demanded: at least 0.95 of bare forks that share no data, know all costs beforehand, and have them spread evenly; nothing tuned.
"""

import heapq
import random
from collections.abc import Sequence
from functools import partial

from bare import forks_of
from comparing import Contender, compare, found
from pools import EXECUTOR, IMAP, JOBLIB, LOKY, MP_POOL, MPIRE, PEBBLE, Way, contenders, open_pools, serial
from sheet import Sheet, Unit, program
from work import burn, pack, turns_in

import atonce

SHORT_S, LONG_S, LONG_IN = 1e-3, 60e-3, 10
SEED = 20
CHUNKS = {MP_POOL: (None, 1), IMAP: (1,), EXECUTOR: (1,), JOBLIB: (None, 1), LOKY: (1,), MPIRE: (None, 1), PEBBLE: (1,)}
LIMIT = "limit: bare forks that know all costs"


def compare_in(sheet: Sheet, pool: atonce.Pool, others: dict[str, Way], order: str, long: Sequence[bool]) -> None:
    """Compare everybody at one order of the items."""
    turns, workers, count = turns_in(SHORT_S), sheet.arguments.workers, len(long)
    items = [pack(number, turns * round(LONG_S / SHORT_S) if is_long else turns) for number, is_long in enumerate(long)]
    expected = [burn(item) for item in items]
    everybody = [
        forks_of(items, workers, LIMIT),
        Contender("atonce map", partial(pool.map, burn, items), count, expected),
        Contender("atonce stream, ordered=False", lambda: sorted(pool.stream(burn, items, ordered=False)), count, sorted(expected)),
        serial(items, workers),
        *contenders(others, burn, items, CHUNKS, expected),
    ]
    rounds = sheet.arguments.turns(5, 3)
    measured = compare(everybody, rounds)
    costs = f"every {LONG_IN}th of {LONG_S * 1e3:g} ms, the rest of {SHORT_S * 1e3:g} ms"
    title = f"{count:,} items, {costs}, {order}, {rounds} rounds; an item"
    sheet.table(title, measured, "atonce map", LIMIT, Unit("ms", 1e3, 3))
    sheet.note(f"a pool that costs nothing and takes items in this order, one at a time, would reach {in_order(long, workers):.3f}")
    sheet.at_least(f"{order}: part of the speed of {LIMIT.removeprefix('limit: ')}", found(measured, LIMIT, "atonce map"), 0.95)


def in_order(long: Sequence[bool], workers: int) -> float:
    """Return how near to an even division comes who gives each item to the first idle worker and does not know the costs."""
    costs = [LONG_S if is_long else SHORT_S for is_long in long]
    free_at = [0.0] * workers
    for cost in costs:
        heapq.heapreplace(free_at, free_at[0] + cost)
    return sum(costs) / workers / max(free_at)


def main(sheet: Sheet) -> None:
    count = sheet.arguments.choose(600, 80)
    longest_last = [number >= count - count // LONG_IN for number in range(count)]
    shuffled = random.Random(SEED).sample(longest_last, count)
    with open_pools(sheet.arguments.workers) as (pool, others):
        compare_in(sheet, pool, others, "shuffled", shuffled)
        compare_in(sheet, pool, others, "longest last", longest_last)


if __name__ == "__main__":
    program(main)
