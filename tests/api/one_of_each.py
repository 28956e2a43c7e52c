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
    "decision",
    "workflow",
    "workflow_control",
    "timer",
    "evidence",
    "evidence_control",
    "evidence_technical_control",
    "counter",
)
"""Tables that hold rows of tenants."""

LINKS: Final = [("iso42001", "A.2.2")]


async def populate(history: History, compliance: Compliance, tenant: str) -> list[str]:
    """A row of each kind; paths that show them."""
    await history.policy(tenant, "gate")
    decided = await history.decision(tenant, "gate")
    rejected, parked = command(tenant, "policy"), command(tenant, "policy")
    await history.rejection(rejected, "no", "")
    await history.quarantined(parked, "parked", "parked")
    workflow = await compliance.workflow(tenant)
    evidence = await compliance.evidence(tenant, controls=LINKS, technical_controls=["TC-032"])
    return [
        f"/api/v1/policies/{policy_id(tenant, 'gate')}",
        f"/api/v1/policies/{policy_id(tenant, 'gate')}/versions",
        f"/api/v1/policies/{policy_id(tenant, 'gate')}/decisions",
        f"/api/v1/compliance/workflows/{workflow.id}",
        f"/api/v1/evidence/{evidence.id}",
        f"/api/v1/decisions/{decided.event_id}",
        f"/api/v1/commands/{decided.command_id}",
        f"/api/v1/commands/{rejected.id}",
        f"/api/v1/commands/{parked.id}",
    ]
