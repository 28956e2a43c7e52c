"""The rows of a decision: what lists filter by. Everything else about it stays in its event."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast

from projections.apply.happened import Happened
from schemas.codec import Body
from schemas.envelope import moment_of

EVALUATED: Final = "governance.policy.evaluated"
OVERRIDDEN: Final = "governance.policy.overridden"


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
    decision_point: str
    """The decision point that was asked; empty where one policy was, whatever the gate's label."""


@dataclass(frozen=True, slots=True)
class DecisionPartRow:
    """What one policy of a decision point said; field order is the table's column order."""

    tenant_id: str
    decision_id: str
    place: int
    """In the point's order, from 0."""
    policy_id: str
    policy_version: int | None
    resource: str
    answer: str
    outcome: str
    basis: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class OverrideRow:
    """A denial that was let pass; field order is the table's column order."""

    tenant_id: str
    decision_id: str
    decided_at: datetime
    reason: str
    overridden_by: str
    overridden_at: datetime
    event_id: str
    topic: str
    partition: int
    lane_seq: int


def override_row(event: Happened) -> OverrideRow:
    """The row of a ``governance.policy.overridden`` event."""
    return OverrideRow(
        tenant_id=event.tenant,
        decision_id=str(event.body["decision_id"]),
        decided_at=moment_of(str(event.body["decided_at"])),
        reason=str(event.body["reason"]),
        overridden_by=event.actor,
        overridden_at=event.occurred_at,
        event_id=event.event_id,
        topic=event.topic,
        partition=event.partition,
        lane_seq=event.lane_seq,
    )


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
        answer=answer_of(body),
        decision_point=str(body["decision_point"]) if body["combining"] else "",
    )


def decision_parts(event: Happened) -> list[DecisionPartRow]:
    """The rows of what a decision point's policies said; none where one policy was asked."""
    parts = cast("Sequence[Mapping[str, object]]", event.body["parts"])
    return [
        DecisionPartRow(
            tenant_id=event.tenant,
            decision_id=event.event_id,
            place=place,
            policy_id=str(part["policy_id"]),
            policy_version=cast("int | None", part["version"]),
            resource=event.resource,
            answer=str(part["answer"]),
            outcome=str(part["outcome"]),
            basis=str(part["basis"]),
            occurred_at=event.occurred_at,
        )
        for place, part in enumerate(parts)
    ]


def answer_of(body: Body) -> str:
    """The policy's own ``allow`` or ``deny``, empty when it did not answer.

    Decisions of the first schema version do not name it: their outcome was the policy's answer.
    """
    if body["basis"] == "policy":
        return str(body["answer"] or body["outcome"])
    return str(body["answer"])
