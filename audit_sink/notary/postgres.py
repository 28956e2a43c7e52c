"""The wall as the notary reads it, and the two tables that it writes (asyncpg, role ``gov_audit_notary``)."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, Literal, TypeAlias

import asyncpg

from audit_sink import queries
from audit_sink.errors import Behind, Unavailable
from audit_sink.ledger.correction import CORRECTION
from audit_sink.ledger.frontier import Frontier
from audit_sink.ledger.reading import LogReading, StoredEntry
from audit_sink.notary.guard import guard_of
from audit_sink.notary.ports import Guard, NewRows
from audit_sink.postgres import BROKEN, read_trees
from audit_sink.wall import NOTARY_LANE, BatchRow, Lane

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

TIMEOUT_S: Final = 10.0
"""Bound of one statement and of a connection, in seconds."""

CONFIRM_S: Final = 3.0
"""Longest wait for the standby in one round; the round is repeated."""
LOOK_S: Final = 0.02
"""Between two looks at it."""

Standby = Literal["required", "optional"]
"""Whether nothing is signed without a synchronous standby, or only what one that is set has confirmed."""

# Whole transactions only: those from $1 on whose rows count at most $2 entries, and at least one.
_BATCHES: Final = """
WITH following AS (
    SELECT * FROM governance_audit.gov_audit_batches WHERE batch_no > $1 ORDER BY batch_no LIMIT 4096),
ends AS (SELECT batch_no, next_index FROM following WHERE right_edge IS NOT NULL)
SELECT * FROM following WHERE batch_no <= coalesce(
    (SELECT max(batch_no) FROM ends WHERE next_index <= (SELECT min(first_index) FROM following) + $2),
    (SELECT min(batch_no) FROM ends))
ORDER BY batch_no
"""

_ENTRIES: Final = """
SELECT leaf_index, tenant_id, tenant_index, topic, partition, lane_seq, event_id, event_type, resource, actor,
    occurred_at, leaf_hash, entry
FROM governance_audit.gov_audit_trail_entries WHERE leaf_index >= $1 AND leaf_index < $2 ORDER BY leaf_index
"""

_OF_TYPE: Final = """
SELECT leaf_index, tenant_id, tenant_index, topic, partition, lane_seq, event_type, leaf_hash, entry
FROM governance_audit.gov_audit_trail_entries
WHERE leaf_index >= $1 AND leaf_index < $2 AND event_type = $3 ORDER BY leaf_index
"""

# A commit of its own: the server's log is flushed at least up to everything that was seen before.
_MARK: Final = "SELECT pg_logical_emit_message(true, 'audit-notary', '')"

# Whether as many synchronous standbys as the server waits for have flushed up to a mark.
_CONFIRMED: Final = """
SELECT count(*) >= coalesce(substring(
    current_setting('synchronous_standby_names') FROM '(?i)^\\s*(?:any|first)?\\s*(\\d+)\\s*\\(')::integer, 1)
FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum') AND flush_lsn >= $1
"""

# By its batch rows, which an index finds.
_RESTORE_STATEMENTS: Final = """
INSERT INTO governance_audit.gov_audit_statements (statement_no, record)
SELECT e.lane_seq, e.entry
FROM (SELECT coalesce(max(statement_no), 0) AS statement_no FROM governance_audit.gov_audit_statements) newest
JOIN governance_audit.gov_audit_batches b
    ON b.topic = $1 AND b.partition = $2 AND b.next_lane_seq > newest.statement_no + 1
JOIN governance_audit.gov_audit_trail_entries e
    ON e.leaf_index >= b.first_index AND e.leaf_index < b.next_index
