"""A stand-in for the audit sink's read endpoint: it says what a test tells it to, over real HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

import orjson

from tests.loopback import listening


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
    kinds: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    """Media type and body by the last part of a path."""

    def say(self, document: object, status: int = 200, media_type: str = "application/json") -> None:
        """The next answers."""
        self.status, self.media_type, self.body = status, media_type, orjson.dumps(document)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
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
        media_type, body = self.kinds.get(target.path.rpartition("/")[2], (self.media_type, body))
        writer.write(
            f"HTTP/1.1 {status} said\r\nContent-Type: {media_type}\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
            + body
        )


@asynccontextmanager
async def stand_in() -> AsyncIterator[SinkStandIn]:
    """A stand-in that listens on loopback."""
    sink = SinkStandIn()
    async with listening(sink.answer) as port:
        sink.url = f"http://127.0.0.1:{port}"
        yield sink
