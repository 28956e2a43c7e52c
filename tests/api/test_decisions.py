"""``/api/v1/decisions``."""

from datetime import timedelta
from hashlib import sha256

import pytest

from schemas.envelope import timestamp
from schemas.identity import policy_id
from tests.api.conftest import Api, bearer
from tests.api.rows import History

PATH = "/api/v1/decisions"


async def listed(api: Api, tenant: str, **query: str | int) -> list[str]:
    """Ids of one page."""
    response = await api.client.get(PATH, params=query, headers=bearer(tenant))
    assert response.status_code == 200, response.text
    return [item["decision_id"] for item in response.json()["items"]]


async def walked(api: Api, tenant: str, path: str, between: History | None = None) -> list[str]:
    """Ids of every page; a decision is added between two pages where ``between`` is given."""
    found: list[str] = []
    following: str | None = path
    while following is not None:
        page = (await api.client.get(following, headers=bearer(tenant))).json()
        found += [item["decision_id"] for item in page["items"]]
        following = page["next"]
        if between is not None:
            await between.decision(tenant)
    return found


async def test_a_decision_shows_what_its_event_recorded(api: Api, history: History, tenant: str) -> None:
    await history.policy(tenant, "gate")
    document = b'{"accuracy": 0.910, "big": 123456789012345678901234567890, "tiny": 1E-400}'
    written = await history.decision(tenant, "gate", outcome="deny", document=document, partition=3)
    response = await api.client.get(f"{PATH}/{written.event_id}", headers=bearer(tenant))
    assert response.status_code == 200
    found = response.json()
    digest = sha256(document).hexdigest()
    assert found["input_digest"] == digest
    assert b'"input":' + document in response.content
    assert b'"result":{"allow": false, "score": 1.50}' in response.content
    del found["input"], found["result"], found["input_digest"], found["module_digest"]
    assert found == {
        "decision_id": written.event_id,
        "policy_id": policy_id(tenant, "gate"),
        "policy_name": "gate",
        "policy": "gate",
        "policy_version": 1,
        "resource": "model/m-17",
        "actor": "ann",
        "outcome": "deny",
        "basis": "policy",
        "answer": "deny",
        "occurred_at": timestamp(written.at),
        "overridden": False,
        "override": None,
        "combining": "",
        "parts": [],
        "binding": "",
        "obligations": [],
        "input_storage": "full",
        "masked": [],
        "known_decision": "",
        "decision_point": "registry.promote",
        "error": "",
        "reasons": ["the model card is missing"],
        "enforcement": "mandatory",
        "fail_mode": "closed",
        "duration_us": 812,
        "opa": "opa-0",
        "bundle_revision": 4,
        "command_id": written.command_id,
        "command_source": written.source,
        "correlation_id": written.command_id,
        "causation_id": written.command_id,
        "freshness": {
            "version": 1,
            "event_id": written.event_id,
            "lane": {"topic": "governance.evaluation.events.v1", "partition": 3},
            "sequence": written.sequence,
            "audit": {"state": "pending"},
        },
    }


async def test_a_decision_on_a_policy_that_never_was_has_no_name(
    api: Api, history: History, tenant: str
) -> None:
    written = await history.decision(tenant, "unknown")
    found = (await api.client.get(f"{PATH}/{written.event_id}", headers=bearer(tenant))).json()
    assert (found["policy_name"], found["policy"]) == (None, "unknown")


@pytest.mark.parametrize("wrong", ["0", "0197c3a0-b1f2-7d4e-8a5c-6d7e8f901234", "%00", "x" * 201, "%20"])
async def test_a_wrong_id_is_not_found(api: Api, tenant: str, wrong: str) -> None:
    response = await api.client.get(f"{PATH}/{wrong}", headers=bearer(tenant))
    assert response.status_code == 404
    assert response.json()["type"] == "urn:aumos-governance:problem:not-found"


async def test_filters_narrow_the_list_and_all_must_hold(api: Api, history: History, tenant: str) -> None:
    first = await history.decision(tenant, "gate", "model/a", "ann", "allow")
    second = await history.decision(tenant, "gate", "model/b", "ben", "deny")
    third = await history.decision(tenant, "tools", "model/a", "ben", "deny")
    ids = [written.event_id for written in (third, second, first)]
    assert await listed(api, tenant) == ids
    assert await listed(api, tenant, policy="gate") == ids[1:]
    assert await listed(api, tenant, policy=policy_id(tenant, "gate")) == ids[1:]
    assert await listed(api, tenant, outcome="deny") == ids[:2]
    assert await listed(api, tenant, resource="model/a") == [ids[0], ids[2]]
    assert await listed(api, tenant, actor="ben") == ids[:2]
    assert await listed(api, tenant, actor="ben", policy="gate") == [ids[1]]
    assert await listed(api, tenant, actor="ben", outcome="allow") == []
    assert await listed(api, tenant, policy="never") == []
    assert await listed(api, tenant, **{"from": timestamp(second.at)}) == ids[:2]
    assert await listed(api, tenant, to=timestamp(second.at)) == ids[2:]
    assert await listed(api, tenant, **{"from": timestamp(second.at), "to": timestamp(third.at)}) == [ids[1]]


