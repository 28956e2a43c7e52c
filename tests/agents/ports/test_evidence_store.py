"""Evidence, links and counters in every lane store: what was decided is there, and only once."""

from collections.abc import AsyncIterator, Mapping
from uuid import UUID

import asyncpg
import pytest

from agents.lanes.memory import MemoryStore
from agents.lanes.ports import LaneStore
from agents.records import LaneId
from agents.store.postgres import PostgresStore
from projections.apply.evidence import CounterKey, EvidenceKey, EvidenceState
from projections.invariants.evidence import Evidence
from projections.invariants.postgres import read_database
from projections.invariants.replay import projections_equal_a_replay, versions_have_no_hole
from tests.agents.commands import TENANT, lane_of
from tests.agents.ports.desk import NOW, Desk
from tests.agents.ports.test_postgres_store import statements_of
from tests.agents.submissions import ONE, TWO, link, quarantined, refs, submit, verified

LANE = lane_of(submit())
FULL = submit(
    source="svc-hr",
    effective_to="2026-03-01T00:00:00Z",
    valid_until="2027-01-01T00:00:00+02:00",
    controls=refs(("soc2", "CC1.1"), ("iso42001", "4.1")),
    technical_controls=["TC-001"],
)


async def stored(store: LaneStore, *ids: str, lane: LaneId = LANE) -> Mapping[EvidenceKey, EvidenceState]:
    """What the next transaction sees."""
    async with store.transaction([lane]) as transaction:
        return await transaction.evidence([(TENANT, each) for each in ids])


class EvidenceContract:
    """Subclasses give the fixtures ``store``, empty at first, and ``counters``, read anew each time."""

    async def test_evidence_comes_back_as_it_was_folded(self, store: LaneStore) -> None:
        desk = Desk(store)
        await desk.say(FULL, "e-1")
        state = (await stored(store, ONE, TWO))[TENANT, ONE]
        assert (state.state, state.version, state.source) == ("collected", 1, "svc-hr")
        assert (state.submitted_at, state.submitted_by) == (NOW, "someone")
        assert state.valid_until is not None
        assert state.valid_until.isoformat() == "2026-12-31T22:00:00+00:00"
        assert state.controls == (("iso42001", "4.1"), ("soc2", "CC1.1"))
        assert state.technical_controls == ("TC-001",)
        assert set(await stored(store, TWO)) == set(), "unknown evidence is absent"
        assert set(await stored(store)) == set()

    async def test_links_are_added_to_those_that_are_there(self, store: LaneStore) -> None:
        desk = Desk(store)
        await desk.say(FULL, "e-1")
        await desk.say(link(("iso42001", "4.2"), technical=["TC-010"]), "e-2")
        await desk.say(verified(), "e-3")
        state = (await stored(store, ONE))[TENANT, ONE]
        assert state.controls == (("iso42001", "4.1"), ("iso42001", "4.2"), ("soc2", "CC1.1"))
        assert state.technical_controls == ("TC-001", "TC-010")
        assert (state.state, state.version, state.verified_at) == ("verified", 3, NOW)

    async def test_a_life_in_one_batch_is_the_same_as_in_many(self, store: LaneStore) -> None:
        desk = Desk(store)
        commands = [FULL, link(("iso42001", "4.2")), verified(), link(technical=["TC-010"])]
        await desk.decide([desk.sent(each, f"e-{number}") for number, each in enumerate(commands)])
        state = (await stored(store, ONE))[TENANT, ONE]
        assert (state.state, state.version) == ("verified", 4)
        assert len(state.controls) == 3
        assert state.technical_controls == ("TC-001", "TC-010")

    async def test_counters_follow_the_state_per_regulation(
        self, store: LaneStore, counters: "Counters"
    ) -> None:
        desk = Desk(store)
        await desk.say(FULL, "e-1")
        assert await counters() == {
            "evidence/collected": 1,
            "evidence/soc2/collected": 1,
            "evidence/iso42001/collected": 1,
        }
        await desk.say(verified(), "e-2")
        await desk.say(submit(TWO), "e-3")
        await desk.say(link(("soc2", "CC1.1"), evidence_id=TWO), "e-4")
        await desk.say(quarantined(TWO), "e-5")
        assert await counters() == {
            "evidence/verified": 1,
            "evidence/soc2/verified": 1,
            "evidence/iso42001/verified": 1,
            "evidence/quarantined": 1,
            "evidence/soc2/quarantined": 1,
        }

    async def test_a_refused_or_repeated_command_moves_nothing(
        self, store: LaneStore, counters: "Counters"
    ) -> None:
        desk = Desk(store)
        await desk.say(submit(), "e-1")
        await desk.say(submit(), "e-1")
        await desk.say(submit(), "e-2")
        await desk.say(verified(TWO), "e-3")
        assert (await stored(store, ONE))[TENANT, ONE].version == 1
        assert await counters() == {"evidence/collected": 1}


