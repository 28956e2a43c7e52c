"""Deciding what a decision point binds."""

from collections.abc import Mapping
from typing import Final

from agents.decisions.answering import Pointer
from agents.decisions.combining import COMBINING
from agents.decisions.outcome import EventDraft, Outcome, Rejection
from projections.apply.decision_point import DecisionPointState
from schemas.identity import policy_id
from schemas.models import BindDecisionPoint, UnbindDecisionPoint

MAX_POLICIES: Final = 16
"""Most policies of a decision point: each is one question of every decision, and stands in its event."""

DecisionPointCommand = BindDecisionPoint | UnbindDecisionPoint


def decide_decision_point(
    state: DecisionPointState | None,
    tenant: str,
    command: DecisionPointCommand,
    pointers: Mapping[str, Pointer],
) -> Outcome:
    """The event of a command, or a rejection; ``pointers`` has the policies that exist, by id."""
    point_id = command.aggregate(tenant)
    if isinstance(command, BindDecisionPoint):
        return _bind(state, tenant, command, pointers, point_id)
    if state is None or not state.policies:
        return Rejection("unknown_decision_point", f"nothing is bound to {command.name!r}")
    body = {"decision_point_id": point_id, "name": state.name, "reason": command.reason}
    return (_draft("unbound", point_id, body),)


def _bind(
    state: DecisionPointState | None,
    tenant: str,
    command: BindDecisionPoint,
    pointers: Mapping[str, Pointer],
    point_id: str,
) -> Outcome:
    if command.combining not in COMBINING:
        return Rejection("unknown_combining", f"{command.combining!r} is none of {', '.join(COMBINING)}")
    if not command.policies:
        return Rejection("no_policies", "a decision point binds at least one policy; unbind it otherwise")
    if len(command.policies) > MAX_POLICIES:
        return Rejection(
            "too_many_policies", f"{len(command.policies)} policies, at most {MAX_POLICIES} are bound"
        )
    bound: dict[str, str] = {}
    for policy in command.policies:
        identity = policy_id(tenant, policy)
        if identity in bound:
            return Rejection("duplicate_policy", f"policy {policy!r} is named twice")
        if (pointer := pointers.get(identity)) is None:
            return Rejection("unknown_policy", f"no policy {policy!r}")
        if pointer.state == "retired":
            return Rejection("policy_retired", f"policy {policy!r} is retired")
        bound[identity] = policy
    if state is not None and (state.combining, state.policies) == (command.combining, tuple(bound.items())):
        return Rejection("nothing_changes", f"{state.name!r} is bound so already")
    body = {
        "decision_point_id": point_id,
        "name": state.name if state else command.name,
        "policies": [{"policy_id": identity, "policy": policy} for identity, policy in bound.items()],
        "combining": command.combining,
    }
    return (_draft("bound", point_id, body),)


def _draft(name: str, point_id: str, body: Mapping[str, object]) -> EventDraft:
    return EventDraft(f"governance.policy.decision_point.{name}", f"decision_point/{point_id}", body)
