"""The list row of a decision. Everything else about it stays in its event."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast

from projections.apply.happened import Happened
from schemas.codec import Body

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
    answer: str
    """The policy's own ``allow`` or ``deny``, before enforcement; empty when it did not answer."""


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
        answer=_answer(body),
    )


def _answer(body: Body) -> str:
    """Decisions of the first schema version do not name it: their outcome was the policy's answer."""
    if body["basis"] == "policy":
        return str(body["answer"] or body["outcome"])
    return str(body["answer"])
