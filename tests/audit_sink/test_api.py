"""The read endpoint on a real wall: who sees what, and how it reads."""

import asyncio
import socket
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import httpx
import pytest
from fastapi import FastAPI

from audit_sink.api.app import create_app
from audit_sink.api.settings import ApiSettings
from audit_sink.append import Run, prepare
from audit_sink.notices import Notice, entry_of
from audit_sink.postgres import PostgresWall
from audit_sink.wall import EMPTY_LOG, SINK_LANE, Lane
from projections.tokens import TokenSettings, mint
from schemas.codec import encode
from schemas.envelope import Envelope, headers_of, timestamp
from schemas.leaf import EventRecord, encode_entry, leaf_hash
from tests.audit_sink.batches import fresh_trees
from tests.audit_sink.conftest import WallDatabase
from tests.audit_sink.lane_events import START, at, event, events

KEY = "k" * 64
LANE = Lane("governance.policy.events.v1", 0)
DECISIONS = Lane("governance.evaluation.events.v1", 3)
BIG = "x" * 90_000


def decision() -> EventRecord:
    """An evaluation whose body is too large for its entry."""
    body = {
        "decision_id": "d-1",
        "policy_id": "p-1",
        "policy": "gate",
        "version": 2,
        "module_digest": "",
        "resource": "model/m-17",
        "decision_point": "promotion",
        "outcome": "deny",
        "basis": "policy",
        "error": "",
        "reasons": ["no report"],
        "result": b'{"allow": false, "n": 1.0}',
        "input": b'{"padding": "' + BIG.encode() + b'"}',
        "input_digest": "",
        "enforcement": "mandatory",
        "fail_mode": "closed",
        "duration_us": 5,
        "opa": "opa-0",
        "bundle_revision": 3,
    }
    envelope = Envelope(
        id="d-1",
        type="governance.policy.evaluated",
        source="aumos-governance-engine",
        subject="model/m-17",
        time=timestamp(START),
        tenant="acme",
        actor="svc-mlops",
        correlation="corr",
        causation="cause",
        sequence=1,
    )
    return EventRecord(*DECISIONS, 1, b"k", headers_of(envelope), encode(envelope.type, body))


def run(records: list[EventRecord]) -> Run:
    return Run(Lane(records[0].topic, records[0].partition), 1, records, [dict(r.headers) for r in records])


@pytest.fixture(scope="module")
def wall(module_wall: WallDatabase) -> WallDatabase:
    """Indexes 0-9: two tenants take turns; 10: a large decision; 11: a record kept aside."""

    async def fill() -> None:
        kept = entry_of(Notice("audit.conflict", at(event(LANE, 4), 77), 4), 1)
        batch = prepare(
            EMPTY_LOG,
            [run(events(LANE, 1, 10, ("acme", "other"))), run([decision()]), run([kept])],
            fresh_trees(),
        )
        async with PostgresWall(module_wall.writer, 3) as store:
            assert await store.try_lead() is not None
            await store.append(batch)

    asyncio.run(fill())
    return module_wall


