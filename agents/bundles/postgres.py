"""Policy versions from the primary database, as the role ``gov_bundles`` may read them."""

import asyncio
from collections.abc import Sequence
from typing import Final

import asyncpg

from agents.bundles.ports import LoadableVersion, VersionKey
from agents.errors import Outage

CHANNEL: Final = "policy_versions"
"""NOTIFY channel of whoever changes a version's state; the payload is not used."""

COMMAND_TIMEOUT_S: Final = 10.0
"""Longest wait for one statement, in seconds; a slower database counts as away."""

_AWAY: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
"""What a read may raise; InternalClientError where the connection broke in the middle of an answer."""

_LOADABLE: Final = """
SELECT v.tenant_id, v.policy_id, v.version, v.state, v.module_digest, v.activating_since, v.confirmed_revision
  FROM governance.policy p
  JOIN governance.policy_version v USING (tenant_id, policy_id)
 WHERE p.state <> 'retired' AND v.state IN ('activating', 'active')
UNION ALL
SELECT p.tenant_id, p.policy_id, s.version, s.state, s.module_digest, s.activating_since, s.confirmed_revision
  FROM governance.policy p
  CROSS JOIN LATERAL (
        SELECT * FROM governance.policy_version v
         WHERE v.tenant_id = p.tenant_id AND v.policy_id = p.policy_id AND v.state = 'superseded'
         ORDER BY v.superseded_at DESC NULLS LAST, v.version DESC
         LIMIT 1) s
 WHERE p.state <> 'retired'
"""

_MODULES: Final = """
SELECT tenant_id, policy_id, version, module
  FROM governance.policy_version
  JOIN unnest($1::text[], $2::text[], $3::integer[]) AS asked (tenant_id, policy_id, version)
       USING (tenant_id, policy_id, version)
"""


class PostgresVersions:
    """:class:`agents.bundles.ports.VersionSource` on one connection, made anew after an outage."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._notified = asyncio.Event()

    async def loadable(self) -> list[LoadableVersion]:
        rows = await self._fetch(_LOADABLE)
        return [
            LoadableVersion(
                tenant=row["tenant_id"],
                policy_id=row["policy_id"],
                version=row["version"],
                state=row["state"],
                digest=row["module_digest"],
                activating_since=row["activating_since"],
                confirmed_revision=row["confirmed_revision"],
            )
            for row in rows
        ]

    async def modules(self, keys: Sequence[VersionKey]) -> dict[VersionKey, str]:
        if not keys:
            return {}
        tenants, policies, versions = zip(*keys, strict=True)
        rows = await self._fetch(_MODULES, list(tenants), list(policies), list(versions))
        return {(row["tenant_id"], row["policy_id"], row["version"]): row["module"] for row in rows}

    async def wait_for_change(self, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await self._notified.wait()
        except TimeoutError:
            return
        self._notified.clear()

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def _fetch(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        try:
            connection = self._connection or await self._connect()
            return await connection.fetch(query, *arguments)
        except _AWAY as error:
            await self.close()
            raise Outage(f"primary database: {type(error).__name__}: {error}") from error

    async def _connect(self) -> "asyncpg.Connection[asyncpg.Record]":
        connection = await asyncpg.connect(
            self._dsn,
            command_timeout=COMMAND_TIMEOUT_S,
            timeout=COMMAND_TIMEOUT_S,
            server_settings={"application_name": "governance-bundles", "default_transaction_read_only": "on"},
        )
        self._connection = connection
        await connection.add_listener(CHANNEL, self._on_notification)
        return connection

    def _on_notification(self, *_: object) -> None:
        self._notified.set()
