"""An echo server in a program of its own, for ``connections.py``: sends back what it gets, and counts who is connected.

It prints its ports, one for each loopback address. A line on standard input asks for the most connections that were open at once
since the last line; the end of it is the end.
"""

import asyncio
import sys

ADDRESSES = 8  # so that ports of connections that have just been closed are not needed again at once
BACKLOG = 16_384


class Echo(asyncio.Protocol):
    """One connection."""

    now = peak = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        Echo.now += 1
        Echo.peak = max(Echo.peak, Echo.now)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 (it is gone either way)
        Echo.now -= 1


async def serve() -> None:
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    servers = [await loop.create_server(Echo, f"127.0.0.{1 + at}", 0, backlog=BACKLOG) for at in range(ADDRESSES)]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)

    def asked() -> None:
        if not sys.stdin.readline():
            loop.remove_reader(sys.stdin)
            over.set_result(None)
            return
        print(Echo.peak, flush=True)
        Echo.peak = Echo.now

    loop.add_reader(sys.stdin, asked)
    await over
    for server in servers:
        server.close()


if __name__ == "__main__":
    asyncio.run(serve())
