"""Asking one OPA process over HTTP, and the evaluator made of several.

aiohttp rather than httpx: measured with 64 items a request, 330 against 980 µs of CPU a request,
with one item 185 against 840 µs. It is there anyway, as aiobotocore's transport.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import aiohttp

from agents.opa.body import refusal
from agents.opa.errors import Broken, Late, Refused, Unreached
from agents.opa.evaluator import BatchEvaluator
from agents.opa.process import Process
from agents.opa.settings import Limits
from agents.opa.shards import opa_names

PATH: Final = "/v1/data/gov/batch?provenance=true&strict-builtin-errors=true"
"""Strict: a builtin error must not look like an undefined decision."""

_HEADERS: Final = {"Content-Type": "application/json", "Accept-Encoding": "identity"}


class HttpTransport:
    """Batches to one process; see :class:`agents.opa.evaluator.Transport`."""

    def __init__(self, session: aiohttp.ClientSession, url: str, answer_bytes: int) -> None:
        self._session = session
        self._url = url.rstrip("/") + PATH
        self._answer_bytes = answer_bytes

    async def ask(self, body: bytes, timeout_s: float) -> bytes:
        """The body of a 200 answer."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._post(body)
        except TimeoutError:
            raise Late(f"no answer in {timeout_s * 1000:.0f} ms") from None
        except aiohttp.ClientConnectorError as error:
            raise Unreached(f"{type(error).__name__}: {error}") from None
        except (aiohttp.ClientError, OSError) as error:
            raise Broken(f"{type(error).__name__}: {error}") from None

    async def _post(self, body: bytes) -> bytes:
        response = await self._session.post(self._url, data=body, headers=_HEADERS, allow_redirects=False)
        try:
            data = await self._read(response)
        except BaseException:
            # Closing the socket is what cancels the evaluation inside OPA.
            response.close()
            raise
        if response.status != 200:
            raise refusal(response.status, data)
        return data

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        chunks: list[bytes] = []
        size = 0
        async for chunk in response.content.iter_any():
            size += len(chunk)
            if size > self._answer_bytes:
                raise Refused(f"the answer is larger than {self._answer_bytes} bytes")
            chunks.append(chunk)
        return b"".join(chunks)


@asynccontextmanager
async def http_evaluator(urls: Sequence[str], limits: Limits | None = None) -> AsyncIterator[BatchEvaluator]:
    """An evaluator over the OPA processes at ``urls``, in the order that names them ``opa-0`` …"""
    chosen = limits or Limits()
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        read_bufsize=1 << 20,
    )
    async with session:
        transports = [HttpTransport(session, url, chosen.answer_bytes) for url in urls]
        names = opa_names(len(urls))
        yield BatchEvaluator(
            [Process(name, transport, chosen) for name, transport in zip(names, transports, strict=True)],
            chosen,
        )
