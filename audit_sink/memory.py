"""The wall and the log in memory: what tests and simulations run the sink on.

Several sinks may share one :class:`MemoryTables` and one :class:`MemoryTopics`. Every port method
passes its ``gate`` before and after its effect, under a name such as ``append`` or ``append done``:
a gate that raises is a crash at that point, one that waits is a paused process.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from audit_sink.copy_format import EntryRow, decode
from audit_sink.errors import LeaseLost, PositionLost, Refused, Unavailable
from audit_sink.lanes import LogRecord
from audit_sink.ledger.frontier import Frontier
from audit_sink.log import Displaced, Poll, ReceiptEnd
from audit_sink.receipts import partition_of
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
    TreeTile,
    state_of,
)
from schemas.topics import topics

Gate = Callable[[str], Awaitable[None]]


async def open_gate(_: str) -> None:
    """Lets everything pass, and other tasks run."""
    await asyncio.sleep(0)


@dataclass(slots=True)
class MemoryTables:
    """The database. With ``ends_sessions`` off, a new leader leaves the old one's session alive."""

    rows: list[BatchRow] = field(default_factory=list)
    entries: list[EntryRow] = field(default_factory=list)
    large: dict[tuple[bytes, bytes], bytes] = field(default_factory=dict)
    tiles: list[TreeTile] = field(default_factory=list)
    statements: list[bytes] = field(default_factory=list)
    checkpoint: SignedSize | None = None
    unguarded: tuple[str, ...] = ()
    ends_sessions: bool = True
    leader: object | None = None
    appender: object | None = None

    def lanes(self) -> dict[Lane, LaneEnd]:
        """Where each lane ends."""
        return {row.lane: LaneEnd(row.next_lane_seq, row.next_offset, row.batch_no) for row in self.rows}

    def leaves(self, tree: bytes) -> list[bytes]:
        """A tree's leaf hashes."""
        return [entry.leaf_hash for entry in self.entries if tree in (LOG_TREE, entry.tenant_id.encode())]

    def add(self, batch: PreparedBatch) -> None:
        """All of a batch or nothing; raises Refused as keys and the predecessor trigger would."""
        size, lanes = len(self.entries), self.lanes()
        for number, row in enumerate(batch.rows, start=len(self.rows) + 1):
            end = lanes.get(row.lane, LaneEnd())
            expected = (number, size, end.next_lane_seq)
            if (
                row.batch_no,
                row.first_index,
                row.first_lane_seq,
            ) != expected or row.from_offset > end.next_offset:
                raise Refused(f"batch {row.batch_no} does not continue the log")
            assert row.next_lane_seq - row.first_lane_seq == row.next_index - row.first_index
            size = row.next_index
            lanes[row.lane] = LaneEnd(row.next_lane_seq, row.next_offset, row.batch_no)
        added = list(decode(batch.payload))
        if [entry.leaf_index for entry in added] != list(range(len(self.entries), size)):
            raise Refused("entries and batch rows differ")
        self.rows += batch.rows
        self.entries += added
        self.tiles += batch.tiles
        self.large |= {(large.tenant, large.digest): large.value for large in batch.large}


