"""``/api/v1/policies/{id}/replays`` and ``/decisions/inputs``."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from projections.api.pages import MAX_INPUTS
from schemas.envelope import timestamp
from tests.api.bodies import REPORT
from tests.api.conftest import Api, bearer
from tests.api.rows import History
from tests.api.test_policy_lists import walked

PATH = "/api/v1/policies"


async def lines(api: Api, tenant: str, path: str) -> list[list[dict[str, Any]]]:
    """The lines of every page."""
    found: list[list[dict[str, Any]]] = []
    following: str | None = path
    while following is not None:
        response = await api.client.get(following, headers=bearer(tenant))
        assert response.status_code == 200, response.text
        assert response.headers["content-type"] == "application/x-ndjson"
        found.append([orjson.loads(line) for line in response.content.splitlines()])
        following = response.links.get("next", {}).get("url")
    return found


async def test_replays_are_listed_newest_first_with_what_they_found(
    api: Api, history: History, tenant: str
) -> None:
    await history.policy(tenant, "gate", versions=2)
    first = await history.replay(tenant)
    second = await history.replay(tenant, outcome="running", version=2)
    found = await walked(api, tenant, f"{PATH}/gate/replays?limit=1")
    assert [(each["replay_id"], each["outcome"]) for each in found] == [
        (second, "running"),
        (first, "over_budget"),
    ]
    assert found[0]["report"] is None
    assert (found[1]["report"], found[1]["reason"]) == (REPORT, "9 answers change, 2 may")


async def test_a_version_says_that_it_is_replayed(api: Api, history: History, tenant: str) -> None:
    await history.policy(tenant, "gate", versions=3)
    await history.replay(tenant, version=3)
    await history.replay(tenant, outcome="running", version=2)
    policy = (await api.client.get(f"{PATH}/gate", headers=bearer(tenant))).json()
    assert [version["state"] for version in policy["versions"]] == ["validated", "replaying", "active"]


async def test_inputs_come_as_lines_page_by_page_and_none_twice(
    api: Api, history: History, tenant: str
) -> None:
    await history.policy(tenant, "gate")
    await history.policy(tenant, "tools")
    decided = [
        await history.decision(tenant, "gate", f"model/{n}", document=b'{\n"n": %d\r\n}' % n)
        for n in range(5)
    ]
    await history.decision(tenant, "tools")
    pages = await lines(api, tenant, f"{PATH}/gate/decisions/inputs?limit=2")
    assert [len(page) for page in pages] == [2, 2, 1]
    found = [line for page in pages for line in page]
    assert [line["decision_id"] for line in found] == [each.event_id for each in reversed(decided)]
    assert found[0] == {
        "decision_id": decided[4].event_id,
        "resource": "model/4",
        "version": 1,
        "error": "",
        "result": {"allow": True, "score": 1.5},
        "input": {"n": 4},
    }


async def test_inputs_of_decision_points_come_with_what_the_policy_itself_said(
    api: Api, history: History, tenant: str
) -> None:
    for name in ("gate", "tools", "never"):
        await history.policy(tenant, name)
    alone = await history.decision(tenant, "tools", "model/1")
    asked = [await history.combined(tenant, "release", ["gate", "tools"]) for _ in range(3)]
    for name, decided in (("gate", asked), ("tools", [alone, *asked]), ("never", [])):
        pages = await lines(api, tenant, f"{PATH}/{name}/decisions/inputs?limit=2")
        found = [line for page in pages for line in page]
        assert [line["decision_id"] for line in found] == [each.event_id for each in reversed(decided)], name
    assert found == []


async def test_inputs_are_narrowed_by_time(api: Api, history: History, tenant: str) -> None:
    await history.policy(tenant, "gate")
    decided = [await history.decision(tenant, "gate") for _ in range(3)]
    since, until = timestamp(decided[1].at), timestamp(decided[2].at)
    (page,) = await lines(api, tenant, f"{PATH}/gate/decisions/inputs?from={since}&to={until}")
    assert [line["decision_id"] for line in page] == [decided[1].event_id]
    later = timestamp(decided[2].at + timedelta(seconds=1))
    assert await lines(api, tenant, f"{PATH}/gate/decisions/inputs?from={later}") == [[]]


async def test_a_shadow_is_shown_with_the_sums_of_all_lanes_by_day(
    api: Api, history: History, tenant: str
) -> None:
    await history.policy(tenant, "gate", versions=2)
    nothing = (await api.client.get(f"{PATH}/gate/shadow", headers=bearer(tenant))).json()
    assert (nothing["current"], nothing["days"]) == (None, [])
    for partition in (0, 5):
        await history.shadow(tenant, version=2, partition=partition)
    shown = (await api.client.get(f"{PATH}/gate/shadow", headers=bearer(tenant))).json()
    assert (shown["current"]["version"], shown["current"]["loaded"]) == (2, True)
    assert [(day["version"], day["compared"], day["differed"], day["dropped"]) for day in shown["days"]] == [
        (2, 200, 6, 4)
    ]
    other = (await api.client.get(f"{PATH}/gate/shadow?version=1", headers=bearer(tenant))).json()
    assert other["days"] == []
    policy = (await api.client.get(f"{PATH}/gate", headers=bearer(tenant))).json()
    assert [version["state"] for version in policy["versions"]] == ["shadow", "active"]


@pytest.mark.parametrize("path", ["replays", "decisions/inputs", "shadow"])
async def test_another_tenants_policy_is_answered_like_none(
    api: Api, history: History, tenant: str, path: str
) -> None:
    await history.policy(tenant, "gate")
    for name in ("gate", "nothing"):
        response = await api.client.get(f"{PATH}/{name}/{path}", headers=bearer(f"{tenant}-other"))
        assert response.status_code == 404


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("replays", "cursor=abc"),
        ("decisions/inputs", "cursor=abc"),
        ("decisions/inputs", f"limit={MAX_INPUTS + 1}"),
        ("decisions/inputs", "from=yesterday"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    api: Api, history: History, tenant: str, path: str, query: str
) -> None:
    await history.policy(tenant, "gate")
    response = await api.client.get(f"{PATH}/gate/{path}?{query}", headers=bearer(tenant))
    assert response.status_code == 422


async def test_both_need_the_reading_scope(api: Api, tenant: str) -> None:
    for path in ("replays", "decisions/inputs"):
        response = await api.client.get(f"{PATH}/gate/{path}", headers=bearer(tenant, "audit:read"))
        assert response.status_code == 403
