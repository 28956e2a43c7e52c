"""A proxy before S3 that refuses, cuts and lies, one fault after the other."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Literal

import aiohttp
from aiohttp import web
from yarl import URL

from tests.loopback import serving

Fault = Literal["500", "412", "hang", "cut answer", "older", "absent", "lost"]
"""
``500``, ``412``   answers so, and the server hears nothing
``hang``           never answers
``cut answer``     says the whole length and sends half of it
``older``          answers a read with what it read before of this object
``absent``         says that the object is not there
``lost``           says that an upload went well; the server never heard of it
"""

Matches = Callable[[web.Request], bool]
_HOP: Final = {"transfer-encoding", "connection", "content-length", "content-encoding", "expect"}


@dataclass(slots=True)
class S3Proxy:
    """Forwards to ``url`` whatever no fault is meant for."""

    url: str
    session: aiohttp.ClientSession
    address: str = ""
    faults: list[tuple[Fault, Matches]] = field(default_factory=list)
    """Each befalls every request that it matches, until it is taken away."""
    met: int = 0
    """Requests that a fault befell."""
    _seen: dict[str, bytes] = field(default_factory=dict)

    def befall(self, fault: Fault, method: str, part: str) -> None:
        """From now on, requests of a method whose path contains ``part``."""
        self.faults.append((fault, lambda request: request.method == method and part in request.path))

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One request."""
        body = await request.read()
        fault = next((fault for fault, matches in self.faults if matches(request)), None)
        if fault is not None:
            self.met += 1
        match fault:
            case "500" | "412":
                return web.Response(status=int(fault), text=_ERROR[fault], content_type="application/xml")
            case "absent":
                return web.Response(status=404, text=_ERROR[fault], content_type="application/xml")
            case "lost":
                return web.Response(status=200, headers={"ETag": '"0"'})
            case "hang":
                await asyncio.Event().wait()
        async with self.session.request(
            request.method,
            URL(f"{self.url}{request.raw_path}", encoded=True),
            headers={name: value for name, value in request.headers.items() if name.lower() not in _HOP},
            data=body,
            skip_auto_headers=("Content-Type", "User-Agent", "Accept", "Accept-Encoding"),
        ) as answer:
            data = await answer.read()
            headers = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP}
            status = answer.status
        if request.method == "GET" and "versions" not in request.query and status == 200:
            data = self._seen.setdefault(request.path, data) if fault == "older" else data
            self._seen[request.path] = data
        if fault == "cut answer":
            return await _cut(request, status, headers, data)
        return web.Response(status=status, headers=headers, body=data)


async def _cut(request: web.Request, status: int, headers: dict[str, str], data: bytes) -> web.StreamResponse:
    response = web.StreamResponse(status=status, headers={**headers, "Content-Length": str(len(data))})
    await response.prepare(request)
    await response.write(data[: len(data) // 2])
    assert request.transport is not None
    request.transport.close()
    return response


_ERROR: Final = {
    "500": "<Error><Code>InternalError</Code><Message>no</Message></Error>",
    "412": "<Error><Code>PreconditionFailed</Code><Message>no</Message></Error>",
    "absent": "<Error><Code>NoSuchKey</Code><Message>no</Message></Error>",
}


@asynccontextmanager
async def s3_proxy(url: str) -> AsyncIterator[S3Proxy]:
    """A proxy before the S3 server at ``url``."""
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        proxy = S3Proxy(url, session)
        application = web.Application(client_max_size=1 << 26)
        application.router.add_route("*", "/{object:.*}", proxy.handle)
        async with serving(application) as port:
            proxy.address = f"http://127.0.0.1:{port}"
            yield proxy
