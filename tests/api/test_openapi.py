"""The OpenAPI document is complete, and the API does what it says (schemathesis, over HTTP)."""

import asyncio
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import asyncpg
import orjson
import pytest
import schemathesis
import uvicorn
from hypothesis import settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

import devstack
from projections.api.app import create_app
from projections.api.settings import Settings
from projections.tokens import TokenSettings
from schemas.identity import policy_id
from tests.api.compliance_rows import Compliance
from tests.api.conftest import KEY, Dsns, bearer, kafka_of
from tests.api.rows import History, command
from tests.api.sink_stand_in import stand_in

EXAMPLES = 25
"""Examples of each path; enough for each parameter's bounds, about two seconds a path."""


ENTRY = {
    "index": 1204330,
    "tenant_id": "acme",
    "tenant_index": 17,
    "event_id": "0f1f1d0a-7b65-5b0e-9a55-3c1de1b7a001",
    "event_type": "governance.policy.evaluated",
    "actor_id": "ann",
    "resource_type": "model",
    "resource_id": "m-17",
    "action": "evaluated",
    "details": {"outcome": "allow"},
    "occurred_at": "2026-05-04T09:30:00.000000Z",
    "lane": {"topic": "governance.evaluation.events.v1", "partition": 0},
    "lane_seq": 3,
    "leaf_hash": "0" * 64,
    "entry": "hw==",
    "corrections": [],
    "corrects": None,
}


_PROOF = {"index": 5, "size": 9, "leaf_hash": "ab", "hashes": ["cd"]}
_JSON = "application/json"
PROVEN = {
    "checkpoint": ("text/plain", b"note"),
    "evidence": ("text/plain", b"c2sp.org/tlog-proof@v1"),
    "export": ("text/csv", b"index"),
    "checkpoints": (_JSON, orjson.dumps({"items": [], "next": None})),
    "consistency": (_JSON, orjson.dumps({"from": 1, "to": 9, "hashes": ["cd"]})),
    "proof": (_JSON, orjson.dumps(_PROOF)),
    "head": (
        _JSON,
        orjson.dumps(
            {
                "tenant": "acme",
                "size": 3,
                "root": "ab",
                "entry": "hw==",
                "proof": _PROOF,
                "checkpoint": "note",
            }
        ),
    ),
}
"""What the sink's other paths answer, by their last part."""


@dataclass(slots=True)
class Served:
    """The API on a port of this machine, with one tenant's data."""

    tenant: str
    ids: dict[str, str] = field(default_factory=dict)
    server: uvicorn.Server | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        assert self.server is not None
        return f"http://127.0.0.1:{self.server.servers[0].sockets[0].getsockname()[1]}"

    async def run(self, values: dict[str, object], receipts_topic: str) -> None:
        """Serves until told to exit, with a stand-in for the sink."""
        async with stand_in() as sink:
            sink.body = orjson.dumps(ENTRY)
            sink.bodies["/entries"] = orjson.dumps({"items": [ENTRY], "next": None})
            sink.kinds |= PROVEN
            settings = Settings.model_validate({**values, "AUMOS_GOVERNANCE_SINK_API_URL": sink.url})
            app = create_app(settings, TokenSettings(AUMOS_GOVERNANCE_TOKEN_KEY=KEY), receipts_topic)
            self.server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False))
            await self.server.serve()


@pytest.fixture(scope="module")
def served(stack: devstack.Stack, dsns: Dsns, receipts_topic: str) -> Iterator[Served]:
    """The app in a thread of this process, with a sink and a row of each kind."""
    found = Served(f"s-{uuid4().hex[:12]}")
    found.ids = asyncio.run(_populate(dsns, found.tenant))
    values: dict[str, object] = {
        "AUMOS_DATABASE_URL": dsns.reader,
        "AUMOS_KAFKA_BOOTSTRAP_SERVERS": kafka_of(stack),
        "AUMOS_GOVERNANCE_OPA_URL": stack.environment("api")["AUMOS_GOVERNANCE_OPA_URL"],
    }
    thread = threading.Thread(target=lambda: asyncio.run(found.run(values, receipts_topic)))
    thread.start()
    while found.server is None or not found.server.started:
        time.sleep(0.01)
    yield found
    found.server.should_exit = True
    thread.join()


