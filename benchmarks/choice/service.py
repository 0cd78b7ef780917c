"""An HTTP service on the loopback address, whose latency the path says.

``/steady/20`` takes 20 ms. ``/saturates/20`` the same, 64 at a time, the others stand in line; ``/saturates/20/24`` is 24 at
a time. ``/thrashes/20`` takes longer when more than 64 are in flight: with the square of how many more. ``/paced/20/150``
takes 20 ms once it is its turn, and there are 150 turns a second. ``/sized/20/1000`` takes 20 ms, and answers 1000 bytes.
"""

import asyncio
import sys

SLOTS = 64
BODY = b"x" * 200


class Service:
    """Answers requests."""

    def __init__(self) -> None:
        self._free: dict[int, asyncio.Semaphore] = {}
        self._turns: dict[int, float] = {}
        self._in_flight = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer on one connection until it is closed."""
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                _, kind, milliseconds, *more = request.split(b" ", 2)[1].split(b"/")
                self._in_flight += 1
                try:
                    await self._wait(kind, float(milliseconds) / 1e3, int(more[0]) if more else SLOTS)
                finally:
                    self._in_flight -= 1
                body = bytes(int(more[0])) if kind == b"sized" else BODY
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _wait(self, kind: bytes, seconds: float, number: int) -> None:
        if kind == b"saturates":
            async with self._free.setdefault(number, asyncio.Semaphore(number)):
                await asyncio.sleep(seconds)
        elif kind == b"thrashes":
            await asyncio.sleep(seconds * max(1.0, self._in_flight / SLOTS) ** 2)
        elif kind == b"paced":
            now = asyncio.get_running_loop().time()
            turn = max(now, self._turns.get(number, now))
            self._turns[number] = turn + 1 / number
            await asyncio.sleep(turn - now + seconds)
        else:
            await asyncio.sleep(seconds)


async def main() -> None:
    service = Service()
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # until whoever started it is gone
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
