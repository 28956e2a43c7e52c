"""``/api/v1/policies``."""

from datetime import timedelta

import pytest

from schemas.envelope import timestamp
from schemas.identity import policy_id
from tests.api.bodies import REGO
from tests.api.conftest import Api, bearer
from tests.api.rows import History

PATH = "/api/v1/policies"


async def names(api: Api, tenant: str, query: str = "") -> list[str]:
    """Names of one page."""
    response = await api.client.get(PATH + query, headers=bearer(tenant))
    assert response.status_code == 200, response.text
    return [item["name"] for item in response.json()["items"]]


async def test_a_policy_is_read_by_its_id_and_by_its_name(api: Api, history: History, tenant: str) -> None:
    created = await history.policy(tenant, "gate", versions=2, active=1)
    by_name = await api.client.get(f"{PATH}/gate", headers=bearer(tenant))
    by_id = await api.client.get(f"{PATH}/{policy_id(tenant, 'gate')}", headers=bearer(tenant))
    assert by_name.status_code == by_id.status_code == 200
    assert by_name.json() == by_id.json()
    found = by_name.json()
    versions = found.pop("versions")
    at = timestamp(created.at)
    assert found == {
        "policy_id": policy_id(tenant, "gate"),
        "name": "gate",
        "policy_type": "opa_rego",
        "state": "active",
        "newest_version": 2,
        "active_version": 1,
        "activation_event": created.event_id,
        "created_at": at,
        "updated_at": at,
        "freshness": {
            "version": 2,
            "event_id": created.event_id,
            "lane": {"topic": created.topic, "partition": created.partition},
            "sequence": created.sequence,
            "audit": {"state": "pending"},
        },
    }
    assert [(v["version"], v["state"]) for v in versions] == [(2, "validated"), (1, "active")]
    digest = versions[1].pop("module_digest")
    assert len(digest) == 64
    assert versions[1] == {
        "version": 1,
        "state": "active",
        "package": "aumos.governance.model_promotion",
        "rego_content": REGO + "# 1\n",
        "regulation_refs": ["iso42001", "soc2"],
        "description": "",
        "enforcement": "mandatory",
        "fail_mode": "closed",
        "timeout_ms": None,
        "warnings": [
            {"file": "p.rego", "row": 3, "column": 1, "rule": "style", "message": "long", "hint": ""}
        ],
        "author": "ann",
        "created_at": at,
        "activating_since": None,
        "superseded_at": None,
        "personal_fields": [],
        "input_storage": "full",
        "files": [],
        "checked": None,
    }


async def test_many_versions_are_cut_to_the_newest_and_the_active_one(
    api: Api, history: History, tenant: str
) -> None:
    await history.policy(tenant, "old", versions=60, active=3)
    found = (await api.client.get(f"{PATH}/old", headers=bearer(tenant))).json()
    assert [version["version"] for version in found["versions"]] == [*range(60, 10, -1), 3]


async def test_a_draft_has_no_active_version(api: Api, history: History, tenant: str) -> None:
    await history.policy(tenant, "draft", state="draft", active=None)
    found = (await api.client.get(f"{PATH}/draft", headers=bearer(tenant))).json()
    assert (found["state"], found["active_version"]) == ("draft", None)


async def test_policies_are_listed_newest_first_and_filtered(api: Api, history: History, tenant: str) -> None:
    await history.policy(tenant, "one")
    await history.policy(tenant, "two", state="retired", active=None)
    await history.policy(tenant, "three")
    assert await names(api, tenant) == ["three", "two", "one"]
    assert await names(api, tenant, "?state=active") == ["three", "one"]
    assert await names(api, tenant, "?state=retired") == ["two"]
    assert await names(api, tenant, "?name=one") == ["one"]
    assert await names(api, tenant, "?name=one&state=retired") == []
    assert await names(api, tenant, "?name=never") == []


async def test_policies_of_one_instant_are_split_over_pages_without_loss(
    api: Api, history: History, tenant: str
) -> None:
    history.step = timedelta(0)
    for number in range(7):
        await history.policy(tenant, f"p{number}")
    found: list[str] = []
    following: str | None = f"{PATH}?limit=2"
    while following is not None:
        page = (await api.client.get(following, headers=bearer(tenant))).json()
        found += [item["name"] for item in page["items"]]
        following = page["next"]
    assert sorted(found) == [f"p{number}" for number in range(7)]


@pytest.mark.parametrize(
    ("query", "field"),
    [("state=deciding", "state"), ("name=", "name"), ("limit=0", "limit"), ("page=2", "page")],
)
async def test_a_bad_filter_is_refused_by_its_name(api: Api, tenant: str, query: str, field: str) -> None:
    response = await api.client.get(f"{PATH}?{query}", headers=bearer(tenant))
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [field]


@pytest.mark.parametrize("wrong", ["never", "0197c3a0-b1f2-7d4e-8a5c-6d7e8f901234", "%00", "x" * 3000])
async def test_a_wrong_policy_is_not_found(api: Api, tenant: str, wrong: str) -> None:
    assert (await api.client.get(f"{PATH}/{wrong}", headers=bearer(tenant))).status_code == 404


async def test_a_single_policy_takes_no_parameters(api: Api, history: History, tenant: str) -> None:
    await history.policy(tenant, "gate")
    response = await api.client.get(f"{PATH}/gate?version=1", headers=bearer(tenant))
    assert response.json()["errors"] == [{"field": "version", "detail": "there is no such parameter"}]


async def test_an_unchanged_policy_is_answered_with_304(api: Api, history: History, tenant: str) -> None:
    await history.policy(tenant, "gate")
    first = await api.client.get(f"{PATH}/gate", headers=bearer(tenant))
    headers = {**bearer(tenant), "If-None-Match": first.headers["etag"]}
    assert (await api.client.get(f"{PATH}/gate", headers=headers)).status_code == 304
