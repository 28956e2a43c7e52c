"""Every read is served by an index: what the planner does with tenants of some size, under row security."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import orjson
import pytest

from projections.api.pages import Place
from projections.api.queries import (
    coverage,
    dashboard,
    decisions,
    evidence,
    flips,
    policies,
    stats,
    workflows,
)
from projections.api.session import Row, Session
from tests.api.conftest import Api, Dsns
from tests.api.sizeable import COUNTED, COUNTERS, FEW, ROWS, empty, fill

MIDDLE = Place(datetime(2026, 1, 1, 2, 45, tzinfo=UTC), "m")
"""Where a page in the middle of each list starts."""

LIMIT = 50

Call = Callable[[Session], Awaitable[object]]


@dataclass(slots=True)
class Explaining:
    """A session that asks for the plan of each statement, runs it, and answers without rows."""

    session: Session
    plans: list[dict[str, Any]] = field(default_factory=list)

    async def rows(self, statement: str, *arguments: object) -> Sequence[Row]:
        """Notes the plan."""
        await self._explain(statement, arguments)
        return ()

    async def row(self, statement: str, *arguments: object) -> Row | None:
        """Notes the plan; the row itself is real, so that what follows it is asked too."""
        await self._explain(statement, arguments)
        return await self.session.row(statement, *arguments)

    async def _explain(self, statement: str, arguments: tuple[object, ...]) -> None:
        found = await self.session.row(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", *arguments)
        assert found is not None
        self.plans.append(orjson.loads(found["QUERY PLAN"])[0]["Plan"])


@pytest.fixture(scope="module")
def large(dsns: Dsns) -> Iterator[str]:
    """A tenant with many rows, beside another with as many."""
    tenant, other = (f"{name}-{uuid4().hex[:8]}" for name in "lo")
    asyncio.run(fill(dsns, tenant, other))
    yield tenant
    asyncio.run(empty(dsns, tenant, other))


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan's nodes, from the top."""
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


async def explained(api: Api, tenant: str, call: Call) -> list[dict[str, Any]]:
    """The nodes of every plan of a call."""
    async with api.parts.database.reading(tenant) as session:
        explaining = Explaining(session)
        await call(explaining)
    assert explaining.plans
    return [node for plan in explaining.plans for node in nodes(plan)]


