"""Fixtures: the servers, databases with a fresh wall, topics of one test alone."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from prometheus_client import CollectorRegistry

import devstack
from audit_sink.migrations.__main__ import LOGINS, migrate_wall
from audit_sink.telemetry import Telemetry
from schemas.topics import Topic, topics


@dataclass(frozen=True, slots=True, repr=False)
class WallDatabase:
    """One database with a wall, by role; the addresses hold passwords."""

    superuser: str
    writer: str
    reader: str
    notary: str


MakeWall = Callable[[], Awaitable[WallDatabase]]


@pytest.fixture(scope="session")
def kafka(stack: devstack.Stack) -> str:
    """Bootstrap servers."""
    return stack.environment("sink")["AUMOS_KAFKA_BOOTSTRAP_SERVERS"]


@pytest.fixture(scope="session")
def empty_wall(stack: devstack.Stack) -> Iterator[str]:
    """A migrated database that is only copied; copying takes a tenth of migrating."""
    name = f"wall_{uuid4().hex[:12]}"
    asyncio.run(_execute(stack.superuser_dsn("postgres-audit"), f'CREATE DATABASE "{name}"'))
    asyncio.run(migrated(stack, name))
    yield name
    asyncio.run(_execute(stack.superuser_dsn("postgres-audit"), f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture
def make_wall(stack: devstack.Stack, empty_wall: str) -> Iterator[MakeWall]:
    """Makes databases of this test alone, each with an empty wall."""
    made: list[str] = []

    async def make() -> WallDatabase:
        name = f"wall_{uuid4().hex[:12]}"
        superuser = stack.superuser_dsn("postgres-audit")
        await _execute(superuser, f'CREATE DATABASE "{name}" TEMPLATE "{empty_wall}"')
        made.append(name)
        return by_role(stack, name)

    yield make
    for name in made:
        asyncio.run(_execute(stack.superuser_dsn("postgres-audit"), f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture
async def wall_database(make_wall: MakeWall) -> WallDatabase:
    """A database of this test alone with an empty wall."""
    return await make_wall()


@pytest.fixture(scope="module")
def module_wall(stack: devstack.Stack, empty_wall: str) -> Iterator[WallDatabase]:
    """A database of one module's tests with an empty wall."""
    name, superuser = f"wall_{uuid4().hex[:12]}", stack.superuser_dsn("postgres-audit")
    asyncio.run(_execute(superuser, f'CREATE DATABASE "{name}" TEMPLATE "{empty_wall}"'))
    yield by_role(stack, name)
    asyncio.run(_execute(superuser, f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture
def telemetry() -> Telemetry:
    """With a registry of its own."""
    return Telemetry(CollectorRegistry())


@pytest.fixture
async def event_topic(kafka: str) -> Topic:
    """An event topic of this test alone."""
    return await make_topic(kafka, replace(topics().events("policy"), name=f"test.{uuid4().hex}.events"))


@pytest.fixture
async def receipts_topic(kafka: str) -> Topic:
    """A receipts topic of this test alone."""
    return await make_topic(kafka, replace(topics().receipts, name=f"test.{uuid4().hex}.receipts"))


@pytest.fixture
async def producer(kafka: str) -> AsyncIterator[AIOKafkaProducer]:
    """An agent's producer."""
    made = AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True)
    await made.start()
    yield made
    await made.stop()


async def migrated(stack: devstack.Stack, name: str) -> WallDatabase:
    """Brings a database up to date; the logins keep the stack's passwords."""
    steps = stack.environment("audit-migrations")
    passwords = {role: steps[variable] for role, variable in LOGINS.items()}
    await migrate_wall(stack.superuser_dsn("postgres-audit", name), passwords)
    return by_role(stack, name)


def by_role(stack: devstack.Stack, name: str) -> WallDatabase:
    """A database's addresses."""
    superuser, steps = stack.superuser_dsn("postgres-audit", name), stack.environment("audit-migrations")
    as_role = {role: _with_login(superuser, role, steps[variable]) for role, variable in LOGINS.items()}
    return WallDatabase(
        superuser,
        writer=as_role["gov_audit_writer"],
        reader=as_role["gov_audit_reader"],
        notary=as_role["gov_audit_notary"],
    )


async def make_topic(kafka: str, topic: Topic) -> Topic:
    """Makes a topic; returns when the broker tells of it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic.name, topic.partitions, 1)])
        while topic.name not in await admin.list_topics():  # noqa: ASYNC110 (nothing here would set one)
            await asyncio.sleep(0.02)
    finally:
        await admin.close()
    return topic


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _with_login(dsn: str, role: str, password: str) -> str:
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(netloc=f"{role}:{password}@{parts.hostname}:{parts.port}"))
