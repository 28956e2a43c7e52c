"""Workflows, controls and timers in every lane store: what was decided is there, and nothing else moved."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Final

import asyncpg
import pytest

from agents.lanes.memory import MemoryStore
from agents.lanes.ports import LaneStore
from agents.store.postgres import PostgresStore
from projections.apply.workflow_state import WorkflowKey, WorkflowState
from projections.invariants.evidence import Evidence
from projections.invariants.postgres import read_database
from projections.invariants.replay import projections_equal_a_replay, versions_have_no_hole
from schemas.identity import workflow_id
from schemas.models import Command, CreateWorkflow
from tests.agents.commands import TENANT, lane_of, record
from tests.agents.decisions.workflows import (
    ANNEX,
    CLAUSE,
    NAME,
    advance,
    assign,
    cancel,
    create,
    exclude,
    fire,
    include,
)
from tests.agents.ports.desk import NOW, Desk
from tests.agents.ports.test_postgres_store import statements_of

LANE: Final = lane_of(create())
KEY: Final = (TENANT, workflow_id(TENANT, NAME))
FULL: Final = create(
    "soc2",
    description="yearly\nreview",
    boundary="payments",
    owner="bob",
    choices={"category": ["privacy"]},
    period_start="2025-06-30",
    period_months=6,
)
TABLES: Final = ("workflow", "workflow_control", "timer")
ENDS: Final = "2025-12-30T00:00:00Z"


async def stored(store: LaneStore, *keys: WorkflowKey) -> Mapping[WorkflowKey, WorkflowState]:
    """What the next transaction sees."""
    async with store.transaction([LANE]) as transaction:
        return await transaction.workflows(keys)


async def say(desk: Desk, *said: tuple[str, Command]) -> None:
    """Persons say commands, each in a batch of its own."""
    for actor, command in said:
        command_id = f"{actor}-{len(desk.broker.commands.get(LANE, []))}"
        await desk.decide([desk.broker.append(record(command, command_id, actor=actor))])


class WorkflowContract:
    """Subclasses give the fixture ``store``, empty at first."""

    async def test_a_workflow_comes_back_as_it_was_folded(self, store: LaneStore) -> None:
        await say(Desk(store), ("ann", FULL))
        other = (TENANT, workflow_id(TENANT, "other"))
        state = (await stored(store, KEY, other))[KEY]
        assert (state.name, state.regulation, state.owner, state.created_by) == (NAME, "soc2", "bob", "ann")
        assert (state.description, state.boundary) == ("yearly\nreview", "payments")
        assert state.choices == {"category": ("security", "privacy")}
        assert (state.period_start.isoformat(), state.period_end.isoformat()) == ("2025-06-30", "2025-12-30")
        assert (state.state, state.phase, state.version, state.created_at) == ("draft", "draft", 1, NOW)
        assert len(state.controls) == 33 + 18
        assert [(t.name, t.generation, t.due_at, t.state) for t in state.timers] == [
            ("period_end", 1, datetime(2025, 12, 30, tzinfo=UTC), "armed")
        ]
        assert set(await stored(store, other)) == set(), "unknown workflows are absent"
        assert set(await stored(store)) == set()

    async def test_controls_keep_the_order_of_the_catalogue(self, store: LaneStore) -> None:
        await say(Desk(store), ("ann", create()), ("ann", assign(ANNEX, owner="bob")))
        state = (await stored(store, KEY))[KEY]
        assert [c.control_id for c in state.controls][:3] == ["4.1", "4.2", "4.3"]
        assert [c.control_id for c in state.controls if c.owner] == [ANNEX]

    async def test_every_kind_of_change_is_kept(self, store: LaneStore) -> None:
        await say(
            Desk(store),
            ("ann", create(period_start="2024-01-01")),
            ("ann", assign(CLAUSE, owner="carl", assessor="eve")),
            ("ann", exclude(ANNEX, reason="no such thing")),
            ("bob", exclude(ANNEX, reason="agreed")),
            ("ann", advance("begin")),
            ("engine", fire(due_at="2025-01-01T00:00:00Z")),
        )
        state = (await stored(store, KEY))[KEY]
        controls = {control.control_id: control for control in state.controls}
        annex, clause = controls[ANNEX], controls[CLAUSE]
        assert (annex.applicability, annex.state, annex.reason) == ("excluded", "not_applicable", "agreed")
        assert (annex.decided_by, annex.approved_by, annex.owner) == ("ann", "bob", None)
        assert (clause.owner, clause.assessor, clause.state) == ("carl", "eve", "evidence_pending")
        assert (state.state, state.period_ended, state.applicable, state.excluded) == (
            "collecting",
            True,
            69,
            1,
        )
        assert [timer.state for timer in state.timers] == ["fired"]
        assert state.version == 10

    async def test_a_life_in_one_batch_is_the_same_as_in_many(self, store: LaneStore) -> None:
        desk = Desk(store)
        commands = [create(), include(ANNEX), assign(owner="bob"), advance("begin"), cancel("enough")]
        await desk.decide([desk.sent(each, f"w-{number}") for number, each in enumerate(commands)])
        state = (await stored(store, KEY))[KEY]
        assert (state.state, state.phase) == ("cancelled", "closed")
        assert [timer.state for timer in state.timers] == ["disarmed"]
        assert {control.owner for control in state.controls} == {"bob"}

    async def test_a_refused_or_repeated_command_moves_nothing(self, store: LaneStore) -> None:
        desk = Desk(store)
        for command, command_id in ((create(), "1"), (create(), "1"), (create("soc2"), "2"), (fire(2), "3")):
            await desk.say(command, command_id)
        state = (await stored(store, KEY))[KEY]
        assert (state.version, state.regulation, len(state.controls)) == (1, "iso42001", 70)
        types = [row.headers[2][1].decode() for row in await store.stored(LANE, 1, 9)]
        assert types == [
            "governance.compliance.workflow.created",
            "governance.compliance.command_rejected",
            "governance.compliance.command_rejected",
        ]

    async def test_a_command_for_another_version_is_refused(self, store: LaneStore) -> None:
        desk = Desk(store)
        await desk.say(create(), "1")
        for number, version in enumerate((0, 2, 1)):
            await desk.decide(
                [desk.broker.append(record(include(ANNEX), f"v-{number}", expected_version=version))]
            )
        assert (await stored(store, KEY))[KEY].version == 2

    async def test_tenants_have_workflows_of_their_own_under_one_name(self, store: LaneStore) -> None:
        desk = Desk(store)
        for tenant in ("acme", "other"):
            await desk.decide([desk.broker.append(record(create(), "1", tenant=tenant))])
        other = ("other", workflow_id("other", NAME))
        assert set(await stored(store, KEY, other)) == {KEY, other}


class TestMemoryStore(WorkflowContract):
    """In memory."""

    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()


class TestPostgresStore(WorkflowContract):
    """On PostgreSQL, with the agents' role."""

    @pytest.fixture
    def store(self, postgres_store: PostgresStore) -> LaneStore:
        return postgres_store


