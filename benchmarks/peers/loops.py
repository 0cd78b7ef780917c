"""Very many coroutines at once: what an item costs on an event loop, and how near sleeps come to the time that they have to take.

Demanded: coroutines that do nothing cost at most 0.6 µs more than in a bare loop, and an eighth of what they cost with a semaphore.
50,000 sleeps of 50 ms with 10,000 in flight take at most 1.5 of the floor, and a fifth of what others take; 10,000 with 1,000 in
flight at most 1.06 of the floor. A service that saturates at 64 gets at most 1.5 times that at once, and takes at most 1.15 of the
time that it takes with the best limit.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from statistics import median
from typing import Any

from comparing import Contender, compare, found
from sheet import Sheet, program

import atonce

NAP_S = 0.05
ANSWER_S, SLOTS = 0.02, 64
OURS, FLOOR, SEMAPHORE, BARE = "atonce amap", "hand-written workers", "asyncio.gather with a semaphore", "bare loop"

Function = Callable[[int], Awaitable[Any]]


async def nothing(number: int) -> int:
    return number


async def nap(number: int) -> int:
    await asyncio.sleep(NAP_S)
    return number


async def bare(fn: Function, items: Sequence[int], _limit: int) -> list[Any]:
    return [await fn(item) for item in items]


async def workers(fn: Function, items: Sequence[int], limit: int) -> list[Any]:
    """As an expert writes it: so many tasks that share an iterator."""
    results: list[Any] = [None] * len(items)
    feed = iter(enumerate(items))

    async def work() -> None:
        for position, item in feed:
            results[position] = await fn(item)

    async with asyncio.TaskGroup() as group:
        for _ in range(limit):
            group.create_task(work())
    return results


async def gathered(fn: Function, items: Sequence[int], limit: int) -> list[Any]:
    semaphore = asyncio.Semaphore(limit)

    async def one(item: int) -> Any:
        async with semaphore:
            return await fn(item)

    return await asyncio.gather(*map(one, items))


async def grouped(fn: Function, items: Sequence[int], limit: int) -> list[Any]:
    semaphore = asyncio.Semaphore(limit)

    async def one(item: int) -> Any:
        async with semaphore:
            return await fn(item)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(item)) for item in items]
    return [task.result() for task in tasks]


async def by_aiometer(fn: Function, items: Sequence[int], limit: int) -> list[Any]:
    import aiometer

    return list(await aiometer.run_all([partial(fn, item) for item in items], max_at_once=limit))


async def by_anyio(fn: Function, items: Sequence[int], limit: int) -> list[Any]:
    import anyio

    results: list[Any] = [None] * len(items)
    limiter = anyio.CapacityLimiter(limit)

    async def one(position: int, item: int) -> None:
        async with limiter:
            results[position] = await fn(item)

    async with anyio.create_task_group() as group:
        for position, item in enumerate(items):
            group.start_soon(one, position, item)
    return results


async def by_atonce(fn: Function, items: Sequence[int], limit: int | None) -> list[Any]:
    return await atonce.amap(fn, items, concurrency=limit)


WAYS = {
    OURS: by_atonce,
    FLOOR: workers,
    SEMAPHORE: gathered,
    "TaskGroup with a semaphore": grouped,
    "aiometer": by_aiometer,
    "anyio": by_anyio,
}


def contenders(fn: Function, items: Sequence[int], limit: int, ways: dict[str, Any]) -> list[Contender]:
    return [Contender(name, partial(_run, way, fn, items, limit), len(items), list(items)) for name, way in ways.items()]


def _run(way: Any, fn: Function, items: Sequence[int], limit: int) -> list[Any]:
    return asyncio.run(way(fn, items, limit))


class Service:
    """Answers in 20 ms, 64 at once; the others stand in line."""

    def __init__(self) -> None:
        self.slots = asyncio.Semaphore(SLOTS)
        self.now = self.peak = 0

    async def __call__(self, number: int) -> int:
        self.now += 1
        self.peak = max(self.peak, self.now)
        async with self.slots:
            await asyncio.sleep(ANSWER_S)
        self.now -= 1
        return number


def ask_service(count: int, limit: int | None, peaks: list[int]) -> list[Any]:
    async def ask() -> list[Any]:
        service = Service()

        async def one(number: int) -> int:
            return await service(number)

        results = await by_atonce(one, range(count), limit)
        peaks.append(service.peak)
        return results

    return asyncio.run(ask())


def compare_at_service(sheet: Sheet) -> None:
    count = sheet.arguments.choose(3_000, 1_000)
    peaks: dict[str, list[int]] = {}
    everybody = []
    for limit in (None, 32, 48, 64, 96, 128):
        name = OURS if limit is None else f"atonce amap, concurrency={limit}"
        peaks[name] = []
        everybody.append(Contender(name, partial(ask_service, count, limit, peaks[name]), count, list(range(count))))
    measured = compare(everybody, sheet.arguments.turns(5, 3))
    sheet.table(
        f"{count:,} requests to a service that answers {SLOTS} at once, in {ANSWER_S * 1e3:g} ms; an item", measured, OURS, None
    )
    best = measured.best([name for name in peaks if name != OURS])
    sheet.at_most(f"a service of {SLOTS}: time over that of the best limit", found(measured, OURS, best), 1.15)
    sheet.at_most(f"a service of {SLOTS}: most at once over {SLOTS}", (max(peaks[OURS]) / SLOTS, ""), 1.5)


def main(sheet: Sheet) -> None:
    rounds = sheet.arguments.turns(5, 3)
    items = range(sheet.arguments.choose(100_000, 20_000))
    measured = compare(contenders(nothing, items, 1_000, {BARE: bare, **WAYS}), rounds)
    sheet.table(f"{len(items):,} coroutines that do nothing, 1,000 in flight, {rounds} rounds; an item", measured, OURS, BARE)
    over_us = 1e6 * (median(measured.times[OURS]) - median(measured.times[BARE]))
    sheet.at_most("doing nothing: µs an item more than a bare loop", (over_us, ""), 0.6)
    sheet.at_least("doing nothing: times as fast as gather with a semaphore", found(measured, SEMAPHORE, OURS), 8)

    for count, limit in ((50_000, 10_000), (10_000, 1_000)):
        items = range(sheet.arguments.choose(count, count // 5))
        floor_s = len(items) / limit * NAP_S
        measured = compare(contenders(nap, items, limit, WAYS), rounds)
        sheet.table(
            f"{len(items):,} sleeps of 50 ms, {limit:,} in flight: floor {1e3 * floor_s:.0f} ms; an item", measured, OURS, FLOOR
        )
        took = median(measured.times[OURS]) * len(items) / floor_s
        if limit == 1_000:
            sheet.at_most("10,000 sleeps: time over the floor", (took, ""), 1.06)
            continue
        sheet.at_most("50,000 sleeps: time over the floor", (took, ""), 1.5)
        sheet.at_least("50,000 sleeps: times as fast as gather with a semaphore", found(measured, SEMAPHORE, OURS), 5)
        sheet.at_least("50,000 sleeps: times as fast as aiometer", found(measured, "aiometer", OURS), 5)
    compare_at_service(sheet)


if __name__ == "__main__":
    program(main)
