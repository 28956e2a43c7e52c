"""From a command to its decision, its event and its entry in the wall, read back through the HTTP API."""

from base64 import b64decode
from contextlib import closing
from hashlib import sha256
from typing import Any, Final

import httpx
import jwt
import orjson
import pytest

from client.api import ReadApi
from client.errors import ApiRefused, UnknownPolicy
from client.governance import GovernanceClient
from devstack.demo.records import Record
from devstack.demo.servers import Servers
from projections.tokens import LOCAL_AUDIENCE, LOCAL_ISSUER, mint
from schemas.confluent import ConfluentRegistry
from schemas.identity import message_key, new_command_id, partition_for
from schemas.leaf import decode_entry, leaf_hash
from schemas.models import CreatePolicy, UpdatePolicy
from schemas.topics import topics
from tests.schemas.registry import Registry
from tests.system.acting import activate, active, entry, outcome, send
from tests.system.example import CASES, EXAMPLE, GATE_SOURCE, PROMOTION

GATE: Final = CreatePolicy(name="gate", rego_content=GATE_SOURCE)
TRACE: Final = "4bf92f3577b34da6a3ce929d0e0e4736"


async def test_a_command_becomes_a_decision_an_event_and_an_entry_of_the_wall(
    gov: GovernanceClient, api: ReadApi, tenant: str
) -> None:
    policy = await active(gov, api, PROMOTION)
    document = {"model": {"risk_level": "high", "has_explainability_report": True}}
    command_id = new_command_id()
    verdict = await gov.evaluate(
        PROMOTION.name,
        document,
        resource="model/m-17",
        command_id=command_id,
        correlation="release-7",
        traceparent=f"00-{TRACE}-00f067aa0ba902b7-01",
    )
    receipt = await gov.submit(UpdatePolicy(policy=PROMOTION.name, description="second"), "audited")

    command = await api.get(f"/api/v1/commands/{command_id}")
    assert (command["state"], command["source"]) == ("decided", "svc-mlops")
    assert [each["event_id"] for each in command["events"]] == [verdict.decision_id]

    decision = await api.get(f"/api/v1/decisions/{verdict.decision_id}")
    assert (decision["outcome"], decision["policy_version"], decision["basis"]) == ("deny", 1, "policy")
    assert decision["input"] == document
    assert decision["causation_id"] == policy["activation_event"]
    assert decision["command_id"] == command_id
    listed = await api.get("/api/v1/decisions", {"resource": "model/m-17"})
    assert [each["decision_id"] for each in listed["items"]] == [verdict.decision_id]

    found = await entry(api, verdict.decision_id)
    kept = b64decode(found["entry"])
    headers = dict(decode_entry(kept)[0].headers)
    assert leaf_hash(kept).hex() == found["leaf_hash"]
    assert headers["ce_id"].decode() == verdict.decision_id
    assert headers["ce_correlationid"] == b"release-7"
    assert TRACE in headers["traceparent"].decode()
    assert (found["tenant_id"], found["actor_id"], found["event_type"]) == (
        tenant,
        "svc-mlops",
        "governance.policy.evaluated",
    )
    audited = await api.get(f"/api/v1/audit-trail/{receipt.index}")
    assert audited["event_id"] == receipt.decided.event_id
    assert audited["event_type"] == "governance.policy.updated"


async def test_the_known_example_policy_decides_as_its_text_says(gov: GovernanceClient, api: ReadApi) -> None:
    shown = await active(gov, api, PROMOTION)
    assert shown["versions"][0]["rego_content"] == EXAMPLE
    assert shown["versions"][0]["package"] == "aumos.governance.model_promotion"
    assert shown["versions"][0]["regulation_refs"] == ["iso42001", "eu_ai_act"]
    verdicts = [await gov.evaluate(PROMOTION.name, document) for document, _, _ in CASES]
    assert [(v.allowed, v.reasons, v.basis) for v in verdicts] == [
        (allowed, violations, "policy") for _, allowed, violations in CASES
    ]


async def test_every_decision_names_the_version_that_made_it(gov: GovernanceClient, api: ReadApi) -> None:
    first = await active(gov, api, GATE)
    await gov.submit(UpdatePolicy(policy="gate", rego_content="package gate\n\ndefault allow := true\n"))
    before = await gov.evaluate("gate", {})
    second = await activate(gov, api, "gate", 2)
    after = await gov.evaluate("gate", {})
    third = await activate(gov, api, "gate", 1)
    back = await gov.evaluate("gate", {})
    assert [(v.version, v.outcome) for v in (before, after, back)] == [
        (1, "deny"),
        (2, "allow"),
        (1, "deny"),
    ]
    digests = {each["version"]: each["module_digest"] for each in third["versions"]}
    states = {each["version"]: each["state"] for each in third["versions"]}
    assert states == {1: "active", 2: "superseded"}
    for verdict, policy in ((before, first), (after, second), (back, third)):
        decision = await api.get(f"/api/v1/decisions/{verdict.decision_id}")
        assert decision["policy_version"] == verdict.version
        assert decision["module_digest"] == digests[verdict.version]
        assert decision["causation_id"] == policy["activation_event"]


