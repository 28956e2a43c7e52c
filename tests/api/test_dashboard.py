"""``/api/v1/compliance/dashboard``."""

from typing import Any

import pytest

from tests.api.compliance_rows import LIBRARY, Compliance
from tests.api.conftest import Api, bearer

PATH = "/api/v1/compliance/dashboard"
PHASES = ("draft", "in_progress", "in_review", "completed", "suspended", "closed")


async def read(api: Api, tenant: str) -> dict[str, Any]:
    """The dashboard."""
    response = await api.client.get(PATH, headers=bearer(tenant))
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def of(found: dict[str, Any], regulation: str) -> dict[str, Any]:
    """One regulation's entry."""
    (entry,) = [each for each in found["regulations"] if each["regulation"] == regulation]
    assert isinstance(entry, dict)
    return entry


async def test_an_empty_tenant_has_every_regulation_and_no_share(api: Api, tenant: str) -> None:
    found = await read(api, tenant)
    assert [each["regulation"] for each in found["regulations"]] == sorted(LIBRARY.regulations)
    for each in (found["totals"], *found["regulations"]):
        assert each["workflows"] == dict.fromkeys(PHASES, 0)
        assert each["evidence"] == {"collected": 0, "verified": 0, "quarantined": 0}
        assert each["overdue"] == 0
        assert each["standing"] == {
            "controls_total": 0,
            "applicable": 0,
            "assessed": 0,
            "satisfied": 0,
            "coverage": None,
            "conformity": None,
        }


async def test_coverage_and_conformity_are_two_figures(api: Api, compliance: Compliance, tenant: str) -> None:
    await compliance.workflow(tenant, "a", phase="in_progress", applicable=60, assessed=30, satisfied=15)
    await compliance.workflow(tenant, "b", phase="in_review", applicable=40, assessed=10, satisfied=0)
    await compliance.workflow(tenant, "c", "soc2", applicable=100 - 60, assessed=0, satisfied=0)
    found = await read(api, tenant)
    iso = of(found, "iso42001")
    assert (iso["standing"]["coverage"], iso["standing"]["conformity"]) == (0.4, 0.15)
    assert iso["standing"]["controls_total"] == 140
    assert (iso["workflows"]["in_progress"], iso["workflows"]["in_review"]) == (1, 1)
    assert (of(found, "soc2")["standing"]["coverage"], of(found, "soc2")["standing"]["conformity"]) == (0, 0)
    totals = found["totals"]
    assert (totals["standing"]["applicable"], totals["standing"]["assessed"]) == (140, 40)
    assert totals["standing"]["coverage"] == 40 / 140


async def test_a_closed_workflow_is_counted_and_weighs_nothing(
    api: Api, compliance: Compliance, tenant: str
) -> None:
    await compliance.workflow(
        tenant,
        "old",
        state="cancelled",
        phase="closed",
        period_ended=True,
        applicable=70,
        assessed=70,
        satisfied=70,
    )
    await compliance.workflow(tenant, "new", phase="in_progress", period_ended=True, applicable=70)
    iso = of(await read(api, tenant), "iso42001")
    assert (iso["workflows"]["closed"], iso["workflows"]["in_progress"], iso["overdue"]) == (1, 1, 1)
    assert (iso["standing"]["controls_total"], iso["standing"]["satisfied"]) == (70, 0)


async def test_evidence_is_counted_by_state_once_in_total_and_in_each_regulation(
    api: Api, compliance: Compliance, tenant: str
) -> None:
    both = [("iso42001", "4.1"), ("iso42001", "4.2"), ("soc2", "CC1.1")]
    for number in range(5):
        await compliance.evidence(tenant, f"e{number}", state="verified", controls=both)
    await compliance.evidence(tenant, state="quarantined", controls=[("soc2", "CC1.1")])
    await compliance.evidence(tenant)
    found = await read(api, tenant)
    assert found["totals"]["evidence"] == {"collected": 1, "verified": 5, "quarantined": 1}
    assert of(found, "iso42001")["evidence"] == {"collected": 0, "verified": 5, "quarantined": 0}
    assert of(found, "soc2")["evidence"] == {"collected": 0, "verified": 5, "quarantined": 1}


async def test_counters_of_many_lanes_are_one_figure(api: Api, compliance: Compliance, tenant: str) -> None:
    for partition in range(8):
        await compliance.count(tenant, "evidence/verified", 10 + partition, partition)
    await compliance.count(tenant, "evidencf/verified", 1000)
    found = await read(api, tenant)
    assert found["totals"]["evidence"]["verified"] == sum(range(10, 18))
    assert [each["regulation"] for each in found["regulations"]] == sorted(LIBRARY.regulations)


async def test_a_regulation_that_is_gone_is_still_counted(
    api: Api, compliance: Compliance, tenant: str
) -> None:
    await compliance.count(tenant, "evidence/gone/collected", 3)
    entry = of(await read(api, tenant), "gone")
    assert (entry["name"], entry["evidence"]["collected"]) == (None, 3)


async def test_the_dashboard_names_the_snapshot_that_it_rests_on(
    api: Api, compliance: Compliance, tenant: str
) -> None:
    await compliance.lane("governance.compliance.commands.v1", 3, next_seq=42)
    lane = {"topic": "governance.compliance.events.v1", "partition": 3}

    async def position() -> dict[str, Any]:
        (found,) = [each for each in (await read(api, tenant))["lanes"] if each["lane"] == lane]
        assert isinstance(found, dict)
        return found

    assert await position() == {"lane": lane, "sequence": 41, "audit": {"state": "pending"}}
    api.parts.heads.advance(lane["topic"], 3, 42)  # type: ignore[arg-type]
    assert await position() == {"lane": lane, "sequence": 41, "audit": {"state": "recorded"}}
    families = {each["lane"]["topic"] for each in (await read(api, tenant))["lanes"]}
    assert families <= {"governance.compliance.events.v1", "governance.evidence.events.v1"}


async def test_an_unchanged_dashboard_is_answered_with_304(
    api: Api, compliance: Compliance, tenant: str
) -> None:
    first = await api.client.get(PATH, headers=bearer(tenant))
    headers = {**bearer(tenant), "If-None-Match": first.headers["etag"]}
    assert (await api.client.get(PATH, headers=headers)).status_code == 304
    await compliance.workflow(tenant)
    assert (await api.client.get(PATH, headers=headers)).status_code == 200


@pytest.mark.parametrize("query", ["regulation=soc2", "limit=5"])
async def test_the_dashboard_takes_no_parameters(api: Api, tenant: str, query: str) -> None:
    response = await api.client.get(f"{PATH}?{query}", headers=bearer(tenant))
    assert [error["field"] for error in response.json()["errors"]] == [query.partition("=")[0]]
