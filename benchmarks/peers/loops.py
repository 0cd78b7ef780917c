"""Very many coroutines at once: what an item costs on an event loop, and how near sleeps come to the time that they have to take.

Demanded: coroutines that do nothing cost at most 0.6 µs more than in a bare loop, and an eighth of what they cost with a semaphore.
50,000 sleeps of 50 ms with 10,000 in flight take at most 1.5 of the floor, and a fifth of what others take; 10,000 with 1,000 in
flight at most 1.06 of the floor. A service that saturates at 64 gets at most 1.5 times that at once, and takes at most 1.15 of the
time that it takes with the best limit. Items that wait for 10 ms and compute for 50 µs are 1.7 times as fast on two processes as on
one loop.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from statistics import median
from time import perf_counter, thread_time
from typing import Any

from comparing import Contender, Timed, compare, found
from sheet import Sheet, program

import atonce

NAP_S = 0.05
ANSWER_S, SLOTS = 0.02, 64
WAIT_S, COMPUTE_S = 0.01, 50e-6
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


def in_trio(items: Sequence[int], limit: int) -> list[Any]:
    """As ``workers``, with trio: the same sleeps, which are its own."""
    import trio

    results: list[Any] = [None] * len(items)
    feed = iter(enumerate(items))

    async def work() -> None:
        for position, item in feed:
            await trio.sleep(NAP_S)
            results[position] = item

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(limit):
                nursery.start_soon(work)

    trio.run(main)
    return results


def on_uvloop(fn: Function, items: Sequence[int], limit: int) -> list[Any]:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return list(runner.run(by_atonce(fn, items, limit)))


async def half(number: int) -> int:
    """Wait, and compute."""
    await asyncio.sleep(WAIT_S)
    end = thread_time() + COMPUTE_S
    while thread_time() < end:
        pass
    return number


def by_pool(pool: atonce.Pool, items: Sequence[int]) -> list[Any]:
    return list(pool.map(half, items))


def by_aiomultiprocess(items: Sequence[int], limit: int) -> list[Any]:
    import aiomultiprocess

    async def run() -> list[Any]:
        async with aiomultiprocess.Pool(processes=2, childconcurrency=limit // 2) as pool:
            await pool.map(half, [0, 1])  # the others have their workers ready, too
            begun = perf_counter()
            results = await pool.map(half, items)
            took.append(perf_counter() - begun)
            return list(results)

    took: list[float] = []
    results = asyncio.run(run())
    return Timed(took[0], results)  # type: ignore[return-value]


def compare_on_processes(sheet: Sheet) -> None:
    items, limit = range(sheet.arguments.choose(20_000, 4_000)), 1_000
    two, one = "atonce, two processes", "atonce, one loop"
    with (
        atonce.Pool(engine="process", max_workers=2, concurrency=limit) as processes,
        atonce.Pool(engine="async", concurrency=limit) as loop,
    ):
        everybody = [
            Contender(two, partial(by_pool, processes, items), len(items), list(items)),
            Contender(one, partial(by_pool, loop, items), len(items), list(items)),
            Contender(FLOOR, partial(_run, workers, half, items, limit), len(items), list(items)),
            Contender("aiomultiprocess, two processes", partial(by_aiomultiprocess, items, limit), len(items), list(items)),
        ]
        measured = compare(everybody, sheet.arguments.turns(5, 3))
    sheet.table(f"{len(items):,} times 10 ms of waiting and 50 µs of computing, {limit:,} in flight; an item", measured, two, one)
    sheet.at_least("two processes: times as fast as one loop", found(measured, one, two), 1.7)


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
        others = [
            Contender("atonce amap on uvloop", partial(on_uvloop, nap, items, limit), len(items), list(items)),
            Contender("trio, hand-written workers", partial(in_trio, items, limit), len(items), list(items)),
        ]
        measured = compare(contenders(nap, items, limit, WAYS) + others, rounds)
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
    compare_on_processes(sheet)


if __name__ == "__main__":
    program(main)
