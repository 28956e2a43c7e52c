"""``/api/v1/regulations``: what the library says, and nothing that it does not."""

from typing import Any

import pytest

from regulations.automation import automated, automation
from tests.api.compliance_rows import LIBRARY
from tests.api.conftest import Api, bearer

PATH = "/api/v1/regulations"

SUPPORTED = {
    "soc2": ("SOC 2 Type II", "Security, Availability, Processing Integrity", 61, "partial"),
    "iso27001": ("ISO 27001:2022", "Information Security Management", 123, "partial"),
    "hipaa": ("HIPAA", "Healthcare data protection", 143, "partial"),
    "iso42001": ("ISO 42001:2023", "AI Management Systems", 70, "full"),
    "eu_ai_act": ("EU AI Act", "AI systems risk classification", 47, "partial"),
    "fedramp": ("FedRAMP Moderate", "US Federal cloud services", 323, "partial"),
}
"""Code: name, scope, controls, and the auto-assessment that the design gives."""


async def got(api: Api, tenant: str, path: str = PATH) -> dict[str, Any]:
    """One answer."""
    response = await api.client.get(path, headers=bearer(tenant))
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def walked(api: Api, tenant: str, path: str) -> list[dict[str, Any]]:
    """The items of every page."""
    found: list[dict[str, Any]] = []
    following: str | None = path
    while following is not None:
        page = await got(api, tenant, following)
        found += page["items"]
        following = page["next"]
    return found


async def test_every_supported_regulation_is_listed(api: Api, tenant: str) -> None:
    items = {item["code"]: item for item in (await got(api, tenant))["items"]}
    assert items.keys() == SUPPORTED.keys() == LIBRARY.regulations.keys()
    for code, (name, scope, controls, planned) in SUPPORTED.items():
        item = items[code]
        assert (item["name"], item["scope"], item["counts"]["controls"]) == (name, scope, controls)
        assert item["auto_assessment"]["planned"]["level"] == planned
        assert item["version"] == LIBRARY.regulations[code].version
        assert sum(item["counts"]["by_kind"].values()) == controls


@pytest.mark.parametrize("code", SUPPORTED)
async def test_what_is_planned_is_not_shown_as_available(api: Api, tenant: str, code: str) -> None:
    answers = automation(LIBRARY.regulations[code], LIBRARY.hub)
    (item,) = [item for item in (await got(api, tenant))["items"] if item["code"] == code]
    for name, coverage in (("available", answers.available), ("planned", answers.planned)):
        assert item["auto_assessment"][name] == {
            "level": coverage.level,
            "covered": len(coverage.covered),
            "total": coverage.total,
        }
    assert answers.available.covered < answers.planned.covered


@pytest.mark.parametrize("code", SUPPORTED)
async def test_the_controls_are_those_of_the_catalogue_in_its_order(api: Api, tenant: str, code: str) -> None:
    regulation = LIBRARY.regulations[code]
    found = await walked(api, tenant, f"{PATH}/{code}/controls")
    assert [control["control_id"] for control in found] == [control.id for control in regulation.rows]
    status = automated(regulation, LIBRARY.hub)
    assert {control["control_id"]: control["automation"] for control in found} == {
        control.id: status[control.id] for control in regulation.rows
    }


async def test_finer_ids_come_when_they_are_asked_for(api: Api, tenant: str) -> None:
    everything = LIBRARY.regulations["eu_ai_act"].controls
    found = await walked(api, tenant, f"{PATH}/eu_ai_act/controls?finer=true&limit=150")
    assert [control["control_id"] for control in found] == [control.id for control in everything]
    parent = next(control.parent for control in everything if control.finer)
    below = await walked(api, tenant, f"{PATH}/eu_ai_act/controls?parent={parent}")
    assert [each["control_id"] for each in below] == [each.id for each in everything if each.parent == parent]


