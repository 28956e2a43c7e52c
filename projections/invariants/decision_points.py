"""Invariants 3, 5 and 6 of decision points, and of decisions that ask them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from projections.apply.decision import EVALUATED, DecisionPartRow, decision_parts
from projections.apply.decision_point import (
    BOUND,
    DECISION_POINT_EVENTS,
    DecisionPointKey,
    DecisionPointState,
    evolve,
)
from projections.apply.happened import Happened
from projections.invariants.report import Invariant
from schemas.codec import Body

CAUSES = frozenset({"governance.policy.activated", BOUND})
"""Events that decisions rest on."""


def decision_point_versions(
    events: Iterable[Happened],
    rows: Mapping[DecisionPointKey, DecisionPointState],
    invariant: Invariant,
) -> None:
    """A decision point's version counts its events."""
    counted: dict[DecisionPointKey, int] = {}
    for event in events:
        if event.type in DECISION_POINT_EVENTS:
            counted[_key(event)] = counted.get(_key(event), 0) + 1
    for key, count in counted.items():
        row = rows.get(key)
        invariant.expect(row is not None and row.version == count, f"decision point {key}: {count} events")


def decision_points_equal_a_replay(
    events: Iterable[Happened],
    rows: Mapping[DecisionPointKey, DecisionPointState],
    part_rows: Mapping[tuple[str, int], DecisionPartRow],
    invariant: Invariant,
) -> None:
    """Decision points, and what their policies said, are what their events say."""
    points: dict[DecisionPointKey, DecisionPointState] = {}
    parts: dict[tuple[str, int], DecisionPartRow] = {}
    for event in events:
        if event.type in DECISION_POINT_EVENTS:
            points[_key(event)] = evolve(points.get(_key(event)), event)
        elif event.type == EVALUATED:
            parts.update(((part.decision_id, part.place), part) for part in decision_parts(event))
    for key in points.keys() | rows.keys():
        invariant.expect(points.get(key) == rows.get(key), f"decision point {key} differs")
    for place in parts.keys() | part_rows.keys():
        invariant.expect(parts.get(place) == part_rows.get(place), f"part {place} of a decision differs")


def rests_on(decision: Happened, causes: Mapping[str, Happened]) -> bool:
    """On the activation of its version; one of a decision point on its binding, each part on an activation.

    ``causes`` are the events of :data:`CAUSES` by their ids.
    """
    body, cause = decision.body, causes.get(decision.causation)
    if not body["combining"]:
        return _activated(decision.tenant, body, cause)
    parts = cast("Sequence[Body]", body["parts"])
    bound = [{"policy_id": part["policy_id"], "policy": part["policy"]} for part in parts]
    return (
        cause is not None
        and cause.type == BOUND
        and cause.tenant == decision.tenant
        and cause.body["combining"] == body["combining"]
        and cause.body["policies"] == bound
        and all(
            _activated(decision.tenant, part, causes.get(str(part["activation_event"])))
            for part in parts
            if part["version"] is not None
        )
    )


def _activated(tenant: str, said: Body, activation: Happened | None) -> bool:
    return (
        activation is not None
        and activation.tenant == tenant
        and all(activation.body.get(name) == said[name] for name in ("policy_id", "version", "module_digest"))
    )


def _key(event: Happened) -> DecisionPointKey:
    return event.tenant, str(event.body["decision_point_id"])
