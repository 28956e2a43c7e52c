"""Latency: from the moment a command is due to the moment its decision event is received.

The sender keeps a fixed schedule whatever the system does, and the clock of a command starts when it
is due, not when it was sent: a stall counts for every command that it delays (no coordinated omission).
"""

import asyncio
import gc
from collections.abc import Sequence
from contextlib import suppress
from time import perf_counter
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

import bench.kafka as kafka
from bench.baseline import Baseline, Say
from bench.commands import command_id, commands
from bench.errors import Stalled
from bench.evidence import Before, verify
from bench.figures import Figure, Part, Target, percentile
from bench.settings import INPUT_BYTES, RATES, STALLED_S, TENANTS, Sizes
from bench.system import Addresses
from client.transport import Outgoing

TARGETS: Final[dict[tuple[int, int], tuple[Target | None, Target | None]]] = {
    (300, 50): (Target("ours", "most", 30), None),
    (300, 99): (Target("ours", "most", 100), None),
    (1_000, 99): (None, Target("ours", "most", 100)),
}
"""Must and goal by rate and percentile, in ms."""


async def measure(addresses: Addresses, baseline: Baseline, sizes: Sizes, say: Say) -> Part:
    """The figures; the policies must be active and the system at rest.

    Raises the errors of :mod:`bench.errors`.
    """
    figures: list[Figure] = []
    remarks: list[str] = []
    for rate in RATES:
        warm_up = rate * sizes.latency_warm_up_s
        waits, late_ms = await run(addresses, rate, warm_up + rate * sizes.latency_s)
        measured = waits[warm_up:]
        figures += [_figure(measured, rate, share, baseline, sizes) for share in (50, 99)]
        remarks.append(
            f"latency at {rate:,}/s: p90 {percentile(measured, 0.9):.1f} ms, "
            f"p99.9 {percentile(measured, 0.999):.1f} ms, slowest {max(measured):.1f} ms; "
            f"the sender was at most {late_ms:.1f} ms behind its schedule"
        )
        say(f"{rate}/s: p50 {figures[-2].ours:.1f} ms, p99 {figures[-1].ours:.1f} ms")
    return Part(tuple(figures), tuple(remarks))


async def run(addresses: Addresses, rate: int, count: int) -> tuple[list[float], float]:
    """Milliseconds that each command waited, in order, and how late the sender was at worst."""
    sent = commands(count)
    before = await Before.read(addresses)
    async with (
        kafka.WallProgress.connect(addresses.kafka) as wall,
        kafka.reader(addresses.kafka) as consumer,
        kafka.writer(addresses.kafka, kafka.LINGER_MS) as producer,
    ):
        places = [TopicPartition(kafka.EVENTS.name, number) for number in range(kafka.EVENTS.partitions)]
        consumer.assign(places)
        await consumer.seek_to_end(*places)
        hearing = asyncio.create_task(
            _hear(consumer, {command_id(record): number for number, record in enumerate(sent)})
        )
        try:
            due, late_ms = await send_at(producer, sent, rate)
            async with asyncio.timeout(STALLED_S):
                received = await hearing
        except TimeoutError:
            raise Stalled(f"decisions were missing {STALLED_S:.0f} s after the last command") from None
        finally:
            hearing.cancel()
            with suppress(asyncio.CancelledError):
                await hearing
        await wall.wait(before.sequences, count)
    await verify(addresses, before, sent)
    return [(at - when) * 1e3 for when, at in zip(due, received, strict=True)], late_ms


async def send_at(
    producer: AIOKafkaProducer, records: Sequence[Outgoing], rate: int
) -> tuple[list[float], float]:
    """When each command was due (``perf_counter``), and how far the sender fell behind, in ms."""
    start = perf_counter() + 0.1
    due = [start + number / rate for number in range(len(records))]
    late = 0.0
    under_way: list[Any] = []
    gc.disable()  # it would walk all commands, and none is sent for up to 250 ms
    try:
        for when, record in zip(due, records, strict=True):
            if (ahead := when - perf_counter()) > 0:
                await asyncio.sleep(ahead)
            late = max(late, perf_counter() - when)
            under_way.append(await kafka.hand_over(producer, record))
        await asyncio.gather(*under_way)
    finally:
        gc.enable()
    return due, late * 1e3


async def _hear(consumer: AIOKafkaConsumer, numbers: dict[str, int]) -> list[float]:
    """When the decision of each command was received (``perf_counter``)."""
    at = [0.0] * len(numbers)
    left = len(numbers)
    while left:
        found = await consumer.getmany(timeout_ms=1_000)
        now = perf_counter()
        for records in found.values():
            for record in records:
                command = dict(record.headers)["ce_commandid"].decode()
                number = numbers.get(command)
                if number is not None and not at[number]:
                    at[number] = now
                    left -= 1
    return at


def _figure(measured: Sequence[float], rate: int, share: int, baseline: Baseline, sizes: Sizes) -> Figure:
    best = baseline.best
    must, goal = TARGETS.get((rate, share), (None, None))
    return Figure(
        name=f"latency p{share} at {rate:,}/s",
        ours=percentile(measured, share / 100),
        reference=best.measured.p50_ms if share == 50 else best.measured.p99_ms,
        unit="ms",
        must=must,
        goal=goal,
        verified=True,
        conditions=(
            f"command due to decision event received, {INPUT_BYTES}-byte inputs, {TENANTS} tenants, "
            f"{sizes.latency_s} s open loop; fsync on, acks=all, batches as they form (at most 500). "
            f"Reference: synchronous service at its best throughput, {best}"
        ),
    )
