"""The access rules of topics.yaml on a broker that checks them: every other combination is refused."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError
from typer.testing import CliRunner

import devstack
from client.acls import grants
from client.broker import Broker
from client.cli.main import app
from client.errors import ClusterRefused, Unreachable
from client.kafka import KafkaTransport
from client.kafka_admin import kafka_admin
from client.topics import apply, read_plan
from client.transport import Outgoing
from schemas.topics import topics
from tests.client.guarded_broker import guarded_broker, named

SERVICES = sorted({service for topic in topics().all for service in (*topic.producers, *topic.consumers)})
RULES = grants(topics())


@pytest.fixture(scope="module")
def guarded(stack: devstack.Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """The broker with topics and rules applied, a record in each topic; as its administrator."""
    folder = tmp_path_factory.mktemp("guarded")
    with guarded_broker(folder, [f"aumos-{service}" for service in (*SERVICES, "stranger")]) as broker:
        asyncio.run(_furnish(broker))
        yield broker


async def _furnish(broker: Broker) -> None:
    async with kafka_admin(broker) as admin:
        await apply(admin, await read_plan(admin, topics(), RULES))
    async with producing(broker) as producer:
        for topic in topics().all:
            await producer.send_and_wait(topic.name, b"x", partition=0)


@asynccontextmanager
async def producing(broker: Broker) -> AsyncIterator[Any]:
    producer = AIOKafkaProducer(**broker.options())
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


@asynccontextmanager
async def consuming(broker: Broker, group: str | None = None) -> AsyncIterator[Any]:
    consumer = AIOKafkaConsumer(**broker.options(), group_id=group, auto_offset_reset="earliest")
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


def is_shown(cluster: Any, topic: str) -> bool:
    """Kafka hides topics that one may neither write nor read; aiokafka would wait for them for ever."""
    return bool(cluster.partitions_for_topic(topic))


async def may_write(broker: Broker, topic: str) -> bool:
    async with producing(broker) as producer:
        if not is_shown(await producer.client.fetch_all_metadata(), topic):
            return False
        try:
            await producer.send_and_wait(topic, b"x", partition=0)
        except TopicAuthorizationFailedError:
            return False
        return True


async def may_read(broker: Broker, topic: str) -> bool:
    async with consuming(broker) as consumer:
        if not is_shown(await consumer._client.fetch_all_metadata(), topic):
            return False
        place = TopicPartition(topic, 0)
        consumer.assign([place])
        consumer.seek(place, 0)
        try:
            async with asyncio.timeout(20):
                await consumer.getone()
        except TopicAuthorizationFailedError:
            return False
        return True


async def test_the_rules_that_are_applied_are_found(guarded: Broker) -> None:
    async with kafka_admin(guarded) as admin:
        assert await admin.grants() == RULES
        again = await read_plan(admin, topics(), RULES)
    assert again.authorizer
    assert again.changes == ()


@pytest.mark.parametrize("service", [*SERVICES, "stranger"])
async def test_a_service_writes_and_reads_what_the_file_says_and_nothing_else(
    guarded: Broker, service: str
) -> None:
    broker = named(guarded, f"aumos-{service}")
    for topic in topics().all:
        assert await may_write(broker, topic.name) == (service in topic.producers), f"write {topic.name}"
        assert await may_read(broker, topic.name) == (service in topic.consumers), f"read {topic.name}"


async def test_a_service_uses_consumer_groups_of_its_own_only(guarded: Broker) -> None:
    (topic,) = {topic.name for topic in topics().all if topic.name.startswith("governance.policy.com")}
    async with consuming(named(guarded, "aumos-worker"), "aumos-worker-v1") as consumer:
        consumer.subscribe([topic])
        async with asyncio.timeout(20):
            await consumer.getone()
    async with consuming(named(guarded, "aumos-worker"), "aumos-sink-v1") as consumer:
        consumer.subscribe([topic])
        with pytest.raises(GroupAuthorizationFailedError):
            async with asyncio.timeout(20):
                await consumer.getone()


async def test_the_client_works_with_the_rules_of_a_client(guarded: Broker) -> None:
    transport = KafkaTransport(named(guarded, "aumos-client"))
    await transport.start()
    offset = await transport.send(Outgoing("governance.policy.commands.v1", 1, b"k", (), b"v"))
    await transport.close()
    assert offset == 0


async def test_a_wrong_password_is_unreachable(guarded: Broker) -> None:
    wrong = Broker(guarded.bootstrap, "SASL_PLAINTEXT", "PLAIN", "aumos-client", "wrong")
    with pytest.raises(Unreachable):
        await KafkaTransport(wrong).start()


async def test_only_an_administrator_applies(guarded: Broker) -> None:
    with pytest.raises(ClusterRefused):
        async with kafka_admin(named(guarded, "aumos-client")) as admin:
            await admin.grants()


def test_the_command_line_applies_as_who_it_is(guarded: Broker) -> None:
    environment = {
        "AUMOS_KAFKA_BOOTSTRAP_SERVERS": guarded.bootstrap,
        "AUMOS_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "AUMOS_KAFKA_SASL_MECHANISM": "PLAIN",
        "AUMOS_KAFKA_USERNAME": guarded.username,
        "AUMOS_KAFKA_PASSWORD": guarded.password,
    }
    done = CliRunner().invoke(app, ["topics", "apply"], env=environment)
    assert (done.exit_code, done.stdout) == (0, "topics are as topics.yaml says\n")
