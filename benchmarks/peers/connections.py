"""Ten thousand connections at once, to an echo server in another program.

Each one is opened, waits until all are open, sends a line, gets it back, and is closed. Demanded: all are open at once, counted at
both ends; none fails; and it takes no longer than written by hand with asyncio.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

from comparing import Contender, compare, found
from loops import FLOOR, OURS, SEMAPHORE, WAYS
from sheet import Sheet, program

LINE = b"one line, there and back\n"
SAME = 1.1  # two that do the same differ by less, from run to run


class Server:
    """The other program."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        assert process.stdout is not None
        ports = map(int, process.stdout.readline().split())
        self.doors = cycle([(f"127.0.0.{1 + at}", port) for at, port in enumerate(ports)])

    def peak(self) -> int:
        """Return how many connections were open at once since the last time."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@contextmanager
def running() -> Iterator[Server]:
    command = [sys.executable, str(Path(__file__).with_name("echo_server.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Server(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()


class Crowd:
    """So many connections that wait for each other."""

    def __init__(self, count: int, door: tuple[str, int]) -> None:
        self.here = 0
        self._count = count
        self._door = door
        self._all = asyncio.Event()

    async def __call__(self, number: int) -> int:
        reader, writer = await asyncio.open_connection(*self._door)
        self.here += 1
        if self.here == self._count:
            self._all.set()
        await self._all.wait()
        writer.write(LINE)
        answer = await reader.readexactly(len(LINE))
        assert answer == LINE
        writer.close()
        await writer.wait_closed()
        return number


def meet(way: Any, server: Server, count: int, seen: list[tuple[int, int]]) -> list[Any]:
    """Let so many connect at once; note how many there were, at this end and at the other."""

    async def run() -> list[Any]:
        crowd = Crowd(count, next(server.doors))

        async def one(number: int) -> int:
            return await crowd(number)

        results = await way(one, range(count), count)
        seen.append((crowd.here, server.peak()))
        return list(results)

    return asyncio.run(run())


def main(sheet: Sheet) -> None:
    count = sheet.arguments.choose(10_000, 1_000)
    ways = {name: WAYS[name] for name in (OURS, FLOOR, SEMAPHORE)}
    seen: dict[str, list[tuple[int, int]]] = {name: [] for name in ways}
    with running() as server:
        everybody = [
            Contender(name, partial(meet, way, server, count, seen[name]), count, list(range(count))) for name, way in ways.items()
        ]
        measured = compare(everybody, sheet.arguments.turns(7, 3))
    sheet.table(f"{count:,} connections, all open at once; one of them", measured, OURS, FLOOR)
    fewest = min(min(pair) for pair in seen[OURS])
    sheet.at_least(f"connections open at once, at the end that saw fewer, of {count:,}", (fewest, ""), count)
    sheet.at_most("time over that of hand-written workers", found(measured, OURS, FLOOR), SAME)


if __name__ == "__main__":
    program(main)
