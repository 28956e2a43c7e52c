"""Compliance workflows: nothing is asked ahead of the transaction, the regulations are in memory."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from agents.decisions.outcome import Outcome
from agents.decisions.workflow import Circumstances, WorkflowCommand, decide_workflow, regulation_of
from agents.lanes.handlers.port import Advice, Session
from agents.lanes.ports import Changes, EventRow, LaneTransaction, WorkflowChange
from agents.reading import Received
from projections.apply.workflow import evolve
from projections.apply.workflow_state import WorkflowKey, WorkflowState
from regulations.model import Regulation
from schemas.models import (
    AdvanceWorkflow,
    AssignControls,
    CancelWorkflow,
    CreateWorkflow,
    DecideApplicability,
    FireTimer,
)


@dataclass(frozen=True, slots=True)
class ComplianceHandler:
    """Handler and advice in one; ``clock`` gives an aware datetime."""

    regulations: Mapping[str, Regulation]
    clock: Callable[[], datetime]

    async def prepare(self, commands: Sequence[Received]) -> Advice:
        return self

    async def open(self, transaction: LaneTransaction, commands: Sequence[Received]) -> Session:
        states = await transaction.workflows({_key(received) for received in commands})
        return ComplianceSession(states, self)


class ComplianceSession:
    """States as they move through one transaction."""

    def __init__(self, states: Mapping[WorkflowKey, WorkflowState], handler: ComplianceHandler) -> None:
        self._before = states
        self._states = dict(states)
        self._handler = handler
        self._moved: set[WorkflowKey] = set()

    async def decide(self, received: Received, event_id: str) -> Outcome:
        key, command = _key(received), _command(received)
        state = self._states.get(key)
        at = Circumstances(
            actor=received.envelope.actor,
            today=self._handler.clock().astimezone(UTC).date(),
            regulation=self._handler.regulations.get(regulation_of(state, command)),
        )
        return decide_workflow(state, key[1], command, at)

    def version(self, received: Received) -> int:
        state = self._states.get(_key(received))
        return state.version if state else 0

    def accept(self, received: Received, events: Sequence[EventRow]) -> None:
        key = _key(received)
        for event in events:
            self._states[key] = evolve(self._states.get(key), event.happened)
        self._moved.add(key)

    def collect(self, changes: Changes) -> None:
        changes.workflows.extend(
            WorkflowChange(self._before.get(key), self._states[key]) for key in sorted(self._moved)
        )


def _command(received: Received) -> WorkflowCommand:
    command = received.command
    if not isinstance(
        command,
        CreateWorkflow | AssignControls | DecideApplicability | AdvanceWorkflow | CancelWorkflow | FireTimer,
    ):
        raise TypeError(f"{received.envelope.type} is no workflow command")
    return command


def _key(received: Received) -> WorkflowKey:
    tenant = received.envelope.tenant
    return tenant, received.command.aggregate(tenant)
