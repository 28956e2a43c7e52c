"""A TCP proxy before PostgreSQL that cuts connections at COMMIT: before it arrives, or before its answer."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

Cut = Literal["pass", "before", "after"]


class CommitProxy:
    """Forwards to one server; each COMMIT takes the next of ``plan``, or passes when it is empty."""

    def __init__(self, dsn: str) -> None:
        self._dsn = urlsplit(dsn)
        self.plan: deque[Cut] = deque()
        self.dsn = ""
        self._pumps: set[asyncio.Task[None]] = set()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        there, back = await asyncio.open_connection(self._dsn.hostname, self._dsn.port)
        answers = asyncio.create_task(_pump(there, writer))
        requests = asyncio.create_task(self._requests(reader, back, writer, answers))
        for task in (answers, requests):
            self._pumps.add(task)
            task.add_done_callback(self._pumps.discard)

    async def _requests(
        self,
        client: asyncio.StreamReader,
        server: asyncio.StreamWriter,
        back: asyncio.StreamWriter,
        answers: "asyncio.Task[None]",
    ) -> None:
        try:
            while data := await client.read(1 << 20):
                cut = self.plan.popleft() if b"COMMIT" in data and self.plan else "pass"
                if cut == "after":
                    # The server commits; nobody hears of it.
                    answers.cancel()
                    server.write(data)
                    await server.drain()
                    await asyncio.sleep(0.05)
                if cut != "pass":
                    break
                server.write(data)
                await server.drain()
        except OSError:
            return
        finally:
            server.transport.abort()
            back.transport.abort()

    async def close(self) -> None:
        """Ends every connection."""
        for task in tuple(self._pumps):
            task.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(1 << 20):
            sink.write(data)
            await sink.drain()
    except OSError:
        return
    finally:
        sink.transport.abort()


@asynccontextmanager
async def cutting_commits(dsn: str) -> AsyncIterator[CommitProxy]:
    """A proxy before the server of a DSN; ``dsn`` of the proxy goes through it."""
    proxy = CommitProxy(dsn)
    parts = urlsplit(dsn)
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    proxy.dsn = urlunsplit(parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{port}"))
    try:
        yield proxy
    finally:
        server.close()
        await proxy.close()
