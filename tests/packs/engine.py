"""An engine in memory: policies and decision points by the engine's own rules, and the read API over them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import httpx

from agents.decisions.decision_point import decide_decision_point
from agents.decisions.outcome import EventDraft, Outcome, Rejection
from agents.decisions.policy import PolicyCommand, decide_policy, source_of
from agents.decisions.submission import CheckedModule
from agents.lanes.memory_tables import pointer_of
from agents.tenant_settings import TenantSettings
from client.api import ReadApi
from client.scripted import ScriptedEngine
from client.transport import Outgoing, Received
from projections.apply import decision_point, policy
from projections.apply.decision_point import DECISION_POINT_EVENTS, DecisionPointState
from projections.apply.happened import Happened
from projections.apply.policy import PolicyState
from schemas.codec import decode
from schemas.envelope import Envelope, envelope_of, moment_of
from schemas.models import COMMANDS, ActivatePolicy, BindDecisionPoint, ConfirmActivation, Confirmation


@dataclass(slots=True)
class Engine(ScriptedEngine):
    """Every source is accepted, and an activation is confirmed at once."""

    policies: dict[str, PolicyState] = field(default_factory=dict)
    """By policy id."""
    points: dict[str, DecisionPointState] = field(default_factory=dict)
    """By decision point id."""

    def __call__(self, command: Outgoing) -> Sequence[Received]:
        envelope = envelope_of(command.headers)
        asked = cast(
            PolicyCommand | BindDecisionPoint,
            COMMANDS[envelope.type].model_validate(decode(envelope.type, command.value)),
        )
        outcome = self._decide(asked, envelope)
        if isinstance(outcome, Rejection):
            body = {
                "command_id": envelope.id,
                "command_type": envelope.type,
                "command_source": envelope.source,
                "reason": outcome.reason,
                "detail": outcome.detail,
                "findings": [],
            }
            return (self.event(command, "governance.policy.command_rejected", body),)
        events = [self._published(command, draft) for draft in outcome]
        if isinstance(asked, ActivatePolicy):
            confirmed = [Confirmation(opa="opa-1", revision=1)]
            confirmation = ConfirmActivation(
                policy=asked.policy, version=asked.version, revision=1, confirmations=confirmed
            )
            drafts = self._decide_policy(confirmation, asked.aggregate(envelope.tenant))
            assert not isinstance(drafts, Rejection)
            events += [self._published(command, draft) for draft in drafts]
        return events

    def named(self, name: str) -> PolicyState:
        """The policy of that name."""
        (found,) = [policy for policy in self.policies.values() if policy.name == name]
        return found

    def point(self, name: str) -> DecisionPointState | None:
        """The decision point of that name, None while it was never bound."""
        return next((point for point in self.points.values() if point.name == name), None)

    @asynccontextmanager
    async def reading(self, _settings: object, _tenant: object) -> AsyncIterator[ReadApi]:
        """The read API over the policies and the decision points."""
        async with ReadApi.connect("http://api", lambda: "t", httpx.MockTransport(self._answered)) as api:
            yield api

    def _decide(self, command: PolicyCommand | BindDecisionPoint, envelope: Envelope) -> Outcome:
        if not isinstance(command, BindDecisionPoint):
            return self._decide_policy(command, command.aggregate(envelope.tenant))
        state = self.points.get(command.aggregate(envelope.tenant))
        if envelope.expected_version not in {None, state.version if state else 0}:
            return Rejection("stale_version", f"not at version {envelope.expected_version}")
        pointers = {identity: pointer_of(standing) for identity, standing in self.policies.items()}
        return decide_decision_point(state, envelope.tenant, command, pointers)

    def _decide_policy(self, command: PolicyCommand, policy_id: str) -> Outcome:
        state = self.policies.get(policy_id)
        submitted = source_of(state, command)
        checked = None
        if submitted is not None:
            checked = CheckedModule(submitted.version, (), submitted.rego_content, "policies", "00", ())
        return decide_policy(state, policy_id, command, checked, "packs", TenantSettings())

    def _published(self, command: Outgoing, draft: EventDraft) -> Received:
        event = self.event(command, draft.type, draft.body)
        about = envelope_of(event.headers)
        happened = Happened(
            event_id=about.id,
            type=about.type,
            tenant=about.tenant,
            actor=about.actor,
            resource=draft.resource,
            command_id=about.command_id,
            causation=about.causation,
            occurred_at=moment_of(about.time),
            topic=event.topic,
            partition=event.partition,
            lane_seq=about.sequence or 0,
            body=draft.body,
        )
        if draft.type in DECISION_POINT_EVENTS:
            point_id = str(draft.body["decision_point_id"])
            self.points[point_id] = decision_point.evolve(self.points.get(point_id), happened)
        else:
            policy_id = str(draft.body["policy_id"])
            self.policies[policy_id] = policy.evolve(self.policies.get(policy_id), happened)
        return event

    def _answered(self, request: httpx.Request) -> httpx.Response:
        path, _, reference = request.url.path.rpartition("/")
        found = self._point(reference) if path == "/api/v1/decision-points" else self._policy(reference)
        if found is None:
            return httpx.Response(404, json={"title": "Not found"})
        return httpx.Response(200, json=found)

    def _policy(self, policy_id: str) -> Mapping[str, object] | None:
        state = self.policies.get(policy_id)
        if state is None:
            return None
        versions = [
            {"version": each.version, "state": each.state, "rego_content": each.rego_content}
            for each in reversed(state.versions)
        ]
        fields = {"name": state.name, "state": state.state, "active_version": state.active_version}
        return {**fields, "versions": versions}

    def _point(self, name: str) -> Mapping[str, object] | None:
        state = self.point(name)
        if state is None:
            return None
        return {
            "combining": state.combining,
            "policies": [{"policy_id": identity, "policy": bound} for identity, bound in state.policies],
            "freshness": {"version": state.version},
        }
