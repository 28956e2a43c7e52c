"""Errors are problem documents (RFC 9457) that tell callers what they may know."""

import logging
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.exceptions import HTTPException

from projections.problems import install, invalid, not_found
from tests.api.conftest import Api, bearer
from tests.api.rows import History

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def client(app: FastAPI) -> httpx.AsyncClient:
    """A client of an app in this process."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://api")


@pytest.fixture
def app() -> FastAPI:
    """An app with one path per error."""
    found = FastAPI()
    install(found)

    @found.get("/missing")
    async def missing() -> None:
        raise not_found("thing")

    @found.get("/bad")
    async def bad() -> None:
        raise invalid("limit", "is odd")

    @found.get("/broken")
    async def broken() -> None:
        raise RuntimeError("secret detail")

    @found.get("/teapot")
    async def teapot() -> None:
        raise HTTPException(418, "short and stout", headers={"X-Pot": "yes"})

    @found.get("/typed")
    async def typed(number: int) -> int:
        return number

    return found


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (
            "/missing",
            {
                "type": "urn:aumos-governance:problem:not-found",
                "title": "There is no such resource",
                "status": 404,
                "detail": "There is no such thing.",
            },
        ),
        (
            "/bad",
            {
                "type": "urn:aumos-governance:problem:invalid-parameter",
                "title": "A parameter is invalid",
                "status": 422,
                "detail": "limit: is odd",
                "errors": [{"field": "limit", "detail": "is odd"}],
            },
        ),
        (
            "/teapot",
            {
                "type": "urn:aumos-governance:problem:http-418",
                "title": "short and stout",
                "status": 418,
                "detail": "short and stout",
            },
        ),
    ],
)
async def test_an_error_is_a_problem_document(app: FastAPI, path: str, expected: dict[str, Any]) -> None:
    async with client(app) as asking:
        response = await asking.get(path)
    assert (response.status_code, response.json()) == (expected["status"], expected)
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"


async def test_an_errors_own_headers_are_kept(app: FastAPI) -> None:
    async with client(app) as asking:
        assert (await asking.get("/teapot")).headers["x-pot"] == "yes"


async def test_a_missing_parameter_is_named(app: FastAPI) -> None:
    async with client(app) as asking:
        problem = (await asking.get("/typed")).json()
    assert problem["errors"] == [{"field": "number", "detail": "Field required"}]


async def test_a_refused_value_is_not_repeated(app: FastAPI) -> None:
    async with client(app) as asking:
        response = await asking.get("/typed", params={"number": "<script>"})
    assert response.status_code == 422
    assert "script" not in response.text


async def test_an_answer_names_a_bounded_number_of_invented_parameters(api: Api, tenant: str) -> None:
    query = "&".join(f"p{number}=1" for number in range(3000))
    response = await api.client.get(f"/api/v1/policies?{query}", headers=bearer(tenant))
    assert response.status_code == 422
    assert len(response.json()["errors"]) == 20


async def test_a_failure_says_nothing_about_itself(app: FastAPI) -> None:
    async with client(app) as asking:
        response = await asking.get("/broken")
    assert (response.status_code, response.json()["title"]) == (500, "The server failed")
    assert "secret" not in response.text


async def test_every_problem_is_in_the_openapi_document(app: FastAPI) -> None:
    schemas = app.openapi()["components"]["schemas"]
    assert schemas["ProblemDetails"]["properties"]["errors"]["anyOf"][0]["items"] == {
        "$ref": "#/components/schemas/FieldError"
    }
    assert "FieldError" in schemas


@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/v1", "/api/v1/regulations/soc2", "/api/v1/policies/", "/docs"]
)
async def test_an_unknown_path_is_not_found(api: Api, path: str, tenant: str) -> None:
    response = await api.client.get(path, headers=bearer(tenant))
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE"])
@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/policies",
        "/api/v1/policies/x/versions",
        "/api/v1/decisions/x",
        "/api/v1/compliance/workflows",
        "/api/v1/evidence",
        "/ready",
        "/api/v1/audit-trail",
    ],
)
async def test_nothing_but_get_is_allowed(api: Api, method: str, path: str, tenant: str) -> None:
    response = await api.client.request(method, path, headers=bearer(tenant))
    assert (response.status_code, response.headers["allow"]) == (405, "GET")
    assert response.json()["type"] == "urn:aumos-governance:problem:method-not-allowed"


async def test_one_correlation_id_is_in_header_problem_and_log(
    api: Api, tenant: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "projections.api.observed")
    headers = {**bearer(tenant), "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    response = await api.client.get("/api/v1/policies/never", headers=headers)
    assert response.headers["x-correlation-id"] == response.json()["correlation_id"] == TRACE
    [line] = [record for record in caplog.records if record.name == "projections.api.observed"]
    fields = line.__dict__["fields"]
    assert fields.pop("ms") >= 0
    assert fields == {
        "route": "/api/v1/policies/{policy}",
        "status": 404,
        "correlation_id": TRACE,
        "tenant": tenant,
    }


@pytest.mark.parametrize(
    "traceparent", ["", "nonsense", f"00-{TRACE.upper()}-00f067aa0ba902b7-01", "\x7f" * 40]
)
async def test_without_a_trace_the_correlation_id_is_new(api: Api, traceparent: str) -> None:
    answers = [await api.client.get("/live", headers={"traceparent": traceparent}) for _ in range(2)]
    first, second = (answer.headers["x-correlation-id"] for answer in answers)
    assert first != second
    assert len(first) == len(second) == 32


async def test_a_damaged_event_is_a_failure_and_not_an_empty_answer(
    api: Api, history: History, tenant: str
) -> None:
    written = await history.decision(tenant, document=b"{not json")
    response = await api.client.get(f"/api/v1/decisions/{written.event_id}", headers=bearer(tenant))
    assert response.status_code == 500
    assert response.json()["correlation_id"]


async def test_requests_are_counted_by_route_and_never_by_id(api: Api, tenant: str) -> None:
    for number in range(3):
        await api.client.get(f"/api/v1/policies/invented-{number}", headers=bearer(tenant))
        await api.client.get(f"/invented-{number}")
    page = (await api.client.get("/metrics")).text
    assert 'governance_api_requests_total{route="/api/v1/policies/{policy}",status="404"} 3.0' in page
    assert 'governance_api_requests_total{route="unmatched",status="404"} 3.0' in page
    assert "invented" not in page
    assert tenant not in page
