"""A TCP proxy that makes loopback behave like a wide-area link, with a delay, and a rate limit for each connection.

Run as a program: `python -m tests.bench.wan UPSTREAM_PORT` prints the port that it listens on.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque

DELAY = 0.015  # seconds in each direction: a round trip of 30 ms
RATE = 25_000_000  # bytes a second in each direction of a connection
_CHUNK = 64 * 1024
_WINDOW = 4 * 1024 * 1024  # bytes under way before the sender has to wait, as a TCP window would


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass bytes from reader to writer, delayed by `DELAY` and at most at `RATE`."""
    loop = asyncio.get_running_loop()
    pending: deque[tuple[float, bytes]] = deque()
    arrived = asyncio.Event()
    room = asyncio.Semaphore(_WINDOW // _CHUNK)
    ended = False

    async def read() -> None:
        nonlocal ended
        free_at = loop.time()
        while data := await reader.read(_CHUNK):
            await room.acquire()
            # The link is busy with a piece for as long as its size takes.
            free_at = max(free_at, loop.time()) + len(data) / RATE
            pending.append((free_at + DELAY, data))
            arrived.set()
        ended = True
        arrived.set()

    reading = asyncio.create_task(read())
    try:
        while True:
            while not pending:
                if ended:
                    await asyncio.sleep(DELAY)
                    return
                arrived.clear()
                await arrived.wait()
            due, data = pending.popleft()
            await asyncio.sleep(max(0.0, due - loop.time()))
            writer.write(data)
            await writer.drain()
            room.release()
    except (ConnectionError, OSError):
        pass
    finally:
        reading.cancel()
        # Its error, if it has one, is the one that ended this direction.
        await asyncio.gather(reading, return_exceptions=True)
        writer.close()


async def _serve(upstream: int) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(2 * DELAY)  # the handshake of TCP
        try:
            there, out = await asyncio.open_connection("127.0.0.1", upstream)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_pump(reader, out), _pump(there, writer), return_exceptions=True)

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
