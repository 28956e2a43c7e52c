"""State and projections of a lane, moved on by its events."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from agents.decisions.erasure import erased
from agents.lanes.handlers.evidence import add_evidence
from agents.lanes.ports import Changes, LaneTransaction, WorkflowChange
from projections.apply import decision_point, evidence, policy, workflow
from projections.apply.decision import EVALUATED, OVERRIDDEN, decision_parts, decision_row, override_row
from projections.apply.happened import Happened

State = TypeVar("State")
Key = tuple[str, str]
"""Tenant and id of an aggregate."""


async def fold(transaction: LaneTransaction, events: Sequence[Happened], changes: Changes) -> None:
    """Adds to ``changes`` what the events say: decisions, and state of everything else."""
    decided = [event for event in events if event.type == EVALUATED]
    changes.erased.extend(erased(events))
    changes.decisions.extend(decision_row(event) for event in decided)
    changes.decision_parts.extend(part for event in decided for part in decision_parts(event))
    changes.overrides.extend(override_row(event) for event in events if event.type == OVERRIDDEN)
    if moved := _of(events, decision_point.DECISION_POINT_EVENTS, "decision_point_id"):
        bound = await transaction.decision_points(moved.keys())
        points = _evolved(bound, moved, decision_point.evolve)
        changes.decision_points.extend(points[key] for key in sorted(moved))
    if moved := _of(events, policy.POLICY_EVENTS, "policy_id"):
        states = _evolved(await transaction.policies(moved.keys()), moved, policy.evolve)
        changes.policies.extend(states[key] for key in sorted(moved))
    if moved := _of(events, workflow.WORKFLOW_EVENTS, "workflow_id"):
        before = await transaction.workflows(moved.keys())
        after = _evolved(before, moved, workflow.evolve)
        changes.workflows.extend(WorkflowChange(before.get(key), after[key]) for key in sorted(moved))
    if moved := _of(events, evidence.EVIDENCE_EVENTS, "evidence_id"):
        known = await transaction.evidence(moved.keys())
        now = _evolved(known, moved, evidence.evolve)
        for key in sorted(moved):
            add_evidence(known.get(key), now[key], changes)


def _of(events: Sequence[Happened], types: frozenset[str], name: str) -> dict[Key, list[Happened]]:
    found: dict[Key, list[Happened]] = {}
    for event in events:
        if event.type in types:
            found.setdefault((event.tenant, str(event.body[name])), []).append(event)
    return found


def _evolved(
    states: Mapping[Key, State],
    moved: Mapping[Key, Sequence[Happened]],
    evolve: Callable[[State | None, Happened], State],
) -> dict[Key, State]:
    after: dict[Key, State] = {}
    for key, events in moved.items():
        state = states.get(key)
        for event in events:
            state = evolve(state, event)
        if state is not None:
            after[key] = state
    return after
