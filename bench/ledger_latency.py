"""From an event on Kafka to its entry in the wall, and to the signed checkpoint over it.

Commands are sent at a fixed rate to the running system. Clocks are those of the records on Kafka, all of one
machine: when an event was published, when the receipt for it, and when the first checkpoint above it was.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

import bench.kafka as kafka
from bench.baseline import Say
from bench.commands import commands
from bench.errors import Stalled
from bench.figures import Figure, Part, Target, expect, percentile
from bench.latency import send_at
from bench.settings import INPUT_BYTES, STALLED_S, Sizes
from bench.system import Addresses
from schemas.codec import decode

RATE: Final = 1_000
"""Commands a second."""
CHECKPOINTED: Final = "governance.audit.checkpointed"
WALL: Final = Target("ours", "most", 250), Target("ours", "most", 100)
SIGNED: Final = Target("ours", "most", 2_500), None


@dataclass(slots=True)
class Heard:
    """What came on both topics, times in ms as the records say."""

    events: dict[tuple[int, int], int] = field(default_factory=dict)
    """By partition and sequence."""
    written: dict[int, list[tuple[int, int, int, int]]] = field(default_factory=dict)
    """Receipts by partition: end of the sequences, first sequence, first index, time."""
    signed: list[tuple[int, int]] = field(default_factory=list)
    """Size and time of each checkpoint, in order."""

    def take(self, record: Any) -> None:
        """One record of either topic."""
        headers = dict(record.headers)
        kind = headers["ce_type"].decode()
        if record.topic == kafka.EVENTS.name:
            sequence = int(headers["ce_sequence"])
            self.events.setdefault((record.partition, sequence), record.timestamp)
        elif kind == CHECKPOINTED:
            size = int(str(decode(kind, record.value)["size"]))
            if not self.signed or size > self.signed[-1][0]:
                self.signed.append((size, record.timestamp))
        elif kind == kafka.ENTRY_WRITTEN:
            body: dict[str, Any] = dict(decode(kind, record.value))
            if body["topic"] == kafka.EVENTS.name and body["next_lane_seq"] > body["first_lane_seq"]:
                found = body["next_lane_seq"], body["first_lane_seq"], body["first_index"], record.timestamp
                self.written.setdefault(body["partition"], []).append(found)

    def waits(self) -> tuple[list[float], list[float]] | None:
        """Milliseconds to the wall and to the checkpoint by event; None while something is under way."""
        walls, checkpoints = [], []
        for (partition, sequence), published in self.events.items():
            receipts = self.written.get(partition, [])
            place = bisect_right(receipts, sequence, key=lambda each: each[0])
            if place == len(receipts):
                return None
            _, first_sequence, first_index, written = receipts[place]
            index = first_index + sequence - first_sequence
            above = bisect_right(self.signed, index, key=lambda each: each[0])
            if above == len(self.signed):
                return None
            walls.append(float(written - published))
            checkpoints.append(float(self.signed[above][1] - published))
        return walls, checkpoints


async def measure(addresses: Addresses, sizes: Sizes, say: Say) -> Part:
    """The figures; the policies must be active. Raises the errors of :mod:`bench.errors`."""
    count = RATE * (sizes.latency_warm_up_s + sizes.latency_s)
    sent = commands(count)
    heard = Heard()
    async with (
        kafka.reader(addresses.kafka) as consumer,
        kafka.writer(addresses.kafka, kafka.LINGER_MS) as producer,
    ):
        places = [
            TopicPartition(topic.name, number)
            for topic in (kafka.EVENTS, kafka.RECEIPTS)
            for number in range(topic.partitions)
        ]
        consumer.assign(places)
        await consumer.seek_to_end(*places)
        hearing = asyncio.create_task(_hear(consumer, heard))
        try:
            _, late_ms = await send_at(producer, sent, RATE)
            walls, checkpoints = await _complete(heard, count)
        finally:
            hearing.cancel()
            with suppress(asyncio.CancelledError):
                await hearing
    expect(len(heard.events) == count, f"{count} commands, {len(heard.events)} events")
    warm = RATE * sizes.latency_warm_up_s
    say(f"event to wall p99 {percentile(walls[warm:], 0.99):.0f} ms")
    figures = (
        _figure("event to wall", walls[warm:], WALL, sizes),
        _figure("event to signed checkpoint", checkpoints[warm:], SIGNED, sizes),
    )
    return Part(figures, (f"ledger latency: the sender was at most {late_ms:.1f} ms behind its schedule",))


async def _hear(consumer: AIOKafkaConsumer, heard: Heard) -> None:
    while True:
        for records in (await consumer.getmany(timeout_ms=200)).values():
            for record in records:
                heard.take(record)


async def _complete(heard: Heard, count: int) -> tuple[list[float], list[float]]:
    began = perf_counter()
    while perf_counter() - began < STALLED_S:
        await asyncio.sleep(0.5)
        if len(heard.events) >= count and (found := heard.waits()) is not None:
            return found
    raise Stalled(f"events were not under a checkpoint {STALLED_S:.0f} s after the last command")


def _figure(name: str, waits: Sequence[float], targets: tuple[Target, Target | None], sizes: Sizes) -> Figure:
    return Figure(
        name=f"{name} p99 at {RATE:,}/s",
        ours=percentile(waits, 0.99),
        reference=max(percentile(waits, 0.5), 1.0),
        unit="ms",
        must=targets[0],
        goal=targets[1],
        verified=True,
        conditions=(
            "event published to its receipt, or to the first checkpoint note above it, on Kafka; "
            f"{INPUT_BYTES}-byte inputs, {sizes.latency_s} s open loop after {sizes.latency_warm_up_s} s of "
            "it, all processes here, fsync on, acks=all; every event has both. "
            "Reference: the median of the same run"
        ),
    )
