"""A wall and topics on real servers, compared with what an unfailing sink would have made."""

from collections import defaultdict
from dataclasses import dataclass

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from audit_sink.ledger.tree import EMPTY_ROOT
from audit_sink.receipts import ENTRY_WRITTEN, is_event_lane
from audit_sink.wall import CHAIN_START, BatchRow, Lane
from projections.invariants.wall import tree_root
from schemas.codec import decode
from schemas.leaf import EventRecord, leaf_hash
from schemas.topics import Topic
from tests.audit_sink.conftest import WallDatabase
from tests.audit_sink.lane_events import entries, events, publish

TENANTS = ("acme", "other", "third")


@dataclass(slots=True)
class RealWorld:
    """One wall with topics of its own; ``written`` counts each lane's events."""

    wall: WallDatabase
    kafka: str
    event_topic: Topic
    receipts_topic: Topic
    producer: AIOKafkaProducer
    written: dict[Lane, int]

    @property
    def lanes(self) -> list[Lane]:
        """Every lane."""
        return [Lane(self.event_topic.name, number) for number in range(self.event_topic.partitions)]

    async def publish_next(self, lane: Lane, count: int) -> None:
        """The next events of a lane."""
        first = self.written[lane] + 1
        self.written[lane] += count
        await publish(self.producer, self.records(lane, first))

    async def publish_again(self, lane: Lane, first: int) -> None:
        """A re-publication of a lane's tail, as a new owner of the lane does."""
        await publish(self.producer, self.records(lane, first))

    def records(self, lane: Lane, first: int) -> list[EventRecord]:
        """A lane's events from ``first`` to its head."""
        return events(lane, first, self.written[lane], TENANTS)

    async def size(self) -> int:
        """Events in the wall; what the wall says itself is not counted."""
        connection = await asyncpg.connect(self.wall.superuser)
        try:
            return int(
                await connection.fetchval(
                    "SELECT coalesce(sum(next_index - first_index), 0)"
                    " FROM governance_audit.gov_audit_batches WHERE topic NOT LIKE 'wall.%'"
                )
            )
        finally:
            await connection.close()

    async def check(self) -> None:
        """The wall equals an unfailing sink's; receipts confirm every lane to its end."""
        connection = await asyncpg.connect(self.wall.superuser)
        try:
            # One snapshot: what the notary says may be on its way into the log.
            async with connection.transaction(isolation="repeatable_read"):
                stored = await connection.fetch(
                    "SELECT * FROM governance_audit.gov_audit_trail_entries ORDER BY leaf_index"
                )
                rows = [
                    BatchRow(**dict(row.items()))
                    for row in await connection.fetch(
                        "SELECT * FROM governance_audit.gov_audit_batches ORDER BY 1"
                    )
                ]
        finally:
            await connection.close()
        places: dict[str, int] = defaultdict(int)
        held: dict[Lane, list[bytes]] = defaultdict(list)
        for index, row in enumerate(stored):
            held[Lane(row["topic"], row["partition"])].append(row["entry"])
            assert (row["leaf_index"], row["leaf_hash"]) == (index, leaf_hash(row["entry"]))
            assert row["tenant_index"] == places[row["tenant_id"]]
            places[row["tenant_id"]] += 1
        said = {lane for lane in held if not is_event_lane(lane)}
        assert {lane: held[lane] for lane in held.keys() - said} == {
            lane: entries(self.records(lane, 1)) for lane in self.lanes if self.written[lane]
        }
        hashes = [row["leaf_hash"] for row in stored]
        chain = CHAIN_START
        for number, batch in enumerate(rows, start=1):
            assert (batch.batch_no, batch.prev_hash) == (number, chain)
            chain = batch.digest()
        assert (rows[-1].root_after if rows else EMPTY_ROOT) == tree_root(hashes)
        ends = {row.lane: row.next_lane_seq for row in rows if is_event_lane(row.lane)}
        assert await self._confirmed() == ends

    async def _confirmed(self) -> dict[Lane, int]:
        """Each lane's end by its receipts, after the consumers' drop rule."""
        partitions = [
            TopicPartition(self.receipts_topic.name, number)
            for number in range(self.receipts_topic.partitions)
        ]
        consumer = AIOKafkaConsumer(bootstrap_servers=self.kafka, group_id=None, auto_offset_reset="earliest")
        await consumer.start()
        try:
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            confirmed: dict[Lane, int] = {}
            last = dict.fromkeys(partitions, 0)
            while any([await consumer.position(at) < ends[at] for at in partitions]):
                for at, records in (await consumer.getmany(timeout_ms=200)).items():
                    for record in records:
                        if dict(record.headers)["ce_type"] != ENTRY_WRITTEN.encode():
                            continue
                        receipt = decode(ENTRY_WRITTEN, record.value)
                        batch_no, next_lane_seq = receipt["batch_no"], receipt["next_lane_seq"]
                        assert isinstance(batch_no, int)
                        assert isinstance(next_lane_seq, int)
                        if batch_no > last[at]:
                            last[at] = batch_no
                            confirmed[Lane(str(receipt["topic"]), int(str(receipt["partition"])))] = (
                                next_lane_seq
                            )
        finally:
            await consumer.stop()
        return confirmed
