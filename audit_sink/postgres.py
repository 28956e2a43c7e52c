"""The wall on PostgreSQL: the append session, the lead's session and a small pool for reads."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from types import TracebackType
from typing import Final, Self, TypeAlias, cast

import asyncpg

from audit_sink import queries
from audit_sink.copy_format import COLUMNS
from audit_sink.errors import Corrupt, LeaseLost, Refused, Unavailable
from audit_sink.ledger.frontier import Frontier, widths
from audit_sink.ledger.tiles import WIDTH
from audit_sink.wall import (
    LOG_TREE,
    PARTITION_ROWS,
    BatchRow,
    Guard,
    Lane,
    LaneEnd,
    Lease,
    LogState,
    PreparedBatch,
    SignedSize,
    state_of,
)

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

LEAD_KEY: Final = 0x676F765F77616C6C
"""Advisory lock key ("gov_wall")."""
APPENDER: Final = "audit-sink append"
"""``application_name`` of append sessions: a new leader ends those of the old one by it."""

IDLE_SESSION_MS: Final = 4_000
"""The server ends a lead's session that was silent so long: a stopped sink gives way."""
PING_TIMEOUT_S: Final = 2.0
"""Bound of one ping; with a ping each second it stays below IDLE_SESSION_MS."""
CONNECT_TIMEOUT_S: Final = 5.0
APPEND_TIMEOUT_S: Final = 10.0
"""Bound of one statement; a batch takes well under a second."""
READ_TIMEOUT_S: Final = 10.0


