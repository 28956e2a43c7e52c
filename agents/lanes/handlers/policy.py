"""Policies: a submitted source is checked ahead of the transaction and decided on inside it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from agents.decisions.outcome import Outcome
from agents.decisions.policy import CheckedModule, PolicyCommand, decide_policy, source_of
from agents.lanes.handlers.port import Advice, Session
from agents.lanes.ports import Changes, EventRow, LaneStore, LaneTransaction
from agents.reading import Received
from agents.tenant_settings import NO_TENANT_SETTINGS, AllTenants
from projections.apply.policy import PolicyKey, PolicyState, evolve
from schemas.models import (
    ActivatePolicy,
    ConfirmActivation,
    CreatePolicy,
    FailActivation,
    RetirePolicy,
    RollbackPolicy,
    SuspendPolicy,
    UpdatePolicy,
)

Check = Callable[[str, str, int, str], Awaitable[CheckedModule]]
"""Checks (tenant, policy id, version number, source) and remembers what it found, so that asking
again is cheap; raises :class:`agents.errors.Outage` where it cannot be checked now."""


@dataclass(frozen=True, slots=True)
class PolicyHandler:
    """Handler and advice in one: what ``prepare`` finds out stays in the memory of ``check``."""

    store: LaneStore
    check: Check
    settings: AllTenants = NO_TENANT_SETTINGS

    async def prepare(self, commands: Sequence[Received]) -> Advice:
        states = await self.store.policies({_key(received) for received in commands})
        for received in commands:
            key, command = _key(received), _command(received)
            if source := source_of(states.get(key), command):
                await self.check(*key, *source)
        return self

    async def open(self, transaction: LaneTransaction, commands: Sequence[Received]) -> Session:
        states = await transaction.policies({_key(received) for received in commands})
        return PolicySession(dict(states), self.check, self.settings)


class PolicySession:
    """States as they move through one transaction."""

    def __init__(self, states: dict[PolicyKey, PolicyState], check: Check, settings: AllTenants) -> None:
        self._states = states
        self._check = check
        self._settings = settings
        self._moved: set[PolicyKey] = set()

    async def decide(self, received: Received, event_id: str) -> Outcome:
        key, command = _key(received), _command(received)
        state = self._states.get(key)
        source = source_of(state, command)
        checked = await self._check(*key, *source) if source else None
        settings = self._settings.of(key[0])
        return decide_policy(state, key[1], command, checked, received.envelope.actor, settings)

    def version(self, received: Received) -> int:
        state = self._states.get(_key(received))
        return state.version if state else 0

    def accept(self, received: Received, events: Sequence[EventRow]) -> None:
        key = _key(received)
        for event in events:
            self._states[key] = evolve(self._states.get(key), event.happened)
        self._moved.add(key)

    def collect(self, changes: Changes) -> None:
        changes.policies.extend(self._states[key] for key in sorted(self._moved))


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
        | FailActivation,
    ):
        raise TypeError(f"{received.envelope.type} is no policy command")
    return command


def _key(received: Received) -> PolicyKey:
    tenant = received.envelope.tenant
    return tenant, received.command.aggregate(tenant)