def names_in_lane(count: int, start: int) -> list[str]:
    """Names of workflows that belong to one lane."""
    names = (f"w-{number}" for number in range(start, start + 100_000))
    found: list[str] = []
    while len(found) < count:
        name = next(names)
        if lane_of(create_named(name)) == LANE:
            found.append(name)
    return found


def create_named(name: str) -> CreateWorkflow:
    """Begins an assessment of that name."""
    return CreateWorkflow(name=name, regulation="iso42001")


async def test_a_batch_of_workflows_costs_the_same_statements_whatever_its_size(
    postgres_store: PostgresStore,
) -> None:
    desk = Desk(postgres_store)
    seen = []
    for size, start in ((2, 0), (4, 100_000), (100, 200_000)):
        names = names_in_lane(size, start)
        batch = [desk.sent(create_named(name), f"c-{name}") for name in names]
        seen.append(await statements_of(postgres_store, desk, batch))
    assert seen[1] == seen[2]
    assert sum(seen[2].values()) <= 14


@pytest.fixture
async def connection(superuser: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    made = await asyncpg.connect(superuser, server_settings={"search_path": "governance"})
    try:
        yield made
    finally:
        await made.close()


async def test_only_the_controls_and_timers_that_changed_are_written(
    postgres_store: PostgresStore, connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    desk = Desk(postgres_store)
    await say(desk, ("ann", create()))
    first = await connection.fetch("SELECT control_id, xmin FROM workflow_control")
    timers = await connection.fetch("SELECT xmin FROM timer")
    await say(desk, ("ann", assign(ANNEX, owner="bob")))
    second = await connection.fetch("SELECT control_id, xmin FROM workflow_control")
    written = set(map(tuple, second)) - set(map(tuple, first))
    assert [control for control, _ in written] == [ANNEX]
    assert await connection.fetch("SELECT xmin FROM timer") == timers


async def test_the_checker_reads_what_the_store_wrote_and_sees_what_was_changed_behind_it(
    postgres_store: PostgresStore, superuser: str, connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    desk = Desk(postgres_store)
    await say(desk, ("ann", FULL), ("ann", advance("begin")), ("engine", fire(due_at=ENDS)))

    async def broken() -> list[tuple[int, str]]:
        evidence = Evidence()
        await read_database(superuser, evidence)
        found = [versions_have_no_hole(evidence), projections_equal_a_replay(evidence)]
        return [(each.number, problem.split(" ")[0]) for each in found for problem in each.problems]

    assert await broken() == []
    for table in TABLES:
        await connection.execute(f"CREATE TEMP TABLE kept_{table} AS SELECT * FROM {table}")
    for change, expected in (
        ("UPDATE workflow SET version = version + 1", [(3, "workflow"), (5, "workflow")]),
        ("UPDATE workflow SET satisfied = 1, assessed = 1", [(5, "workflow")]),
        ("UPDATE workflow_control SET state = 'satisfied' WHERE place = 3", [(5, "workflow")]),
        ("DELETE FROM workflow_control WHERE place = 50", [(5, "workflow")]),
        ("UPDATE timer SET state = 'armed'", [(5, "workflow")]),
        ("DELETE FROM timer", [(5, "workflow")]),
        (
            "INSERT INTO timer SELECT tenant_id, 'workflow/none', name, 1, due_at, 'armed' FROM timer",
            [(5, "workflow")],
        ),
    ):
        await connection.execute(change)
        assert await broken() == expected, change
        await connection.execute("TRUNCATE workflow, workflow_control, timer")
        for table in TABLES:
            await connection.execute(f"INSERT INTO {table} SELECT * FROM kept_{table}")
    assert await broken() == []
