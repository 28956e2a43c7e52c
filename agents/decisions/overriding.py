"""Deciding whether a denial may be let pass."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from agents.decisions.outcome import EventDraft, Outcome, Rejection
from projections.apply.happened import Happened
from schemas.codec import Body
from schemas.envelope import timestamp
from schemas.models import OverrideDecision


@dataclass(frozen=True, slots=True)
class DecisionState:
    """A decision, and whether it was overridden."""

    decision: Happened
    """Its ``governance.policy.evaluated`` event."""
    overridden: bool

    @property
    def version(self) -> int:
        """Of the aggregate: one per event."""
        return 2 if self.overridden else 1


def decide_override(
    state: DecisionState | None, command: OverrideDecision, actor: str, now: datetime, within: timedelta
) -> Outcome:
    """The event of an override by ``actor``, or a rejection.

    Only soft_mandatory denials are let pass, all of a decision's or none; by another actor than asked for the
    decision, once, and at most ``within`` after it.
    """
    if state is None or state.decision.resource != command.resource:
        return Rejection("unknown_decision", f"no decision {command.decision_id!r} on {command.resource!r}")
    decision = state.decision
    denials = _denials(decision.body)
    if refusal := _not_overridable(decision.body, denials):
        return refusal
    if state.overridden:
        return Rejection("already_overridden", "a decision is overridden once")
    if actor == decision.actor:
        return Rejection(
            "needs_second_actor", f"{actor!r} asked for the decision; another actor overrides it"
        )
    if now - decision.occurred_at > within:
        hours = within / timedelta(hours=1)
        return Rejection("too_late", f"the decision is older than {hours:g} hours")
    body = {
        "decision_id": decision.event_id,
        "policy_id": decision.body["policy_id"],
        "policy": decision.body["policy"],
        "version": decision.body["version"],
        "resource": decision.resource,
        "decision_point": decision.body["decision_point"],
        "denials": [{name: said[name] for name in ("policy_id", "policy", "version")} for said in denials],
        "reason": command.reason,
        "overridden_by": actor,
        "denied_actor": decision.actor,
        "decided_at": timestamp(decision.occurred_at),
    }
    return (EventDraft("governance.policy.overridden", decision.resource, body, decision.event_id),)


def _denials(body: Body) -> Sequence[Mapping[str, object]]:
    """What the policies said that brought a denial about."""
    if not body["combining"]:
        return [body]
    parts = cast("Sequence[Mapping[str, object]]", body["parts"])
    return [part for part in parts if part["effect"] == "deny"]


def _not_overridable(body: Body, denials: Sequence[Mapping[str, object]]) -> Rejection | None:
    if body["outcome"] != "deny":
        return Rejection("not_overridable", "the decision denies nothing")
    if not denials:
        return Rejection("not_overridable", "no policy of the decision point applied: none can be overridden")
    for said in denials:
        if said["enforcement"] != "soft_mandatory":
            return Rejection(
                "not_overridable", f"policy {said['policy']!r} is {said['enforcement']}, not soft_mandatory"
            )
    return None