async def test_a_time_filter_may_name_any_offset(api: Api, history: History, tenant: str) -> None:
    written = await history.decision(tenant)
    local = (written.at + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S.%f+02:00")
    assert await listed(api, tenant, **{"from": local}) == [written.event_id]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=many", "limit"),
        ("limit=", "limit"),
        ("outcome=maybe", "outcome"),
        ("from=yesterday", "from"),
        ("from=2026-05-04", "from"),
        ("from=2026-05-04T09:30:00", "from"),
        ("to=2026-13-04T09:30:00Z", "to"),
        ("to=0001-01-01T00:00:00%2B14:00", "to"),
        ("to=1700000000", "to"),
        ("resource=", "resource"),
        ("resource=a%00b", "resource"),
        ("actor=" + "x" * 201, "actor"),
        ("policy=%0a", "policy"),
        ("tenant=other", "tenant"),
        ("limit=3&limit=4", "limit"),
        ("cursor=", "cursor"),
        ("cursor=abc", "cursor"),
        ("cursor=%25%25", "cursor"),
        ("cursor=W10", "cursor"),
        ("cursor=" + "A" * 601, "cursor"),
    ],
)
async def test_a_bad_parameter_is_refused_by_its_name(api: Api, tenant: str, query: str, field: str) -> None:
    response = await api.client.get(f"{PATH}?{query}", headers=bearer(tenant))
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["type"] == "urn:aumos-governance:problem:invalid-parameter"
    assert [error["field"] for error in problem["errors"]] == [field]


async def test_pages_give_every_decision_once_newest_first(api: Api, history: History, tenant: str) -> None:
    written = [(await history.decision(tenant, partition=n % 8)).event_id for n in range(23)]
    for limit in (1, 5, 22, 23, 24):
        assert await walked(api, tenant, f"{PATH}?limit={limit}") == written[::-1]


async def test_decisions_of_one_instant_are_split_over_pages_without_loss(
    api: Api, history: History, tenant: str
) -> None:
    oldest = (await history.decision(tenant)).event_id
    written = {(await history.decision(tenant)).event_id}
    history.step = timedelta(0)
    written |= {(await history.decision(tenant)).event_id for _ in range(8)}
    history.step = timedelta(milliseconds=1)
    newest = (await history.decision(tenant)).event_id
    found = await walked(api, tenant, f"{PATH}?limit=2")
    assert (found[0], len(found), found[10]) == (newest, 11, oldest)
    assert set(found[1:10]) == written


async def test_pages_do_not_shift_when_decisions_arrive(api: Api, history: History, tenant: str) -> None:
    written = [(await history.decision(tenant)).event_id for _ in range(12)]
    assert await walked(api, tenant, f"{PATH}?limit=3", between=history) == written[::-1]


async def test_the_next_link_keeps_the_filters(api: Api, history: History, tenant: str) -> None:
    denied = [(await history.decision(tenant, resource="a b/ü", outcome="deny")).event_id for _ in range(5)]
    await history.decision(tenant, resource="a b/ü")
    assert await walked(api, tenant, f"{PATH}?limit=2&outcome=deny&resource=a%20b/%C3%BC") == denied[::-1]


async def test_a_cursor_is_refused_with_other_filters(api: Api, history: History, tenant: str) -> None:
    for _ in range(2):
        await history.decision(tenant)
    page = (await api.client.get(f"{PATH}?limit=1&actor=ann", headers=bearer(tenant))).json()
    other = page["next"].replace("actor=ann", "actor=ben")
    response = await api.client.get(other, headers=bearer(tenant))
    assert response.status_code == 422
    assert response.json()["errors"] == [
        {"field": "cursor", "detail": "belongs to a list with other filters"}
    ]


async def test_the_last_page_has_no_next_link(api: Api, history: History, tenant: str) -> None:
    await history.decision(tenant)
    page = (await api.client.get(f"{PATH}?limit=1", headers=bearer(tenant))).json()
    assert (len(page["items"]), page["next"]) == (1, None)


async def test_an_unchanged_decision_is_answered_with_304(api: Api, history: History, tenant: str) -> None:
    written = await history.decision(tenant)
    path, headers = f"{PATH}/{written.event_id}", bearer(tenant)
    tag = (await api.client.get(path, headers=headers)).headers["etag"]
    for value in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        again = await api.client.get(path, headers={**headers, "If-None-Match": value})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    changed = await api.client.get(path, headers={**headers, "If-None-Match": 'W/"other"'})
    assert changed.status_code == 200


async def test_the_tag_changes_when_the_wall_has_the_decision(
    api: Api, history: History, tenant: str
) -> None:
    written = await history.decision(tenant)
    path, headers = f"{PATH}/{written.event_id}", bearer(tenant)
    pending = await api.client.get(path, headers=headers)
    api.parts.heads.advance(written.topic, written.partition, written.sequence + 1)
    recorded = await api.client.get(path, headers={**headers, "If-None-Match": pending.headers["etag"]})
    assert recorded.status_code == 200
    assert recorded.json()["freshness"]["audit"] == {"state": "recorded"}


async def test_long_answers_are_compressed_for_those_who_ask(api: Api, history: History, tenant: str) -> None:
    for _ in range(10):
        await history.decision(tenant)
    packed = await api.client.get(PATH, headers={**bearer(tenant), "Accept-Encoding": "gzip"})
    plain = await api.client.get(PATH, headers={**bearer(tenant), "Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.json() == plain.json()
    assert int(packed.headers["content-length"]) * 2 < int(plain.headers["content-length"])


async def test_answers_are_kept_by_no_shared_cache(api: Api, history: History, tenant: str) -> None:
    written = await history.decision(tenant)
    for path in (PATH, f"{PATH}/{written.event_id}"):
        headers = (await api.client.get(path, headers=bearer(tenant))).headers
        assert headers["cache-control"] == "private, no-cache"
        assert "Authorization" in headers["vary"]