WHERE e.lane_seq > newest.statement_no
ORDER BY e.lane_seq
"""

_LARGE_VALUES: Final = """
SELECT digest, value FROM governance_audit.gov_audit_large_values WHERE digest = ANY ($1::bytea[])
"""

_LANES_AT: Final = """
SELECT DISTINCT ON (topic, partition) topic, partition, next_lane_seq, next_offset
FROM governance_audit.gov_audit_batches WHERE batch_no <= $1 ORDER BY topic, partition, batch_no DESC
"""

_CHANGED: Final = """
SELECT DISTINCT tenant_id FROM governance_audit.gov_audit_trail_entries
WHERE leaf_index >= $1 AND leaf_index < $2 AND topic <> $3 ORDER BY tenant_id
"""

_ADD_CHECKPOINT: Final = """
INSERT INTO governance_audit.gov_audit_checkpoints (size, root, note, anchored, signed_at)
VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
"""

_ADD_STATEMENTS: Final = """
INSERT INTO governance_audit.gov_audit_statements (statement_no, record)
SELECT $1 + place - 1, record FROM unnest($2::bytea[]) WITH ORDINALITY AS added (record, place) ORDER BY place
"""

# Everything that protects the wall, as text in a fixed order; partitions count as one each kind.
_GUARD: Final = """
SELECT DISTINCT line FROM (
    SELECT concat_ws(' ', 'relation', regexp_replace(c.relname, '_p[0-9]{4}$', '_p*'), c.relkind,
        c.relrowsecurity, c.relforcerowsecurity, pg_get_userbyid(c.relowner), c.relacl::text) AS line
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'governance_audit' AND c.relkind IN ('r', 'p')
    UNION ALL
    SELECT concat_ws(' ', 'trigger', regexp_replace(c.relname, '_p[0-9]{4}$', '_p*'), t.tgname, t.tgenabled,
        t.tgtype, t.tgfoid::regproc)
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'governance_audit' AND NOT t.tgisinternal
    UNION ALL
    SELECT concat_ws(' ', 'routine', p.proname, pg_get_userbyid(p.proowner), p.proacl::text, md5(p.prosrc))
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'governance_audit'
    UNION ALL
    SELECT concat_ws(' ', 'policy', tablename, policyname, roles::text, cmd, qual)
    FROM pg_policies WHERE schemaname = 'governance_audit'
    UNION ALL
    SELECT concat_ws(' ', 'event trigger', evtname, evtevent, evtenabled, evtfoid::regproc)
    FROM pg_event_trigger
    UNION ALL
    SELECT concat_ws(' ', 'role', rolname, rolsuper, rolbypassrls, rolcreaterole, rolcanlogin)
    FROM pg_roles WHERE rolsuper OR rolbypassrls OR rolcreaterole OR rolname LIKE 'gov\\_audit%'
    UNION ALL
    SELECT concat_ws(' ', 'member', pg_get_userbyid(roleid), pg_get_userbyid(member))
    FROM pg_auth_members
    WHERE pg_get_userbyid(roleid) LIKE 'gov\\_audit%' OR pg_get_userbyid(roleid) IN ('pg_write_all_data',
        'pg_read_all_data', 'pg_maintain', 'pg_write_server_files', 'pg_execute_server_program')
) AS everything ORDER BY line
"""


class PostgresReader:
    """A :class:`~audit_sink.notary.ports.WallReader`."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", standby: Standby = "optional") -> None:
        self._pool = pool
        self._standby = standby

    async def rows(self, after: int, entries: int) -> NewRows:
        async with snapshot(self._pool) as connection:
            batches = [
                BatchRow(**dict(row.items())) for row in await connection.fetch(_BATCHES, after, entries)
            ]
            if not batches:
                return NewRows((), ())
            found = await connection.fetch(_ENTRIES, batches[0].first_index, batches[-1].next_index)
        await self._confirm()
        return NewRows(batches, [StoredEntry(*row) for row in map(tuple, found)])

    async def _confirm(self) -> None:
        """Waits until the synchronous standby has what was seen: the rest may be gone after a failover.

        Raises :class:`~audit_sink.errors.Unavailable` where it has not, and where none is set that must be.
        """
        async with _answers(), self._pool.acquire(timeout=TIMEOUT_S) as connection:
            if not await connection.fetchval("SELECT current_setting('synchronous_standby_names')"):
                if self._standby == "required":
                    raise Unavailable("no synchronous standby is set, and one is required: nothing is signed")
                return
            async with connection.transaction():
                # It waits below, where the wait has an end, and not in its commit.
                await connection.execute("SET LOCAL synchronous_commit = local")
                mark = await connection.fetchval(_MARK)
            for _ in range(int(CONFIRM_S / LOOK_S)):
                if await connection.fetchval(_CONFIRMED, mark):
                    return
                await asyncio.sleep(LOOK_S)
        raise Unavailable("the synchronous standby has not confirmed everything yet: nothing is signed")

    async def reading_at(self, size: int) -> LogReading:
        async with snapshot(self._pool) as connection:
            newest = await connection.fetchrow(queries.ROW_AT_SIZE, size)
            if newest is None or newest["next_index"] != size:
                raise Behind(f"no transaction of the wall ends at size {size}, which is signed")
            row = BatchRow(**dict(newest.items()))
            lanes = await connection.fetch(_LANES_AT, row.batch_no)
        reading = LogReading(batch_no=row.batch_no, chain=row.digest())
        for each in lanes:
            lane = Lane(each["topic"], each["partition"])
            reading.lanes.next_seq[lane] = each["next_lane_seq"]
            reading.next_offset[lane] = each["next_offset"]
        return reading

    async def changed_tenants(self, first: int, end: int) -> Sequence[str]:
        async with snapshot(self._pool) as connection:
            rows = await connection.fetch(_CHANGED, first, end, NOTARY_LANE.topic)
        return [row["tenant_id"] for row in rows]

    async def corrections(self, first: int, end: int) -> Sequence[StoredEntry]:
        async with snapshot(self._pool) as connection:
            rows = await connection.fetch(_OF_TYPE, first, end, CORRECTION)
        return [StoredEntry(*row) for row in map(tuple, rows)]

    async def leaf(self, lane: Lane, lane_seq: int) -> bytes | None:
        async with snapshot(self._pool) as connection:
            asked = (*lane, lane_seq, lane_seq)
            rows = await connection.fetch(queries.LEAF_HASHES, *asked)
            rows = rows or await connection.fetch(queries.PRUNED_LEAF_HASHES, *asked)
        return rows[0]["leaf_hash"] if rows else None

    async def trees(self, tenants: Sequence[str]) -> Mapping[str, Frontier]:
        async with snapshot(self._pool) as connection:
            found = await read_trees(connection, [name.encode() for name in tenants])
        return {name.decode(): tree for name, tree in found.items()}

    async def newest_note(self) -> bytes | None:
        async with snapshot(self._pool) as connection:
            row = await connection.fetchrow(queries.NEWEST_CHECKPOINT)
        return None if row is None else row["note"]

    async def add_checkpoint(self, size: int, root: bytes, note: bytes, anchored: bool, at: datetime) -> None:
        async with _answers(), self._pool.acquire(timeout=TIMEOUT_S) as connection:
            await connection.execute(_ADD_CHECKPOINT, size, root, note, anchored, at)

    async def newest_statement(self) -> tuple[int, bytes | None]:
        async with snapshot(self._pool) as connection:
            row = await connection.fetchrow(
                "SELECT statement_no, record FROM governance_audit.gov_audit_statements"
                " ORDER BY statement_no DESC LIMIT 1"
            )
        return (0, None) if row is None else (row["statement_no"], row["record"])

    async def add_statements(self, first: int, records: Sequence[bytes]) -> None:
        async with _answers(), self._pool.acquire(timeout=TIMEOUT_S) as connection:
            await connection.execute(_ADD_STATEMENTS, first, list(records))

    async def restore_statements(self) -> None:
        async with _answers(), self._pool.acquire(timeout=TIMEOUT_S) as connection:
            await connection.execute(_RESTORE_STATEMENTS, *NOTARY_LANE)

    async def large_values(self, digests: Sequence[bytes]) -> Mapping[bytes, bytes]:
        async with snapshot(self._pool) as connection:
            return {
                row["digest"]: row["value"] for row in await connection.fetch(_LARGE_VALUES, list(digests))
            }

    async def guard(self) -> Guard:
        async with snapshot(self._pool) as connection:
            lines = [row["line"] for row in await connection.fetch(_GUARD)]
            lacking = [row["lacks"] for row in await connection.fetch(queries.UNGUARDED)]
            if not await connection.fetchval(queries.OPEN_EVENT_TRIGGERS):
                lacking.append("database: the event trigger that refuses DDL")
        return guard_of(lines, lacking)