class MemoryWall:
    """One sink's :class:`~audit_sink.wall.WallStore` on shared tables."""

    def __init__(self, tables: MemoryTables, gate: Gate = open_gate) -> None:
        self._tables = tables
        self._gate = gate
        self._session: object | None = None

    async def try_lead(self) -> Lease | None:
        await self._gate("try_lead")
        if self._tables.leader not in (None, self):
            return None
        self._tables.leader = self
        self._session = object()
        if self._tables.ends_sessions:
            self._tables.appender = self._session
        await self._gate("try_lead done")
        return _MemoryLease(self, self._tables, self._gate)

    async def guard(self) -> Guard:
        await self._gate("guard")
        partitions = -(-len(self._tables.entries) // PARTITION_ROWS)
        return Guard(self._tables.unguarded, 64 - partitions)

    async def read_state(self) -> LogState:
        await self._gate("read_state")
        rows = self._tables.rows
        return state_of(rows[-1] if rows else None, self._tables.lanes())

    async def root_at(self, size: int) -> bytes | None:
        await self._gate("root_at")
        return next((row.root_after for row in reversed(self._tables.rows) if row.next_index == size), None)

    async def append(self, batch: PreparedBatch) -> None:
        await self._gate("append")
        if self._session is None or (
            self._tables.ends_sessions and self._tables.appender is not self._session
        ):
            raise Unavailable("the append session was ended")
        self._tables.add(batch)
        await self._gate("append done")

    async def trees(self, names: Sequence[bytes]) -> Mapping[bytes, Frontier]:
        await self._gate("trees")
        return {name: Frontier().extend(self._tables.leaves(name))[0] for name in names}

    async def statements(self, first: int, limit: int) -> Sequence[bytes]:
        await self._gate("statements")
        return self._tables.statements[first - 1 : first - 1 + limit]

    async def newest_checkpoint(self) -> SignedSize | None:
        await self._gate("newest_checkpoint")
        return self._tables.checkpoint

    async def leaf_hashes(self, lane: Lane, first: int, last: int) -> Mapping[int, bytes]:
        await self._gate("leaf_hashes")
        return {
            entry.lane_seq: entry.leaf_hash
            for entry in self._tables.entries
            if (entry.topic, entry.partition) == lane and first <= entry.lane_seq <= last
        }

    async def rows_after(self, batch_no: int, lanes: Sequence[Lane], limit: int) -> Sequence[BatchRow]:
        await self._gate("rows_after")
        return [row for row in self._tables.rows[batch_no:] if row.lane in lanes][:limit]


class _MemoryLease:
    def __init__(self, leader: MemoryWall, tables: MemoryTables, gate: Gate) -> None:
        self._leader = leader
        self._tables = tables
        self._gate = gate
        self._held = True

    @property
    def held(self) -> bool:
        return self._held

    async def ping(self) -> None:
        await self._gate("ping")
        if self._tables.leader is not self._leader:
            self._held = False
            raise LeaseLost("the session was ended")

    async def release(self) -> None:
        self._held = False
        if self._tables.leader is self._leader:
            self._tables.leader = None


@dataclass(frozen=True, slots=True)
class MemoryRecord:
    """A :class:`~audit_sink.lanes.LogRecord`."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    value: bytes | None


@dataclass(slots=True)
class MemoryTopics:
    """The broker: event lanes and the receipts topic. ``first`` is each lane's oldest kept offset."""

    lanes: dict[Lane, list[MemoryRecord]] = field(default_factory=dict)
    first: dict[Lane, int] = field(default_factory=dict)
    receipts: dict[int, list[BatchRow]] = field(default_factory=dict)
    checkpoints: list[SignedSize] = field(default_factory=list)

    def publish(
        self, lane: Lane, key: bytes | None, headers: tuple[tuple[str, bytes], ...], value: bytes | None
    ) -> None:
        """One more record of a lane, with its offset as timestamp."""
        records = self.lanes.setdefault(lane, [])
        records.append(MemoryRecord(*lane, len(records), len(records), key, headers, value))


class MemoryEvents:
    """One sink's :class:`~audit_sink.log.EventLog`."""

    def __init__(self, topics_: MemoryTopics, gate: Gate = open_gate) -> None:
        self._topics = topics_
        self._gate = gate
        self._positions: dict[Lane, int] = {}

    async def start(self, positions: Mapping[Lane, int]) -> Sequence[Displaced]:
        await self._gate("start")
        displaced = []
        for lane, position in positions.items():
            first = self._topics.first.get(lane, 0)
            start = position
            if position < first:
                start = first
                displaced.append(Displaced(lane, "lane_trimmed", position, start))
            elif position > len(self._topics.lanes.get(lane, ())):
                start = first
                displaced.append(Displaced(lane, "lane_rewound", position, start))
            self._positions[lane] = start
        return displaced

    async def poll(self, max_records: int, wait_s: float) -> Poll:
        await self._gate("poll")
        found: dict[Lane, Sequence[LogRecord]] = {}
        for lane, position in self._positions.items():
            if position < self._topics.first.get(lane, 0):
                raise PositionLost(f"{lane} has no offset {position}")
            records = self._topics.lanes.get(lane, [])[position : position + max_records]
            if records:
                found[lane] = records
                max_records -= len(records)
        self._positions |= {lane: self._positions[lane] + len(records) for lane, records in found.items()}
        return found

    async def lag(self) -> Mapping[Lane, int]:
        await self._gate("lag")
        return {lane: len(self._topics.lanes.get(lane, ())) - at for lane, at in self._positions.items()}


class MemoryReceipts:
    """One sink's :class:`~audit_sink.log.ReceiptLog`."""

    def __init__(self, topics_: MemoryTopics, gate: Gate = open_gate) -> None:
        self._topics = topics_
        self._gate = gate

    async def newest(self) -> Mapping[int, ReceiptEnd]:
        await self._gate("newest")
        ends = {number: ReceiptEnd() for number in range(topics().receipts.partitions)}
        for number, rows in self._topics.receipts.items():
            ends[number] = ReceiptEnd(max((row.batch_no for row in rows), default=0), expired=not rows)
        newest = max(self._topics.checkpoints, key=lambda each: each.size, default=None)
        ends[0] = replace(ends[0], checkpoint=newest)
        return ends

    async def publish(self, rows: Sequence[BatchRow]) -> None:
        for row in rows:
            await self._gate("publish")
            self._topics.receipts.setdefault(partition_of(row.lane), []).append(row)
        await self._gate("publish done")

    async def announce(self, checkpoint: SignedSize) -> None:
        await self._gate("announce")
        self._topics.checkpoints.append(checkpoint)
