"""What the sink's read endpoint says of the wall."""

from base64 import b64decode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from bench.system import Addresses


@dataclass(frozen=True, slots=True)
class Head:
    """Size of the log, and the next sequence of each partition of one topic."""

    size: int
    lanes: Mapping[int, int]


class Wall:
    """The endpoint, asked as an auditor of every tenant."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    @classmethod
    @asynccontextmanager
    async def connect(cls, addresses: Addresses) -> "AsyncIterator[Wall]":
        """Connected; every method raises httpx's errors."""
        headers = {"Authorization": f"Bearer {addresses.token}"}
        async with httpx.AsyncClient(
            base_url=addresses.sink_url, headers=headers, timeout=30, trust_env=False
        ) as http:
            yield cls(http)

    async def head(self, topic: str) -> Head:
        """How far the log is."""
        found = await self._get("/head", {})
        lanes = {
            each["partition"]: each["next_lane_seq"] for each in found["lanes"] if each["topic"] == topic
        }
        return Head(found["size"], lanes)

    async def entry(self, event_id: str) -> bytes | None:
        """The entry of an event; None where the wall has none or several."""
        items = (await self._get("/entries", {"event_id": event_id}))["items"]
        return b64decode(items[0]["entry"]) if len(items) == 1 else None

    async def _get(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        response = await self._http.get(path, params=query)
        response.raise_for_status()
        found: dict[str, Any] = response.json()
        return found
