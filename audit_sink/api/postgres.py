"""The wall over asyncpg, as the role ``gov_audit_reader``.

Each request is one READ ONLY transaction. It sets ``audit.tenant`` for row-level security or, for
scope ``audit:all``, takes the role ``gov_audit_auditor``; both end with it.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import asyncpg

from audit_sink import queries
from audit_sink.api.settings import ApiSettings
from audit_sink.api.trail import Filters, Head, Order, StoredEntry, TrailUnavailable
from audit_sink.ledger.correction import CORRECTION
from audit_sink.ledger.tiles import WIDTH, Tile
from audit_sink.wall import BatchRow, Lane, LaneEnd, SignedSize, state_of
from projections.tokens import Caller

if TYPE_CHECKING:
    Pool = asyncpg.Pool[asyncpg.Record]
    Connection = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]

ALL_TENANTS: Final = "audit:all"
_BEGIN: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

MAX_RELATED: Final = 1_000
"""Bound of the corrections that are shown beside one page."""

_BE_AUDITOR: Final = "SET LOCAL ROLE gov_audit_auditor"
_COLUMNS: Final = "leaf_index, tenant_id, tenant_index, occurred_at, leaf_hash, entry"
_FILTERS: Final[Mapping[str, str]] = {
    "tenant": "tenant_id = ",
    "from_": "occurred_at >= ",
    "to": "occurred_at < ",
    "type": "event_type = ",
    "resource": "resource = ",
    "actor": "actor = ",
    "event_id": "event_id = ",
}
_CHECKPOINTS: Final = """
SELECT size, root, note, anchored FROM governance_audit.gov_audit_checkpoints
WHERE ($1::bigint IS NULL OR size < $1) AND (anchored OR NOT $2) ORDER BY size DESC LIMIT $3
"""
_TENANT_HEAD: Final = f"""
SELECT {_COLUMNS} FROM governance_audit.gov_audit_trail_entries
WHERE tenant_id = $1 AND resource = $2 AND event_type = 'audit.tenant_head' AND leaf_index < $3
ORDER BY leaf_index DESC LIMIT 1
"""  # noqa: S608 - our own names
# A partial tile of level 0 apart, which needs the entries: another plan over all their partitions.
_TILES: Final = """
SELECT CASE WHEN asked.width = 256 THEN (
    SELECT t.hashes FROM governance_audit.gov_audit_tiles t
    WHERE t.tree = '' AND t.level = asked.level AND t.place = asked.place)
ELSE (
    SELECT string_agg(t.root, '' ORDER BY t.place) FROM governance_audit.gov_audit_tiles t
    WHERE t.tree = '' AND t.level = asked.level - 1
        AND t.place >= asked.place * 256 AND t.place < asked.place * 256 + asked.width) END AS hashes
FROM unnest($1::smallint[], $2::bigint[], $3::integer[])
    WITH ORDINALITY AS asked (level, place, width, number)