async def test_a_control_shows_its_mappings_and_what_suffices(api: Api, tenant: str) -> None:
    found = {item["control_id"]: item for item in await walked(api, tenant, f"{PATH}/iso42001/controls")}
    regulation = LIBRARY.regulations["iso42001"]
    for control in regulation.rows:
        item = found[control.id]
        assert item["title"] == control.title
        assert [each["technical_control"] for each in item["mappings"]] == [
            mapping.technical_control for mapping in regulation.mappings_of(control.id)
        ]
        assert (item["manual"] is None) == bool(item["mappings"])
    (mapping,) = found["4.1"]["mappings"]
    assert mapping == {
        "technical_control": "TC-032",
        "title": LIBRARY.hub["TC-032"].title,
        "mode": "D",
        "check": LIBRARY.hub["TC-032"].check is not None,
        "relation": "equivalent-to",
        "suffices": True,
        "strength": 6,
        "completing_set": [],
        "parameters": {},
        "rationale": mapping["rationale"],
        "reviewer": "maintainers",
    }


async def test_controls_are_filtered_and_counted(api: Api, tenant: str) -> None:
    regulation = LIBRARY.regulations["iso42001"]
    status = automated(regulation, LIBRARY.hub)
    page = await got(api, tenant, f"{PATH}/iso42001/controls?kind=annex_a&limit=5")
    assert (page["total"], len(page["items"])) == (38, 5)
    assert page["version"] == regulation.version
    for name in ("available", "planned", "partly", "manual"):
        found = await walked(api, tenant, f"{PATH}/iso42001/controls?automation={name}&limit=7")
        expected = [control.id for control in regulation.rows if status[control.id] == name]
        assert [control["control_id"] for control in found] == expected
    served = await walked(api, tenant, f"{PATH}/iso42001/controls?technical_control=TC-032&limit=3")
    by_mapping = {each.control for each in regulation.mappings if each.technical_control == "TC-032"}
    assert {control["control_id"] for control in served} == by_mapping
    assert await walked(api, tenant, f"{PATH}/iso42001/controls?kind=never") == []


@pytest.mark.parametrize("limit", [1, 61, 62])
async def test_pages_give_every_control_once(api: Api, tenant: str, limit: int) -> None:
    found = await walked(api, tenant, f"{PATH}/soc2/controls?limit={limit}")
    assert [item["control_id"] for item in found] == [each.id for each in LIBRARY.regulations["soc2"].rows]


@pytest.mark.parametrize("code", ["never", "ISO42001", "iso42001%20", "%00", "x" * 3000])
async def test_an_unknown_regulation_is_not_found(api: Api, tenant: str, code: str) -> None:
    response = await api.client.get(f"{PATH}/{code}/controls", headers=bearer(tenant))
    assert response.status_code == 404
    assert response.json()["detail"] == "There is no such regulation."


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("automation=full", "automation"),
        ("kind=", "kind"),
        ("finer=maybe", "finer"),
        ("technical_control=%00", "technical_control"),
        ("parent=", "parent"),
        ("limit=0", "limit"),
        ("cursor=abc", "cursor"),
        ("regulation=soc2", "regulation"),
    ],
)
async def test_a_bad_filter_is_refused_by_its_name(api: Api, tenant: str, query: str, field: str) -> None:
    response = await api.client.get(f"{PATH}/iso42001/controls?{query}", headers=bearer(tenant))
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [field]


async def test_a_cursor_belongs_to_its_regulation(api: Api, tenant: str) -> None:
    page = await got(api, tenant, f"{PATH}/iso42001/controls?limit=5")
    foreign = page["next"].replace("iso42001", "soc2")
    response = await api.client.get(foreign, headers=bearer(tenant))
    assert response.json()["errors"] == [
        {"field": "cursor", "detail": "belongs to a list with other filters"}
    ]


@pytest.mark.parametrize("path", [PATH, f"{PATH}/iso42001/controls?kind=clause"])
async def test_an_unchanged_catalogue_is_answered_with_304(api: Api, tenant: str, path: str) -> None:
    first = await api.client.get(path, headers=bearer(tenant))
    again = await api.client.get(path, headers={**bearer(tenant), "If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
