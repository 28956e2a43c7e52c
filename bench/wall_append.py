"""Appending to the wall against a bare COPY of the same rows.

Ours is the sink's own way from polled records on: sort, hash, tree, batch rows, COPY into the guarded
table, receipts on Kafka. The reference copies the finished rows into a table with the same columns, checks
and indexes, without triggers, batch rows, tree, partitions and receipts. They take turns on one server.
"""

import gc
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Final, TypeAlias

import asyncpg
from prometheus_client import CollectorRegistry

from audit_sink.append import Run, prepare, tenants_of
from audit_sink.appender import append_polls, share_interpreter
from audit_sink.copy_format import COLUMNS, EntryRow, decode
from audit_sink.kafka import KafkaReceipts
from audit_sink.lanes import sort_records
from audit_sink.ledger.frontier import Frontier
from audit_sink.log import Poll
from audit_sink.migrations.__main__ import ESCAPE, LOGINS, migrate_wall
from audit_sink.postgres import PostgresWall
from audit_sink.telemetry import Telemetry
from audit_sink.wall import EMPTY_LOG, LOG_TREE, LogState
from bench.baseline import Say
from bench.figures import Figure, Part, Target, expect
from bench.kafka import topic
from bench.postgres import as_login, database
from bench.settings import WALL_LANES, WALL_ROW_BYTES, Sizes
from bench.system import Addresses
from bench.wall_events import polls
from devstack import Stack
from projections.invariants.wall import tree_root
from schemas.leaf import leaf_hash
from schemas.topics import topics

MUST: Final = Target("ratio", "least", 0.6)
GOAL: Final = Target("ratio", "least", 0.8)

WALL_TABLE: Final = "governance_audit.gov_audit_trail_entries"
REFERENCE_TABLE: Final = "bench.reference"
SESSIONS: Final = 5
"""Of the wall; the sink's own default."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Row = tuple[object, ...]
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@dataclass(frozen=True, slots=True)
class Turn:
    """Rows a second, ours and the reference's."""

    ours: float
    reference: float


async def measure(addresses: Addresses, stack: Stack, sizes: Sizes, say: Say) -> Part:
    """The figure, in a database of its own on the audit server; raises the errors of :mod:`bench.errors`."""
    passwords = stack.environment("audit-migrations")
    logins = {role: passwords[variable] for role, variable in LOGINS.items()}
    share_interpreter()
    count = sizes.wall_transactions * sizes.alternations
    work = list(polls(count, sizes.wall_rows, _reason(sizes)))
    gc.freeze()  # in the product they wait on Kafka, and no collector walks them
    async with database(addresses.audit, "bench_wall") as dsn:
        await migrate_wall(dsn, logins)
        superuser = await asyncpg.connect(dsn, server_settings={ESCAPE: "on"})
        try:
            await _make_reference(superuser)
            writer = as_login(dsn, "gov_audit_writer", logins["gov_audit_writer"])
            turns = await _alternate(addresses.kafka, writer, superuser, work, sizes, say)
            await _verify(superuser, count * sizes.wall_rows)
        finally:
            await superuser.close()
    return Part((_figure(turns, sizes),), (_spread(turns),))


async def _alternate(
    kafka_servers: str, writer: str, superuser: Connection, work: Sequence[Poll], sizes: Sizes, say: Say
) -> list[Turn]:
    turns = []
    rows = _Rows()
    for number in range(sizes.alternations):
        mine = work[number * sizes.wall_transactions : (number + 1) * sizes.wall_transactions]
        finished = [rows.of(poll) for poll in mine]
        ours = await _append(kafka_servers, writer, mine)
        reference = await _copy(superuser, finished)
        total = sizes.wall_rows * len(mine)
        turns.append(Turn(total / ours, total / reference))
        say(f"{turns[-1].ours:,.0f} rows/s, bare COPY {turns[-1].reference:,.0f} rows/s")
    return turns


async def _append(kafka_servers: str, writer: str, work: Iterable[Poll]) -> float:
    """Seconds that the wall takes, the receipts on Kafka included."""
    lane = topics().receipts
    async with (
        topic(kafka_servers, "bench.receipts", lane.partitions) as name,
        KafkaReceipts(kafka_servers, replace(lane, name=name)) as receipts,
        PostgresWall(writer, SESSIONS) as wall,
    ):
        lease = await wall.try_lead()
        expect(lease is not None, "another sink writes to the bench's wall")
        await receipts.publish(())  # connects
        began = perf_counter()
        await append_polls(wall, work, Telemetry(CollectorRegistry()), receipts.publish)
        return perf_counter() - began


