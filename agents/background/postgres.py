"""What is due, of every tenant, as the role ``gov_background`` may read it."""

import asyncio
from datetime import datetime
from typing import Final

import asyncpg

from agents.background.ports import ArmedTimer, ReplayKey, TimerPlace, Unverified
from agents.errors import Outage

COMMAND_TIMEOUT_S: Final = 10.0
"""Longest wait for one statement, in seconds; a slower database counts as away."""

POOL_SIZE: Final = 3
"""Connections: one a loop."""

_OUTAGES: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
"""The third is what a session says that ends while a statement is sent."""

_UNVERIFIED: Final = """
SELECT tenant_id, evidence_id, object_key, version_id, sha256, size, submitted_at
FROM governance.evidence WHERE state = 'collected' ORDER BY submitted_at LIMIT $1
"""


_TIMERS: Final = """
SELECT due_at, tenant_id, aggregate, name, generation
FROM governance.timer
WHERE state = 'armed' AND (due_at, tenant_id, aggregate, name) > ($1, $2, $3, $4) AND due_at <= $5
ORDER BY due_at, tenant_id, aggregate, name LIMIT $6
"""

_REPLAYS: Final = """
SELECT tenant_id, policy_id, version, replay_id
FROM governance.policy_replay WHERE outcome = 'running' AND requested_at < $1
ORDER BY requested_at, replay_id
"""


class PostgresDue:
    """Reads on a few connections, made anew after an outage. Every method raises :class:`Outage`."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._connecting = asyncio.Lock()

    async def unverified(self, limit: int) -> list[Unverified]:
        """:meth:`agents.background.ports.UnverifiedSource.unverified`."""
        rows = await self._fetch(_UNVERIFIED, limit)
        return [Unverified(row[0], row[1], row[2], row[3], row[4], row[5], row[6]) for row in rows]

    async def timers(self, after: TimerPlace, until: datetime, limit: int) -> list[ArmedTimer]:
        """:meth:`agents.background.ports.TimerSource.timers`."""
        rows = await self._fetch(_TIMERS, *after, until, limit)
        return [ArmedTimer(TimerPlace(row[0], row[1], row[2], row[3]), row[4]) for row in rows]

    async def replays_before(self, moment: datetime) -> list[ReplayKey]:
        """:meth:`agents.background.ports.ReplayTimes.replays_before`."""
        return [ReplayKey(*row) for row in await self._fetch(_REPLAYS, moment)]

    async def close(self) -> None:
        """Gives the connections back."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.terminate()

    async def _fetch(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        try:
            return await (await self._connected()).fetch(query, *arguments)
        except _OUTAGES as error:
            raise Outage(f"primary database: {type(error).__name__}: {error}") from error

    async def _connected(self) -> "asyncpg.Pool[asyncpg.Record]":
        async with self._connecting:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._dsn,
                    min_size=0,
                    max_size=POOL_SIZE,
                    command_timeout=COMMAND_TIMEOUT_S,
                    timeout=COMMAND_TIMEOUT_S,
                    server_settings={
                        "application_name": "governance-background",
                        "default_transaction_read_only": "on",
                    },
                )
            return self._pool
