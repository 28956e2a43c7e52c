"""One row of each kind of one tenant."""

from typing import Final

from schemas.identity import policy_id
from tests.api.compliance_rows import Compliance
from tests.api.rows import History, command

TABLES: Final = (
    "inbox",
    "event",
    "quarantine",
    "policy",
    "policy_version",
    "policy_replay",
    "policy_shadow_count",
    "decision",
    "decision_part",
    "decision_override",
    "decision_point",
    "workflow",
    "workflow_control",
    "timer",
    "evidence",
    "evidence_control",
    "evidence_technical_control",
    "counter",
    "decision_stat",
    "decision_reason",
    "policy_activation",
)
"""Tables that hold rows of tenants."""

LINKS: Final = [("iso42001", "A.2.2")]


async def populate(history: History, compliance: Compliance, tenant: str) -> list[str]:
    """A row of each kind; paths that show them."""
    await history.policy(tenant, "gate")
    await history.activation(tenant, "gate", 1, None)
    await history.replay(tenant)
    await history.shadow(tenant)
    decided = await history.decision(tenant, "gate", outcome="deny")
    point = await history.decision_point(tenant, "promote", [("gate", policy_id(tenant, "gate"))])
    combined = await history.combined(tenant, "promote", ["gate"])
    await history.override(tenant, combined)
    rejected, parked = command(tenant, "policy"), command(tenant, "policy")
    await history.rejection(rejected, "no", "")
    await history.quarantined(parked, "parked", "parked")
    workflow = await compliance.workflow(tenant)
    evidence = await compliance.evidence(tenant, controls=LINKS, technical_controls=["TC-032"])
    return [
        f"/api/v1/policies/{policy_id(tenant, 'gate')}",
        f"/api/v1/policies/{policy_id(tenant, 'gate')}/versions",
        f"/api/v1/policies/{policy_id(tenant, 'gate')}/replays",
        f"/api/v1/policies/{policy_id(tenant, 'gate')}/shadow",
        f"/api/v1/policies/{policy_id(tenant, 'gate')}/decisions/inputs",
        f"/api/v1/policies/{policy_id(tenant, 'gate')}/decisions",
        f"/api/v1/policies/{policy_id(tenant, 'gate')}/flips",
        f"/api/v1/compliance/workflows/{workflow.id}",
        f"/api/v1/evidence/{evidence.id}",
        f"/api/v1/decisions/{decided.event_id}",
        f"/api/v1/decisions/{combined.event_id}",
        f"/api/v1/decision-points/{point}",
        f"/api/v1/commands/{decided.command_id}",
        f"/api/v1/commands/{rejected.id}",
        f"/api/v1/commands/{parked.id}",
    ]
