"""Proof states: from the receipts topic into every answer."""

import asyncio
from collections.abc import AsyncIterator
from random import Random

import pytest
from aiokafka import AIOKafkaProducer
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest

import devstack
from projections.api.freshness import Head, LaneHeads
from schemas.codec import encode
from schemas.topics import FAMILIES, topics
from tests.api.conftest import Api, Serve, bearer
from tests.api.rows import History, Written

TOPIC = "governance.policy.events.v1"


def receipt(topic: str, partition: int, next_sequence: int, first: int = 1) -> bytes:
    """A receipt's body."""
    return encode(
        "governance.audit.entry_written",
        {
            "topic": topic,
            "partition": partition,
            "batch_no": 1,
            "first_lane_seq": first,
            "next_lane_seq": next_sequence,
            "first_index": 0,
            "next_index": next_sequence - first,
            "root_after": bytes(32),
        },
    )


@pytest.fixture
async def producer(stack: devstack.Stack) -> AsyncIterator[AIOKafkaProducer]:
    """Writes to the receipts topic."""
    bootstrap = stack.environment("api")["AUMOS_KAFKA_BOOTSTRAP_SERVERS"]
    running = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await running.start()
    yield running
    await running.stop()


async def state(api: Api, tenant: str, written: Written) -> str:
    """The proof state of a decision."""
    response = await api.client.get(f"/api/v1/decisions/{written.event_id}", headers=bearer(tenant))
    found: str = response.json()["freshness"]["audit"]["state"]
    return found


async def until_recorded(api: Api, tenant: str, written: Written) -> None:
    """Returns once the API knows of the receipt; the test's own time limit bounds the wait."""
    while True:
        if await state(api, tenant, written) == "recorded":
            return
        await asyncio.sleep(0.02)


def test_an_event_is_recorded_once_a_receipt_covers_it() -> None:
    heads = LaneHeads.of(topics())
    assert heads.audit(Head("e", TOPIC, 1, 1)) == "pending"
    heads.advance(TOPIC, 1, 5)
    assert [heads.audit(Head("e", TOPIC, 1, n)) for n in (1, 4, 5)] == ["recorded", "recorded", "pending"]
    assert heads.audit(Head("e", TOPIC, 2, 1)) == "pending"


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 50)), max_size=30), st.randoms())
def test_repeated_and_reordered_receipts_change_nothing(seen: list[tuple[int, int]], random: Random) -> None:
    one, two = LaneHeads.of(topics()), LaneHeads.of(topics())
    again = seen * 2
    random.shuffle(again)
    for partition, following in seen:
        one.advance(TOPIC, partition, following)
    for partition, following in again:
        two.advance(TOPIC, partition, following)
    assert one.known() == two.known()


def test_memory_is_bounded_by_the_lanes_that_exist() -> None:
    heads = LaneHeads.of(topics())
    for number in range(2000):
        heads.advance(f"governance.invented-{number}.events.v1", 0, 5)
        heads.advance(TOPIC, number, 5)
        heads.advance(TOPIC, -number, 5)
    assert len(heads.known()) == topics().events("policy").partitions
    assert set(heads.partitions) == {topics().events(family).name for family in FAMILIES}


async def test_a_receipt_on_kafka_makes_a_decision_recorded(
    api: Api, history: History, producer: AIOKafkaProducer, receipts_topic: str, tenant: str
) -> None:
    written = await history.decision(tenant, partition=5)
    later = await history.decision(tenant, partition=5)
    assert await state(api, tenant, written) == "pending"
    await producer.send_and_wait(receipts_topic, receipt(written.topic, 5, later.sequence))
    await until_recorded(api, tenant, written)
    assert await state(api, tenant, later) == "pending"


async def test_records_that_are_no_receipts_are_counted_and_passed_over(
    api: Api, history: History, producer: AIOKafkaProducer, receipts_topic: str, tenant: str
) -> None:
    written = await history.decision(tenant, partition=6)
    bad = [None, b"", b"garbage", receipt("governance.other.events.v1", 0, 9), receipt(TOPIC, 4000, 9)]
    for value in bad:
        await producer.send_and_wait(receipts_topic, value, b"key", partition=0)
    await producer.send_and_wait(receipts_topic, receipt(written.topic, 6, written.sequence + 1), partition=0)
    await until_recorded(api, tenant, written)
    page = generate_latest(api.parts.metrics.registry).decode()
    counts = [
        line for line in page.splitlines() if line.startswith("governance_api_receipts_unreadable_total")
    ]
    assert float(counts[0].split()[1]) >= len(bad)
    assert not api.parts.reader.done()


async def test_a_process_that_starts_later_knows_earlier_receipts(
    serve: Serve, history: History, producer: AIOKafkaProducer, receipts_topic: str, tenant: str
) -> None:
    written = await history.decision(tenant, partition=7)
    await producer.send_and_wait(receipts_topic, receipt(written.topic, 7, written.sequence + 1))
    async with serve() as first, serve() as second:
        await until_recorded(first, tenant, written)
        await until_recorded(second, tenant, written)
