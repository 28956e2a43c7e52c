"""Overrides inside one transaction: decisions are read under the lock of their own lane."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from agents.decisions.outcome import Outcome
from agents.decisions.overriding import DecisionState, decide_override
from agents.lanes.ports import Changes, DecisionKey, EventRow, LaneTransaction
from agents.reading import Received
from agents.tenant_settings import AllTenants
from projections.apply.decision import EVALUATED, OVERRIDDEN, OverrideRow, override_row
from schemas.models import OverrideDecision


class Overrides:
    """The decisions that a batch's overrides are about, as they move through the transaction."""

    def __init__(
        self, states: dict[DecisionKey, DecisionState], settings: AllTenants, clock: Callable[[], datetime]
    ) -> None:
        self._states = states
        self._settings = settings
        self._clock = clock
        self._rows: list[OverrideRow] = []

    def decide(self, received: Received) -> Outcome:
        """The outcome of one override."""
        tenant = received.envelope.tenant
        within = timedelta(hours=self._settings.of(tenant).override_hours)
        state = self._states.get(_key(received))
        return decide_override(state, _override(received), received.envelope.actor, self._clock(), within)

    def version(self, received: Received) -> int:
        """The version of the decision that an override is about."""
        state = self._states.get(_key(received))
        return state.version if state else 0

    def accept(self, event: EventRow) -> None:
        """A decision or an override of this transaction stands."""
        happened = event.happened
        if happened.type == EVALUATED:
            self._states[happened.tenant, happened.event_id] = DecisionState(happened, overridden=False)
        if happened.type != OVERRIDDEN:
            return
        row = override_row(happened)
        key = row.tenant_id, row.decision_id
        self._states[key] = replace(self._states[key], overridden=True)
        self._rows.append(row)

    def collect(self, changes: Changes) -> None:
        """Adds the rows to what the transaction writes."""
        changes.overrides.extend(self._rows)


async def overrides_of(
    transaction: LaneTransaction,
    commands: Sequence[Received],
    settings: AllTenants,
    clock: Callable[[], datetime],
) -> Overrides | None:
    """The decisions that overrides among the commands are about; None where there is no override."""
    wanted = {_key(received) for received in commands if isinstance(received.command, OverrideDecision)}
    if not wanted:
        return None
    found: Mapping[DecisionKey, DecisionState] = await transaction.decisions(wanted)
    return Overrides(dict(found), settings, clock)


def _override(received: Received) -> OverrideDecision:
    command = received.command
    if not isinstance(command, OverrideDecision):
        raise TypeError(f"{received.envelope.type} is no override")
    return command


def _key(received: Received) -> DecisionKey:
    return received.envelope.tenant, _override(received).decision_id
