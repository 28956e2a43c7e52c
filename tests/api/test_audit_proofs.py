"""Proofs, checkpoints and exports of the audit wall: forwarded with the caller's token, as they are."""

from collections.abc import AsyncIterator

import orjson
import pytest

from projections.problems import MEDIA_TYPE
from tests.api.conftest import Api, Serve, bearer
from tests.api.sink_stand_in import SinkStandIn, stand_in

PATH = "/api/v1/audit-trail"
SCOPES = ("audit:read",)
JSON = "application/json"
PROOF = {"index": 5, "size": 9, "leaf_hash": "ab", "hashes": ["cd"]}


@pytest.fixture
async def sink() -> AsyncIterator[SinkStandIn]:
    async with stand_in() as running:
        yield running


@pytest.fixture
async def api(serve: Serve, sink: SinkStandIn) -> AsyncIterator[Api]:
    async with serve(
        AUMOS_GOVERNANCE_SINK_API_URL=sink.url, AUMOS_GOVERNANCE_API_SINK_TIMEOUT_MS=500
    ) as running:
        yield running


@pytest.mark.parametrize(
    ("path", "asked", "query"),
    [
        ("/checkpoint", "/checkpoint", {}),
        ("/consistency?from=3&to=9", "/consistency", {"from": "3", "to": "9"}),
        ("/5/proof", "/entries/5/proof", {}),
        ("/5/proof?size=9", "/entries/5/proof", {"size": "9"}),
        ("/5/evidence", "/entries/5/evidence", {}),
        ("/tenants/acme/head", "/tenants/acme/head", {}),
    ],
)
async def test_what_the_sink_proves_reaches_the_caller_byte_for_byte(
    api: Api, sink: SinkStandIn, tenant: str, path: str, asked: str, query: dict[str, str]
) -> None:
    sink.say(PROOF, media_type="text/plain" if asked.endswith(("checkpoint", "evidence")) else JSON)
    headers = bearer(tenant, *SCOPES)
    response = await api.client.get(PATH + path, headers=headers)
    assert (response.status_code, response.content) == (200, orjson.dumps(PROOF))
    [found] = sink.asked
    assert (found.path, found.query, found.authorization) == (asked, query, headers["Authorization"])


async def test_checkpoints_are_listed_under_this_apis_own_links(
    api: Api, sink: SinkStandIn, tenant: str
) -> None:
    item = {"size": 9, "root": "ab", "anchored": True, "note": "n"}
    sink.say({"items": [item], "next": "/checkpoints?limit=1&cursor=9"})
    response = await api.client.get(
        f"{PATH}/checkpoints?limit=1&anchored=true", headers=bearer(tenant, *SCOPES)
    )
    assert response.json() == {
        "items": [item],
        "next": f"{PATH}/checkpoints?anchored=true&limit=1&cursor=9",
    }
    assert sink.asked[0].query == {"limit": "1", "anchored": "true"}


async def test_an_export_is_handed_on_whole(api: Api, sink: SinkStandIn, tenant: str) -> None:
    sink.media_type, sink.body = "text/csv", b"index\r\n1\r\n" * 50_000
    response = await api.client.get(
        f"{PATH}/export?format=csv&resource=model/m-17&from=2026-05-04T11:30:00%2B02:00",
        headers=bearer(tenant, *SCOPES),
    )
    assert (response.status_code, response.content) == (200, sink.body)
    assert response.headers["content-type"].startswith("text/csv")
    assert sink.asked[0].query == {
        "format": "csv",
        "resource": "model/m-17",
        "from": "2026-05-04T09:30:00.000000Z",
    }


@pytest.mark.parametrize("path", ["/checkpoint", "/5/evidence", "/export"])
async def test_a_sink_that_answers_something_else_is_an_outage(
    api: Api, sink: SinkStandIn, tenant: str, path: str
) -> None:
    sink.say(PROOF)
    assert (await api.client.get(PATH + path, headers=bearer(tenant, *SCOPES))).status_code == 503


async def test_a_problem_of_the_sink_is_no_export(api: Api, sink: SinkStandIn, tenant: str) -> None:
    problem = {"type": "urn:aumos-governance:problem:scope-missing", "title": "t", "status": 403}
    sink.say(problem, 403, MEDIA_TYPE)
    response = await api.client.get(f"{PATH}/export?tenant=other", headers=bearer(tenant, *SCOPES))
    assert (response.status_code, response.json()) == (403, problem)


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/export?format=xls", "format"),
        ("/export?limit=5", "limit"),
        ("/consistency?from=3", "to"),
        ("/consistency?from=-1&to=3", "from"),
        ("/5/proof?size=0", "size"),
        ("/checkpoints?anchored=perhaps", "anchored"),
    ],
)
async def test_a_bad_parameter_is_refused_before_the_sink_is_asked(
    api: Api, sink: SinkStandIn, tenant: str, path: str, named: str
) -> None:
    response = await api.client.get(PATH + path, headers=bearer(tenant, *SCOPES))
    assert response.status_code == 422
    assert named in response.text
    assert sink.asked == []


@pytest.mark.parametrize("path", ["/x/proof", "/-1/evidence", "/99999999999999999999/proof"])
async def test_what_is_no_index_has_no_proof(api: Api, sink: SinkStandIn, tenant: str, path: str) -> None:
    assert (await api.client.get(PATH + path, headers=bearer(tenant, *SCOPES))).status_code == 404
    assert sink.asked == []


@pytest.mark.parametrize(
    "path", ["/checkpoint", "/checkpoints", "/consistency?from=0&to=1", "/1/proof", "/1/evidence", "/export"]
)
async def test_without_a_sink_there_is_none_of_it(serve: Serve, tenant: str, path: str) -> None:
    async with serve() as api:
        assert (await api.client.get(PATH + path, headers=bearer(tenant, *SCOPES))).status_code == 503


@pytest.mark.parametrize("path", ["/checkpoint", "/export", "/1/proof", "/tenants/acme/head"])
async def test_other_scopes_read_no_proofs(api: Api, tenant: str, path: str) -> None:
    response = await api.client.get(PATH + path, headers=bearer(tenant, "governance:read"))
    assert response.status_code == 403
