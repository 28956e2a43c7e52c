"""``/api/v1/decision-points``, and decisions that asked one or were overridden."""

from schemas.envelope import timestamp
from schemas.identity import decision_point_id, policy_id
from tests.api.conftest import Api, bearer
from tests.api.rows import History
from tests.api.test_decisions import listed

PATH = "/api/v1/decision-points"


async def test_a_decision_point_is_read_by_its_id_and_by_its_name(
    api: Api, history: History, tenant: str
) -> None:
    identity = await history.decision_point(tenant, "promote", [("gate", policy_id(tenant, "gate"))])
    assert identity == decision_point_id(tenant, "promote")
    by_name = await api.client.get(f"{PATH}/promote", headers=bearer(tenant))
    by_id = await api.client.get(f"{PATH}/{identity}", headers=bearer(tenant))
    assert by_name.status_code == 200, by_name.text
    found = by_name.json()
    assert found == by_id.json()
    assert (found["name"], found["combining"], found["updated_by"]) == ("promote", "deny_overrides", "ann")
    assert found["policies"] == [{"policy_id": policy_id(tenant, "gate"), "policy": "gate"}]
    assert found["freshness"]["version"] == 1
    assert (await api.client.get(f"{PATH}/promote", headers=bearer("another"))).status_code == 404


async def test_decision_points_are_listed_newest_first_in_pages(
    api: Api, history: History, tenant: str
) -> None:
    for name in ("a", "b", "c"):
        await history.decision_point(tenant, name, [("gate", policy_id(tenant, "gate"))])
    first = (await api.client.get(f"{PATH}?limit=2", headers=bearer(tenant))).json()
    rest = (await api.client.get(first["next"], headers=bearer(tenant))).json()
    assert [item["name"] for item in first["items"] + rest["items"]] == ["c", "b", "a"]
    assert rest["next"] is None


async def test_a_decision_shows_what_every_policy_of_its_point_said(
    api: Api, history: History, tenant: str
) -> None:
    plain = await history.decision(tenant, "gate")
    written = await history.combined(tenant, "promote", ["gate", "licence"])
    response = await api.client.get(f"/api/v1/decisions/{written.event_id}", headers=bearer(tenant))
    assert response.status_code == 200, response.text
    found = response.json()
    assert (found["decision_point"], found["combining"], found["binding"]) == (
        "promote",
        "deny_overrides",
        "b-1",
    )
    assert [(part["policy"], part["effect"], part["version"]) for part in found["parts"]] == [
        ("gate", "deny", 1),
        ("licence", "deny", 1),
    ]
    assert b'"result":{"allow": false, "score": 1.50}' in response.content.partition(b'"parts":')[2]
    assert found["parts"][0]["obligations"] == [{"log": 1.5}]
    assert await listed(api, tenant, decision_point="promote") == [written.event_id]
    assert await listed(api, tenant) == [written.event_id, plain.event_id]


async def test_an_override_is_shown_at_its_decision_and_found_in_the_list(
    api: Api, history: History, tenant: str
) -> None:
    denied = [await history.decision(tenant, "gate", outcome="deny") for _ in range(4)]
    overrides = [await history.override(tenant, denied[place]) for place in (2, 0)]
    one = (await api.client.get(f"/api/v1/decisions/{denied[2].event_id}", headers=bearer(tenant))).json()
    assert (one["overridden"], one["outcome"]) == (True, "deny")
    assert one["override"] == {
        "event_id": overrides[0].event_id,
        "overridden_by": "ben",
        "overridden_at": timestamp(overrides[0].at),
        "reason": "looked at it",
    }
    assert (one["freshness"]["version"], one["freshness"]["event_id"]) == (2, overrides[0].event_id)
    assert await listed(api, tenant, overridden="true") == [denied[2].event_id, denied[0].event_id]
    assert await listed(api, tenant, overridden="false") == [denied[3].event_id, denied[1].event_id]
    page = (await api.client.get("/api/v1/decisions?overridden=true&limit=1", headers=bearer(tenant))).json()
    rest = (await api.client.get(page["next"], headers=bearer(tenant))).json()
    assert [item["decision_id"] for item in rest["items"]] == [denied[0].event_id]