@pytest.fixture
async def app(wall: WallDatabase) -> AsyncIterator[FastAPI]:
    settings = ApiSettings.model_validate({"AUMOS_GOVERNANCE_AUDIT_DB_URL": wall.reader})
    tokens = TokenSettings.model_validate({"AUMOS_GOVERNANCE_TOKEN_KEY": KEY})
    made = create_app(settings, tokens)
    async with made.router.lifespan_context(made):
        yield made


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks with the tokens of one tenant."""

    client: httpx.AsyncClient
    tenant: str

    async def get(self, path: str, *scopes: str, **query: str | int) -> httpx.Response:
        token = mint(KEY, self.tenant, "svc", scopes or ("audit:read",), 60)
        headers = {"Authorization": f"Bearer {token}"}
        params = {name.rstrip("_"): value for name, value in query.items()}
        return await self.client.get(path, params=params or None, headers=headers)

    async def indexes(self, *scopes: str, **query: str | int) -> list[int]:
        """Indexes of one page."""
        answer = await self.get("/entries", *scopes, **query)
        assert answer.status_code == 200, answer.text
        return [item["index"] for item in answer.json()["items"]]


@pytest.fixture
async def acme(app: FastAPI) -> AsyncIterator[Asker]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://sink") as client:
        yield Asker(client, "acme")


ACME = [1, 3, 5, 7, 9, 10]


async def test_a_tenant_sees_its_own_entries_newest_first(acme: Asker) -> None:
    assert await acme.indexes() == ACME[::-1]
    assert await acme.indexes(order="asc") == ACME
    assert await replace(acme, tenant="other").indexes(order="asc") == [0, 2, 4, 6, 8]
    assert await replace(acme, tenant="nobody").indexes() == []


async def test_a_foreign_entry_is_answered_like_one_that_never_was(acme: Asker) -> None:
    assert (await acme.get("/entries/1")).status_code == 200
    foreign, absent = await acme.get("/entries/0"), await acme.get("/entries/999")
    assert (foreign.status_code, absent.status_code) == (404, 404)
    assert foreign.json().keys() == absent.json().keys()
    assert foreign.json()["detail"] == absent.json()["detail"]
    for text in ("-1", "x", "1.0", "9" * 40, "٣"):
        assert (await acme.get(f"/entries/{text}")).status_code == 404


async def test_no_filter_reaches_another_tenant(acme: Asker) -> None:
    other = event(LANE, 1, "other")
    theirs = dict(other.headers)["ce_id"].decode()
    assert await acme.indexes(event_id=theirs) == []
    assert await acme.indexes(tenant="acme") == ACME[::-1]
    answer = await acme.get("/entries", tenant="other")
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (403, "scope-missing")


async def test_concurrent_requests_of_two_tenants_keep_apart(acme: Asker) -> None:
    other = replace(acme, tenant="other")
    answers = await asyncio.gather(
        *(asker.indexes(order="asc") for _ in range(25) for asker in (acme, other))
    )
    assert answers[::2] == [ACME] * 25
    assert answers[1::2] == [[0, 2, 4, 6, 8]] * 25


async def test_an_auditor_of_all_sees_every_tenant(acme: Asker) -> None:
    assert await acme.indexes("audit:all", order="asc") == list(range(12))
    assert await acme.indexes("audit:all", tenant="other", order="asc") == [0, 2, 4, 6, 8]
    assert (await acme.get("/entries/0", "audit:all")).json()["tenant_id"] == "other"
    assert await acme.indexes("audit:read", "audit:all", tenant="aumos") == [11]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"type": "governance.policy.evaluated"}, [10]),
        ({"type": "governance.policy.retired"}, [1, 3, 5, 7, 9]),
        ({"resource": "model/m-17"}, [10]),
        ({"actor": "svc-mlops"}, [10]),
        ({"event_id": "d-1"}, [10]),
        ({"from_": "2026-05-04T09:30:00.006Z"}, [5, 7, 9]),
        ({"from_": "2026-05-04T11:30:00.006+02:00", "to": "2026-05-04T09:30:00.010Z"}, [5, 7]),
        ({"to": "2026-05-04T09:30:00.004Z"}, [1, 10]),
        ({"type": "governance.policy.retired", "actor": "svc-mlops"}, []),
        ({"cursor": 5}, [7, 9, 10]),
        ({"cursor": 0, "limit": 2}, [1, 3]),
    ],
)
async def test_filters_narrow_the_list(acme: Asker, query: dict[str, str | int], found: list[int]) -> None:
    assert await acme.indexes(order="asc", **query) == found


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_pages_follow_each_other_without_hole_or_repeat(acme: Asker, order: str) -> None:
    path: str | None = f"/entries?limit=2&order={order}&actor=svc-policies"
    seen: list[int] = []
    while path is not None:
        page = (await acme.get(path)).json()
        seen += [item["index"] for item in page["items"]]
        assert len(page["items"]) <= 2
        path = page["next"]
    assert seen == ([1, 3, 5, 7, 9] if order == "asc" else [9, 7, 5, 3, 1])


async def test_an_entry_reads_in_the_words_of_the_audit_trail(acme: Asker) -> None:
    view = (await acme.get("/entries/1")).json()
    record = event(LANE, 2, "acme")
    entry = encode_entry(record)[0]
    assert b64decode(view.pop("entry")) == entry
    assert view == {
        "index": 1,
        "tenant_id": "acme",
        "tenant_index": 0,
        "event_id": dict(record.headers)["ce_id"].decode(),
        "event_type": "governance.policy.retired",
        "actor_id": "svc-policies",
        "resource_type": "policy",
        "resource_id": "policy-2",
        "action": "retired",
        "details": {"policy_id": "policy/policy-2", "version": 2, "reason": "policy"},
        "unreadable": None,
        "occurred_at": "2026-05-04T09:30:00.002000Z",
        "correlation_id": "",
        "causation_id": "",
        "lane": {"topic": LANE.topic, "partition": 0},
        "lane_seq": 2,
        "leaf_hash": leaf_hash(entry).hex(),
        "large_value": None,
        "corrections": [],
        "corrects": None,
    }


async def test_json_documents_stand_as_they_were_recorded(acme: Asker) -> None:
    answer = await acme.get("/entries/10")
    assert '"result":{"allow": false, "n": 1.0}' in answer.text
    assert answer.json()["details"]["input"] == {"padding": BIG}
    assert answer.json()["correlation_id"] == "corr"


async def test_a_large_value_comes_with_its_entry_and_not_in_lists(acme: Asker) -> None:
    one = (await acme.get("/entries/10")).json()
    assert b64decode(one["large_value"]) == decision().value
    listed = (await acme.get("/entries", event_id="d-1")).json()["items"][0]
    assert listed["large_value"] is None
    assert listed["details"] == one["details"]


async def test_a_record_kept_aside_is_shown_whole_to_operators_only(acme: Asker) -> None:
    assert (await acme.get("/entries/11")).status_code == 404
    view = (await replace(acme, tenant="aumos").get("/entries/11")).json()
    record = event(LANE, 4)
    assert (view["event_type"], view["action"], view["resource_type"]) == (
        "audit.conflict",
        "conflict",
        "lane",
    )
    assert view["details"]["lane_seq"] == 4
    assert view["details"]["value"] == b64encode(record.value or b"").decode()


async def test_the_head_and_the_batches_are_for_auditors_of_all(acme: Asker) -> None:
    for path in ("/head", "/batches"):
        assert (await acme.get(path)).status_code == 403
    head = (await acme.get("/head", "audit:all")).json()
    assert (head["size"], head["batch_no"]) == (12, 3)
    assert head["lanes"] == [
        {"topic": DECISIONS.topic, "partition": 3, "next_lane_seq": 2, "next_offset": 1},
        {"topic": LANE.topic, "partition": 0, "next_lane_seq": 11, "next_offset": 1},
        {"topic": SINK_LANE.topic, "partition": 0, "next_lane_seq": 2, "next_offset": 1},
    ]
    first = (await acme.get("/batches", "audit:all", limit=2)).json()
    rest = (await acme.get(first["next"], "audit:all")).json()
    rows = first["items"] + rest["items"]
    assert [row["batch_no"] for row in rows] == [1, 2, 3]
    assert (rows[-1]["root_after"], rest["next"]) == (head["root"], None)
    assert [row["right_edge"] is None for row in rows] == [True, True, False]


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 501},
        {"limit": "x"},
        {"cursor": "-1"},
        {"cursor": "9" * 19},
        {"cursor": "9" * 5000},
        {"cursor": "1_0"},
        {"from_": "yesterday"},
        {"from_": "2026-05-04T09:30:00"},
        {"to": "0001-01-01T00:00:00+14:00"},
        {"type": "a\x00b"},
        {"resource": ""},
        {"actor": "x" * 201},
        {"order": "sideways"},
        {"unknown": "1"},
    ],
)
async def test_a_bad_parameter_is_named(acme: Asker, query: dict[str, str | int]) -> None:
    answer = await acme.get("/entries", **query)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["field"] == next(iter(query)).rstrip("_")


async def test_a_doubled_parameter_is_refused(acme: Asker) -> None:
    answer = await acme.get("/entries?tenant=acme&tenant=other")
    assert answer.status_code == 422


async def test_nobody_reads_without_a_good_token(acme: Asker) -> None:
    for path in ("/entries", "/entries/1", "/head", "/batches"):
        bare = await acme.client.get(path)
        forged = await acme.client.get(path, headers={"Authorization": "Bearer x.y.z"})
        assert (bare.status_code, forged.status_code) == (401, 401)
        assert (await acme.get(path, "governance:read")).status_code == 403


async def test_there_is_no_way_to_write(acme: Asker) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert (await acme.client.request(method, "/entries")).status_code == 405


async def test_probes_answer_without_a_token(acme: Asker) -> None:
    assert (await acme.client.get("/live")).json() == {"live": True}
    assert (await acme.client.get("/ready")).json()["ready"] is True
    metrics = (await acme.client.get("/metrics")).text
    assert 'audit_sink_api_request_seconds_count{route="/ready",status="200"} 1.0' in metrics


async def test_a_database_that_is_away_is_said(wall: WallDatabase) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        dsn = f"postgresql://x:y@127.0.0.1:{closed.getsockname()[1]}/z"
    settings = ApiSettings.model_validate({"AUMOS_GOVERNANCE_AUDIT_DB_URL": dsn})
    made = create_app(settings, TokenSettings.model_validate({"AUMOS_GOVERNANCE_TOKEN_KEY": KEY}))
    async with made.router.lifespan_context(made):
        transport = httpx.ASGITransport(made, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://sink") as client:
            asker = Asker(client, "acme")
            assert (await client.get("/ready")).status_code == 503
            answer = await asker.get("/entries")
            assert (answer.status_code, answer.json()["reason"]) == (503, "audit_database")
