"""Reading the wall (through the sink's endpoint) and policies (through the read API) for the checker."""

from base64 import b64decode
from collections.abc import AsyncIterator, Collection
from typing import Any, Final

import httpx

from projections.invariants.evidence import Evidence, SeenPolicy, WallEntry, WallHead

PAGE: Final = 500
"""Entries asked for at once; the sink gives fewer where their bytes are many."""

TIMEOUT_S: Final = 60.0


async def read_wall(sink_url: str, token: str, evidence: Evidence) -> None:
    """Fills in every entry and the head; ``token`` has the scopes audit:read and audit:all."""
    async with _client(sink_url, token) as client:
        head = await _get(client, "/head")
        evidence.head = WallHead(head["size"], bytes.fromhex(head["root"]))
        async for item in _pages(client, f"/entries?order=asc&limit={PAGE}"):
            if item["index"] >= head["size"]:
                break
            evidence.wall.append(
                WallEntry(
                    index=item["index"],
                    topic=item["lane"]["topic"],
                    partition=item["lane"]["partition"],
                    lane_seq=item["lane_seq"],
                    entry=b64decode(item["entry"]),
                    leaf_hash=bytes.fromhex(item["leaf_hash"]),
                )
            )


async def read_policies(api_url: str, tokens: Collection[tuple[str, str]], evidence: Evidence) -> None:
    """Fills in what the read API shows of every policy, as each of the tenants (tenant, token)."""
    for tenant, token in tokens:
        async with _client(api_url, token) as client:
            async for item in _pages(client, "/api/v1/policies?limit=200"):
                evidence.seen.append(seen_policy(tenant, item))


def seen_policy(tenant: str, item: dict[str, Any]) -> SeenPolicy:
    """What the read API's JSON says of a policy."""
    freshness = item["freshness"]
    return SeenPolicy(
        key=(tenant, item["policy_id"]),
        version=freshness["version"],
        state=item["state"],
        active_version=item["active_version"],
        last_event=freshness["event_id"],
    )


def _client(url: str, token: str) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.AsyncClient(base_url=url, headers=headers, timeout=TIMEOUT_S, trust_env=False)


async def _pages(client: httpx.AsyncClient, path: str) -> AsyncIterator[dict[str, Any]]:
    following: str | None = path
    while following:
        page = await _get(client, following)
        for item in page["items"]:
            yield item
        following = page["next"]


async def _get(client: httpx.AsyncClient, path: str) -> dict[str, Any]:
    response = await client.get(path)
    response.raise_for_status()
    document: dict[str, Any] = response.json()
    return document
