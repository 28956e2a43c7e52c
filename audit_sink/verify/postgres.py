"""What an online verification reads, from both databases (asyncpg)."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from audit_sink import queries
from audit_sink.errors import Unavailable
from audit_sink.ledger.tiles import WIDTH, hashes_of
from audit_sink.notary.postgres import PostgresReader, opened_pool, snapshot
from audit_sink.postgres import BROKEN
from audit_sink.wall import Lane, SignedSize, TreeTile
from schemas.leaf import MAX_ENTRY_BYTES, decode_entry, encode_entry, leaf_hash

_CHECKPOINTS: Final = """
SELECT size, root, note, anchored FROM governance_audit.gov_audit_checkpoints
WHERE size > $1 ORDER BY size LIMIT $2
"""

_TILES: Final = """
SELECT t.tree, t.level, t.place, t.hashes, t.root
FROM unnest($1::text[], $2::smallint[], $3::bigint[]) AS asked (tree, level, place)
JOIN governance_audit.gov_audit_tiles t USING (tree, level, place)
"""

_PRUNED: Final = """
SELECT first_index, end_index, root FROM governance_audit.gov_audit_pruned ORDER BY first_index
"""

_KEPT_TENANTS: Final = """
SELECT DISTINCT tree FROM governance_audit.gov_audit_tiles WHERE level = 0 AND tree <> ''
UNION SELECT DISTINCT tree FROM governance_audit.gov_audit_edges
"""

_FIRST_FROM: Final = """
SELECT tenant_index FROM governance_audit.gov_audit_trail_entries
WHERE tenant_id = $1 AND leaf_index >= $2 ORDER BY leaf_index LIMIT 1
"""

_KEPT_TILES: Final = """
SELECT place, hashes FROM governance_audit.gov_audit_tiles
WHERE tree = $1 AND level = 0 AND place >= $2::bigint >> 8 AND place <= $3::bigint >> 8 ORDER BY place
"""

_KEPT_EDGES: Final = """
SELECT leaf_hash FROM governance_audit.gov_audit_edges
WHERE tree = $1 AND tenant_index >= $2 AND tenant_index < $3 ORDER BY tenant_index
"""

_HAS_VALUE: Final = """
SELECT EXISTS (SELECT FROM governance_audit.gov_audit_large_values WHERE digest = $1 AND sha256(value) = $1)
"""

_ALL: Final = 1 << 62

_EVENTS: Final = """
SELECT lane_seq, record FROM governance.event
WHERE topic = $1 AND partition = $2 AND lane_seq >= $3 AND lane_seq <= $4
"""


class PostgresDatabase(PostgresReader):
    """A :class:`~audit_sink.verify.database.Database`."""

    async def checkpoints(self, above: int, limit: int) -> Sequence[SignedSize]:
        async with snapshot(self._pool) as connection:
            return [SignedSize(*row.values()) for row in await connection.fetch(_CHECKPOINTS, above, limit)]

    async def tiles(self, asked: Sequence[TreeTile]) -> Mapping[tuple[bytes, int, int], tuple[bytes, bytes]]:
        if not asked:
            return {}
        names = [tile.tree.decode() for tile in asked]
        places = [tile.level for tile in asked], [tile.place for tile in asked]
        async with snapshot(self._pool) as connection:
            found = await connection.fetch(_TILES, names, *places)
        return {
            (row["tree"].encode(), row["level"], row["place"]): (row["hashes"], row["root"]) for row in found
        }

    async def pruned(self) -> Sequence[tuple[int, int, bytes]]:
        async with snapshot(self._pool) as connection:
            return [tuple(row) for row in await connection.fetch(_PRUNED)]

    async def kept_tenants(self) -> Sequence[bytes]:
        async with snapshot(self._pool) as connection:
            return [row["tree"].encode() for row in await connection.fetch(_KEPT_TENANTS)]

    async def kept_leaves(self, tenant: bytes, first: int, end: int) -> Sequence[bytes]:
        async with snapshot(self._pool) as connection:
            return await _kept(connection, tenant.decode(), first, end)

    async def kept_before(self, tenant: bytes, first: int, index: int) -> Sequence[bytes]:
        async with snapshot(self._pool) as connection:
            end = await connection.fetchval(_FIRST_FROM, tenant.decode(), index)
            return await _kept(connection, tenant.decode(), first, _ALL if end is None else end)

    async def has_value(self, digest: bytes) -> bool:
        async with snapshot(self._pool) as connection:
            return bool(await connection.fetchval(_HAS_VALUE, digest))

    async def lane_ends(self) -> Mapping[Lane, int]:
        """The sequence with which each lane goes on."""
        async with snapshot(self._pool) as connection:
            rows = await connection.fetch(queries.LANE_ENDS)
        return {Lane(row["topic"], row["partition"]): row["next_lane_seq"] for row in rows}

    async def leaf_hashes(self, lane: Lane, first: int, last: int) -> Mapping[int, bytes]:
        """Stored leaf hashes of a lane by sequence."""
        async with snapshot(self._pool) as connection:
            rows = await connection.fetch(queries.LEAF_HASHES, *lane, first, last)
        return {row["lane_seq"]: row["leaf_hash"] for row in rows}


async def _kept(
    connection: "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]", tenant: str, first: int, end: int
) -> Sequence[bytes]:
    """What full tiles have of a tenant's tree, and after them what a pruning kept."""
    tiles = await connection.fetch(_KEPT_TILES, tenant, first, end)
    start = tiles[0]["place"] * WIDTH if tiles else first
    hashes = [leaf for tile in tiles for leaf in hashes_of(tile["hashes"])]
    edges = await connection.fetch(_KEPT_EDGES, tenant, start + len(hashes), end)
    return [*hashes[first - start : end - start], *(row["leaf_hash"] for row in edges)]


class Events:
    """The event table of the primary database, with a login that sees every tenant."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._connection = connection

    async def leaf_hashes(self, lane: Lane, first: int, last: int) -> Mapping[int, bytes]:
        """The leaf hashes of a lane's events by sequence, computed from their records."""
        try:
            rows = await self._connection.fetch(_EVENTS, *lane, first, last)
        except (asyncpg.PostgresError, *BROKEN) as error:
            raise Unavailable(f"primary database: {type(error).__name__}: {error}") from error
        return {row["lane_seq"]: _leaf_hash(row["record"]) for row in rows}


def _leaf_hash(record: bytes) -> bytes:
    if len(record) > MAX_ENTRY_BYTES:
        record, _ = encode_entry(decode_entry(record)[0])
    return leaf_hash(record)


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[PostgresDatabase]:
    """The audit database."""
    async with opened_pool(dsn, "audit-verify") as pool:
        yield PostgresDatabase(pool)


@asynccontextmanager
async def opened_events(dsn: str) -> AsyncIterator[Events]:
    """The primary database; raises Unavailable."""
    try:
        connection = await asyncpg.connect(dsn, server_settings={"application_name": "audit-verify"})
    except (asyncpg.PostgresError, *BROKEN, TimeoutError) as error:
        raise Unavailable(f"primary database: {type(error).__name__}: {error}") from error
    try:
        yield Events(connection)
    finally:
        await connection.close()
