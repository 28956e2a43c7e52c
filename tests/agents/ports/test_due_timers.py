"""Due timers as the role ``gov_background`` reads them, and a scheduler that fires them into a lane."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

import devstack
from agents.background.ports import FIRST_PLACE, ArmedTimer, TimerPlace
from agents.background.postgres import PostgresDue
from agents.background.scheduler import Scheduler
from agents.errors import Outage
from agents.lanes.patience import Patience
from agents.store.postgres import PostgresStore
from schemas.identity import workflow_id
from schemas.models import CancelWorkflow, Command, CreateWorkflow
from tests.agents.commands import TENANT
from tests.agents.ports.conftest import DATABASE
from tests.agents.ports.desk import NOW, Desk

FIRST_DAY: Final = date(2024, 1, 1)
LATER: Final = NOW + timedelta(days=3650)


def subject(number: int) -> str:
    """Of the workflow of that number."""
    return f"workflow/{workflow_id(TENANT, f'w-{number}')}"


def place(number: int) -> TimerPlace:
    """Of its timer: each period ends a day after the one before."""
    due_at = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=number)
    return TimerPlace(due_at, TENANT, subject(number), "period_end")


async def begin(desk: Desk, count: int) -> None:
    """Workflows with timers that are due one day after the other, in one batch a lane."""
    for number in range(count):
        start = (FIRST_DAY + timedelta(days=number)).isoformat()
        command = CreateWorkflow(name=f"w-{number}", regulation="iso42001", period_start=start)
        await desk.say(command, f"c-{number}")


def in_tests(dsn: str) -> str:
    """The same server, in the database of these tests."""
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{DATABASE}"))


@pytest.fixture
def dsn(stack: devstack.Stack) -> str:
    """The login of the background process."""
    return in_tests(stack.environment("background")["AUMOS_DATABASE_URL"])


@pytest.fixture
async def due(dsn: str, postgres_store: PostgresStore) -> AsyncIterator[PostgresDue]:
    source = PostgresDue(dsn)
    try:
        yield source
    finally:
        await source.close()


async def test_armed_timers_come_earliest_first_page_by_page(
    postgres_store: PostgresStore, due: PostgresDue
) -> None:
    await begin(Desk(postgres_store), 5)
    expected = [ArmedTimer(place(number), 1) for number in range(5)]
    assert await due.timers(FIRST_PLACE, LATER, 10) == expected
    first = await due.timers(FIRST_PLACE, LATER, 2)
    assert first == expected[:2]
    assert await due.timers(first[-1].place, LATER, 2) == expected[2:4]
    assert await due.timers(FIRST_PLACE, place(1).due_at, 10) == expected[:2], (
        "due by then, the moment included"
    )


async def test_timers_that_were_disarmed_or_fired_are_not_due(
    postgres_store: PostgresStore, due: PostgresDue
) -> None:
    desk = Desk(postgres_store)
    await begin(desk, 2)
    await desk.say(CancelWorkflow(workflow="w-0"), "cancel")
    assert [timer.place for timer in await due.timers(FIRST_PLACE, LATER, 10)] == [place(1)]


async def test_the_scheduler_fires_into_the_lane_and_twice_is_once(
    postgres_store: PostgresStore, due: PostgresDue
) -> None:
    desk = Desk(postgres_store)
    await begin(desk, 3)

    turn = asyncio.Lock()

    class Outlet:
        async def send(self, tenant: str, command: Command, command_id: str) -> None:
            assert tenant == TENANT
            async with turn:
                for _ in range(2):
                    await desk.say(command, command_id)

    def scheduler() -> Scheduler:
        return Scheduler(due, Outlet(), Patience(lambda _: None), lambda: place(1).due_at)

    await scheduler().look()
    await scheduler().look()
    assert [timer.place for timer in await due.timers(FIRST_PLACE, LATER, 10)] == [place(2)]
    desk.log.flush(desk.log.handed_over)
    events = [event for lane in desk.broker.events.values() for event in lane]
    types = [event.headers[2][1].decode().rpartition(".")[2] for event in events]
    assert sorted(types) == ["created"] * 3 + ["fired"] * 2


async def test_the_background_process_writes_nothing_and_sees_no_workflow(
    dsn: str, postgres_store: PostgresStore
) -> None:
    connection = await asyncpg.connect(dsn, server_settings={"search_path": "governance"})
    try:
        for statement in (
            "UPDATE timer SET state = 'fired'",
            "DELETE FROM timer",
            "INSERT INTO timer VALUES ('t', 'workflow/w', 'n', 1, now(), 'armed')",
            "SELECT * FROM workflow",
            "SELECT * FROM workflow_control",
            "SELECT * FROM quarantine",
            "UPDATE event SET lane_seq = lane_seq + 1",
            "INSERT INTO event SELECT * FROM event",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


async def test_a_database_that_is_away_is_an_outage() -> None:
    source = PostgresDue("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(Outage):
        await source.timers(FIRST_PLACE, LATER, 1)
    await source.close()
