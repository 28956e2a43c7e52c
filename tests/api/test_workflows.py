"""``/api/v1/compliance/workflows``."""

from datetime import timedelta
from urllib.parse import quote

import pytest

from schemas.envelope import timestamp
from schemas.identity import workflow_id
from tests.api.compliance_rows import LIBRARY, Compliance
from tests.api.conftest import Api, bearer

PATH = "/api/v1/compliance/workflows"
NAME = "ISO 42001 Annual Assessment 2026"


async def names(api: Api, tenant: str, query: str = "") -> list[str]:
    """Names of one page."""
    response = await api.client.get(PATH + query, headers=bearer(tenant))
    assert response.status_code == 200, response.text
    return [item["name"] for item in response.json()["items"]]


async def test_a_workflow_is_read_by_its_id_and_by_its_name(
    api: Api, compliance: Compliance, tenant: str
) -> None:
    place = await compliance.workflow(tenant, NAME, applicable=40, excluded=2, assessed=10, satisfied=4)
    by_name = await api.client.get(f"{PATH}/{quote(NAME)}", headers=bearer(tenant))
    by_id = await api.client.get(f"{PATH}/{workflow_id(tenant, NAME)}", headers=bearer(tenant))
    assert by_name.status_code == by_id.status_code == 200
    assert by_name.json() == by_id.json()
    found = by_name.json()
    assert len(found.pop("controls")) == 70
    assert found == {
        "workflow_id": workflow_id(tenant, NAME),
        "name": NAME,
        "regulation": "iso42001",
        "edition": "ISO/IEC 42001:2023",
        "regulation_version": LIBRARY.regulations["iso42001"].version,
        "law_version": "2023",
        "description": "",
        "boundary": "all AI systems",
        "owner": "ann",
        "choices": {},
        "period_start": "2026-01-01",
        "period_end": "2027-01-01",
        "period_ended": False,
        "overdue": False,
        "state": "draft",
        "phase": "draft",
        "excluded": 2,
        "undecided": 28,
        "standing": {
            "controls_total": 70,
            "applicable": 40,
            "assessed": 10,
            "satisfied": 4,
            "coverage": 0.25,
            "conformity": 0.1,
        },
        "created_by": "ann",
        "created_at": timestamp(place.at),
        "updated_at": timestamp(place.at),
        "freshness": {
            "version": 1,
            "event_id": place.event_id,
            "lane": {"topic": place.topic, "partition": place.partition},
            "sequence": place.sequence,
            "audit": {"state": "pending"},
        },
        "timers": [
            {
                "name": "period_end",
                "generation": 1,
                "due_at": "2027-01-01T00:00:00.000000Z",
                "state": "armed",
            }
        ],
    }


async def test_controls_stand_in_catalogue_order_with_who_decided(
    api: Api, compliance: Compliance, tenant: str
) -> None:
    place = await compliance.workflow(tenant)
    columns = {"applicability": "excluded", "reason": "no suppliers", "decided_by": "ann"}
    await compliance.decide(tenant, place.id, "A.10.3", **columns, approved_by="ben", state="not_applicable")
    found = (await api.client.get(f"{PATH}/{place.id}", headers=bearer(tenant))).json()["controls"]
    rows = LIBRARY.regulations["iso42001"].rows
    assert [control["control_id"] for control in found] == [control.id for control in rows]
    (excluded,) = [control for control in found if control["control_id"] == "A.10.3"]
    assert excluded == {
        "control_id": "A.10.3",
        "title": LIBRARY.regulations["iso42001"].control("A.10.3").title,
        "applicability": "excluded",
        "reason": "no suppliers",
        "decided_by": "ann",
        "approved_by": "ben",
        "owner": None,
        "assessor": None,
        "state": "not_applicable",
    }


async def test_without_an_applicable_control_there_is_no_share(
    api: Api, compliance: Compliance, tenant: str
) -> None:
    place = await compliance.workflow(tenant)
    standing = (await api.client.get(f"{PATH}/{place.id}", headers=bearer(tenant))).json()["standing"]
    assert (standing["applicable"], standing["coverage"], standing["conformity"]) == (0, None, None)


