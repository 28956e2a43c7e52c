"""Who may read what: every path with every kind of bad token."""

import time
from collections.abc import Mapping

import httpx
import jwt
import pytest
from starlette.routing import compile_path

from projections.jwks import KeySet
from projections.tokens import OidcVerifier
from tests.api.conftest import KEY, Api, Serve, bearer
from tests.api.sink_stand_in import stand_in

GOVERNANCE = (
    "/api/v1/commands/c",
    "/api/v1/policies",
    "/api/v1/policies/p",
    "/api/v1/policies/p/versions",
    "/api/v1/policies/p/decisions",
    "/api/v1/policies/p/decisions/inputs",
    "/api/v1/policies/p/replays",
    "/api/v1/policies/p/shadow",
    "/api/v1/decisions",
    "/api/v1/decisions/d",
    "/api/v1/decisions/d/explanation",
    "/api/v1/decision-points",
    "/api/v1/decision-points/p",
    "/api/v1/decisions/stats",
    "/api/v1/decisions/coverage",
    "/api/v1/policies/p/flips",
    "/api/v1/unused-policies",
    "/api/v1/compliance/workflows",
    "/api/v1/compliance/workflows/w",
    "/api/v1/compliance/dashboard",
    "/api/v1/regulations",
    "/api/v1/regulations/soc2/controls",
)
EVIDENCE = ("/api/v1/evidence", "/api/v1/evidence/e")
AUDIT = (
    "/api/v1/audit-trail",
    "/api/v1/audit-trail/0",
    "/api/v1/audit-trail/0/proof",
    "/api/v1/audit-trail/0/evidence",
    "/api/v1/audit-trail/consistency?from=0&to=1",
    "/api/v1/audit-trail/checkpoint",
    "/api/v1/audit-trail/checkpoints",
    "/api/v1/audit-trail/export",
    "/api/v1/audit-trail/tenants/acme/head",
)


def token(**changed: object) -> str:
    """A token of valid claims but for the changes."""
    claims = {
        "iss": "aumos-local",
        "aud": "aumos-governance",
        "sub": "ann",
        "tenant": "acme",
        "scope": "governance:read audit:read",
        "exp": int(time.time()) + 3600,
        **changed,
    }
    return jwt.encode(claims, KEY, algorithm="HS256")


BAD: Mapping[str, str] = {
    "expired": token(exp=int(time.time()) - 1),
    "wrong_audience": token(aud="other"),
    "wrong_issuer": token(iss="other"),
    "malformed": "not.a.token",
    "bad_signature": token()[:-4] + "AAAA",
    "wrong_algorithm": "eyJhbGciOiJub25lIn0." + token().split(".")[1] + ".",
}


@pytest.mark.parametrize("path", GOVERNANCE + EVIDENCE + AUDIT)
async def test_every_path_refuses_every_bad_token(api: Api, path: str) -> None:
    for reason, bad in BAD.items():
        response = await api.client.get(path, headers={"Authorization": f"Bearer {bad}"})
        assert response.status_code == 401
        assert response.headers["content-type"] == "application/problem+json"
        assert response.headers["www-authenticate"] == 'Bearer error="invalid_token"'
        assert response.json()["reason"] == reason
        assert bad not in response.text


@pytest.mark.parametrize("path", GOVERNANCE + EVIDENCE + AUDIT)
async def test_every_path_asks_for_a_token(api: Api, path: str) -> None:
    for headers in ({}, {"Authorization": "Basic YTpi"}, {"Cookie": f"token={token()}"}):
        response = await api.client.get(path, headers=headers)
        assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
    in_query = await api.client.get(path, params={"access_token": token()})
    assert in_query.status_code == 401


@pytest.mark.parametrize("path", GOVERNANCE)
async def test_other_scopes_do_not_read_governance_data(api: Api, path: str) -> None:
    headers = bearer("acme", "audit:read", "audit:all", "evidence:read", "governance:reader")
    response = await api.client.get(path, headers=headers)
    assert response.status_code == 403
    assert response.json()["type"] == "urn:aumos-governance:problem:scope-missing"
    assert response.headers["www-authenticate"] == (
        'Bearer error="insufficient_scope", scope="governance:read"'
    )


@pytest.mark.parametrize("path", EVIDENCE)
async def test_other_scopes_do_not_read_evidence(api: Api, path: str) -> None:
    response = await api.client.get(path, headers=bearer("acme", "governance:read", "audit:read"))
    assert response.status_code == 403
    assert 'scope="evidence:read"' in response.headers["www-authenticate"]


def test_every_path_of_the_api_is_tried_here(api: Api) -> None:
    described = sorted(path for path in api.app.openapi()["paths"] if path.startswith("/api/v1/"))
    tried = {
        next(each for each in described if compile_path(each)[0].fullmatch(path.partition("?")[0]))
        for path in GOVERNANCE + EVIDENCE + AUDIT
    }
    assert sorted(tried) == described


@pytest.mark.parametrize("path", AUDIT)
async def test_other_scopes_do_not_read_the_audit_trail(serve: Serve, path: str) -> None:
    async with stand_in() as sink, serve(AUMOS_GOVERNANCE_SINK_API_URL=sink.url) as api:
        response = await api.client.get(path, headers=bearer("acme", "governance:read", "evidence:read"))
        assert response.status_code == 403
        assert 'scope="audit:read"' in response.headers["www-authenticate"]
        assert sink.asked == []


async def test_nothing_is_told_about_parameters_without_a_token(api: Api) -> None:
    for query in ("limit=0", "limit=1&limit=2", "unknown=1"):
        assert (await api.client.get(f"/api/v1/decisions?{query}")).status_code == 401
        refused = await api.client.get(f"/api/v1/decisions?{query}", headers=bearer("acme", "audit:read"))
        assert refused.status_code == 403


@pytest.mark.parametrize("path", ["/live", "/metrics", "/openapi.json"])
async def test_the_platforms_paths_need_no_token(api: Api, path: str) -> None:
    assert (await api.client.get(path)).status_code == 200


async def test_an_unreachable_issuer_is_an_outage_and_not_a_refusal(serve: Serve) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    async with serve() as api:
        keys = KeySet("https://issuer.example/keys", httpx.MockTransport(refuse))
        api.replace(verifier=OidcVerifier("https://issuer.example", "governance", keys))
        headers = {"Authorization": "Bearer eyJhbGciOiJSUzI1NiJ9.e30.AAAA"}
        response = await api.client.get("/api/v1/policies", headers=headers)
        assert response.status_code == 503
        assert response.json()["reason"] == "token_issuer"
        assert response.headers["retry-after"] == "2"
