"""What each engine costs an item, beside the standard library's pools and a plain loop.

The function does next to nothing, so the time is all overhead: wall time of the whole call, divided by the items. Pools
are warm. All of it is one run, interleaved: a slow second of the machine hits everybody.
"""

import asyncio
import multiprocessing
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing.pool import ThreadPool

from rounds import Contender, interleave, print_table, rounds_wanted

import atonce

MANY = 100_000
FEWER = 20_000  # for what takes more than 5 µs an item
FEW = 5_000  # for what takes more than 50
THREADS = 4
PROCESSES = 2
IN_FLIGHT = 1_000


def square(x: int) -> int:
    return x * x


async def square_async(x: int) -> int:
    return x * x


def comprehension() -> list[int]:
    return [square(x) for x in range(MANY)]


SERIAL = Contender("list comprehension", comprehension, MANY)


async def awaits() -> list[int]:
    return [await square_async(x) for x in range(MANY)]


async def gathered() -> list[int]:
    free = asyncio.Semaphore(IN_FLIGHT)

    async def when_free(x: int) -> int:
        async with free:
            return await square_async(x)

    return await asyncio.gather(*(when_free(x) for x in range(FEWER)))


def in_line() -> Iterator[Contender]:
    yield SERIAL
    yield Contender("list(map(...))", lambda: list(map(square, range(MANY))), MANY)
    yield Contender("atonce inline", lambda: atonce.map(square, range(MANY), engine="inline"), MANY)


def in_threads(stack: ExitStack) -> Iterator[Contender]:
    ours = stack.enter_context(atonce.Pool(engine="thread", max_workers=THREADS))
    executor = stack.enter_context(ThreadPoolExecutor(THREADS))
    pool = stack.enter_context(ThreadPool(THREADS))
    yield SERIAL
    yield Contender("atonce thread", lambda: ours.map(square, range(MANY)), MANY)
    yield Contender("ThreadPoolExecutor.map", lambda: list(executor.map(square, range(FEWER))), FEWER)
    yield Contender("ThreadPool.imap", lambda: list(pool.imap(square, range(FEWER))), FEWER)


def in_processes(stack: ExitStack) -> Iterator[Contender]:
    fork = multiprocessing.get_context("fork")
    pool = stack.enter_context(fork.Pool(PROCESSES))
    executor = stack.enter_context(ProcessPoolExecutor(PROCESSES, mp_context=fork))
    ours = stack.enter_context(atonce.Pool(engine="process", max_workers=PROCESSES))
    for warm in (executor, ours):
        consume(warm.map(square, range(100)))
    yield SERIAL
    yield Contender("atonce process", lambda: ours.map(square, range(MANY)), MANY)
    yield Contender("Pool.map", lambda: pool.map(square, range(MANY)), MANY)
    chunked = partial(executor.map, chunksize=1000)
    yield Contender("ProcessPoolExecutor.map, chunksize=1000", lambda: list(chunked(square, range(MANY))), MANY)
    yield Contender("Pool.imap", lambda: list(pool.imap(square, range(FEW))), FEW)
    yield Contender("ProcessPoolExecutor.map", lambda: list(executor.map(square, range(FEW))), FEW)


def on_a_loop(stack: ExitStack) -> Iterator[Contender]:
    ours = stack.enter_context(atonce.Pool(engine="async", concurrency=IN_FLIGHT))
    yield Contender("one await after the other", lambda: asyncio.run(awaits()), MANY)
    yield Contender("atonce async", lambda: ours.map(square_async, range(MANY)), MANY)
    yield Contender("gather with a semaphore", lambda: asyncio.run(gathered()), FEWER)


def consume(values: Iterable[object]) -> None:
    for _ in values:
        pass


@contextmanager
def forking_beside_threads() -> Iterator[None]:
    """Let the standard library's pools fork, of which it warns where there are threads (from 3.12 on). These idle."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*fork.*", DeprecationWarning)
        yield


def main() -> None:
    rounds = rounds_wanted(usual=9, quick=3)
    with ExitStack() as stack, forking_beside_threads():
        processes = list(in_processes(stack))  # before there are threads
        groups = {
            "in the calling thread": list(in_line()),
            f"{THREADS} threads": list(in_threads(stack)),
            f"{PROCESSES} processes": processes,
            f"coroutines, {IN_FLIGHT:,} in flight": list(on_a_loop(stack)),
        }
        everybody = dict.fromkeys(contender for group in groups.values() for contender in group)  # the serial loop once
        times = interleave(list(everybody), rounds)
    print(f"overhead an item, {rounds} rounds; the ratio is to each group's first line, a serial loop\n")
    for title, group in groups.items():
        print_table(title, times, [contender.name for contender in group])
        print()


if __name__ == "__main__":
    main()
