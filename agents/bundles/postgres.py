"""Policy versions from the primary database, as the role ``gov_bundles`` may read them."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg
import orjson

from agents.bundles.ports import LoadableVersion, VersionKey
from agents.errors import Outage
from rego.loaded import Loaded

CHANNEL: Final = "policy_versions"
"""NOTIFY channel of whoever changes a version's state; the payload is not used."""

COMMAND_TIMEOUT_S: Final = 10.0
"""Longest wait for one statement, in seconds; a slower database counts as away."""

BEGINNING: Final = datetime(1, 1, 2, tzinfo=UTC)
"""Before every change."""

LATE: Final = timedelta(minutes=1)
"""How much later than it says a change may be committed: transactions end or fail within seconds."""

PolicyKey = tuple[str, str]
"""Tenant and policy id."""

_AWAY: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
"""What a read may raise; InternalClientError where the connection broke in the middle of an answer."""

_CHANGES: Final = "SELECT count(*), coalesce(sum(version), 0)::bigint FROM governance.policy"
"""Every event of a policy raises its ``version`` by one: nothing happens without changing the sum."""

_CHANGED: Final = """
SELECT tenant_id, policy_id, version, updated_at FROM governance.policy WHERE updated_at >= $1
"""

_LOADABLE: Final = """
SELECT v.tenant_id, v.policy_id, v.version, v.state, v.module_digest, v.activating_since, v.confirmed_revision
  FROM governance.policy p
  JOIN governance.policy_version v USING (tenant_id, policy_id)
 WHERE p.updated_at >= $1 AND p.state <> 'retired' AND v.state IN ('activating', 'active')
UNION ALL
SELECT p.tenant_id, p.policy_id, s.version, s.state, s.module_digest, s.activating_since, s.confirmed_revision
  FROM governance.policy p
  CROSS JOIN LATERAL (
        SELECT * FROM governance.policy_version v
         WHERE v.tenant_id = p.tenant_id AND v.policy_id = p.policy_id AND v.state = 'superseded'
           AND v.version IS DISTINCT FROM p.shadow_version
         ORDER BY v.superseded_at DESC NULLS LAST, v.version DESC
         LIMIT 1) s
 WHERE p.updated_at >= $1 AND p.state <> 'retired'
UNION ALL
SELECT p.tenant_id, p.policy_id, v.version,
       CASE WHEN p.shadow_revision = 0 THEN 'shadowing' ELSE 'shadow' END,
       v.module_digest, p.shadow_since, v.confirmed_revision
  FROM governance.policy p
  JOIN governance.policy_version v
       ON (v.tenant_id, v.policy_id, v.version) = (p.tenant_id, p.policy_id, p.shadow_version)
 WHERE p.updated_at >= $1 AND p.state <> 'retired' AND v.state NOT IN ('activating', 'active')
"""

_LOADED: Final = """
SELECT tenant_id, policy_id, version, module, modules, data
  FROM governance.policy_version
  JOIN unnest($1::text[], $2::text[], $3::integer[]) AS asked (tenant_id, policy_id, version)
       USING (tenant_id, policy_id, version)
"""


@dataclass(slots=True)
class _Known:
    """What was read so far; ``read_to`` is the newest change among it."""

    changes: dict[PolicyKey, int] = field(default_factory=dict)
    """By policy, its version as an aggregate."""
    versions: dict[PolicyKey, list[LoadableVersion]] = field(default_factory=dict)
    read_to: datetime = BEGINNING

    @property
    def total(self) -> tuple[int, int]:
        """As :data:`_CHANGES` says it of the database."""
        return len(self.changes), sum(self.changes.values())


class PostgresVersions:
    """:class:`agents.bundles.ports.VersionSource` on one connection, made anew after an outage.

    Thousands of policies are read once; then those that changed lately. Whether these were all is checked
    against the number of all changes, and everything is read again where it does not agree.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._notified = asyncio.Event()
        self._known = _Known()

    async def loadable(self) -> list[LoadableVersion]:
        with self._outages():
            connection = self._connection or await self._connect()
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                total = tuple(await connection.fetchrow(_CHANGES) or ())
                if total != self._known.total:
                    await self._read(connection, self._known, self._known.read_to - LATE)
                if total != self._known.total:
                    known = _Known()
                    await self._read(connection, known, BEGINNING)
                    self._known = known
        return [version for versions in self._known.versions.values() for version in versions]

    async def _read(
        self, connection: "asyncpg.Connection[asyncpg.Record]", known: _Known, since: datetime
    ) -> None:
        for row in await connection.fetch(_CHANGED, since):
            key = (row["tenant_id"], row["policy_id"])
            known.changes[key] = row["version"]
            known.versions[key] = []
            known.read_to = max(known.read_to, row["updated_at"])
        for row in await connection.fetch(_LOADABLE, since):
            known.versions[row["tenant_id"], row["policy_id"]].append(_loadable(row))

    async def loaded(self, keys: Sequence[VersionKey]) -> dict[VersionKey, Loaded]:
        if not keys:
            return {}
        tenants, policies, versions = zip(*keys, strict=True)
        rows = await self._fetch(_LOADED, list(tenants), list(policies), list(versions))
        return {(row["tenant_id"], row["policy_id"], row["version"]): _loaded(row) for row in rows}

    async def wait_for_change(self, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await self._notified.wait()
        except TimeoutError:
            return
        self._notified.clear()

    async def close(self) -> None:
        self._disconnect()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def _fetch(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        with self._outages():
            connection = self._connection or await self._connect()
            return await connection.fetch(query, *arguments)

    @contextmanager
    def _outages(self) -> Iterator[None]:
        try:
            yield
        except _AWAY as error:
            self._disconnect()
            raise Outage(f"primary database: {type(error).__name__}: {error}") from error

    async def _connect(self) -> "asyncpg.Connection[asyncpg.Record]":
        connection = await asyncpg.connect(
            self._dsn,
            command_timeout=COMMAND_TIMEOUT_S,
            timeout=COMMAND_TIMEOUT_S,
            server_settings={"application_name": "governance-bundles", "default_transaction_read_only": "on"},
        )
        self._connection = connection
        self._known = _Known()  # it may be another database now, restored or failed over to
        await connection.add_listener(CHANNEL, self._on_notification)
        return connection

    def _on_notification(self, *_: object) -> None:
        self._notified.set()


def _loadable(row: asyncpg.Record) -> LoadableVersion:
    return LoadableVersion(
        tenant=row["tenant_id"],
        policy_id=row["policy_id"],
        version=row["version"],
        state=row["state"],
        digest=row["module_digest"],
        activating_since=row["activating_since"],
        confirmed_revision=row["confirmed_revision"],
    )


def _loaded(row: asyncpg.Record) -> Loaded:
    modules = tuple((each["path"], each["content"]) for each in orjson.loads(row["modules"]))
    return Loaded(row["module"], modules, row["data"])
