"""The wall as its superuser sees it (asyncpg): partitions, and their end."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

import asyncpg

from audit_sink.retention.rules import Hold, Range, Said, said_of
from projections.migrations.runner import LOCK

LOCK_WAIT: Final = "5s"
"""How long a prune waits for the sink's transaction; the sink waits as long for it."""

_PARTITIONS: Final = """
SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) AS bounds
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'governance_audit.gov_audit_trail_entries'::regclass
"""
_BOUNDS: Final = re.compile(r"FROM \('(\d+)'\) TO \('(\d+)'\)")
_SAID: Final = """
SELECT leaf_index, tenant_id, event_type, entry FROM governance_audit.gov_audit_trail_entries
WHERE event_type IN ('audit.legal_hold', 'audit.legal_hold_released', 'audit.retention')
ORDER BY leaf_index
"""
_HELD: Final = """
SELECT EXISTS (SELECT FROM governance_audit.gov_audit_trail_entries
    WHERE leaf_index >= $1 AND leaf_index < $2 AND tenant_id = $3 AND ($4 = '' OR resource = $4)
    AND ($5::timestamptz IS NULL OR occurred_at >= $5 OR occurred_at IS NULL)
    AND ($6::timestamptz IS NULL OR occurred_at < $6 OR occurred_at IS NULL))
"""
_NEWEST: Final = """
SELECT max(occurred_at) FROM governance_audit.gov_audit_trail_entries
WHERE leaf_index >= $1 AND leaf_index < $2
"""
_ANCHORED: Final = "SELECT coalesce(max(size), 0) FROM governance_audit.gov_audit_checkpoints WHERE anchored"
_ENTRIES: Final = """
SELECT entry FROM governance_audit.gov_audit_trail_entries
WHERE leaf_index >= $1 AND leaf_index < $2 ORDER BY leaf_index
"""
_VALUE: Final = "SELECT value FROM governance_audit.gov_audit_large_values WHERE digest = $1 LIMIT 1"

# Of each tenant's tree the leaves of the range that stand after its last full tile.
_KEEP_EDGES: Final = """
INSERT INTO governance_audit.gov_audit_edges (tree, tenant_index, leaf_hash)
SELECT e.tenant_id, e.tenant_index, e.leaf_hash FROM governance_audit.gov_audit_trail_entries e
WHERE e.leaf_index >= $1 AND e.leaf_index < $2 AND e.tenant_index >= coalesce((
    SELECT (t.place + 1) << 8 FROM governance_audit.gov_audit_tiles t
    WHERE t.tree = e.tenant_id AND t.level = 0 ORDER BY t.place DESC LIMIT 1), 0)
"""
_KEEP_RANGE: Final = """
INSERT INTO governance_audit.gov_audit_pruned (first_index, end_index, root, retention_index)
VALUES ($1, $2, $3, $4)
"""


class OwnersWall:
    """One session; what it is asked inside :meth:`alone` is one transaction."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._connection = connection

    async def partitions(self) -> list[Range]:
        """The partitions of the entries, by index."""
        rows = await self._connection.fetch(_PARTITIONS)
        bounded = [(row["relname"], _BOUNDS.search(row["bounds"])) for row in rows]
        found = [Range(name, int(bounds[1]), int(bounds[2])) for name, bounds in bounded if bounds]
        return sorted(found, key=lambda each: each.first)

    async def anchored(self) -> int:
        """Size of the newest anchored checkpoint."""
        return int(await self._connection.fetchval(_ANCHORED))

    async def newest(self, wanted: Range) -> datetime | None:
        """The latest time of a range's entries."""
        time: datetime | None = await self._connection.fetchval(_NEWEST, wanted.first, wanted.end)
        return time

    async def said(self) -> list[Said]:
        """The entries about holds and retention, in the order of the log."""
        rows = await self._connection.fetch(_SAID)
        return [said_of(*row) for row in map(tuple, rows)]

    async def holds(self, wanted: Range, hold: Hold) -> bool:
        """Whether a hold covers an entry of a range, or stands in it."""
        if wanted.first <= hold.index < wanted.end:
            return True
        scope = hold.tenant, hold.resource, hold.not_before, hold.before
        return bool(await self._connection.fetchval(_HELD, wanted.first, wanted.end, *scope))

    async def entries(self, first: int, end: int) -> Sequence[bytes]:
        """Entries ``first`` to ``end - 1`` that are there."""
        return [row["entry"] for row in await self._connection.fetch(_ENTRIES, first, end)]

    async def value(self, digest: bytes) -> bytes | None:
        """A value that an entry only digests."""
        value: bytes | None = await self._connection.fetchval(_VALUE, digest)
        return value

    async def prune(self, wanted: Range, root: bytes, retention: int) -> None:
        """Keeps what trees go on from, detaches the partition and drops it."""
        await self._connection.execute(_KEEP_EDGES, wanted.first, wanted.end)
        await self._connection.execute(_KEEP_RANGE, wanted.first, wanted.end, root, retention)
        table = f'governance_audit."{wanted.table}"'
        await self._connection.execute(
            f"ALTER TABLE governance_audit.gov_audit_trail_entries DETACH PARTITION {table}"
        )
        await self._connection.execute(f"DROP TABLE {table}")

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """One transaction, and no migration or other retention run beside it."""
        async with self._connection.transaction():
            await self._connection.execute(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'")
            await self._connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
            yield


@asynccontextmanager
async def opened(dsn: str, escape: str) -> AsyncIterator[OwnersWall]:
    """A superuser's session, which ``escape`` lets past the triggers that deny DDL."""
    connection = await asyncpg.connect(dsn, server_settings={escape: "on", "jit": "off"})
    try:
        yield OwnersWall(connection)
    finally:
        await connection.close()
