"""An engine in memory: policy commands decided by the engine's own rules, and the read API over them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import httpx

from agents.decisions.outcome import EventDraft, Rejection
from agents.decisions.policy import CheckedModule, PolicyCommand, decide_policy, source_of
from agents.tenant_settings import TenantSettings
from client.api import ReadApi
from client.scripted import ScriptedEngine
from client.transport import Outgoing, Received
from projections.apply.happened import Happened
from projections.apply.policy import PolicyState, evolve
from schemas.codec import decode
from schemas.envelope import envelope_of, moment_of
from schemas.models import COMMANDS, ActivatePolicy, ConfirmActivation, Confirmation


@dataclass(slots=True)
class Engine(ScriptedEngine):
    """Every source is accepted, and an activation is confirmed at once."""

    policies: dict[str, PolicyState] = field(default_factory=dict)
    """By policy id."""

    def __call__(self, command: Outgoing) -> Sequence[Received]:
        envelope = envelope_of(command.headers)
        asked = cast(
            PolicyCommand, COMMANDS[envelope.type].model_validate(decode(envelope.type, command.value))
        )
        outcome = self._decide(asked, asked.aggregate(envelope.tenant))
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
            drafts = self._decide(confirmation, asked.aggregate(envelope.tenant))
            assert not isinstance(drafts, Rejection)
            events += [self._published(command, draft) for draft in drafts]
        return events

    def named(self, name: str) -> PolicyState:
        """The policy of that name."""
        (found,) = [policy for policy in self.policies.values() if policy.name == name]
        return found

    @asynccontextmanager
    async def reading(self, _settings: object, _tenant: object) -> AsyncIterator[ReadApi]:
        """The read API over the policies."""
        async with ReadApi.connect("http://api", lambda: "t", httpx.MockTransport(self._answered)) as api:
            yield api

    def _decide(self, command: PolicyCommand, policy_id: str) -> tuple[EventDraft, ...] | Rejection:
        state = self.policies.get(policy_id)
        submitted = source_of(state, command)
        checked = None
        if submitted is not None:
            version, source = submitted
            checked = CheckedModule(version, (), source, "policies", "00", ())
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
        policy_id = str(draft.body["policy_id"])
        self.policies[policy_id] = evolve(self.policies.get(policy_id), happened)
        return event

    def _answered(self, request: httpx.Request) -> httpx.Response:
        state = self.policies.get(request.url.path.rsplit("/", 1)[1])
        if state is None:
            return httpx.Response(404, json={"title": "Not found"})
        versions = [
            {"version": each.version, "state": each.state, "rego_content": each.rego_content}
            for each in reversed(state.versions)
        ]
        fields = {"name": state.name, "state": state.state, "active_version": state.active_version}
        return httpx.Response(200, json={**fields, "versions": versions})
