"""The receipts topic over aiokafka: read from its earliest record at every start, without a group.

Receipts of the topic's retention are read again by each new process; until the end that the topic
had at the start is reached, :meth:`KafkaReceipts.check` says so. A lane whose last receipt is older
than the retention has none, and its events count as pending.
"""

import asyncio
import logging
import random
from collections.abc import Iterable
from typing import Final, Never

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError

from projections.api.freshness import LaneHeads
from projections.api.metrics import Metrics
from projections.api.readiness import Down
from projections.api.receipts import read_receipt
from schemas.errors import Unreadable

POLL_MS: Final = 500
"""Longest wait of one poll; the catch-up check runs between polls."""

MAX_RECORDS: Final = 5_000
"""Records taken in at once, about 20 ms of decoding, so that requests are served in between."""

METADATA_MAX_AGE_MS: Final = 30_000
"""How soon partitions of a re-created topic are found."""

START_GRACE_S: Final = 2.0
"""How long a shutdown waits for a connection that is just being opened."""

RETRY_FIRST_S: Final = 0.2
RETRY_MAX_S: Final = 5.0
"""Bounds of the wait between two attempts at a broker that is away; doubled each time, with jitter."""

_log = logging.getLogger(__name__)


CHECKPOINTED: Final = b"governance.audit.checkpointed"
"""Records of the same topic that are no receipts."""


class KafkaReceipts:
    """Keeps a :class:`LaneHeads` up to date with the receipts topic."""

    def __init__(
        self, bootstrap: str, topic: str, partitions: int, heads: LaneHeads, metrics: Metrics
    ) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._partitions = [TopicPartition(topic, number) for number in range(partitions)]
        self._heads = heads
        self._metrics = metrics
        self._consumer: AIOKafkaConsumer | None = None
        self._behind: set[TopicPartition] = set()
        self._trouble = "connecting"

    async def run(self) -> Never:
        """Reads until cancelled; waits out what Kafka errors say, anything else ends it."""
        wait = RETRY_FIRST_S
        while True:
            try:
                await self._read()
            except (KafkaError, OSError) as error:
                self._trouble = type(error).__name__
                wait = RETRY_FIRST_S if self._consumer else min(wait * 2, RETRY_MAX_S)
                _log.warning("receipts are not read", extra={"fields": {"error": self._trouble}})
            finally:
                self._consumer = None
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))

    async def check(self) -> None:
        """Raises :class:`Down` unless a broker answers and the receipts are read up."""
        consumer = self._consumer
        if consumer is None:
            raise Down(self._trouble)
        try:
            await consumer.end_offsets(self._partitions)
        except (KafkaError, OSError) as error:
            raise Down(type(error).__name__) from error
        if self._behind:
            raise Down("receipts are still being read")

    async def _read(self) -> None:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            metadata_max_age_ms=METADATA_MAX_AGE_MS,
        )
        try:
            await _started(consumer)
            if self._topic not in await consumer.topics():
                raise UnknownTopicOrPartitionError
            consumer.assign(self._partitions)
            ends = await consumer.end_offsets(self._partitions)
            self._behind = set(ends)
            self._consumer = consumer
            while True:
                await self._catch_up(consumer, ends)
                batches = await consumer.getmany(timeout_ms=POLL_MS, max_records=MAX_RECORDS)
                for records in batches.values():
                    self._take(records)
        finally:
            await consumer.stop()

    async def _catch_up(self, consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> None:
        for partition in tuple(self._behind):
            if await consumer.position(partition) >= ends[partition]:
                self._behind.discard(partition)

    def _take(self, records: Iterable[ConsumerRecord]) -> None:
        for record in records:
            if dict(record.headers).get("ce_type") == CHECKPOINTED:
                continue
            try:
                receipt = read_receipt(record.value)
            except Unreadable as error:
                self._unreadable(record, error.reason)
                continue
            if not self._heads.advance(receipt.topic, receipt.partition, receipt.next_sequence):
                self._unreadable(record, "unknown_lane")
        self._metrics.lanes(self._heads.known())

    def _unreadable(self, record: ConsumerRecord, reason: str) -> None:
        self._metrics.receipts_unreadable.inc()
        place = {"partition": record.partition, "offset": record.offset, "reason": reason}
        _log.warning("a record of the receipts topic says nothing", extra={"fields": place})


async def _started(consumer: AIOKafkaConsumer) -> None:
    """Starts it. A start that is cancelled half-way would leave its connection open (aiokafka 0.14)."""
    starting = asyncio.create_task(consumer.start())
    try:
        await asyncio.shield(starting)
    except asyncio.CancelledError:
        await asyncio.wait([starting], timeout=START_GRACE_S)
        starting.cancel()
        raise
