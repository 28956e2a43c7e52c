"""A broker, a wall and sinks in memory, with a gate before and after every effect."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from prometheus_client import CollectorRegistry

from audit_sink.append import Run, prepare
from audit_sink.errors import Unavailable
from audit_sink.ledger.frontier import Frontier
from audit_sink.memory import MemoryEvents, MemoryReceipts, MemoryTables, MemoryTopics, MemoryWall
from audit_sink.receipts import is_event_lane, partition_of
from audit_sink.sink import Pace, Sink
from audit_sink.telemetry import Telemetry
from audit_sink.wall import CHAIN_START, SINK_LANE, BatchRow, Lane, LogState, PreparedBatch
from schemas.leaf import EventRecord, decode_entry, leaf_hash
from tests.audit_sink.lane_events import entries, event
from tests.audit_sink.ledger.trees import definition

LANES = (Lane("governance.policy.events.v1", 0), Lane("governance.evaluation.events.v1", 1))
TENANTS = ("acme", "other", "third")
QUICK = Pace(
    max_records=5,
    linger_s=0,
    poll_s=0,
    ping_s=3600,
    stand_by_s=0,
    lag_s=3600,
    backoff_first_s=0,
    backoff_cap_s=0,
)


class Crash(BaseException):
    """The process is gone."""


@dataclass(slots=True)
class Gate:
    """Counts what a sink does; at one point it crashes, fails or pauses."""

    crash_at: int | None = None
    fail_at: int | None = None
    pause_at: int | None = None
    passed: int = 0
    crashed: bool = False
    idle_polls: int = 0
    paused: asyncio.Event = field(default_factory=asyncio.Event)
    resumed: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, name: str) -> None:
        await asyncio.sleep(0)
        if self.crashed:
            raise Crash
        self.passed += 1
        self.idle_polls = self.idle_polls + 1 if name in ("poll", "try_lead") else 0
        if self.passed == self.crash_at:
            self.crashed = True
            raise Crash
        if self.passed == self.fail_at:
            raise Unavailable(f"at {name}")
        if self.pause_at is not None and self.passed >= self.pause_at:
            self.paused.set()
            await self.resumed.wait()


@dataclass(slots=True)
class RunningSink:
    """One incarnation of a sink."""

    tables: MemoryTables
    gate: Gate
    sink: Sink
    registry: CollectorRegistry
    telemetry: Telemetry
    task: asyncio.Task[None]

    async def at_rest(self) -> None:
        """Until it crashed, paused, stands by or finds nothing more to do."""
        # Whoever runs next decides, so there is no event to wait for.
        while not (self.task.done() or self.gate.paused.is_set() or self.gate.idle_polls > 6):  # noqa: ASYNC110
            await asyncio.sleep(0)
        if self.gate.crashed:
            # Its sessions end with it.
            self.tables.leader = None

    async def stopped(self) -> None:
        """Stops it in good order, resumed where it was paused."""
        self.gate.resumed.set()
        self.sink.stop()
        with suppress(Crash):
            await self.task


@dataclass(slots=True)
class World:
    """The tables and topics that sinks share."""

    tables: MemoryTables = field(default_factory=MemoryTables)
    topics: MemoryTopics = field(default_factory=MemoryTopics)
    written: dict[Lane, int] = field(default_factory=lambda: defaultdict(int))
    """Events that each lane's agent has decided, published or not."""

    def decide(self, lane: Lane, count: int) -> list[EventRecord]:
        """The next events of a lane, not yet published."""
        first = self.written[lane] + 1
        self.written[lane] += count
        return [self.event(lane, number) for number in range(first, first + count)]

    def event(self, lane: Lane, lane_seq: int) -> EventRecord:
        """An event that was decided."""
        return event(lane, lane_seq, TENANTS[lane_seq % len(TENANTS)])

    def publish(self, records: Sequence[EventRecord]) -> None:
        """Puts records on their partitions."""
        for record in records:
            lane = Lane(record.topic, record.partition)
            self.topics.publish(lane, record.key, record.headers, record.value)

    def publish_conflict(self, lane: Lane, lane_seq: int) -> None:
        """Another event under a sequence that is taken."""
        self.publish([replace(self.event(lane, lane_seq), value=b"forged")])

    def publish_unparsed(self, lane: Lane) -> None:
        """A record without sequence."""
        self.topics.publish(lane, None, (("ce_id", b"x"),), b"unparsed")

    def start(self, gate: Gate | None = None, pace: Pace = QUICK) -> RunningSink:
        """One more sink process."""
        gate = gate or Gate()
        registry = CollectorRegistry()
        telemetry = Telemetry(registry)

        async def make(
            state: LogState, runs: Sequence[Run], trees: Mapping[bytes, Frontier]
        ) -> PreparedBatch:
            await gate("make")
            return prepare(state, runs, trees)

        sink = Sink(
            MemoryWall(self.tables, gate),
            MemoryEvents(self.topics, gate),
            MemoryReceipts(self.topics, gate),
            LANES,
            telemetry,
            pace,
            make,
        )
        return RunningSink(self.tables, gate, sink, registry, telemetry, asyncio.create_task(sink.run()))

    async def settle(self) -> RunningSink:
        """A sink without faults runs until nothing is left to do; it is stopped again."""
        running = self.start()
        await running.at_rest()
        await running.stopped()
        return running

    def check(self, complete: bool = True) -> None:
        """The wall is what an unfailing sink would have made of the topics, or a prefix of it."""
        self._check_log()
        for lane in LANES:
            held = [entry.entry for entry in self.tables.entries if (entry.topic, entry.partition) == lane]
            decided = entries(self.event(lane, number) for number in range(1, self.written[lane] + 1))
            assert held == decided[: len(held)]
            if complete:
                assert len(held) == self.written[lane]
        if complete:
            self._check_receipts()

    def kept_aside(self) -> list[tuple[str, EventRecord]]:
        """Type and whole record of what stands in the wall's own lane."""
        said = [
            decode_entry(entry.entry)[0] for entry in self.tables.entries if entry.topic == SINK_LANE.topic
        ]
        types = [dict(record.headers)["ce_type"].decode() for record in said]
        return [
            (kind, decode_entry(record.value or b"")[0]) for kind, record in zip(types, said, strict=True)
        ]

    def _check_log(self) -> None:
        places: dict[str, int] = defaultdict(int)
        sequences: dict[Lane, int] = defaultdict(int)
        for index, entry in enumerate(self.tables.entries):
            lane = Lane(entry.topic, entry.partition)
            sequences[lane] += 1
            assert (entry.leaf_index, entry.lane_seq) == (index, sequences[lane])
            assert entry.tenant_index == places[entry.tenant_id]
            places[entry.tenant_id] += 1
            assert entry.leaf_hash == leaf_hash(entry.entry)
        hashes = [entry.leaf_hash for entry in self.tables.entries]
        chain = CHAIN_START
        for number, row in enumerate(self.tables.rows, start=1):
            assert (row.batch_no, row.prev_hash) == (number, chain)
            assert row.root_after == definition(hashes[: row.next_index])
            chain = row.digest()

    def _check_receipts(self) -> None:
        """After the consumers' rule every lane is confirmed to its end, by rows that exist."""
        rows = {row.batch_no: row for row in self.tables.rows}
        confirmed: dict[Lane, int] = defaultdict(int)
        sent: set[int] = set()
        for receipts in self.topics.receipts.values():
            last = 0
            for receipt in receipts:
                assert rows[receipt.batch_no] == receipt
                sent.add(receipt.batch_no)
                if receipt.batch_no > last:
                    last = receipt.batch_no
                    confirmed[receipt.lane] = receipt.next_lane_seq
        assert sent == {row.batch_no for row in rows.values() if is_event_lane(row.lane)}
        assert confirmed == {
            lane: end.next_lane_seq for lane, end in self.tables.lanes().items() if is_event_lane(lane)
        }


def same_partition(rows: Sequence[BatchRow]) -> bool:
    """Whether the receipts of all rows go to one partition."""
    return len({partition_of(row.lane) for row in rows}) == 1