async def test_a_tenant_neither_sees_nor_asks_what_is_anothers(
    gov: GovernanceClient, api: ReadApi, servers: Servers, tenant: str
) -> None:
    policy = await active(gov, api, GATE)
    command_id = new_command_id()
    verdict = await gov.evaluate("gate", {"ok": True}, resource="model/m-1", command_id=command_id)
    index = (await entry(api, verdict.decision_id))["index"]
    other = f"{tenant}-other"
    async with servers.reading(other) as foreign:
        for path in (
            f"/api/v1/policies/{policy['policy_id']}",
            "/api/v1/policies/gate",
            f"/api/v1/decisions/{verdict.decision_id}",
            f"/api/v1/commands/{command_id}",
            f"/api/v1/audit-trail/{index}",
        ):
            assert (await api.get(path)) is not None
            with pytest.raises(ApiRefused) as refused:
                await foreign.get(path)
            assert refused.value.status == httpx.codes.NOT_FOUND, path
        for path in ("/api/v1/policies", "/api/v1/decisions", "/api/v1/audit-trail"):
            assert (await api.get(path))["items"] != []
            assert (await foreign.get(path))["items"] == []
    async with GovernanceClient.connect(servers.kafka, other, "svc-mlops") as stranger:
        for name in ("gate", policy["policy_id"]):
            with pytest.raises(UnknownPolicy):
                await stranger.evaluate(name, {"ok": True})


async def test_a_token_that_is_none_forged_expired_or_too_narrow_reads_nothing(
    servers: Servers, tenant: str
) -> None:
    claims = {
        "iss": LOCAL_ISSUER,
        "aud": LOCAL_AUDIENCE,
        "sub": "ann",
        "tenant": tenant,
        "exp": 1_700_000_000,
    }
    tokens = {
        "": (401, "missing"),
        mint("f" * 64, tenant, "ann", ["governance:read", "audit:read"], 60): (401, "bad_signature"),
        jwt.encode(claims, servers.token_key, "HS256"): (401, "expired"),
        mint(servers.token_key, tenant, "ann", ["audit:read"], 60): (403, None),
    }
    async with httpx.AsyncClient(base_url=servers.api_url, trust_env=False) as http:
        for token, expected in tokens.items():
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            response = await http.get("/api/v1/policies", headers=headers)
            assert (response.status_code, response.json().get("reason")) == expected
            assert response.headers["content-type"] == "application/problem+json"
        narrow = {
            "Authorization": f"Bearer {mint(servers.token_key, tenant, 'ann', ['governance:read'], 60)}"
        }
        assert (await http.get("/api/v1/audit-trail", headers=narrow)).status_code == 403


async def test_a_json_cloudevent_from_a_console_is_decided(
    gov: GovernanceClient, api: ReadApi, servers: Servers, tenant: str
) -> None:
    await active(gov, api, GATE)
    command_id, topic = new_command_id(), topics().command_topic_of("governance.policy.evaluate")
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": command_id,
        "type": "governance.policy.evaluate",
        "source": "console",
        "tenantid": tenant,
        "actorid": "ann",
        "data": {"policy": "gate", "input": {"ok": True}, "resource": "model/m-2"},
    }
    key = message_key(tenant, "model/m-2")
    headers = (("content-type", b"application/cloudevents+json; charset=utf-8"),)
    record = Record(topic.name, partition_for(key, topic.partitions), key, headers, orjson.dumps(event))
    await send(servers.kafka, [record])
    shown = await outcome(api, command_id)
    assert (shown["state"], shown["source"]) == ("decided", "console")
    decision = await api.get(f"/api/v1/decisions/{shown['events'][0]['event_id']}")
    assert (decision["outcome"], decision["actor"]) == ("allow", "ann")
    assert decision["input_digest"] == sha256(b'{"ok":true}').hexdigest()


async def test_a_body_in_confluent_framing_is_decided(
    gov: GovernanceClient, api: ReadApi, servers: Servers, tenant: str, schema_registry: Registry
) -> None:
    await active(gov, api, GATE)
    with closing(ConfluentRegistry(schema_registry.url)) as registry:
        async with GovernanceClient.connect(servers.kafka, tenant, "svc-java", registry=registry) as framing:
            verdict = await framing.evaluate("gate", {"ok": True})
    assert verdict.allowed
    assert any(request.startswith("GET /schemas/ids/") for request in schema_registry.requests)
