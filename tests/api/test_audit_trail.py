"""``/api/v1/audit-trail``: forwarded to the audit sink with the caller's token."""

from collections.abc import AsyncIterator

import pytest

from projections.problems import MEDIA_TYPE
from tests.api.conftest import Api, Serve, bearer
from tests.api.rows import History
from tests.api.sink_stand_in import SinkStandIn, stand_in

PATH = "/api/v1/audit-trail"
SCOPES = ("audit:read", "governance:read")


@pytest.fixture
async def sink() -> AsyncIterator[SinkStandIn]:
    async with stand_in() as running:
        yield running


@pytest.fixture
async def api(serve: Serve, sink: SinkStandIn) -> AsyncIterator[Api]:
    """The app with a sink."""
    async with serve(
        AUMOS_GOVERNANCE_SINK_API_URL=sink.url, AUMOS_GOVERNANCE_API_SINK_TIMEOUT_MS=500
    ) as running:
        yield running


async def test_a_query_is_forwarded_with_the_callers_token(api: Api, sink: SinkStandIn, tenant: str) -> None:
    headers = bearer(tenant, *SCOPES)
    query = {
        "from": "2026-05-04T11:30:00+02:00",
        "to": "2026-05-05T00:00:00Z",
        "type": "governance.policy.evaluated",
        "resource": "model/m 17",
        "actor": "ann",
        "event_id": "e-1",
        "tenant": "other",
        "cursor": "17",
        "limit": "5",
    }
    response = await api.client.get(PATH, params=query, headers=headers)
    assert (response.status_code, response.json()) == (200, {"items": [], "next": None})
    [asked] = sink.asked
    assert (asked.path, asked.authorization) == ("/entries", headers["Authorization"])
    assert asked.query == {
        **query,
        "from": "2026-05-04T09:30:00.000000Z",
        "to": "2026-05-05T00:00:00.000000Z",
    }


