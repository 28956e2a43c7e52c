"""The read API, for what a client asks after the fact: outcomes, policies, decisions, the audit trail."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Self
from urllib.parse import quote

import httpx
import orjson

from client.errors import ApiRefused, Unreachable
from client.outcome import EVALUATED, Decided, Receipt

TIMEOUT_S: Final = 10.0
"""Longest wait for one answer, in seconds; lists are paged, so that each is short."""

NOT_FOUND: Final = 404
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})

PAGE: Final = 50
"""Items asked for at once: what every list gives."""

Json = dict[str, Any]


class ReadApi:
    """GET requests with a Bearer token; made by :meth:`connect`.

    Every method raises :class:`Unreachable` and :class:`ApiRefused`.
    """

    def __init__(self, http: httpx.AsyncClient, token: Callable[[], str]) -> None:
        self._http = http
        self._token = token

    @classmethod
    @asynccontextmanager
    async def connect(
        cls, url: str, token: Callable[[], str], transport: httpx.AsyncBaseTransport | None = None
    ) -> AsyncIterator[Self]:
        """A client of the API at ``url``; ``token`` is asked for each request, so that it can be renewed."""
        remote = httpx.URL(url).host not in _LOOPBACK
        async with httpx.AsyncClient(
            base_url=url, timeout=TIMEOUT_S, transport=transport, trust_env=remote
        ) as http:
            yield cls(http, token)

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Json:
        """One resource or page; ``path`` starts with a slash."""
        return _object(await self._answer(path, query, {}))

    async def lines(self, path: str, query: Mapping[str, str]) -> AsyncIterator[list[bytes]]:
        """A list that comes as JSON lines, page by page."""
        following: str | None = path
        asked: Mapping[str, str] | None = query
        while following is not None:
            # On the way of bulk data, packing costs more time than it saves.
            response = await self._answer(following, asked, {"Accept-Encoding": "identity"})
            following, asked = response.links.get("next", {}).get("url"), None
            yield response.content.splitlines()

    async def _answer(
        self, path: str, query: Mapping[str, str] | None, headers: Mapping[str, str]
    ) -> httpx.Response:
        own = {"Authorization": f"Bearer {self._token()}", **headers}
        try:
            response = await self._http.get(path, params=query, headers=own)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        if response.is_success:
            return response
        raise self._refusal(response)

    def _unreachable(self, error: Exception) -> Unreachable:
        return Unreachable(f"read API at {self._http.base_url}: {type(error).__name__}: {error}")

    def _refusal(self, response: httpx.Response) -> Unreachable | ApiRefused:
        document = _object(response)
        title = str(document.get("title", response.reason_phrase))
        detail = str(document.get("detail", ""))
        if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            return Unreachable(f"read API at {self._http.base_url}: {title} {detail}".rstrip())
        return ApiRefused(response.status_code, title, detail)

    async def download(
        self, path: str, query: Mapping[str, str], write: Callable[[bytes], object]
    ) -> Mapping[str, str]:
        """Hands an answer of any length to ``write``, piece by piece; its headers, names in lower case."""
        own = {"Authorization": f"Bearer {self._token()}", "Accept-Encoding": "identity"}
        try:
            async with self._http.stream("GET", path, params=query, headers=own) as response:
                if not response.is_success:
                    await response.aread()
                    raise self._refusal(response)
                async for piece in response.aiter_bytes():
                    write(piece)
                return response.headers
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    async def items(self, path: str, query: Mapping[str, str], limit: int) -> AsyncIterator[Json]:
        """The first ``limit`` items of a list, page by page."""
        page = await self.get(path, {**query, "limit": str(min(limit, PAGE))})
        while True:
            for item in page["items"]:
                yield item
                limit -= 1
                if limit == 0:
                    return
            if not page["next"]:
                return
            page = await self.get(page["next"])

    async def decided(self, command_id: str, source: str) -> Decided | None:
        """The first event that answered a command, None while there is none.

        The body holds what the API tells: all of a decision, reason, detail and findings of a
        rejection, nothing of other events.
        """
        try:
            found = await self.get(f"/api/v1/commands/{quote(command_id, safe='')}", {"source": source})
        except ApiRefused as error:
            if error.status == NOT_FOUND:
                return None
            raise
        if not found["events"]:
            return None
        event = found["events"][0]
        return Decided(
            command_id=command_id,
            event_id=event["event_id"],
            type=event["type"],
            subject=event["resource"],
            time=event["occurred_at"],
            topic=event["lane"]["topic"],
            partition=event["lane"]["partition"],
            sequence=event["sequence"],
            body=await self._body(event, found),
        )

    async def receipt(self, decided: Decided) -> Receipt | None:
        """Where the wall holds an event, None while it does not; needs the scope ``audit:read``."""
        found = await self.get("/api/v1/audit-trail", {"event_id": decided.event_id})
        return Receipt(decided, found["items"][0]["index"], None, None) if found["items"] else None

    async def _body(self, event: Json, found: Json) -> Json:
        if event["type"] != EVALUATED:
            return {name: found[name] for name in ("reason", "detail", "findings")}
        decision = await self.get(f"/api/v1/decisions/{quote(event['event_id'], safe='')}")
        obligations = [orjson.dumps(each).decode() for each in decision["obligations"]]
        return {**decision, "version": decision["policy_version"], "obligations": obligations}


def _object(response: httpx.Response) -> Json:
    try:
        document = response.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