async def _populate(dsns: Dsns, tenant: str) -> dict[str, str]:
    connection = await asyncpg.connect(dsns.agents)
    try:
        history = History(connection)
        await history.policy(tenant, "gate", versions=2)
        decisions = [await history.decision(tenant, "gate") for _ in range(3)]
        await history.decision_point(tenant, "promote", [("gate", policy_id(tenant, "gate"))])
        combined = await history.combined(tenant, "promote", ["gate"])
        await history.override(tenant, combined)
        rejected = command(tenant, "policy")
        await history.rejection(rejected, "no", "")
        compliance = Compliance(connection)
        workflow = await compliance.workflow(tenant)
        links = [("iso42001", "A.2.2")]
        evidence = [
            await compliance.evidence(tenant, f"e{n}", controls=links, technical_controls=["TC-032"])
            for n in range(3)
        ]
    finally:
        await connection.close()
    return {
        "decision": decisions[0].event_id,
        "combined": combined.event_id,
        "decision_point": "promote",
        "command": decisions[0].command_id,
        "rejected": rejected.id,
        "policy": "gate",
        "workflow": workflow.id,
        "evidence": evidence[0].id,
        "regulation": "iso42001",
    }


DOCUMENT = create_app(
    Settings.model_validate({"AUMOS_DATABASE_URL": "postgresql://nowhere"}),
    TokenSettings.model_validate({"AUMOS_GOVERNANCE_TOKEN_KEY": KEY}),
).openapi()
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
OPERATIONS = [
    (path, method, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]


# The server's thread draws from `random`, which Hypothesis takes for a strategy that does.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module")
@SCHEMA.parametrize()
@settings(max_examples=EXAMPLES, derandomize=True, deadline=None, database=None)
def test_the_api_does_what_its_document_says(case: schemathesis.Case[Any], served: Served) -> None:
    headers = bearer(served.tenant, "governance:read", "evidence:read", "audit:read")
    # Only the API can make a cursor, so what the schema allows is refused all the same.
    excluded: list[Any] = [positive_data_acceptance] if "cursor" in (case.query or {}) else []
    case.call_and_validate(base_url=served.url, headers=headers, excluded_checks=excluded)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/api/v1/policies", ""),
        ("/api/v1/policies/{policy}", "policy"),
        ("/api/v1/policies/{policy}/versions", "policy"),
        ("/api/v1/policies/{policy}/decisions", "policy"),
        ("/api/v1/policies/{policy}/decisions/inputs", "policy"),
        ("/api/v1/policies/{policy}/replays", "policy"),
        ("/api/v1/policies/{policy}/flips", "policy"),
        ("/api/v1/unused-policies", ""),
        ("/api/v1/policies/{policy}/shadow", "policy"),
        ("/api/v1/decisions", ""),
        ("/api/v1/decisions/stats", ""),
        ("/api/v1/decisions/coverage", ""),
        ("/api/v1/decisions/{decision}", "decision"),
        ("/api/v1/decisions/{decision}", "combined"),
        ("/api/v1/decision-points", ""),
        ("/api/v1/decision-points/{decision_point}", "decision_point"),
        ("/api/v1/commands/{command}", "command"),
        ("/api/v1/commands/{command}", "rejected"),
        ("/api/v1/compliance/workflows", ""),
        ("/api/v1/compliance/workflows/{workflow}", "workflow"),
        ("/api/v1/compliance/dashboard", ""),
        ("/api/v1/evidence", ""),
        ("/api/v1/evidence/{evidence}", "evidence"),
        ("/api/v1/regulations", ""),
        ("/api/v1/regulations/{regulation}/controls", "regulation"),
        ("/api/v1/audit-trail", ""),
        ("/api/v1/audit-trail/{index}", "index"),
        ("/live", ""),
        ("/ready", ""),
        ("/metrics", ""),
    ],
)
def test_a_real_answer_fits_its_schema(served: Served, path: str, name: str) -> None:
    parameter = path.partition("{")[2].partition("}")[0]
    ids = {**served.ids, "index": "1204330"}
    case = SCHEMA[path]["GET"].Case(path_parameters={parameter: ids[name]} if name else {})
    headers = bearer(served.tenant, "governance:read", "evidence:read", "audit:read")
    response = case.call(base_url=served.url, headers=headers)
    assert response.status_code == 200
    case.validate_response(response)