async def test_the_sink_is_asked_under_the_callers_trace(api: Api, sink: SinkStandIn, tenant: str) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {**bearer(tenant, *SCOPES), "traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    await api.client.get(PATH, headers=headers)
    version, asked, span, flags = sink.asked[0].traceparent.split("-")
    assert (version, asked, len(span), flags) == ("00", trace, 16, "01")
    assert span != "00f067aa0ba902b7"


async def test_the_next_link_leads_back_to_this_api(api: Api, sink: SinkStandIn, tenant: str) -> None:
    sink.say({"items": [{"index": 18}], "next": "/entries?limit=1&actor=ann&cursor=18"})
    response = await api.client.get(
        PATH, params={"limit": 1, "actor": "ann"}, headers=bearer(tenant, *SCOPES)
    )
    assert response.json() == {"items": [{"index": 18}], "next": f"{PATH}?actor=ann&limit=1&cursor=18"}
    await api.client.get(response.json()["next"], headers=bearer(tenant, *SCOPES))
    assert sink.asked[1].query == {"limit": "1", "actor": "ann", "cursor": "18"}


async def test_one_entry_is_forwarded_byte_for_byte(api: Api, sink: SinkStandIn, tenant: str) -> None:
    sink.body = b'{"index": 17,  "score": 1.50}'
    headers = bearer(tenant, *SCOPES)
    response = await api.client.get(f"{PATH}/17", headers=headers)
    assert (response.status_code, response.content) == (200, sink.body)
    assert sink.asked[0].path == "/entries/17"
    again = await api.client.get(f"{PATH}/17", headers={**headers, "If-None-Match": response.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("index", ["-1", "x", "1.0", "9" * 19, "%D9%A1", "..%2Fready", "1%3Ftenant=b"])
async def test_what_is_no_index_is_not_found_and_not_forwarded(
    api: Api, sink: SinkStandIn, tenant: str, index: str
) -> None:
    response = await api.client.get(f"{PATH}/{index}", headers=bearer(tenant, *SCOPES))
    assert (response.status_code, sink.asked) == (404, [])


async def test_an_entry_that_the_sink_does_not_show_is_not_found(
    api: Api, sink: SinkStandIn, tenant: str
) -> None:
    sink.say({"title": "no"}, 404, MEDIA_TYPE)
    response = await api.client.get(f"{PATH}/17", headers=bearer(tenant, *SCOPES))
    assert response.status_code == 404
    assert response.json()["type"] == "urn:aumos-governance:problem:not-found"


@pytest.mark.parametrize("path", [PATH, f"{PATH}/17"])
async def test_the_sinks_own_problem_reaches_the_caller(
    api: Api, sink: SinkStandIn, tenant: str, path: str
) -> None:
    problem = {"status": 422, "errors": [{"field": "cursor", "detail": "no"}]}
    sink.say(problem, 422, MEDIA_TYPE)
    response = await api.client.get(path, headers=bearer(tenant, *SCOPES))
    assert (response.status_code, response.json()) == (422, problem)
    assert response.headers["content-type"] == MEDIA_TYPE


@pytest.mark.parametrize(
    ("query", "field"),
    [("limit=0", "limit"), ("from=now", "from"), ("page=2", "page"), ("actor=a&actor=b", "actor")],
)
async def test_a_bad_parameter_is_refused_before_the_sink_is_asked(
    api: Api, sink: SinkStandIn, tenant: str, query: str, field: str
) -> None:
    response = await api.client.get(f"{PATH}?{query}", headers=bearer(tenant, *SCOPES))
    assert [error["field"] for error in response.json()["errors"]] == [field]
    assert sink.asked == []


@pytest.mark.parametrize("path", [PATH, f"{PATH}/17"])
@pytest.mark.parametrize(
    ("status", "media_type", "body", "delay_s"),
    [
        (500, "application/json", b"{}", 0.0),
        (302, "application/json", b"{}", 0.0),
        (503, MEDIA_TYPE, b'{"reason": "audit_database"}', 0.0),
        (403, "text/html", b"<html>", 0.0),
        (200, "application/json", b"{}", 1.0),
    ],
)
async def test_a_sink_that_fails_is_an_outage(
    api: Api,
    sink: SinkStandIn,
    tenant: str,
    path: str,
    status: int,
    media_type: str,
    body: bytes,
    delay_s: float,
) -> None:
    sink.status, sink.media_type, sink.body, sink.delay_s = status, media_type, body, delay_s
    response = await api.client.get(path, headers=bearer(tenant, *SCOPES))
    assert response.status_code == 503
    assert response.json()["reason"] == "audit_sink"
    assert response.headers["retry-after"] == "2"


@pytest.mark.parametrize("path", [PATH, f"{PATH}/17"])
@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b'"a"'])
async def test_a_sink_that_answers_garbage_is_an_outage(
    api: Api, sink: SinkStandIn, tenant: str, path: str, body: bytes
) -> None:
    sink.body = body
    assert (await api.client.get(path, headers=bearer(tenant, *SCOPES))).status_code == 503


@pytest.mark.parametrize("url", [None, "http://127.0.0.1:1"])
async def test_without_a_sink_only_the_audit_paths_fail(
    serve: Serve, history: History, tenant: str, url: str | None
) -> None:
    written = await history.decision(tenant)
    await history.policy(tenant, "gate")
    headers = bearer(tenant, *SCOPES)
    async with serve(AUMOS_GOVERNANCE_SINK_API_URL=url) as api:
        for path in (PATH, f"{PATH}/17"):
            response = await api.client.get(path, headers=headers)
            assert (response.status_code, response.json()["reason"]) == (503, "audit_sink")
        for path in (
            "/api/v1/policies",
            "/api/v1/policies/gate",
            "/api/v1/decisions",
            f"/api/v1/decisions/{written.event_id}",
            f"/api/v1/commands/{written.command_id}",
            "/live",
        ):
            assert (await api.client.get(path, headers=headers)).status_code == 200
