"""What a journal costs: while it is written, and when a run goes on from it. Fails above the limits.

Items of 1 ms, with a journal and without, and in a loop that puts rows like these into SQLite by hand, in as few commits: SQLite is
three times as slow after 50 ms of other work as in a tight loop. Then a journal of a million items, in programs of their own: how
long it takes to the first result, how long until the first new item is begun, and how much memory a stream needs that goes through
all of it.
"""

import pickle
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from hashlib import blake2b
from itertools import count
from pathlib import Path
from statistics import median

from rounds import Contender, interleave, print_table, rounds_wanted

import atonce

ITEMS = 2000
ITEM_S = 1e-3
BATCH = 50  # rows of a commit, by hand
MILLION = 1_000_000
LIMIT_S = 15e-6  # an item
LIMIT_START_S = 3.0
LIMIT_MIB = 100.0

_numbers = count()


def work(number: int) -> int:
    until = time.perf_counter() + ITEM_S
    while time.perf_counter() < until:
        pass
    return number * number


def told(number: int) -> int:
    if number == MILLION:
        print(f"begun {time.perf_counter():.6f}", flush=True)
    return number * number


def plain(engine: str) -> Callable[[], object]:
    return lambda: atonce.map(work, range(ITEMS), engine=engine, max_workers=2)


def kept(engine: str, folder: str, *, durable: bool = False) -> Callable[[], object]:
    def run() -> None:
        path = Path(folder) / f"{next(_numbers)}.db"
        atonce.map(work, range(ITEMS), engine=engine, max_workers=2, journal=path, durable=durable)
        path.unlink()

    return run


def by_hand(folder: str) -> Callable[[], object]:
    def run() -> None:
        path = Path(folder) / f"{next(_numbers)}.db"
        database = sqlite3.connect(path, isolation_level=None)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=NORMAL")
        database.execute("CREATE TABLE outcomes (place INTEGER PRIMARY KEY, digest BLOB, input TEXT, value BLOB)")
        for begin in range(0, ITEMS, BATCH):
            values = [work(number) for number in range(begin, begin + BATCH)]
            database.execute("BEGIN")
            rows = [(begin + at, blake2b(b"%d" % at).digest(), str(at), pickle.dumps(value)) for at, value in enumerate(values)]
            database.executemany("INSERT INTO outcomes VALUES (?, ?, ?, ?)", rows)
            database.execute("COMMIT")
        database.close()
        path.unlink()

    return run


def written(folder: str, rounds: int) -> bool:
    engines = ("inline", "process")
    contenders = [Contender("inline, SQLite by hand", by_hand(folder), ITEMS)]
    for engine in engines:
        contenders += [Contender(engine, plain(engine), ITEMS), Contender(f"{engine}, journal", kept(engine, folder), ITEMS)]
    contenders.append(Contender("inline, durable", kept("inline", folder, durable=True), ITEMS))
    times = interleave(contenders, rounds)
    print_table(f"{ITEMS:,} items of {ITEM_S * 1e3:g} ms, {rounds} rounds; an item", times, list(times))
    fine = True
    print(f"by hand adds {_added_s(times, 'inline, SQLite by hand', 'inline') * 1e6:.1f} µs an item")
    for engine in engines:
        found_s = _added_s(times, f"{engine}, journal", engine)
        fine = fine and found_s <= LIMIT_S
        print(f"{engine}: a journal adds {found_s * 1e6:.1f} µs an item: {_verdict(found_s <= LIMIT_S)} {LIMIT_S * 1e6:g} µs")
    return fine


def _added_s(times: dict[str, list[float]], name: str, without: str) -> float:
    return median(own - other for own, other in zip(times[name], times[without], strict=True))


def resumed(folder: str) -> bool:
    path = str(Path(folder) / "million.db")
    begun = time.perf_counter()
    atonce.map(told, range(MILLION), engine="inline", journal=path)
    took_s = time.perf_counter() - begun
    print(f"\na million tiny items written in {took_s:.1f} s, {Path(path).stat().st_size / MILLION:.0f} bytes an item")
    fine = True
    for what in ("first result", "first new item"):
        program = [sys.executable, __file__, "--resume", path, what]
        done = subprocess.run(program, capture_output=True, text=True, check=True)
        seconds, mib = map(float, done.stdout.split()[-2:])
        fits = seconds <= LIMIT_START_S and mib <= LIMIT_MIB
        fine = fine and (fits or what != "first result")
        print(
            f"until the {what}: {seconds:.2f} s, at most {mib:.0f} MiB: {_verdict(fits)} {LIMIT_START_S:g} s and {LIMIT_MIB:g} MiB"
        )
    return fine


def resume(path: str, what: str) -> None:
    """Go on from a journal of a million items, of a million and one."""
    begun = time.perf_counter()
    stream = atonce.stream(told, range(MILLION + 1), engine="inline", journal=path)
    if what == "first result":
        next(stream)
        seconds = time.perf_counter() - begun
        for _ in zip(range(MILLION - 1), stream, strict=False):
            pass
        stream.close()  # before the new item
    else:
        for value in stream:
            if value == MILLION * MILLION:
                seconds = time.perf_counter() - begun
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _verdict(within: bool) -> str:  # noqa: FBT001
    return "within" if within else "ABOVE"


def main() -> int:
    if sys.argv[1:2] == ["--resume"]:
        resume(sys.argv[2], sys.argv[3])
        return 0
    rounds = rounds_wanted(usual=9, quick=3)
    with tempfile.TemporaryDirectory() as folder:
        results = [written(folder, rounds), resumed(folder)]
    return not all(results)


if __name__ == "__main__":
    sys.exit(main())
