"""Why each process that writes large buffers has a file of its own: a kernel lets only one at a time write to a file.

Two processes write 8 MiB again and again: to one file, to one file each, and, for the limit, one process alone.
"""

import os
import sys
from functools import partial

from rounds import Contender, interleave, print_table, ratio, rounds_wanted

from atonce._wire.arena import open_arena

SIZE = 8 << 20
WRITES = 50  # of each process
SLOTS = 4  # as many as are in use at one time


def write(fd: int, first: int, content: bytes) -> None:
    for number in range(WRITES):
        os.pwrite(fd, content, (first + number % SLOTS) * SIZE)


def side_by_side(jobs: list[tuple[int, int]], content: bytes) -> None:
    """Let a process for each of the jobs write, and wait for all of them."""
    pids = []
    for fd, first in jobs:
        pid = os.fork()
        if pid == 0:
            write(fd, first, content)
            os._exit(0)
        pids.append(pid)
    for pid in pids:
        os.waitpid(pid, 0)


def main() -> int:
    rounds = rounds_wanted(usual=11, quick=3)
    content = os.urandom(SIZE)
    one, other = open_arena(), open_arena()
    ways = {
        "one process": [(one, 0)],
        "two processes, a file each": [(one, 0), (other, 0)],
        "two processes, one file": [(one, 0), (one, SLOTS)],
    }
    contenders = [Contender(name, partial(side_by_side, jobs, content), WRITES * len(jobs)) for name, jobs in ways.items()]
    times = interleave(contenders, rounds)
    print_table(f"8 MiB, {WRITES} writes a process, {rounds} rounds; a write", times, list(times), unit="ms", scale=1e3)
    found = ratio(times, "two processes, one file", "two processes, a file each")
    print(f"with one file for both it takes {found:.2f} times as long as with a file for each")
    return found < 1.2


if __name__ == "__main__":
    sys.exit(main())
