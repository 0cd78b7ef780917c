"""The pools of other libraries, started once and kept warm, behind one way to call them."""

import multiprocessing
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any

from comparing import Contender, Overdue, limited
from work import burn, square

import atonce

__all__ = (
    "EXECUTOR",
    "IMAP",
    "JOBLIB",
    "LOKY",
    "MPIRE",
    "MP_POOL",
    "PEBBLE",
    "STARMAP",
    "Way",
    "contenders",
    "labelled",
    "open_pools",
    "serial",
    "ways",
)

EXECUTOR, MP_POOL, IMAP, STARMAP = "concurrent.futures", "mp.Pool.map", "mp.Pool.imap", "mp.Pool.starmap"
JOBLIB, LOKY, MPIRE, PEBBLE = "joblib", "loky", "mpire", "pebble"
START_LIMIT_S, CLOSE_LIMIT_S = 60.0, 30.0

# How a pool maps: function, items, and the items that a worker takes at a time (None: what the library does by itself).
Way = Callable[[Callable[..., Any], Sequence[Any], int | None], list[Any]]


@contextmanager
def open_pools(workers: int, *wanted: str) -> Iterator[tuple[atonce.Pool, dict[str, Way]]]:
    """Start our pool and the others', and close them all at the end.

    Args:
        workers: processes that each has.
        wanted: the names of the others; all of them if there are none.

    Yields:
        Our pool, and the others' ways to map, by name; a library that is not installed is left out, and said to be.
    """
    stack = ExitStack()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*fork.*", DeprecationWarning)  # beside threads of other pools, which idle
            others = ways(stack, workers, wanted)
            yield stack.enter_context(atonce.Pool(engine="process", max_workers=workers)), others
    finally:
        try:
            with limited(CLOSE_LIMIT_S):
                stack.close()
        except Overdue:
            print("!!! a pool does not close: it is left to be ended with this program", flush=True)


def ways(stack: ExitStack, workers: int, wanted: Sequence[str] = ()) -> dict[str, Way]:
    """Start the pools of other libraries; those that fork come first, while there are few threads."""
    started: dict[str, Way] = {}
    for names, start in _STARTS:
        if wanted and not set(names) & set(wanted):
            continue
        try:
            with limited(START_LIMIT_S):
                found = start(stack, workers)
                found[0](square, range(2 * workers), 1)  # this is where most of them start their workers
        except (Exception, Overdue) as error:
            print(f"{names[0]} is left out: {type(error).__name__}: {error}")
        else:
            started |= {name: way for name, way in zip(names, found, strict=True) if not wanted or name in wanted}
    return started


def contenders(
    others: dict[str, Way],
    function: Callable[..., Any],
    items: Sequence[Any],
    chunks: Mapping[str, Sequence[int | None]],
    expected: object,
) -> list[Contender]:
    """Make a contender for each of the others' ways and each of its chunk sizes."""
    return [
        Contender(labelled(name, chunk), partial(others[name], function, items, chunk), len(items), expected)
        for name, sizes in chunks.items()
        if name in others
        for chunk in sizes
    ]


def serial(items: Sequence[int], workers: int) -> Contender:
    """Make the contender that is a loop over ``burn`` in this process, its time divided by the workers."""
    return Contender(f"limit: a loop, its time / {workers}", lambda: [burn(item) for item in items], len(items) * workers)


def labelled(name: str, chunk: int | None) -> str:
    """Say how a pool takes part, for the table."""
    return f"{name}, {'its own chunks' if chunk is None else f'chunks of {chunk:,}'}"


def _start_mp_pool(stack: ExitStack, workers: int) -> tuple[Way, ...]:
    pool = stack.enter_context(multiprocessing.Pool(workers))

    def imap(function: Callable[[Any], Any], items: Sequence[Any], chunk: int | None) -> list[Any]:
        return list(pool.imap(function, items, chunk or 1))

    return pool.map, imap, pool.starmap


def _start_executor(stack: ExitStack, workers: int) -> tuple[Way, ...]:
    executor = stack.enter_context(ProcessPoolExecutor(workers))
    return (_executor_way(executor),)


def _start_loky(stack: ExitStack, workers: int) -> tuple[Way, ...]:
    from loky import ProcessPoolExecutor as LokyExecutor

    executor = stack.enter_context(LokyExecutor(workers))
    return (_executor_way(executor),)


def _executor_way(executor: Any) -> Way:
    def way(function: Callable[[Any], Any], items: Sequence[Any], chunk: int | None) -> list[Any]:
        return list(executor.map(function, items, chunksize=chunk or 1))

    return way


def _start_joblib(stack: ExitStack, workers: int) -> tuple[Way, ...]:
    from joblib import Parallel, delayed
    from joblib.externals.loky import get_reusable_executor

    def way(function: Callable[[Any], Any], items: Sequence[Any], chunk: int | None) -> list[Any]:
        call = delayed(function)
        return list(Parallel(workers, batch_size=chunk or "auto")(call(item) for item in items))

    stack.callback(lambda: get_reusable_executor().shutdown(wait=True))
    return (way,)


def _start_mpire(stack: ExitStack, workers: int) -> tuple[Way, ...]:
    from mpire.pool import WorkerPool

    pool = stack.enter_context(WorkerPool(workers, keep_alive=True))

    def way(function: Callable[[Any], Any], items: Sequence[Any], chunk: int | None) -> list[Any]:
        return list(pool.map(function, items, chunk_size=chunk, iterable_len=len(items), concatenate_numpy_output=False))

    return (way,)


def _start_pebble(stack: ExitStack, workers: int) -> tuple[Way, ...]:
    from pebble import ProcessPool

    pool: Any = stack.enter_context(ProcessPool(workers))

    def way(function: Callable[[Any], Any], items: Sequence[Any], chunk: int | None) -> list[Any]:
        return list(pool.map(function, items, chunksize=chunk or 1).result())

    def stop() -> None:
        with suppress(RuntimeError):
            pool.stop()  # it is idle: waiting for it to notice takes longer

    stack.callback(stop)
    return (way,)


_STARTS: tuple[tuple[tuple[str, ...], Callable[[ExitStack, int], tuple[Way, ...]]], ...] = (
    ((MP_POOL, IMAP, STARMAP), _start_mp_pool),
    ((EXECUTOR,), _start_executor),
    ((MPIRE,), _start_mpire),
    ((PEBBLE,), _start_pebble),
    ((LOKY,), _start_loky),
    ((JOBLIB,), _start_joblib),
)
