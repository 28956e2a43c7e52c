"""The audit sink's read endpoint: audit queries are forwarded with the caller's own token."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from secrets import token_hex
from typing import Final
from urllib.parse import quote

import httpx

from projections.api.readiness import Down
from projections.problems import Problem, unavailable

MAX_BYTES: Final = 33_554_432
"""Bound of one answer: 200 entries of 64 KB, twice (decoded view and raw bytes in base64)."""


@dataclass(frozen=True, slots=True)
class SinkAnswer:
    """What the sink said: 200, or a problem with a status below 500. Header names are lower case."""

    status: int
    media_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def absent() -> Problem:
    """503 for the audit paths, where no sink is configured or it does not answer."""
    return unavailable("audit_sink", "The audit sink does not answer; every other path does.")


class SinkEntries:
    """Reads entries of the wall; every method raises the 503 problem where the sink is no help."""

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self._client = client
        self._url = url.rstrip("/")

    async def get(self, path: str, query: Mapping[str, str], token: str, trace: str) -> SinkAnswer:
        """The sink's answer to ``GET path?query``; ``trace`` is the W3C trace id (32 hex digits)."""
        body = bytearray()
        async with aclosing(self.pieces(path, query, token, trace)) as pieces:
            head = await anext(pieces)
            async for piece in pieces:
                body += piece.body
                if len(body) > MAX_BYTES:
                    raise absent()
        return replace(head, body=head.body + bytes(body))

    async def pieces(
        self, path: str, query: Mapping[str, str], token: str, trace: str
    ) -> AsyncGenerator[SinkAnswer]:
        """The same in pieces, however long: first a 200 without body, or the whole problem."""
        headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/json",
            "traceparent": f"00-{trace}-{token_hex(8)}-01",
        }
        try:
            async with self._client.stream(
                "GET", self._url + quote(path), params=dict(query), headers=headers
            ) as response:
                status = response.status_code
                if status != httpx.codes.OK and not httpx.codes.is_client_error(status):
                    raise absent()
                media_type = response.headers.get("content-type", "").partition(";")[0]
                head = SinkAnswer(status, media_type, b"", response.headers)
                if status != httpx.codes.OK:
                    yield replace(head, body=(await response.aread())[:MAX_BYTES])
                    return
                yield head
                async for piece in response.aiter_bytes():
                    yield replace(head, body=piece)
        except httpx.HTTPError:
            raise absent() from None

    async def check(self) -> None:
        """Raises :class:`~projections.api.readiness.Down` unless the sink's endpoint is ready."""
        try:
            response = await self._client.get(f"{self._url}/ready")
        except httpx.HTTPError as error:
            raise Down(type(error).__name__) from error
        if response.status_code != httpx.codes.OK:
            raise Down(f"says {response.status_code}")