async def _copy(connection: Connection, work: Sequence[Sequence[Row]]) -> float:
    """Seconds that the reference takes, one transaction for each of the wall's."""
    schema, _, table = REFERENCE_TABLE.partition(".")
    began = perf_counter()
    for rows in work:
        await connection.copy_records_to_table(table, schema_name=schema, columns=COLUMNS, records=rows)
    return perf_counter() - began


class _Rows:
    """The finished rows of polls, as the wall will store them."""

    def __init__(self) -> None:
        self._state: LogState = EMPTY_LOG
        self._trees: dict[bytes, Frontier] = {LOG_TREE: Frontier()}

    def of(self, poll: Poll) -> list[Row]:
        """The rows of the next poll."""
        return [_values(row) for row in decode(self.payload(poll))]

    def payload(self, poll: Poll) -> bytes:
        """The same in PostgreSQL's binary COPY format."""
        runs = []
        for lane, records in poll.items():
            found = sort_records(lane, self._state.lane(lane), records)
            runs.append(Run(lane, found.next_offset, found.accepted, found.attributes))
        for run in runs:
            for tenant in tenants_of(run.attributes):
                self._trees.setdefault(tenant, Frontier())
        batch = prepare(self._state, runs, self._trees)
        self._state = batch.after
        self._trees.update(batch.trees)
        return batch.payload


def _values(row: EntryRow) -> Row:
    occurred = None if row.occurred_us is None else _EPOCH + timedelta(microseconds=row.occurred_us)
    return (
        row.leaf_index,
        row.tenant_id,
        row.tenant_index,
        row.topic,
        row.partition,
        row.lane_seq,
        row.event_id,
        row.event_type,
        row.resource,
        row.actor,
        occurred,
        row.leaf_hash,
        row.entry,
    )


async def _make_reference(connection: Connection) -> None:
    schema, _, _ = REFERENCE_TABLE.partition(".")
    await connection.execute(f"CREATE SCHEMA {schema}")
    await connection.execute(f"CREATE TABLE {REFERENCE_TABLE} (LIKE {WALL_TABLE} INCLUDING ALL)")
    await connection.execute("CHECKPOINT")


async def _verify(connection: Connection, rows: int) -> None:
    """Both tables hold the same rows, and their bytes give the root that the wall states."""
    for table in (WALL_TABLE, REFERENCE_TABLE):
        found = await connection.fetchval(f"SELECT count(*) FROM {table}")
        expect(found == rows, f"{table} has {found} rows, not {rows}")
    equal = await connection.fetchval(
        f"SELECT count(*) FROM (SELECT * FROM {WALL_TABLE} INTERSECT SELECT * FROM {REFERENCE_TABLE}) AS same"
    )
    expect(equal == rows, f"{rows - equal} rows of the wall differ from the reference")
    stored = await connection.fetch(f"SELECT entry FROM {WALL_TABLE} ORDER BY leaf_index")
    root = await connection.fetchval(
        "SELECT root_after FROM governance_audit.gov_audit_batches ORDER BY batch_no DESC LIMIT 1"
    )
    expect(tree_root([leaf_hash(row["entry"]) for row in stored]) == root, "the wall's root is another")


def _reason(sizes: Sizes) -> str:
    """The text that brings a row to its size."""
    payload = _Rows().payload(next(polls(1, sizes.wall_rows, "")))
    return "r" * max(WALL_ROW_BYTES - len(payload) // sizes.wall_rows, 0)


def _figure(turns: Sequence[Turn], sizes: Sizes) -> Figure:
    middle = sorted(turns, key=lambda turn: turn.ours / turn.reference)[len(turns) // 2]
    return Figure(
        name="wall append",
        ours=middle.ours,
        reference=middle.reference,
        unit="rows/s",
        must=MUST,
        goal=GOAL,
        verified=True,
        conditions=(
            f"rows of {WALL_ROW_BYTES} bytes, {sizes.wall_rows} a transaction over {WALL_LANES} lanes, "
            f"{sizes.wall_transactions} transactions a turn, {len(turns)} turns, the median one; fsync on, "
            "receipts acknowledged. Reference: bare COPY of the same rows and transactions"
        ),
    )


def _spread(turns: Sequence[Turn]) -> str:
    ratios = sorted(turn.ours / turn.reference for turn in turns)
    return f"wall append: ratios of the turns {', '.join(f'{ratio:.2f}' for ratio in ratios)}"
