"""A gate that asks several policies, and a denial that a second person lets pass, on the whole system."""

import pytest

from client.api import ReadApi
from client.errors import ApiRefused, Rejected
from client.governance import GovernanceClient
from devstack.demo.servers import Servers
from schemas.models import BindDecisionPoint, CreatePolicy, UnbindDecisionPoint
from tests.system.acting import active, entry
from tests.system.example import GATE_SOURCE, PROMOTION

OWNER = """\
package owner

decision := {"allow": input.owner != "", "violations": ["no owner"], "obligations": [{"log": "full"}]} if {
    is_string(input.owner)
}
"""
"""Defined for inputs that name an owner; denies an empty one, says so always."""


async def test_a_decision_point_combines_its_policies_and_every_answer_is_on_the_record(
    gov: GovernanceClient, api: ReadApi
) -> None:
    await active(gov, api, CreatePolicy(name="gate", rego_content=GATE_SOURCE))
    await active(gov, api, CreatePolicy(name="owner", rego_content=OWNER))
    await gov.submit(
        BindDecisionPoint(name="model.promote", policies=["gate", "owner"], combining="all_must_allow")
    )
    allowed = await gov.decide("model.promote", {"ok": True, "owner": "ann"}, resource="model/m-1")
    denied = await gov.decide("model.promote", {"ok": True, "owner": ""}, resource="model/m-1")
    undefined = await gov.decide("model.promote", {"ok": True}, resource="model/m-1")
    assert [(v.outcome, v.policy, v.error) for v in (allowed, denied, undefined)] == [
        ("allow", "gate", ""),
        ("deny", "owner", ""),
        ("deny", "owner", "undefined"),
    ]
    assert (allowed.obligations, denied.reasons) == (({"log": "full"},), ("no owner",))
    decision = await api.get(f"/api/v1/decisions/{denied.decision_id}")
    assert [(p["policy"], p["effect"], p["version"]) for p in decision["parts"]] == [
        ("gate", "allow", 1),
        ("owner", "deny", 1),
    ]
    point = await api.get("/api/v1/decision-points/model.promote")
    assert decision["binding"] == decision["causation_id"] == point["freshness"]["event_id"]
    assert (await entry(api, denied.decision_id))["details"]["combining"] == "all_must_allow"
    listed = await api.get("/api/v1/decisions", {"decision_point": "model.promote"})
    assert len(listed["items"]) == 3
    explained = await api.get(f"/api/v1/decisions/{denied.decision_id}/explanation")
    assert [(p["policy"], p["version"], p["same"]) for p in explained["policies"]] == [
        ("gate", 1, True),
        ("owner", 1, True),
    ]
    fired = [(rule["file"], rule["row"], rule["name"]) for rule in explained["policies"][0]["rules"]]
    assert fired == [("policy.rego", 3, "allow"), ("policy.rego", 5, "allow")]
    again = await api.get(f"/api/v1/decisions/{undefined.decision_id}/explanation")
    assert [policy["same"] for policy in again["policies"]] == [True, True]
    assert again["policies"][1]["result"] is None

    await gov.submit(
        BindDecisionPoint(name="model.promote", policies=["owner", "gate"], combining="first_applicable")
    )
    other = await gov.decide("model.promote", {"ok": True}, resource="model/m-1")
    assert (other.outcome, other.policy) == ("allow", "gate")
    await gov.submit(UnbindDecisionPoint(name="model.promote"))
    with pytest.raises(Rejected, match="unknown_decision_point"):
        await gov.decide("model.promote", {"ok": True}, resource="model/m-1")


async def test_a_decision_whose_input_was_not_kept_is_not_explained(
    gov: GovernanceClient, api: ReadApi
) -> None:
    for name, fields in (
        ("masking", {"personal_fields": ["/owner"]}),
        ("digesting", {"input_storage": "digest"}),
    ):
        policy = CreatePolicy.model_validate({"name": name, "rego_content": GATE_SOURCE, **fields})
        await active(gov, api, policy)
        decided = await gov.evaluate(name, {"ok": True, "owner": "ann"})
        with pytest.raises(ApiRefused) as refused:
            await api.get(f"/api/v1/decisions/{decided.decision_id}/explanation")
        assert refused.value.status == 409


async def test_a_soft_denial_is_let_pass_by_a_second_person_and_both_are_on_the_record(
    gov: GovernanceClient, api: ReadApi, servers: Servers, tenant: str
) -> None:
    await active(gov, api, PROMOTION.model_copy(update={"enforcement": "soft_mandatory"}))
    denied = await gov.evaluate(PROMOTION.name, {}, resource="model/m-2")
    assert denied.denied
    with pytest.raises(Rejected, match="needs_second_actor"):
        await gov.override(denied.decision_id, "model/m-2", "it is mine")
    async with GovernanceClient.connect(servers.kafka, tenant, "ben") as second:
        overridden = await second.override(denied.decision_id, "model/m-2", "seen the report")
        with pytest.raises(Rejected, match="already_overridden"):
            await second.override(denied.decision_id, "model/m-2", "again")
    decision = await api.get(f"/api/v1/decisions/{denied.decision_id}")
    assert (decision["outcome"], decision["overridden"]) == ("deny", True)
    assert decision["override"]["overridden_by"] == "ben"
    assert decision["override"]["event_id"] == overridden.event_id
    listed = await api.get("/api/v1/decisions", {"overridden": "true"})
    assert [each["decision_id"] for each in listed["items"]] == [denied.decision_id]
    details = (await entry(api, overridden.event_id))["details"]
    assert (details["denied_actor"], details["reason"]) == ("svc-mlops", "seen the report")