def touched(found: Sequence[dict[str, Any]]) -> int:
    """Rows that the scans of tables and indexes gave or dropped; other scans pass on what those gave."""
    return int(
        sum(
            (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
            for node in found
            if "Scan" in node["Node Type"] and node["Node Type"] not in {"CTE Scan", "Subquery Scan"}
        )
    )


def scanned_whole(found: Sequence[dict[str, Any]]) -> list[str]:
    """Tables that were read from end to end."""
    return [node["Relation Name"] for node in found if node["Node Type"] == "Seq Scan"]


Evidence = evidence.Wanted
Decision = decisions.Wanted
Workflow = workflows.Wanted


@pytest.mark.parametrize("after", [None, MIDDLE], ids=["first", "middle"])
@pytest.mark.parametrize(
    "wanted",
    [
        Evidence(),
        Evidence(state="quarantined"),
        Evidence(state="verified"),
        Evidence(kind="manual"),
        Evidence(kind="automated"),
        Evidence(actor="svc-7"),
        Evidence(regulations=["iso42001"]),
        Evidence(regulations=["hipaa"]),
        Evidence(regulations=["soc2"]),
        Evidence(regulations=["iso42001"], control="A.7"),
        Evidence(regulations=["iso42001", "iso27001"], control="A.7"),
        Evidence(technical_control="TC-015"),
        Evidence(technical_control="TC-999"),
        Evidence(state="quarantined", regulations=["iso42001"]),
        Evidence(not_before=MIDDLE.at, actor="svc-7"),
        Evidence(before=MIDDLE.at),
    ],
    ids=str,
)
async def test_a_page_of_evidence_reads_a_part_of_the_tenants_rows(
    api: Api, large: str, wanted: Evidence, after: Place | None
) -> None:
    found = await explained(api, large, lambda session: evidence.evidence_list(session, wanted, after, LIMIT))
    assert scanned_whole(found) == []
    assert touched(found) < ROWS / 2


@pytest.mark.parametrize("after", [None, MIDDLE], ids=["first", "middle"])
@pytest.mark.parametrize(
    "wanted",
    [
        Decision(),
        Decision(policy_id="x-000007"),
        Decision(outcome="deny"),
        Decision(outcome="allow"),
        Decision(resource="model/7"),
        Decision(actor="svc-7"),
        Decision(actor="svc-7", outcome="deny"),
        Decision(not_before=MIDDLE.at),
        Decision(before=MIDDLE.at, resource="model/7"),
        Decision(decision_point="point-3"),
        Decision(overridden=True),
        Decision(overridden=True, outcome="deny"),
        Decision(overridden=False),
    ],
    ids=str,
)
async def test_a_page_of_decisions_reads_a_part_of_the_tenants_rows(
    api: Api, large: str, wanted: Decision, after: Place | None
) -> None:
    found = await explained(api, large, lambda session: decisions.decisions(session, wanted, after, LIMIT))
    assert [name for name in scanned_whole(found) if name != "policy"] == []
    assert touched(found) < ROWS / 2


@pytest.mark.parametrize("after", [None, MIDDLE], ids=["first", "middle"])
@pytest.mark.parametrize(
    "wanted",
    [Workflow(), Workflow(regulation="soc2"), Workflow(regulation="iso42001"), Workflow(workflow_id="x")],
    ids=str,
)
async def test_a_page_of_workflows_reads_a_page_of_rows(
    api: Api, large: str, wanted: Workflow, after: Place | None
) -> None:
    found = await explained(api, large, lambda session: workflows.workflows(session, wanted, after, LIMIT))
    assert scanned_whole(found) == []
    assert touched(found) <= 2 * (LIMIT + 1)


@pytest.mark.parametrize(
    ("call", "rows"),
    [
        (lambda session, _: policies.policies(session, None, None, None, LIMIT), LIMIT + 1),
        (lambda session, _: policies.policies(session, None, None, MIDDLE, LIMIT), LIMIT + 1),
        (lambda session, one: policies.versions(session, one, None, 5), 5 + 1),  # and its shadow
        (lambda session, one: policies.policy(session, one), 11 + 1),
        (lambda session, one: workflows.workflow(session, one), 22),
        (lambda session, one: evidence.evidence(session, one), 3),
    ],
    ids=["policies", "policies from the middle", "versions", "policy", "workflow", "evidence"],
)
async def test_what_is_read_is_what_is_answered(
    api: Api, large: str, call: Callable[[Session, str], Awaitable[object]], rows: int
) -> None:
    found = await explained(api, large, lambda session: call(session, f"{large}-000007"))
    assert scanned_whole(found) == []
    assert touched(found) <= rows


DAY = datetime(2026, 1, 3, tzinfo=UTC), datetime(2026, 1, 4, tzinfo=UTC)


async def read_stats(session: Session, window: stats.Window) -> None:
    """Everything that the figures of a window need."""
    await stats.series(session, window)
    for group_by in ("policy", "version", "decision_point"):
        await stats.groups(session, window, group_by)
    await stats.errors(session, window)
    await stats.violations(session, window)


async def test_figures_of_a_window_read_its_rows_and_no_others(api: Api, large: str) -> None:
    window = stats.Window("hour", *DAY)
    found = await explained(api, large, lambda session: read_stats(session, window))
    assert scanned_whole(found) == []
    assert touched(found) <= 2 * 6 * 24 * COUNTED  # a bitmap names its rows once, and gives them once


async def test_figures_of_one_policy_read_its_rows_and_no_others(api: Api, large: str) -> None:
    window = stats.Window("hour", *DAY, policy_id=f"{large}-000007")
    found = await explained(api, large, lambda session: read_stats(session, window))
    assert scanned_whole(found) == []
    assert touched(found) <= 2 * 6 * 24


async def test_flips_look_at_a_bounded_number_of_decisions(api: Api, large: str) -> None:
    policy = f"{large}-000007"
    row = flips.ActivationRow("e", 2, 1, MIDDLE.at, None)
    found = await explained(api, large, lambda session: flips.activation(session, policy, None))
    found += await explained(api, large, lambda session: flips.compared(session, policy, row))
    assert scanned_whole(found) == []
    decisions_of_one = ROWS // FEW + ROWS // COUNTED
    assert touched(found) <= 4 * decisions_of_one + 1


async def test_an_unused_policy_is_found_by_one_look_at_each_policy(api: Api, large: str) -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    found = await explained(api, large, lambda session: coverage.unused(session, since, None, LIMIT))
    assert scanned_whole(found) == []
    assert touched(found) <= 4 * FEW


async def test_coverage_reads_days_and_policies_once(api: Api, large: str) -> None:
    async def read(session: Session) -> None:
        await coverage.points(session, DAY[0])
        await coverage.without_point(session, DAY[0])

    found = await explained(api, large, read)
    assert [name for name in scanned_whole(found) if name != "decision_point"] == []
    assert (
        touched(found) <= 2 * 2 * FEW
    )  # points and policies; a bitmap names its rows once, and gives them once


async def test_the_dashboard_reads_workflows_and_counters_and_no_evidence(api: Api, large: str) -> None:
    async def read(session: Session) -> None:
        # One of two tenants owns half of these small tables, which are then as well read whole.
        assert isinstance(session, Explaining)
        await session.session.rows("SET LOCAL enable_seqscan = off")
        await dashboard.phase_sums(session)
        await dashboard.evidence_counts(session)

    found = await explained(api, large, read)
    assert scanned_whole(found) == []
    assert {node["Relation Name"] for node in found if "Relation Name" in node} == {"workflow", "counter"}
    read_twice = [node for node in found if node["Node Type"] == "Bitmap Index Scan"]
    assert touched(found) - touched(read_twice) == FEW + COUNTERS
