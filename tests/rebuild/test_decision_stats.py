"""Counts that were damaged are made anew from the event table, on a real PostgreSQL and beside a worker."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest

import devstack
from agents.store.postgres import PostgresStore
from projections.rebuild import postgres
from projections.rebuild.postgres import LaneReport, check, lanes_to_read, rebuild
from schemas.models import ActivatePolicy, ReplayGate, ReplayReport, ReportReplay, UpdatePolicy
from tests.agents.commands import evaluate, resources_in
from tests.agents.ports.conftest import DATABASE, postgres_store, superuser
from tests.agents.ports.desk import Desk
from tests.agents.ports.shadowed import TwoMinded
from tests.agents.simulation.scenario import FIRST, POLICY, SECOND

__all__ = ["postgres_store", "superuser"]

REPORT = ReplayReport(
    decisions=5,
    same=5,
    other_reasons=0,
    left_out=0,
    unanswered=0,
    flips=[],
    resources=[],
    samples=[],
    deterministic=True,
    repeated=5,
    reproduced=5,
    not_reproduced=0,
    differing=[],
    duration_ms=9,
)

TRIALS = {
    "a shadow that ended": "UPDATE policy SET shadow_version = NULL, shadow_by = NULL, shadow_since = NULL,"
    " shadow_revision = NULL",
    "a shadow that none asked for": "UPDATE policy SET shadow_version = 1",
    "a replay that is lost": "DELETE FROM policy_replay",
    "a replay that still runs": "UPDATE policy_replay SET outcome = 'running', report = NULL",
    "a replay that nobody asked for": """
        INSERT INTO policy_replay SELECT tenant_id, policy_id, 'never', version, days, flip_budget,
            requested_by, requested_at, outcome, reason, report, finished_at, overridden_by, override_reason
        FROM policy_replay LIMIT 1""",
}

SHADOWS = {
    "a shadow's count that is off": "UPDATE policy_shadow_count SET differed = 0",
    "a shadow's count that is lost": "DELETE FROM policy_shadow_count",
}

DAMAGES = {
    "a count that is off": "UPDATE decision_stat SET denied = denied + 1 WHERE partition = $1",
    "rows that are lost": "DELETE FROM decision_stat WHERE partition = $1",
    "a row that no event explains": """
        INSERT INTO decision_reason SELECT tenant_id, policy_id, width, starts_at, 99, topic, partition,
            decision_point, kind, reason, value FROM decision_reason WHERE partition = $1""",
    "a reason that is off": "UPDATE decision_reason SET value = 7 WHERE partition = $1",
}


@pytest.fixture
def agents_dsn(stack: devstack.Stack) -> str:
    """The tests' database with the agents' login."""
    dsn = urlsplit(stack.environment("worker")["AUMOS_DATABASE_URL"])
    return dsn._replace(path=f"/{DATABASE}").geturl()


@pytest.fixture
async def desk(postgres_store: PostgresStore) -> Desk:
    """A process that has decided a few things in two lanes."""
    desk = Desk(postgres_store)
    await desk.with_active_policy()
    desk.violations = ["own_approval: nobody approves a change of their own"]
    for lane in (FIRST, SECOND):
        batch = [desk.sent(evaluate(r), f"e-{r}") for r in resources_in(lane, 5)]
        await desk.decide(batch)
    return desk


@pytest.fixture
async def owner(superuser: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection that may damage anything."""
    connection = await asyncpg.connect(superuser, server_settings={"search_path": "governance"})
    yield connection
    await connection.close()


async def checked(dsn: str) -> dict[tuple[str, int], LaneReport]:
    """What every lane's comparison says."""
    return {lane: await check(dsn, lane, lambda _: None) for lane in await lanes_to_read(dsn)}


async def test_what_agents_count_is_what_the_events_say(desk: Desk, agents_dsn: str) -> None:
    reports = await checked(agents_dsn)
    assert {lane: report.events for lane, report in reports.items()} == {FIRST: 5, SECOND: 5, POLICY: 3}
    assert all(report.compared and not report.wrong for report in reports.values())


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
async def test_damage_is_found_named_and_repaired_in_its_lane_alone(
    desk: Desk, agents_dsn: str, owner: "asyncpg.Connection[asyncpg.Record]", damage: str
) -> None:
    await owner.execute(damage, SECOND.partition)
    reports = await checked(agents_dsn)
    assert {lane for lane, report in reports.items() if report.wrong} == {SECOND}
    assert reports[SECOND].problems
    repaired = await rebuild(agents_dsn, SECOND, lambda _: None)
    assert repaired.wrong == reports[SECOND].wrong
    assert not any(report.wrong for report in (await checked(agents_dsn)).values())