ORDER BY asked.number
"""
_LEAVES: Final = """
SELECT leaf_hash AS hash FROM governance_audit.gov_audit_trail_entries
WHERE leaf_index >= $1 AND leaf_index < $2 ORDER BY leaf_index
"""
_ENTRY: Final = f"SELECT {_COLUMNS} FROM governance_audit.gov_audit_trail_entries WHERE leaf_index = $1"  # noqa: S608 - our own names
# Two index scans a partition, whatever the number of events.
_RELATED: Final = f"""
SELECT {_COLUMNS} FROM governance_audit.gov_audit_trail_entries
WHERE tenant_id = ANY($1::text[]) AND resource = ANY($2::text[]) AND event_type = '{CORRECTION}'
UNION
SELECT {_COLUMNS} FROM governance_audit.gov_audit_trail_entries WHERE event_id = ANY($3::text[])
ORDER BY leaf_index LIMIT {MAX_RELATED}
"""  # noqa: S608 - our own names
_AWAY: Final = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InvalidAuthorizationSpecificationError,
)
"""What asyncpg raises when the database, and not the statement, is the reason."""


class PostgresTrail:
    """A pool of reader sessions. Implements :class:`audit_sink.api.trail.Trail`."""

    def __init__(self, pool: "Pool", timeout_s: float) -> None:
        self._pool = pool
        self._timeout_s = timeout_s

    async def entries(
        self, caller: Caller, filters: Filters, after: int | None, order: Order, limit: int
    ) -> Sequence[StoredEntry]:
        """See the port."""
        statement, arguments = _entries_query(filters, after, order, limit)
        async with self._seeing(caller) as session:
            return [_entry(row) for row in await session.fetch(statement, *arguments)]

    async def entry(self, caller: Caller, index: int) -> StoredEntry | None:
        """See the port."""
        async with self._seeing(caller) as session:
            row = await session.fetchrow(_ENTRY, index)
        return None if row is None else _entry(row)

    async def entry_and_checkpoint(
        self, caller: Caller, index: int
    ) -> tuple[StoredEntry | None, SignedSize | None]:
        """See the port."""
        async with self._seeing(caller) as session:
            row = await session.fetchrow(_ENTRY, index)
            signed = await session.fetchrow(queries.NEWEST_CHECKPOINT)
        return None if row is None else _entry(row), None if signed is None else SignedSize(*signed.values())

    async def related(
        self, caller: Caller, corrected: Sequence[tuple[str, str]], originals: Sequence[str]
    ) -> Sequence[StoredEntry]:
        """See the port."""
        tenants = sorted({tenant for tenant, _ in corrected})
        resources = [f"event/{event_id}" for _, event_id in corrected]
        async with self._seeing(caller) as session:
            rows = await session.fetch(_RELATED, tenants, resources, list(originals))
        return [_entry(row) for row in rows]

    async def large_values(
        self, caller: Caller, digests: Sequence[bytes]
    ) -> Mapping[tuple[str, bytes], bytes]:
        """See the port."""
        async with self._seeing(caller) as session:
            rows = await session.fetch(
                "SELECT tenant_id, digest, value FROM governance_audit.gov_audit_large_values"
                " WHERE digest = ANY($1::bytea[])",
                list(digests),
            )
        return {(row["tenant_id"], row["digest"]): row["value"] for row in rows}

    async def batches(self, after: int, limit: int) -> Sequence[BatchRow]:
        """See the port."""
        async with self._reading(_BE_AUDITOR) as session:
            rows = await session.fetch(
                "SELECT * FROM governance_audit.gov_audit_batches WHERE batch_no > $1"
                " ORDER BY batch_no LIMIT $2",
                after,
                limit,
            )
        return [BatchRow(**dict(row.items())) for row in rows]

    async def head(self) -> Head:
        """See the port."""
        async with self._reading(_BE_AUDITOR) as session:
            newest = await session.fetchrow(queries.NEWEST)
            ends = await session.fetch(queries.LANE_ENDS)
        lanes = {Lane(row[0], row[1]): LaneEnd(*row[2:]) for row in map(tuple, ends)}
        state = state_of(None if newest is None else BatchRow(**dict(newest.items())), lanes)
        return Head(state.batch_no, state.edge.size, state.edge.root(), lanes)

    async def size(self) -> int:
        """See the port."""
        async with self._reading(_BE_AUDITOR) as session:
            newest = await session.fetchrow(queries.NEWEST)
        return 0 if newest is None else int(newest["next_index"])

    async def checkpoint(self) -> SignedSize | None:
        """See the port."""
        async with self._reading(_BE_AUDITOR) as session:
            row = await session.fetchrow(queries.NEWEST_CHECKPOINT)
        return None if row is None else SignedSize(*row.values())

    async def checkpoints(self, below: int | None, anchored: bool, limit: int) -> Sequence[SignedSize]:
        """See the port."""
        async with self._reading(_BE_AUDITOR) as session:
            rows = await session.fetch(_CHECKPOINTS, below, anchored, limit)
        return [SignedSize(*row.values()) for row in rows]

    async def tenant_head(self, caller: Caller, tenant: str, size: int) -> StoredEntry | None:
        """See the port."""
        async with self._seeing(caller) as session:
            row = await session.fetchrow(_TENANT_HEAD, tenant, f"tenant/{tenant}", size)
        return None if row is None else _entry(row)

    async def tiles(self, tiles: Sequence[Tile]) -> Sequence[bytes]:
        """See the port."""
        found: dict[Tile, bytes] = {}
        newest = [tile for tile in tiles if tile.level == 0 and tile.width < WIDTH]
        stored = [tile for tile in tiles if tile not in newest]
        async with self._reading(_BE_AUDITOR) as session:
            if stored:
                rows = await session.fetch(_TILES, *map(list, zip(*stored, strict=True)))
                found |= {tile: row["hashes"] for tile, row in zip(stored, rows, strict=True)}
            for tile in newest:
                first = tile.place * WIDTH
                rows = await session.fetch(_LEAVES, first, first + tile.width)
                found[tile] = b"".join(row["hash"] for row in rows)
        return [found[tile] for tile in tiles]

    async def check(self) -> None:
        """See the port."""
        try:
            async with self._reading(_set_tenant("")) as session:
                await session.fetch("SELECT 1 FROM governance_audit.gov_audit_trail_entries LIMIT 1")
        except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError) as error:
            raise TrailUnavailable("not migrated") from error

    @asynccontextmanager
    async def _seeing(self, caller: Caller) -> "AsyncIterator[Connection]":
        every = ALL_TENANTS in caller.scopes
        async with self._reading(_BE_AUDITOR if every else _set_tenant(caller.tenant)) as session:
            yield session

    @asynccontextmanager
    async def _reading(self, first: str) -> "AsyncIterator[Connection]":
        try:
            async with self._pool.acquire(timeout=self._timeout_s) as connection:
                # In one round trip, which is most of what a small read takes.
                await connection.execute(f"{_BEGIN}; {first}")
                try:
                    yield connection
                finally:
                    await connection.execute("COMMIT")
        except asyncpg.DataError:
            raise  # a value that does not fit its column is our mistake
        except _AWAY as error:
            raise TrailUnavailable(type(error).__name__) from error


@asynccontextmanager
async def opened(settings: ApiSettings) -> AsyncIterator[PostgresTrail]:
    """The trail of the settings, closed at the end; connects at the first use."""
    timeout_s = settings.database_timeout_ms / 1000
    async with asyncpg.create_pool(
        settings.audit_db_url.get_secret_value(),
        min_size=0,
        max_size=settings.pool_size,
        timeout=timeout_s,
        command_timeout=timeout_s,
        reset=_nothing_to_reset,
        server_settings={
            "application_name": "audit-sink api",
            "default_transaction_read_only": "on",
            "statement_timeout": str(settings.database_timeout_ms),
            "idle_in_transaction_session_timeout": str(settings.database_timeout_ms),
        },
    ) as pool:
        yield PostgresTrail(pool, timeout_s)


async def _nothing_to_reset(_connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """A session keeps nothing: all that is set in it ends with its transaction."""


def _set_tenant(tenant: str) -> str:
    """The statement that lets row-level security show a tenant's rows; in hex there is nothing to quote."""
    name = f"convert_from(decode('{tenant.encode().hex()}', 'hex'), 'UTF8')"
    return f"SELECT set_config('audit.tenant', {name}, true)"


def _entries_query(filters: Filters, after: int | None, order: Order, limit: int) -> tuple[str, list[object]]:
    arguments: list[object] = []
    conditions = ["true"]
    for name, condition in _FILTERS.items():
        if (value := getattr(filters, name)) is not None:
            arguments.append(value)
            conditions.append(f"{condition}${len(arguments)}")
    if after is not None:
        arguments.append(after)
        conditions.append(f"leaf_index {'>' if order == 'asc' else '<'} ${len(arguments)}")
    arguments.append(limit)
    statement = (
        f"SELECT {_COLUMNS} FROM governance_audit.gov_audit_trail_entries"  # noqa: S608 - our own names
        f" WHERE {' AND '.join(conditions)}"
        f" ORDER BY leaf_index {'ASC' if order == 'asc' else 'DESC'} LIMIT ${len(arguments)}"
    )
    return statement, arguments


def _entry(row: asyncpg.Record) -> StoredEntry:
    return StoredEntry(**dict(row.items()))
