"""A TCP proxy before PostgreSQL that cuts connections at COMMIT: before it arrives, or before its answer."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal
from urllib.parse import urlsplit

from tests.loopback import listening
from tests.tcp_proxy import forward

Cut = Literal["pass", "before", "after"]


class CommitProxy:
    """Forwards to one server; each COMMIT takes the next of ``plan``, or passes when it is empty."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self.plan: deque[Cut] = deque()
        self.dsn = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        cut: Cut = "pass"

        def requests(data: bytes) -> bytes:
            nonlocal cut
            if b"COMMIT" in data and self.plan:
                cut = self.plan.popleft()
            return b"" if cut == "before" else data

        def answers(data: bytes) -> bytes:
            # The server has committed; nobody hears of it.
            return b"" if cut == "after" else data

        await forward(reader, writer, *self._target, requests, answers)


@asynccontextmanager
async def cutting_commits(dsn: str) -> AsyncIterator[CommitProxy]:
    """A proxy before the server of a DSN; ``dsn`` of the proxy goes through it."""
    parts = urlsplit(dsn)
    proxy = CommitProxy(str(parts.hostname), parts.port or 0)
    async with listening(proxy.answer) as port:
        login = f"{parts.username}:{parts.password}"
        proxy.dsn = parts._replace(netloc=f"{login}@127.0.0.1:{port}").geturl()
        yield proxy