@asynccontextmanager
async def snapshot(
    pool: "asyncpg.Pool[asyncpg.Record]",
) -> AsyncIterator["asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"]:
    """A session in a transaction that only reads, of one snapshot; raises Unavailable."""
    async with (
        _answers(),
        pool.acquire(timeout=TIMEOUT_S) as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        yield connection


@asynccontextmanager
async def opened(dsn: str, standby: Standby = "optional") -> AsyncIterator[PostgresReader]:
    """A reader over two sessions, which connect at their first use."""
    async with opened_pool(dsn, "audit-notary") as pool:
        yield PostgresReader(pool, standby)


@asynccontextmanager
async def opened_pool(dsn: str, name: str) -> AsyncIterator["asyncpg.Pool[asyncpg.Record]"]:
    """Two sessions under that application name."""
    async with asyncpg.create_pool(
        dsn,
        min_size=0,
        max_size=2,
        timeout=TIMEOUT_S,
        command_timeout=TIMEOUT_S,
        server_settings={"application_name": name, "synchronous_commit": "on"},
    ) as pool:
        yield pool


@asynccontextmanager
async def _answers() -> AsyncIterator[None]:
    try:
        yield
    except asyncpg.PostgresError as error:
        raise Unavailable(f"{type(error).__name__}: {error}") from error
    except (*BROKEN, TimeoutError) as error:
        raise Unavailable(f"{type(error).__name__}: {error}") from error
