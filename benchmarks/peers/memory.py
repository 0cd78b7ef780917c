"""Very many coroutines at once: how much memory they take at their peak.

Demanded: 50,000 sleeps of 50 ms with 10,000 in flight take no more memory than with hand-written workers.

Each way is measured in a program of its own, over and over: the most memory that the program had in use, less what it had in use
when everything was imported and a few coroutines had run.
"""

import asyncio
import gc
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from comparing import Contender, Overdue, Timed, compare, found
from loops import FLOOR, OURS, SEMAPHORE, WAYS, nap
from session import alone
from sheet import Sheet, Unit, program

MIB = Unit("MiB", 1 / (1 << 20), 1)
STATUS, PEAK_AGAIN = Path("/proc/self/status"), Path("/proc/self/clear_refs")
PROGRAM_LIMIT_S = 60.0
FEW = 10


def peak(name: str, count: int, limit: int) -> Timed:
    """Run a fresh program in which everything is done once; return its bytes in the place of seconds."""
    ended = alone([sys.executable, __file__, "inside", name, str(count), str(limit)], PROGRAM_LIMIT_S, capture=True)
    if ended.status is None:
        raise Overdue(f"no end after {PROGRAM_LIMIT_S:g} s")
    if ended.status:
        raise RuntimeError(f"exit status {ended.status}")
    taken, right = ended.output.split()
    return Timed(float(taken), right)


def inside(name: str, count: int, limit: int) -> None:
    """Be that program: print the bytes, and whether the results were right."""
    asyncio.run(WAYS[name](nap, range(FEW), FEW))
    gc.collect()
    before = _bytes_of("VmRSS")
    PEAK_AGAIN.write_text("5")  # the peak of a program begins with that of the one that started it
    results = asyncio.run(WAYS[name](nap, range(count), limit))
    print(_bytes_of("VmHWM") - before, list(results) == list(range(count)))


def _bytes_of(field: str) -> int:
    """Read what the kernel says of this program."""
    (line,) = [line for line in STATUS.read_text().splitlines() if line.startswith(field)]
    return int(line.split()[1]) << 10


def main(sheet: Sheet) -> None:
    if not PEAK_AGAIN.exists():
        sys.exit("this file needs /proc/self/clear_refs: it is for Linux")
    count, limit = sheet.arguments.choose(50_000, 10_000), sheet.arguments.choose(10_000, 2_000)
    rounds = sheet.arguments.turns(9, 3)
    missing = [name for name in ("aiometer", "anyio") if find_spec(name) is None]
    if missing:
        sheet.note(f"not installed: {', '.join(missing)}")
    everybody = [Contender(name, partial(peak, name, count, limit), expected="True") for name in WAYS if name not in missing]
    measured = compare(everybody, rounds)
    sheet.table(f"{count:,} sleeps of 50 ms, {limit:,} in flight, {rounds} rounds: memory at the peak", measured, OURS, None, MIB)
    sheet.at_most("memory over that of hand-written workers", found(measured, OURS, FLOOR), 1.0)
    sheet.at_most("memory over that of gather with a semaphore", found(measured, OURS, SEMAPHORE), 1.0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["inside"]:
        inside(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        program(main)
