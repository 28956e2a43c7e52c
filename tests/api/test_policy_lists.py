"""``/api/v1/policies/{id}/versions`` and ``/api/v1/policies/{id}/decisions``."""

from datetime import timedelta
from typing import Any

import pytest

from schemas.envelope import timestamp
from schemas.identity import policy_id
from tests.api.conftest import Api, bearer
from tests.api.rows import History

PATH = "/api/v1/policies"


async def walked(api: Api, tenant: str, path: str) -> list[dict[str, Any]]:
    """The items of every page."""
    found: list[dict[str, Any]] = []
    following: str | None = path
    while following is not None:
        response = await api.client.get(following, headers=bearer(tenant))
        assert response.status_code == 200, response.text
        page = response.json()
        found += page["items"]
        following = page["next"]
    return found


@pytest.mark.parametrize("limit", [1, 7, 22, 23, 50])
async def test_pages_give_every_version_once_newest_first(
    api: Api, history: History, tenant: str, limit: int
) -> None:
    await history.policy(tenant, "gate", versions=23, active=4)
    found = await walked(api, tenant, f"{PATH}/gate/versions?limit={limit}")
    assert [version["version"] for version in found] == list(range(23, 0, -1))
    assert [version["version"] for version in found if version["state"] == "active"] == [4]


async def test_a_version_is_the_same_in_the_list_and_in_its_policy(
    api: Api, history: History, tenant: str
) -> None:
    await history.policy(tenant, "gate", versions=3)
    whole = (await api.client.get(f"{PATH}/gate", headers=bearer(tenant))).json()
    page = (
        await api.client.get(f"{PATH}/{policy_id(tenant, 'gate')}/versions", headers=bearer(tenant))
    ).json()
    assert page == {
        "policy_id": whole["policy_id"],
        "freshness": whole["freshness"],
        "items": whole["versions"],
        "next": None,
    }


async def test_a_policy_shows_its_own_decisions_newest_first(api: Api, history: History, tenant: str) -> None:
    await history.policy(tenant, "gate")
    await history.policy(tenant, "tools")
    first = await history.decision(tenant, "gate", "model/a", "ann", "allow")
    second = await history.decision(tenant, "gate", "model/b", "ben", "deny")
    await history.decision(tenant, "tools", "model/a", "ben", "deny")

    async def ids(query: str = "") -> list[str]:
        found = await walked(api, tenant, f"{PATH}/gate/decisions?limit=1{query}")
        return [item["decision_id"] for item in found]

    assert await ids() == [second.event_id, first.event_id]
    assert await ids("&outcome=deny") == [second.event_id]
    assert await ids("&actor=ann") == [first.event_id]
    assert await ids("&resource=model/b") == [second.event_id]
    assert await ids(f"&from={timestamp(second.at)}") == [second.event_id]
    assert await ids(f"&to={timestamp(second.at)}") == [first.event_id]
    assert await ids("&outcome=deny&actor=ann") == []


async def test_decisions_of_one_instant_are_split_over_pages_without_loss(
    api: Api, history: History, tenant: str
) -> None:
    await history.policy(tenant, "gate")
    history.step = timedelta(0)
    written = {(await history.decision(tenant, "gate")).event_id for _ in range(7)}
    found = await walked(api, tenant, f"{PATH}/gate/decisions?limit=2")
    assert (len(found), {item["decision_id"] for item in found}) == (7, written)


@pytest.mark.parametrize("part", ["versions", "decisions"])
@pytest.mark.parametrize("wrong", ["never", "0197c3a0-b1f2-7d4e-8a5c-6d7e8f901234", "%00", "x" * 3000])
async def test_parts_of_a_wrong_policy_are_not_found(api: Api, tenant: str, part: str, wrong: str) -> None:
    response = await api.client.get(f"{PATH}/{wrong}/{part}", headers=bearer(tenant))
    assert response.status_code == 404
    assert response.json()["detail"] == "There is no such policy."


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("versions?limit=51", "limit"),
        ("versions?state=active", "state"),
        ("versions?cursor=abc", "cursor"),
        ("versions?cursor=WyJhIiwtMV0", "cursor"),
        ("decisions?policy=other", "policy"),
        ("decisions?outcome=maybe", "outcome"),
        ("decisions?from=now", "from"),
        ("decisions?cursor=abc", "cursor"),
    ],
)
async def test_a_bad_parameter_is_refused_by_its_name(
    api: Api, history: History, tenant: str, query: str, field: str
) -> None:
    await history.policy(tenant, "gate")
    response = await api.client.get(f"{PATH}/gate/{query}", headers=bearer(tenant))
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [field]


async def test_a_version_cursor_belongs_to_its_policy(api: Api, history: History, tenant: str) -> None:
    for name in ("one", "two"):
        await history.policy(tenant, name, versions=3)
    page = (await api.client.get(f"{PATH}/one/versions?limit=1", headers=bearer(tenant))).json()
    response = await api.client.get(page["next"].replace("/one/", "/two/"), headers=bearer(tenant))
    assert [error["field"] for error in response.json()["errors"]] == ["cursor"]