class Counters:
    """Every counter that is not zero, summed over the lanes."""

    async def keyed(self) -> Mapping[CounterKey, int]:
        """As stored."""
        raise NotImplementedError

    async def __call__(self) -> dict[str, int]:
        sums: dict[str, int] = {}
        for (tenant, name, topic, _), value in (await self.keyed()).items():
            assert (tenant, topic) == (TENANT, "governance.evidence.events.v1")
            sums[name] = sums.get(name, 0) + value
        return {name: value for name, value in sums.items() if value}


class InMemory(Counters):
    """The fake's."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def keyed(self) -> Mapping[CounterKey, int]:
        return self._store.tables.counters


class InDatabase(Counters):
    """The table's."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._connection = connection

    async def keyed(self) -> Mapping[CounterKey, int]:
        rows = await self._connection.fetch("SELECT * FROM governance.counter")
        return {(r["tenant_id"], r["name"], r["topic"], r["partition"]): r["value"] for r in rows}


class TestMemoryStore(EvidenceContract):
    """In memory."""

    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()

    @pytest.fixture
    def counters(self, store: MemoryStore) -> Counters:
        return InMemory(store)


class TestPostgresStore(EvidenceContract):
    """On PostgreSQL, with the agents' role."""

    @pytest.fixture
    def store(self, postgres_store: PostgresStore) -> LaneStore:
        return postgres_store

    @pytest.fixture
    async def counters(self, superuser: str) -> AsyncIterator[Counters]:
        connection = await asyncpg.connect(superuser)
        try:
            yield InDatabase(connection)
        finally:
            await connection.close()


def some_id(number: int) -> str:
    """A UUID of its own for each number."""
    return str(UUID(int=number + 1))


async def test_a_batch_of_evidence_costs_the_same_statements_whatever_its_size(
    postgres_store: PostgresStore,
) -> None:
    desk = Desk(postgres_store)
    lanes = {lane_of(submit(some_id(number))) for number in range(100)}
    sizes = [2, 4, 300]
    seen = []
    number = 0
    for size in sizes:
        batch = []
        for lane in sorted(lanes)[:2]:
            for _ in range(size // 2):
                while lane_of(submit(some_id(number))) != lane:
                    number += 1
                made = submit(some_id(number), controls=FULL.controls, technical_controls=["TC-001"])
                batch.append(desk.sent(made, f"e-{number}"))
                number += 1
        seen.append(await statements_of(postgres_store, desk, batch))
    assert seen[1] == seen[2]
    assert sum(seen[2].values()) <= 16


async def test_the_checker_reads_what_the_store_wrote_and_sees_what_was_changed_behind_it(
    postgres_store: PostgresStore, superuser: str
) -> None:
    desk = Desk(postgres_store)
    for number, command in enumerate([FULL, link(("iso42001", "4.2")), submit(TWO), verified()]):
        await desk.say(command, f"e-{number}")

    async def problems() -> list[str]:
        evidence = Evidence()
        await read_database(superuser, evidence)
        found = [versions_have_no_hole(evidence), projections_equal_a_replay(evidence)]
        return [problem.split(" ")[0] for invariant in found for problem in invariant.problems]

    assert await problems() == []
    connection = await asyncpg.connect(superuser)
    try:
        for change, what in (
            ("UPDATE governance.evidence SET version = version + 1", ["evidence"] * 4),
            ("UPDATE governance.evidence SET state = 'verified'", ["evidence"]),
            ("DELETE FROM governance.evidence_control WHERE control_id = '4.2'", ["evidence"]),
            ("DELETE FROM governance.evidence_technical_control", ["evidence"]),
            ("UPDATE governance.counter SET value = 7 WHERE name = 'evidence/verified'", ["counter"]),
            ("DELETE FROM governance.counter WHERE name = 'evidence/verified'", ["counter"]),
        ):
            backup = {
                table: await connection.fetch(f"SELECT * FROM governance.{table}")
                for table in ("evidence_control", "evidence_technical_control", "counter", "evidence")
            }
            await connection.execute(change)
            assert await problems() == what, change
            for table in backup:
                await connection.execute(f"DELETE FROM governance.{table}")
            for table in reversed(backup):
                records = [tuple(row) for row in backup[table]]
                await connection.copy_records_to_table(table, schema_name="governance", records=records)
        assert await problems() == []
    finally:
        await connection.close()
