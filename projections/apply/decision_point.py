"""A decision point, folded from the events of its lane."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast

from projections.apply.happened import Happened

DecisionPointKey = tuple[str, str]
"""Tenant and decision point id."""

BOUND: Final = "governance.policy.decision_point.bound"

DECISION_POINT_EVENTS: Final = frozenset({BOUND, "governance.policy.decision_point.unbound"})


@dataclass(frozen=True, slots=True)
class DecisionPointState:
    """What a decision point asks."""

    tenant_id: str
    decision_point_id: str
    name: str
    policies: tuple[tuple[str, str], ...]
    """Id and name as bound of each policy, in order; empty while nothing is bound."""
    combining: str
    """Empty while nothing is bound."""
    version: int
    """Of the aggregate: one per event."""
    updated_by: str
    """Actor of the last event."""
    created_at: datetime
    updated_at: datetime
    last_event: str
    topic: str
    partition: int
    lane_seq: int


def evolve(state: DecisionPointState | None, event: Happened) -> DecisionPointState:
    """The decision point after one of :data:`DECISION_POINT_EVENTS`; raises ValueError out of place."""
    bound = event.type == BOUND
    if state is None and not bound:
        raise ValueError(f"{event.event_id}: {event.type} before the decision point was bound")
    policies = cast("Sequence[Mapping[str, str]]", event.body["policies"]) if bound else ()
    return DecisionPointState(
        tenant_id=event.tenant,
        decision_point_id=str(event.body["decision_point_id"]),
        name=str(event.body["name"]),
        policies=tuple((each["policy_id"], each["policy"]) for each in policies),
        combining=str(event.body["combining"]) if bound else "",
        version=state.version + 1 if state else 1,
        updated_by=event.actor,
        created_at=state.created_at if state else event.occurred_at,
        updated_at=event.occurred_at,
        last_event=event.event_id,
        topic=event.topic,
        partition=event.partition,
        lane_seq=event.lane_seq,
    )
