"""The primary database's events are those of the wall, or the check ``source`` says where they are not."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

import devstack
from audit_sink.postgres import PostgresWall
from audit_sink.verify.postgres import opened, opened_events
from audit_sink.verify.report import Report
from audit_sink.verify.source import check_source
from projections.migrations import runner
from schemas.leaf import EventRecord, encode_leaf
from tests.audit_sink.conftest import WallDatabase
from tests.audit_sink.lane_events import event, events
from tests.audit_sink.signed_wall import LANE, ORIGIN, Signed

pytestmark = pytest.mark.stack

PROCESSES = ("worker", "api", "bundles", "background", "replay")


@pytest.fixture(scope="module")
def primary(stack: devstack.Stack) -> Iterator[str]:
    """A migrated primary database of this module alone, as its superuser."""
    name = f"source_{uuid4().hex[:12]}"
    dsns = [urlsplit(stack.environment(process)["AUMOS_DATABASE_URL"]) for process in PROCESSES]
    logins = {str(dsn.username): str(dsn.password) for dsn in dsns}

    async def administer(statement: str) -> None:
        connection = await asyncpg.connect(stack.superuser_dsn())
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(administer(f'CREATE DATABASE "{name}"'))
    dsn = stack.superuser_dsn(database=name)
    asyncio.run(runner.migrate(dsn, Path(runner.__file__).parent, logins))
    yield dsn
    asyncio.run(administer(f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture
async def table(primary: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """The event table, empty, for whoever may do everything."""
    connection = await asyncpg.connect(primary)
    await connection.execute("SET session_replication_role = replica; TRUNCATE governance.event")
    yield connection
    await connection.close()


async def insert(table: "asyncpg.Connection[asyncpg.Record]", records: list[EventRecord]) -> None:
    await table.executemany(
        "INSERT INTO governance.event (topic, partition, lane_seq, event_id, tenant_id, event_type, resource,"
        " actor, causation, occurred_at, record)"
        " VALUES ($1, $2, $3, $4, 'acme', 't', 'r', 'a', '', now(), $5)",
        [(*LANE, each.lane_seq, str(each.lane_seq), encode_leaf(each)) for each in records],
    )


async def report_of(wall: WallDatabase, primary: str) -> Report:
    report = Report(ORIGIN)
    async with opened(wall.notary) as database, opened_events(primary) as made:
        await check_source(database, made, report, lambda done, total: None)
    return report


async def test_the_same_events_on_both_sides_hold_also_large_ones(
    wall_database: WallDatabase, primary: str, table: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    signed = Signed(wall_database)
    large = replace(event(LANE, 31), value=bytes(100_000))
    async with PostgresWall(wall_database.writer, 3) as wall:
        assert await wall.try_lead() is not None
        await wall.append(signed.log.of(events(LANE, 1, 30)))
        await wall.append(signed.log.of([large]))
    await insert(table, [*events(LANE, 1, 30), large, *events(LANE, 32, 40)])  # the rest is on its way
    report = await report_of(wall_database, primary)
    assert report.holds
    assert report.checks["source"].compared == 31


async def test_an_invented_and_an_altered_event_are_found(
    wall_database: WallDatabase, primary: str, table: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    signed = Signed(wall_database)
    await signed.grow((20, 40))
    made = events(LANE, 1, 39, ("acme", "other"))
    made[6] = event(LANE, 7, body="another")
    await insert(table, made)
    check = (await report_of(wall_database, primary)).checks["source"]
    assert [text for _, text in check.problems] == [
        "governance.policy.events.v1/0: the wall has another event of sequence 7",
        "governance.policy.events.v1/0: the wall has sequence 40, which was never an event",
    ]
    assert check.compared == 40