class PostgresWall:
    """A :class:`~audit_sink.wall.WallStore`; use it as an async context manager."""

    def __init__(self, dsn: str, pool_size: int) -> None:
        """``dsn`` is the writer's, without a pooler in between; ``pool_size`` counts all sessions (>= 3)."""
        self._dsn = dsn
        self._pool_size = pool_size - 2
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._lead: Connection | None = None
        self._append: Connection | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close_append()
        if self._lead is not None:
            await _close(self._lead)
        if self._pool is not None:
            self._pool.terminate()

    async def try_lead(self) -> Lease | None:
        with _answers():
            if self._lead is None or self._lead.is_closed():
                self._lead = await _connect(
                    self._dsn, "audit-sink lead", PING_TIMEOUT_S, idle_session_timeout=str(IDLE_SESSION_MS)
                )
            lead = self._lead
            if not await lead.fetchval(queries.TRY_LEAD, LEAD_KEY):
                return None
            await self._close_append()
            await lead.fetch(queries.END_UNFINISHED, APPENDER, timeout=APPEND_TIMEOUT_S)
            self._append = await _connect(
                self._dsn,
                APPENDER,
                APPEND_TIMEOUT_S,
                synchronous_commit="on",
                idle_in_transaction_session_timeout=str(IDLE_SESSION_MS),
            )
        return _PostgresLease(lead)

    async def guard(self) -> Guard:
        async with self._reading() as connection:
            unguarded = [str(row["lacks"]) for row in await connection.fetch(queries.UNGUARDED)]
            if not await connection.fetchval(queries.OPEN_EVENT_TRIGGERS):
                unguarded.append("database: the event trigger that refuses DDL")
            partitions = int(await connection.fetchval(queries.PARTITIONS))
            if not partitions:
                return Guard(("gov_audit_trail_entries: no partition; run the migrations",), 0)
            partitions += int(await connection.fetchval(queries.PRUNED))
            newest = await connection.fetchrow(queries.NEWEST)
            size = 0 if newest is None else int(newest["next_index"])
        return Guard(tuple(unguarded), partitions - -(-size // PARTITION_ROWS))

    async def read_state(self) -> LogState:
        async with (
            self._reading() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            newest = await connection.fetchrow(queries.NEWEST)
            ends = await connection.fetch(queries.LANE_ENDS)
        lanes = {
            Lane(row["topic"], row["partition"]): LaneEnd(
                row["next_lane_seq"], row["next_offset"], row["batch_no"]
            )
            for row in ends
        }
        return state_of(None if newest is None else _batch_row(newest), lanes)

    async def root_at(self, size: int) -> bytes | None:
        async with self._reading() as connection:
            row = await connection.fetchrow(queries.ROW_AT_SIZE, size)
        return row["root_after"] if row is not None and row["next_index"] == size else None

    async def append(self, batch: PreparedBatch) -> None:
        if self._append is None:
            raise Unavailable("there is no append session: take the lead first")
        with _answers():
            async with self._append.transaction():
                await self._append.execute(queries.ADD_BATCHES, *_columns(batch.rows))
                if batch.large:
                    await self._append.execute(
                        queries.ADD_LARGE_VALUES,
                        [large.tenant.decode() for large in batch.large],
                        [large.digest for large in batch.large],
                        [large.value for large in batch.large],
                    )
                if batch.tiles:
                    await self._append.execute(
                        queries.ADD_TILES,
                        [tile.tree.decode() for tile in batch.tiles],
                        [tile.level for tile in batch.tiles],
                        [tile.place for tile in batch.tiles],
                        [tile.hashes for tile in batch.tiles],
                        [tile.root for tile in batch.tiles],
                    )
                if batch.entries:
                    await self._append.copy_to_table(
                        "gov_audit_trail_entries",
                        schema_name="governance_audit",
                        columns=COLUMNS,
                        source=_once(batch.payload),
                        format="binary",
                    )

    async def trees(self, names: Sequence[bytes]) -> Mapping[bytes, Frontier]:
        async with (
            self._reading() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            return await read_trees(connection, names)

    async def statements(self, first: int, limit: int) -> Sequence[bytes]:
        async with self._reading() as connection:
            rows = await connection.fetch(queries.STATEMENTS, first, limit)
        return [row["record"] for row in rows]

    async def newest_checkpoint(self) -> SignedSize | None:
        async with self._reading() as connection:
            row = await connection.fetchrow(queries.NEWEST_CHECKPOINT)
        return None if row is None else SignedSize(row["size"], row["root"], row["note"], row["anchored"])

    async def leaf_hashes(self, lane: Lane, first: int, last: int) -> Mapping[int, bytes]:
        async with self._reading() as connection:
            rows = await connection.fetch(queries.LEAF_HASHES, *lane, first, last)
            if len(rows) <= last - first:
                rows += await connection.fetch(queries.PRUNED_LEAF_HASHES, *lane, first, last)
        return {row["lane_seq"]: row["leaf_hash"] for row in rows}

    async def rows_after(self, batch_no: int, lanes: Sequence[Lane], limit: int) -> Sequence[BatchRow]:
        topics, partitions = [lane.topic for lane in lanes], [lane.partition for lane in lanes]
        async with self._reading() as connection:
            rows = await connection.fetch(queries.ROWS_AFTER, batch_no, topics, partitions, limit)
        return [_batch_row(row) for row in rows]

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[Connection]:
        with _answers():
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._dsn,
                    min_size=0,
                    max_size=self._pool_size,
                    timeout=CONNECT_TIMEOUT_S,
                    command_timeout=READ_TIMEOUT_S,
                    server_settings={"application_name": "audit-sink read"},
                )
            async with self._pool.acquire(timeout=CONNECT_TIMEOUT_S) as connection:
                # The proxy has a connection's methods; asyncpg-stubs says so, its type parameter differs.
                yield cast("Connection", connection)

    async def _close_append(self) -> None:
        if self._append is not None:
            await _close(self._append)
            self._append = None


async def read_trees(
    connection: "Connection | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]", names: Sequence[bytes]
) -> Mapping[bytes, Frontier]:
    """See :meth:`audit_sink.wall.WallStore.trees`; ``connection`` is inside one snapshot."""
    tenants = [name.decode() for name in names if name != LOG_TREE]
    sizes = {row["tree"]: row["size"] for row in await connection.fetch(queries.TREE_SIZES, tenants)}
    if LOG_TREE in names:
        newest = await connection.fetchrow(queries.NEWEST)
        sizes[LOG_TREE.decode()] = 0 if newest is None else newest["next_index"]
    rests = [size % WIDTH for size in sizes.values()]
    leaves = await connection.fetch(queries.TREE_LEAVES, list(sizes), rests, list(sizes.values()))
    tiles = await connection.fetch(queries.TREE_TILES, list(sizes), list(sizes.values()))
    found: dict[str, list[list[bytes]]] = {tree: [[] for _ in widths(size)] for tree, size in sizes.items()}
    for row in leaves:
        found[row["tree"]][0].append(row["leaf_hash"])
    for row in tiles:
        found[row["tree"]][row["level"] + 1].append(row["root"])
    try:
        return {tree.encode(): Frontier(size, tuple(map(tuple, found[tree]))) for tree, size in sizes.items()}
    except ValueError as error:
        raise Corrupt(f"tiles and entries disagree: {error}") from error


class _PostgresLease:
    """A session that holds the advisory lock for as long as it lives."""

    def __init__(self, session: Connection) -> None:
        self._session = session
        self._held = True

    @property
    def held(self) -> bool:
        return self._held and not self._session.is_closed()

    async def ping(self) -> None:
        try:
            with _answers():
                await self._session.fetchval("SELECT 1")
        except Unavailable as error:
            self._held = False
            raise LeaseLost(str(error)) from error

    async def release(self) -> None:
        self._held = False
        await _close(self._session)


async def _connect(dsn: str, name: str, timeout_s: float, **settings: str) -> Connection:
    return await asyncpg.connect(
        dsn,
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=timeout_s,
        server_settings={"application_name": name, **settings},
    )


async def _close(connection: Connection) -> None:
    with suppress(asyncpg.PostgresError, *BROKEN):
        await connection.close(timeout=1)
    connection.terminate()


@contextmanager
def _answers() -> Iterator[None]:
    try:
        yield
    except asyncpg.UniqueViolationError as error:
        raise Refused(str(error)) from error
    except asyncpg.PostgresError as error:
        state = error.sqlstate or ""
        if state == "AW001":
            raise Refused(str(error)) from error
        if state[:2] in _OUTAGES or state in _OUTAGE_STATES:
            raise Unavailable(f"{type(error).__name__}: {error}") from error
        raise
    except BROKEN as error:
        raise Unavailable(f"{type(error).__name__}: {error}") from error


BROKEN: Final = (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""A connection that broke, at whatever moment of its protocol."""
_OUTAGES: Final = frozenset({"08", "40", "53", "57", "58"})
"""Connection, rollback, insufficient resources (disk, memory), operator intervention, system error."""
_OUTAGE_STATES: Final = frozenset({"25006", "25P03", "25P04", "55P03"})
"""Read-only server (failover under way), transaction time-outs, lock time-out."""


async def _once(payload: bytes) -> AsyncIterator[bytes]:
    yield payload


def _columns(rows: Sequence[BatchRow]) -> tuple[list[object], ...]:
    names = BatchRow.__slots__
    return tuple([getattr(row, name) for row in rows] for name in names)


def _batch_row(record: asyncpg.Record) -> BatchRow:
    return BatchRow(**dict(record.items()))
