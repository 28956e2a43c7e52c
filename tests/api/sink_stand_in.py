"""A stand-in for the audit sink's read endpoint: it says what a test tells it to, over real HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

import orjson


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    path: str
    query: dict[str, str]
    authorization: str
    traceparent: str


@dataclass
class SinkStandIn:
    """Answers every path but ``/ready`` with ``status``, ``media_type`` and ``body``, or its own body."""

    status: int = 200
    media_type: str = "application/json"
    body: bytes = b'{"items": [], "next": null}'
    delay_s: float = 0.0
    asked: list[Asked] = field(default_factory=list)
    url: str = ""
    bodies: dict[str, bytes] = field(default_factory=dict)
    busy: set["asyncio.Task[None]"] = field(default_factory=set)

    def say(self, document: object, status: int = 200, media_type: str = "application/json") -> None:
        """The next answers."""
        self.status, self.media_type, self.body = status, media_type, orjson.dumps(document)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        task = asyncio.create_task(self._serve(reader, writer))
        self.busy.add(task)
        task.add_done_callback(self.busy.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        target = urlsplit(head.split(" ")[1])
        headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        query = dict(parse_qsl(target.query))
        self.asked.append(
            Asked(target.path, query, headers.get("Authorization", ""), headers.get("traceparent", ""))
        )
        await asyncio.sleep(self.delay_s)
        status, body = (
            (200, b"{}")
            if target.path == "/ready"
            else (self.status, self.bodies.get(target.path, self.body))
        )
        writer.write(
            f"HTTP/1.1 {status} said\r\nContent-Type: {self.media_type}\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
            + body
        )
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


@asynccontextmanager
async def stand_in() -> AsyncIterator[SinkStandIn]:
    """A stand-in that listens on loopback."""
    sink = SinkStandIn()
    server = await asyncio.start_server(sink.accept, "127.0.0.1", 0)
    sink.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield sink
    if sink.busy:
        await asyncio.wait(sink.busy)