def test_every_path_is_described_and_only_reads() -> None:
    assert sorted(path for path, _, _ in OPERATIONS) == [
        "/api/v1/audit-trail",
        "/api/v1/audit-trail/checkpoint",
        "/api/v1/audit-trail/checkpoints",
        "/api/v1/audit-trail/consistency",
        "/api/v1/audit-trail/export",
        "/api/v1/audit-trail/tenants/{tenant}/head",
        "/api/v1/audit-trail/{index}",
        "/api/v1/audit-trail/{index}/evidence",
        "/api/v1/audit-trail/{index}/proof",
        "/api/v1/commands/{command}",
        "/api/v1/compliance/dashboard",
        "/api/v1/compliance/workflows",
        "/api/v1/compliance/workflows/{workflow}",
        "/api/v1/decision-points",
        "/api/v1/decision-points/{decision_point}",
        "/api/v1/decisions",
        "/api/v1/decisions/coverage",
        "/api/v1/decisions/stats",
        "/api/v1/decisions/{decision}",
        "/api/v1/decisions/{decision}/explanation",
        "/api/v1/evidence",
        "/api/v1/evidence/{evidence}",
        "/api/v1/policies",
        "/api/v1/policies/{policy}",
        "/api/v1/policies/{policy}/decisions",
        "/api/v1/policies/{policy}/decisions/inputs",
        "/api/v1/policies/{policy}/flips",
        "/api/v1/policies/{policy}/replays",
        "/api/v1/policies/{policy}/shadow",
        "/api/v1/policies/{policy}/versions",
        "/api/v1/regulations",
        "/api/v1/regulations/{regulation}/controls",
        "/api/v1/unused-policies",
        "/live",
        "/metrics",
        "/ready",
    ]
    assert {method for _, method, _ in OPERATIONS} == {"get"}


@pytest.mark.parametrize(("path", "operation"), [(path, operation) for path, _, operation in OPERATIONS])
def test_every_operation_says_what_it_needs_and_how_it_fails(path: str, operation: dict[str, Any]) -> None:
    assert operation["description"]
    assert operation["tags"]
    for parameter in operation.get("parameters", ()):
        assert parameter.get("description") or parameter["schema"].get("examples"), parameter["name"]
    if not path.startswith("/api/v1"):
        assert "security" not in operation
        return
    assert operation["security"] == [{"bearer": []}]
    expected = {"200", "401", "403", "422", "500", "503"}
    if "{" in path:
        expected.add("404")
    if any(parameter["name"] == "If-None-Match" for parameter in operation.get("parameters", ())):
        expected.add("304")
    assert expected <= operation["responses"].keys()
    for status in expected - {"200", "304"}:
        assert operation["responses"][status]["content"].keys() == {"application/problem+json"}


def test_every_single_resource_has_a_validator() -> None:
    validated = {
        path
        for path, _, operation in OPERATIONS
        if any(parameter["name"] == "If-None-Match" for parameter in operation.get("parameters", ()))
    }
    assert {path for path, _, _ in OPERATIONS if path.endswith("}")} < validated


def test_every_answer_has_a_schema_and_no_default_error_is_left() -> None:
    for _, _, operation in OPERATIONS:
        contents = operation["responses"]["200"]["content"].values()
        assert contents
        assert all(content["schema"] for content in contents)
    assert not {"HTTPValidationError", "ValidationError"} & DOCUMENT["components"]["schemas"].keys()


def test_the_security_scheme_is_a_bearer_token() -> None:
    scheme = DOCUMENT["components"]["securitySchemes"]["bearer"]
    assert (scheme["type"], scheme["scheme"], scheme["bearerFormat"]) == ("http", "bearer", "JWT")