async def test_an_activation_that_was_lost_comes_back(
    desk: Desk, agents_dsn: str, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    before = await owner.fetch("SELECT * FROM policy_activation")
    await owner.execute("DELETE FROM policy_activation")
    assert (await rebuild(agents_dsn, POLICY, lambda _: None)).wrong == 1
    assert await owner.fetch("SELECT * FROM policy_activation") == before


@pytest.fixture
async def trying(postgres_store: PostgresStore) -> TwoMinded:
    """A policy with a shadow that was asked, and with a version that was replayed twice."""
    desk = TwoMinded(postgres_store)
    await desk.with_loaded_shadow()
    await desk.decide([desk.sent(evaluate(r), f"e-{r}") for r in resources_in(FIRST, 5)])
    await desk.say(UpdatePolicy(policy="gate", description="third"), "p-third")
    for number, (error, found) in enumerate((("away", None), ("", REPORT))):
        gated = ActivatePolicy(policy="gate", version=3, replay=ReplayGate(days=7, flip_budget=number))
        asked = await desk.say(gated, f"p-gated-{number}")
        ((event,),) = asked.events.values()
        report = ReportReplay(
            policy="gate", version=3, replay=event.happened.event_id, error=error, report=found
        )
        await desk.say(report, f"p-report-{number}")
    return desk


@pytest.mark.parametrize("damage", TRIALS.values(), ids=TRIALS)
async def test_shadows_and_replays_are_made_anew_too(
    trying: TwoMinded,
    agents_dsn: str,
    owner: "asyncpg.Connection[asyncpg.Record]",
    damage: str,
) -> None:
    assert not any(report.wrong for report in (await checked(agents_dsn)).values())
    tables = ("policy", "policy_replay", "policy_version")
    before = [await owner.fetch(f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in tables]
    assert len(before[1]) == 2
    await owner.execute(damage)
    reports = await checked(agents_dsn)
    assert {each for each, report in reports.items() if report.wrong} == {POLICY}
    assert reports[POLICY].problems
    await rebuild(agents_dsn, POLICY, lambda _: None)
    assert not any(report.wrong for report in (await checked(agents_dsn)).values())
    after = [await owner.fetch(f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in tables]
    assert after == before


@pytest.mark.parametrize("damage", SHADOWS.values(), ids=SHADOWS)
async def test_what_is_counted_of_shadows_is_made_anew_too(
    trying: TwoMinded, agents_dsn: str, owner: "asyncpg.Connection[asyncpg.Record]", damage: str
) -> None:
    before = await owner.fetch("SELECT * FROM policy_shadow_count")
    assert [(row["compared"], row["differed"], row["dropped"]) for row in before] == [(5, 5, 0)]
    await owner.execute(damage)
    assert {each for each, report in (await checked(agents_dsn)).items() if report.wrong} == {FIRST}
    await rebuild(agents_dsn, FIRST, lambda _: None)
    assert await owner.fetch("SELECT * FROM policy_shadow_count") == before


async def test_a_worker_goes_on_counting_where_a_rebuild_left_off(
    desk: Desk,
    agents_dsn: str,
    owner: "asyncpg.Connection[asyncpg.Record]",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(postgres, "SHORT", 2)
    monkeypatch.setattr(postgres, "PIECE", 2)
    await owner.execute("DELETE FROM decision_stat")
    first, *resources = resources_in(FIRST, 20)[5:]
    read = 0

    def advanced(count: int) -> None:
        nonlocal read
        read += count

    await desk.say(evaluate(first), "before")
    await rebuild(agents_dsn, FIRST, advanced)
    assert read == 6
    await desk.decide([desk.sent(evaluate(r), f"later-{r}") for r in resources])
    report = await check(agents_dsn, FIRST, lambda _: None)
    assert (report.events, report.wrong) == (6 + len(resources), 0)


async def test_a_rebuild_takes_in_what_is_decided_while_it_reads(
    desk: Desk, agents_dsn: str, owner: "asyncpg.Connection[asyncpg.Record]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "SHORT", 2)
    await owner.execute("DELETE FROM decision_stat")
    fold, late = postgres._fold, resources_in(FIRST, 9)[8]

    async def interrupted(*given: object) -> None:
        await fold(*given)  # type: ignore[arg-type]
        if given[2] == 0:
            await desk.say(evaluate(late), "meanwhile")

    monkeypatch.setattr(postgres, "_fold", interrupted)
    report = await rebuild(agents_dsn, FIRST, lambda _: None)
    monkeypatch.setattr(postgres, "_fold", fold)
    assert report.events == 6
    assert (await check(agents_dsn, FIRST, lambda _: None)).wrong == 0
