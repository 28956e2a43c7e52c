"""Policies: a submitted source is checked ahead of the transaction and decided on inside it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from agents.decisions.outcome import EventDraft, Outcome, Rejection
from agents.decisions.policy import PolicyCommand, decide_policy, source_of
from agents.lanes.handlers.port import Advice, Session
from agents.lanes.handlers.submissions import BatchChecks, Check
from agents.lanes.ports import Changes, EventRow, LaneStore, LaneTransaction
from agents.reading import Received
from agents.tenant_settings import NO_TENANT_SETTINGS, AllTenants
from projections.apply.happened import Happened
from projections.apply.policy import PolicyKey, PolicyState, evolve
from schemas.models import (
    ActivatePolicy,
    ConfirmActivation,
    CreatePolicy,
    FailActivation,
    ReportReplay,
    RetirePolicy,
    RollbackPolicy,
    ShadowPolicy,
    SuspendPolicy,
    UnshadowPolicy,
    UpdatePolicy,
)


@dataclass(frozen=True, slots=True)
class PolicyHandler:
    """``settings`` are those of every tenant."""

    store: LaneStore
    check: Check
    settings: AllTenants = NO_TENANT_SETTINGS

    async def prepare(self, commands: Sequence[Received]) -> Advice:
        states = await self.store.policies({_key(received) for received in commands})
        checks = BatchChecks(self.check)
        by_policy: dict[PolicyKey, list[Received]] = {}
        for received in commands:
            by_policy.setdefault(_key(received), []).append(received)
        await asyncio.gather(
            *(
                PolicySession(
                    {key: states[key]} if key in states else {}, checks.ahead, self.settings
                ).foresee(own)
                for key, own in by_policy.items()
            )
        )
        return PolicyAdvice(checks, self.settings)


@dataclass(frozen=True, slots=True)
class PolicyAdvice:
    """The checks of a batch."""

    checks: BatchChecks
    settings: AllTenants

    async def open(self, transaction: LaneTransaction, commands: Sequence[Received]) -> Session:
        states = await transaction.policies({_key(received) for received in commands})
        return PolicySession(dict(states), self.checks.under_lock, self.settings)


class PolicySession:
    """States as they move through one transaction, or as they are foreseen to."""

    def __init__(self, states: dict[PolicyKey, PolicyState], check: Check, settings: AllTenants) -> None:
        self._states = states
        self._check = check
        self._settings = settings
        self._moved: set[PolicyKey] = set()

    async def foresee(self, commands: Sequence[Received]) -> None:
        """Decides commands of one policy as if nothing came between, so that all they submit is checked."""
        for received in commands:
            expected = received.envelope.expected_version
            if expected is not None and expected != self.version(received):
                continue
            outcome = await self.decide(received, "")
            if not isinstance(outcome, Rejection):
                for draft in outcome:
                    self._move(_key(received), _foreseen(draft, received))

    async def decide(self, received: Received, event_id: str) -> Outcome:
        key, command = _key(received), _command(received)
        state = self._states.get(key)
        source = source_of(state, command)
        checked = await self._check(*key, source) if source else None
        settings = self._settings.of(key[0])
        return decide_policy(state, key[1], command, checked, received.envelope.actor, settings)

    def version(self, received: Received) -> int:
        state = self._states.get(_key(received))
        return state.version if state else 0

    def accept(self, received: Received, events: Sequence[EventRow]) -> None:
        key = _key(received)
        for event in events:
            self._move(key, event.happened)
        self._moved.add(key)

    def _move(self, key: PolicyKey, event: Happened) -> None:
        self._states[key] = evolve(self._states.get(key), event)

    def collect(self, changes: Changes) -> None:
        changes.policies.extend(self._states[key] for key in sorted(self._moved))


def _foreseen(draft: EventDraft, received: Received) -> Happened:
    """The event of a draft, without the place and time that it will have."""
    envelope = received.envelope
    return Happened(
        event_id="",
        type=draft.type,
        tenant=envelope.tenant,
        actor=envelope.actor,
        resource=draft.resource,
        command_id=envelope.id,
        causation=envelope.id,
        occurred_at=_UNKNOWN,
        topic="",
        partition=0,
        lane_seq=0,
        body=draft.body,
    )


_UNKNOWN: Final = datetime.fromtimestamp(0, UTC)


def _command(received: Received) -> PolicyCommand:
    command = received.command
    if not isinstance(
        command,
        CreatePolicy
        | UpdatePolicy
        | ActivatePolicy
        | RollbackPolicy
        | SuspendPolicy
        | RetirePolicy
        | ConfirmActivation
        | FailActivation
        | ReportReplay
        | ShadowPolicy
        | UnshadowPolicy,
    ):
        raise TypeError(f"{received.envelope.type} is no policy command")
    return command


def _key(received: Received) -> PolicyKey:
    tenant = received.envelope.tenant
    return tenant, received.command.aggregate(tenant)
