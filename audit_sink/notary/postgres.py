"""The wall as the notary reads it, and the two tables that it writes (asyncpg, role ``gov_audit_notary``)."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, TypeAlias

import asyncpg

from audit_sink import queries
from audit_sink.errors import Behind, Unavailable
from audit_sink.ledger.frontier import Frontier
from audit_sink.ledger.reading import LogReading, StoredEntry
from audit_sink.notary.guard import guard_of
from audit_sink.notary.ports import Guard, NewRows
from audit_sink.postgres import BROKEN, read_trees
from audit_sink.wall import NOTARY_LANE, BatchRow, Lane

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

TIMEOUT_S: Final = 10.0
"""Bound of one statement and of a connection, in seconds."""

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
SELECT leaf_index, tenant_id, tenant_index, topic, partition, lane_seq, event_type, leaf_hash, entry
FROM governance_audit.gov_audit_trail_entries WHERE leaf_index >= $1 AND leaf_index < $2 ORDER BY leaf_index
"""

# What a synchronous standby has not confirmed may be gone after a failover, and must not be signed.
_UNCONFIRMED: Final = """
SELECT current_setting('synchronous_standby_names') <> '' AND NOT EXISTS (
    SELECT FROM pg_stat_replication
    WHERE sync_state IN ('sync', 'quorum') AND flush_lsn >= pg_current_wal_insert_lsn())
"""

_AT_SIZE: Final = """
SELECT * FROM governance_audit.gov_audit_batches WHERE next_index <= $1 ORDER BY batch_no DESC LIMIT 1
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
    FROM pg_auth_members WHERE pg_get_userbyid(roleid) LIKE 'gov\\_audit%'
) AS everything ORDER BY line
"""


class PostgresReader:
    """A :class:`~audit_sink.notary.ports.WallReader`."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool

    async def rows(self, after: int, entries: int) -> NewRows:
        async with self._reading() as connection:
            batches = [
                BatchRow(**dict(row.items())) for row in await connection.fetch(_BATCHES, after, entries)
            ]
            if not batches:
                return NewRows((), ())
            found = await connection.fetch(_ENTRIES, batches[0].first_index, batches[-1].next_index)
            if await connection.fetchval(_UNCONFIRMED):
                raise Unavailable("the synchronous standby has not confirmed everything yet")
        return NewRows(batches, [StoredEntry(*row) for row in map(tuple, found)])

    async def reading_at(self, size: int) -> LogReading:
        async with self._reading() as connection:
            newest = await connection.fetchrow(_AT_SIZE, size)
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
        async with self._reading() as connection:
            rows = await connection.fetch(_CHANGED, first, end, NOTARY_LANE.topic)
        return [row["tenant_id"] for row in rows]

    async def trees(self, tenants: Sequence[str]) -> Mapping[str, Frontier]:
        async with self._reading() as connection:
            found = await read_trees(connection, [name.encode() for name in tenants])
        return {name.decode(): tree for name, tree in found.items()}

    async def newest_note(self) -> bytes | None:
        async with self._reading() as connection:
            row = await connection.fetchrow(queries.NEWEST_CHECKPOINT)
        return None if row is None else row["note"]

    async def add_checkpoint(self, size: int, root: bytes, note: bytes, anchored: bool, at: datetime) -> None:
        async with _answers(), self._pool.acquire(timeout=TIMEOUT_S) as connection:
            await connection.execute(_ADD_CHECKPOINT, size, root, note, anchored, at)

    async def newest_statement(self) -> tuple[int, bytes | None]:
        async with self._reading() as connection:
            row = await connection.fetchrow(
                "SELECT statement_no, record FROM governance_audit.gov_audit_statements"
                " ORDER BY statement_no DESC LIMIT 1"
            )
        return (0, None) if row is None else (row["statement_no"], row["record"])

    async def add_statements(self, first: int, records: Sequence[bytes]) -> None:
        async with _answers(), self._pool.acquire(timeout=TIMEOUT_S) as connection:
            await connection.execute(_ADD_STATEMENTS, first, list(records))

    async def guard(self) -> Guard:
        async with self._reading() as connection:
            lines = [row["line"] for row in await connection.fetch(_GUARD)]
            lacking = [row["lacks"] for row in await connection.fetch(queries.UNGUARDED)]
            if not await connection.fetchval(queries.OPEN_EVENT_TRIGGERS):
                lacking.append("database: the event trigger that refuses DDL")
        return guard_of(lines, lacking)

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator["asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"]:
        async with (
            _answers(),
            self._pool.acquire(timeout=TIMEOUT_S) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield connection


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[PostgresReader]:
    """A reader over two sessions, which connect at their first use."""
    async with asyncpg.create_pool(
        dsn,
        min_size=0,
        max_size=2,
        timeout=TIMEOUT_S,
        command_timeout=TIMEOUT_S,
        server_settings={"application_name": "audit-notary", "synchronous_commit": "on"},
    ) as pool:
        yield PostgresReader(pool)


@asynccontextmanager
async def _answers() -> AsyncIterator[None]:
    try:
        yield
    except asyncpg.PostgresError as error:
        raise Unavailable(f"{type(error).__name__}: {error}") from error
    except (*BROKEN, TimeoutError) as error:
        raise Unavailable(f"{type(error).__name__}: {error}") from error