@pytest.mark.parametrize(
    ("phase", "overdue"), [("in_progress", True), ("completed", True), ("closed", False)]
)
async def test_a_workflow_is_overdue_while_it_is_open_after_its_period(
    api: Api, compliance: Compliance, tenant: str, phase: str, overdue: bool
) -> None:
    place = await compliance.workflow(tenant, phase=phase, period_ended=True)
    assert (await api.client.get(f"{PATH}/{place.id}", headers=bearer(tenant))).json()["overdue"] is overdue


async def test_workflows_are_listed_newest_first_and_filtered(
    api: Api, compliance: Compliance, tenant: str
) -> None:
    first = await compliance.workflow(tenant, "one")
    second = await compliance.workflow(tenant, "two", "soc2", "collecting", "in_progress", "ben")
    await compliance.workflow(tenant, "three", "soc2", "cancelled", "closed")
    assert await names(api, tenant) == ["three", "two", "one"]
    assert await names(api, tenant, "?regulation=soc2") == ["three", "two"]
    assert await names(api, tenant, "?state=collecting") == ["two"]
    assert await names(api, tenant, "?phase=closed") == ["three"]
    assert await names(api, tenant, "?owner=ann") == ["three", "one"]
    assert await names(api, tenant, "?name=one") == ["one"]
    assert await names(api, tenant, "?owner=ann&regulation=soc2") == ["three"]
    assert await names(api, tenant, "?regulation=never") == []
    assert await names(api, tenant, f"?from={timestamp(second.at)}") == ["three", "two"]
    assert await names(api, tenant, f"?to={timestamp(second.at)}&from={timestamp(first.at)}") == ["one"]


async def test_workflows_of_one_instant_are_split_over_pages_without_loss(
    api: Api, compliance: Compliance, tenant: str
) -> None:
    compliance.step = timedelta(0)
    for number in range(5):
        await compliance.workflow(tenant, f"w{number}")
    found: list[str] = []
    following: str | None = f"{PATH}?limit=2&regulation=iso42001"
    while following is not None:
        page = (await api.client.get(following, headers=bearer(tenant))).json()
        found += [item["name"] for item in page["items"]]
        following = page["next"]
    assert sorted(found) == [f"w{number}" for number in range(5)]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=done", "state"),
        ("state=DRAFT", "state"),
        ("phase=open", "phase"),
        ("regulation=", "regulation"),
        ("owner=%00", "owner"),
        ("name=" + "x" * 201, "name"),
        ("from=yesterday", "from"),
        ("to=2026-05-04", "to"),
        ("status=draft", "status"),
        ("cursor=abc", "cursor"),
        ("limit=201", "limit"),
    ],
)
async def test_a_bad_filter_is_refused_by_its_name(api: Api, tenant: str, query: str, field: str) -> None:
    response = await api.client.get(f"{PATH}?{query}", headers=bearer(tenant))
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [field]


@pytest.mark.parametrize("wrong", ["never", "0197c3a0-b1f2-7d4e-8a5c-6d7e8f901234", "%00", "x" * 3000])
async def test_a_wrong_workflow_is_not_found(api: Api, tenant: str, wrong: str) -> None:
    response = await api.client.get(f"{PATH}/{wrong}", headers=bearer(tenant))
    assert response.status_code == 404
    assert response.json()["detail"] == "There is no such workflow."


async def test_an_unchanged_workflow_is_answered_with_304(
    api: Api, compliance: Compliance, tenant: str
) -> None:
    place = await compliance.workflow(tenant)
    first = await api.client.get(f"{PATH}/{place.id}", headers=bearer(tenant))
    headers = {**bearer(tenant), "If-None-Match": first.headers["etag"]}
    assert (await api.client.get(f"{PATH}/{place.id}", headers=headers)).status_code == 304
    await compliance.decide(tenant, place.id, "4.1", owner="ben")
    assert (await api.client.get(f"{PATH}/{place.id}", headers=headers)).status_code == 200


async def test_a_workflow_tells_when_the_wall_has_its_last_event(
    api: Api, compliance: Compliance, tenant: str
) -> None:
    place = await compliance.workflow(tenant)
    api.parts.heads.advance(place.topic, place.partition, place.sequence + 1)
    found = (await api.client.get(f"{PATH}/{place.id}", headers=bearer(tenant))).json()
    assert found["freshness"]["audit"] == {"state": "recorded"}
