"""What the background process reads of a real PostgreSQL, with its own login."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

import devstack
from agents.background.kafka import SealedOutlet
from agents.background.ports import Unverified
from agents.background.postgres import PostgresDue
from agents.errors import Outage
from agents.store.postgres import PostgresStore
from client.broker import Broker
from devstack.ports import is_free
from tests.agents.commands import KEY, lane_of, record
from tests.agents.ports.conftest import DATABASE
from tests.agents.ports.desk import NOW, Desk
from tests.agents.submissions import CONTENT, HASH, ONE, TWO, quarantined, submit, verified

THREE = "0196f0a2-0000-7000-8000-000000000003"
END_SESSIONS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'governance-background'
"""


@pytest.fixture
async def due(stack: devstack.Stack, postgres_store: PostgresStore) -> AsyncIterator[PostgresDue]:
    """As the background process reads it."""
    dsn = urlsplit(stack.environment("background")["AUMOS_DATABASE_URL"])
    source = PostgresDue(urlunsplit(dsn._replace(path=f"/{DATABASE}")))
    try:
        yield source
    finally:
        await source.close()


async def submitted(store: PostgresStore, superuser: str, *ids: str) -> None:
    """Submits evidence, an hour apart."""
    desk = Desk(store)
    for number, evidence_id in enumerate(ids):
        await desk.say(submit(evidence_id), f"submit-{number}")
    connection = await asyncpg.connect(superuser)
    try:
        for number, evidence_id in enumerate(ids):
            moment = NOW + timedelta(hours=number)
            statement = "UPDATE governance.evidence SET submitted_at = $1 WHERE evidence_id = $2"
            await connection.execute(statement, moment, evidence_id)
    finally:
        await connection.close()


async def test_unverified_evidence_comes_oldest_first_and_bounded(
    due: PostgresDue, postgres_store: PostgresStore, superuser: str
) -> None:
    assert await due.unverified(10) == []
    await submitted(postgres_store, superuser, TWO, ONE, THREE)
    assert [item.evidence_id for item in await due.unverified(10)] == [TWO, ONE, THREE]
    (first,) = await due.unverified(1)
    assert first == Unverified("acme", TWO, f"acme/{TWO}/{HASH}", "v1", HASH, len(CONTENT), NOW)


async def test_what_was_reported_is_not_unverified(due: PostgresDue, postgres_store: PostgresStore) -> None:
    desk = Desk(postgres_store)
    for number, command in enumerate(
        [submit(ONE), submit(TWO), submit(THREE), verified(ONE), quarantined(TWO)]
    ):
        await desk.say(command, f"e-{number}")
    assert [item.evidence_id for item in await due.unverified(10)] == [THREE]


async def test_evidence_of_every_tenant_is_seen(due: PostgresDue, postgres_store: PostgresStore) -> None:
    desk = Desk(postgres_store)
    for tenant in ("acme", "other"):
        made = record(submit(ONE, tenant), f"e-{tenant}", tenant=tenant)
        await desk.decide([desk.broker.append(made)])
    assert {item.tenant for item in await due.unverified(10)} == {"acme", "other"}


async def test_a_lost_session_is_an_outage_and_the_next_look_works(
    due: PostgresDue, postgres_store: PostgresStore, superuser: str
) -> None:
    await submitted(postgres_store, superuser, ONE)
    assert len(await due.unverified(1)) == 1
    connection = await asyncpg.connect(superuser)
    try:
        await connection.execute(END_SESSIONS)
    finally:
        await connection.close()
    async with asyncio.timeout(20):
        while True:
            try:
                assert len(await due.unverified(1)) == 1
            except Outage:
                continue
            break


async def test_servers_that_are_away_are_outages() -> None:
    port = next(port for port in range(25_000, 26_000) if is_free(port))
    source = PostgresDue(f"postgresql://gov_background:secret@127.0.0.1:{port}/governance")
    outlet = SealedOutlet(Broker(f"127.0.0.1:{port}"), KEY, lambda: datetime.now(UTC))
    for _ in range(2):
        with pytest.raises(Outage, match="primary database") as caught:
            await source.unverified(1)
        assert "secret" not in str(caught.value)
        with pytest.raises(Outage, match="Kafka"):
            await outlet.send("acme", verified(), "some-id")
    await outlet.close()
    await source.close()


def test_a_submission_and_its_report_meet_in_one_lane() -> None:
    command = submit(TWO)
    assert lane_of(command) == lane_of(verified(TWO)) == lane_of(quarantined(TWO))
