"""TCP proxies that a test can cut: the server behind them stays up for everyone else."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from tests.loopback import connected, listening

Part = Callable[[bytes], bytes]
"""What of the next bytes goes through; with none, the connection ends."""


class Proxy:
    """Forwards to one address until :meth:`cut`; forwards again after :meth:`mend`."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listening = AsyncExitStack()
        self.port = 0

    async def mend(self) -> None:
        """Listens, on the same port as before."""
        self.port = await self._listening.enter_async_context(listening(self._answer, self.port))

    async def cut(self) -> None:
        """Ends every connection and refuses new ones."""
        await self._listening.aclose()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await forward(reader, writer, *self._target)


@asynccontextmanager
async def proxied(host: str, port: int) -> AsyncIterator[Proxy]:
    """A proxy that forwards from the start and is cut at the end."""
    proxy = Proxy(host, port)
    await proxy.mend()
    try:
        yield proxy
    finally:
        await proxy.cut()


@asynccontextmanager
async def cutting(host: str, port: int, after: int) -> AsyncIterator[int]:
    """The port of a way to ``host:port`` that ends a connection after so many bytes of requests."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = after

        def part(data: bytes) -> bytes:
            nonlocal left
            data = data[:left]
            left -= len(data)
            return data

        await forward(reader, writer, host, port, part)

    async with listening(answer) as taken:
        yield taken


async def forward(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    host: str,
    port: int,
    requests: Part = bytes,
    answers: Part = bytes,
) -> None:
    """Passes on what either side says, or a part of it, until one of them ends."""
    async with connected(host, port) as (there, back), asyncio.TaskGroup() as pumps:
        pumps.create_task(_pump(reader, back, requests))
        pumps.create_task(_pump(there, writer, answers))


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, part: Part) -> None:
    with suppress(OSError):
        while data := part(await source.read(1 << 16)):
            sink.write(data)
            await sink.drain()
    # The other pump reads from the same connection, and ends with it.
    sink.close()
