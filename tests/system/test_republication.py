"""A lane's events published again on an operator's word, and what consumers see of that."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

import devstack
from client.consumer import Event, EventConsumer, Position
from client.errors import SequenceGap
from client.governance import GovernanceClient
from devstack.demo.servers import Servers
from schemas.envelope import envelope_of
from tests.command_line import Governance
from tests.system.acting import PATIENCE_S
from tests.system.by_hand import activate, lane

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Republished:
    """A lane of which an operator had three decisions and what came after published again."""

    topic: str
    partition: int
    first: int
    """Sequence of the first of the three."""
    last: int
    """Sequence of the republication's own event."""
    answer: Json
    """What the command line said."""
    log: Sequence["AsRead"]
    """The partition, oldest first."""


@dataclass(frozen=True, slots=True)
class AsRead:
    """An event record as Kafka has it."""

    offset: int
    sequence: int
    content: tuple[object, ...]
    """Key, headers and value."""


@pytest.fixture(scope="module")
def republished(
    system: devstack.Stack, servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> Republished:
    tenant = f"t-{uuid4().hex[:10]}"
    operator = Governance(system.environment(), tenant, tmp_path_factory.mktemp("lanes"))
    activate(operator)
    topic, partition, first = asyncio.run(_three_decisions(servers, tenant))
    place = ("--topic", topic, "--partition", str(partition), "--from", str(first))
    answer = json.loads(operator("lanes", "republish", *place, "--json"))
    last = answer["lane"]["sequence"]
    log = asyncio.run(_log(servers.kafka, topic, partition, last))
    return Republished(topic, partition, first, last, answer, log)


def test_the_operator_learns_what_was_published_again(republished: Republished) -> None:
    assert republished.answer["event"] == "governance.evaluation.lane_republished"
    body = republished.answer["body"]
    assert (body["topic"], body["partition"]) == (republished.topic, republished.partition)
    assert (body["from_sequence"], body["to_sequence"]) == (republished.first, republished.last - 1)


def test_a_republication_repeats_every_byte_from_the_sequence_on(republished: Republished) -> None:
    for sequence in range(republished.first, republished.last):
        copies = [each.content for each in republished.log if each.sequence == sequence]
        assert len(copies) == 2
        assert copies[0] == copies[1]
    count = republished.last - republished.first + 1
    again = [each.sequence for each in republished.log[-count - 1 :]]
    assert again == [republished.last - 1, *range(republished.first, republished.last + 1)]


def test_a_consumer_with_the_drop_rule_sees_nothing_twice(servers: Servers, republished: Republished) -> None:
    gaps: list[SequenceGap] = []
    sequences = asyncio.run(_seen(servers.kafka, republished, None, gaps))
    assert sequences == list(range(1, republished.last + 1))
    assert gaps == []


def test_a_consumer_that_misses_an_event_is_alarmed_and_gets_it_from_the_republication(
    servers: Servers, republished: Republished
) -> None:
    # As if Kafka had lost the second of the three decisions.
    third = next(each for each in republished.log if each.sequence == republished.first + 2)
    gaps: list[SequenceGap] = []
    stored = Position(republished.first, third.offset)
    sequences = asyncio.run(_seen(servers.kafka, republished, stored, gaps))
    assert sequences == list(range(republished.first + 1, republished.last + 1))
    assert [(gap.last, gap.found) for gap in gaps] == [(republished.first, republished.first + 2)]


def test_a_lane_has_no_sequence_beyond_its_head_to_publish_again(
    governance: Governance, republished: Republished
) -> None:
    place = ("--topic", republished.topic, "--partition", str(republished.partition))
    now = lane(governance, republished.partition)
    assert now["next_seq"] > republished.last
    governance("lanes", "republish", *place, "--from", str(now["next_seq"] + 1_000), expect=1)


async def _three_decisions(servers: Servers, tenant: str) -> tuple[str, int, int]:
    async with GovernanceClient.connect(servers.kafka, tenant, "svc-mlops") as gov:
        places = []
        for _ in range(3):
            verdict = await gov.evaluate("gate", {"ok": True}, resource="model/m-4")
            assert verdict.decided is not None
            places.append((verdict.decided.topic, verdict.decided.partition, verdict.decided.sequence))
    topic, partition, first = places[0]
    assert places == [(topic, partition, first + n) for n in range(3)]
    return topic, partition, first


async def _log(kafka: str, topic: str, partition: int, last: int) -> list[AsRead]:
    """The partition up to the first record with the sequence ``last``."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, group_id=None, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, partition)])
        log: list[AsRead] = []
        async with asyncio.timeout(PATIENCE_S):
            while not log or log[-1].sequence < last:
                record = await consumer.getone()
                sequence = envelope_of(record.headers).sequence or 0
                content = (record.key, tuple(record.headers), record.value)
                log.append(AsRead(record.offset, sequence, content))
        return log
    finally:
        await consumer.stop()


async def _seen(kafka: str, of: Republished, stored: Position | None, gaps: list[SequenceGap]) -> list[int]:
    """The sequences of the lane that a consumer is handed, up to the republication's own event."""
    place = of.topic, of.partition
    taken: list[Event] = []
    async with EventConsumer.connect(
        kafka,
        families=["evaluation"],
        positions=None if stored is None else {place: stored},
        on_gap=gaps.append,
    ) as consumer:
        async with asyncio.timeout(PATIENCE_S):
            async for event in consumer:
                if event.place == place:
                    taken.append(event)
                    if event.sequence == of.last:
                        break
    return [event.sequence for event in taken]
