"""The list row of a decision. Everything else about it stays in its event."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast

from projections.apply.happened import Happened

EVALUATED: Final = "governance.policy.evaluated"


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """What decision lists filter by; field order is the table's column order."""

    tenant_id: str
    decision_id: str
    policy_id: str
    policy_version: int | None
    resource: str
    actor: str
    outcome: str
    basis: str
    occurred_at: datetime
    topic: str
    partition: int
    lane_seq: int


def decision_row(event: Happened) -> DecisionRow:
    """The row of a ``governance.policy.evaluated`` event."""
    body = event.body
    return DecisionRow(
        tenant_id=event.tenant,
        decision_id=event.event_id,
        policy_id=str(body["policy_id"]),
        policy_version=cast("int | None", body["version"]),
        resource=event.resource,
        actor=event.actor,
        outcome=str(body["outcome"]),
        basis=str(body["basis"]),
        occurred_at=event.occurred_at,
        topic=event.topic,
        partition=event.partition,
        lane_seq=event.lane_seq,
    )
