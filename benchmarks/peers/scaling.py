"""Efficiency by number of workers and cost of an item: the speed over that of as many bare forks that share no data.

Nothing is demanded here; it is the table that ``docs`` keeps, from the largest machine that can be had. Counts of workers above the
usable CPUs are skipped, for they would show the machine's limit and not a pool's; ``--workers`` says nothing here.
"""

from functools import partial

from bare import forks_of
from comparing import Contender, Measured, compare, found
from pools import EXECUTOR, MP_POOL, contenders, open_pools
from sheet import Sheet, Unit, program
from work import burn, pack, turns_in

from atonce._machine.cpus import usable_cpus

COUNTS = (1, 2, 4, 8, 16)
COSTS_S = (100e-6, 1e-3, 10e-3)
BATCH_S = 5e-3  # of work in a chunk, for those who have to be told
OURS, LIMIT = "atonce map", "limit: bare forks"


def at(sheet: Sheet, workers: int, cost_s: float, work_s: float) -> Measured:
    """Compare everybody with so many workers, at items of this cost, with so many seconds of work for each worker."""
    turns = turns_in(cost_s)
    items = [pack(number, turns) for number in range(workers * round(work_s / cost_s))]
    expected = [burn(item) for item in items]
    chunk = max(1, round(BATCH_S / cost_s))
    with open_pools(workers, MP_POOL, EXECUTOR) as (pool, others):
        everybody = [
            forks_of(items, workers, LIMIT),
            Contender(OURS, partial(pool.map, burn, items), len(items), expected),
            *contenders(others, burn, items, {MP_POOL: (chunk,), EXECUTOR: (chunk,)}, expected),
        ]
        rounds = sheet.arguments.turns(7, 3)
        measured = compare(everybody, rounds)
    sheet.table(
        f"{workers} workers, {len(items):,} items of {cost_s * 1e3:g} ms, {rounds} rounds; an item", measured, OURS, LIMIT, Unit()
    )
    return measured


def efficiencies(measured: Measured) -> list[float | None]:
    """Return the part of the bare forks' speed that we reach, and the better one of the others."""
    best = measured.best([name for name in measured.times if name not in (OURS, LIMIT)] or [OURS])
    return [found(measured, LIMIT, name)[0] for name in (OURS, best)]


def main(sheet: Sheet) -> None:
    usable = usable_cpus()
    rows = []
    for workers in COUNTS:
        if workers > usable:
            sheet.note(f"{workers} workers: skipped, there are {usable} usable CPUs")
            continue
        cells = [efficiencies(at(sheet, workers, cost_s, sheet.arguments.choose(10, 2) / 10)) for cost_s in COSTS_S]
        rows.append((workers, cells))
    show(rows)


def show(rows: list[tuple[int, list[list[float | None]]]]) -> None:
    """Print the table as it goes into the documentation."""
    print("\nPart of the speed of as many bare forks: atonce, and in brackets the best of the others\n")
    print("| workers | " + " | ".join(f"{cost_s * 1e3:g} ms" for cost_s in COSTS_S) + " |")
    print("|---|" + "---|" * len(COSTS_S))
    for workers, cells in rows:
        shown = [f"{_share(ours)} ({_share(best)})" for ours, best in cells]
        print(f"| {workers} | " + " | ".join(shown) + " |")


def _share(number: float | None) -> str:
    return "-" if number is None else f"{number:.3f}"


if __name__ == "__main__":
    program(main)
