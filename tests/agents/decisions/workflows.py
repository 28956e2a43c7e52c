"""Workflow events as the folds see them, made by the decisions themselves."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Final

from agents.decisions.outcome import Outcome, Rejection
from agents.decisions.workflow import Circumstances, WorkflowCommand, decide_workflow, regulation_of
from projections.apply.happened import Happened
from projections.apply.workflow import evolve
from projections.apply.workflow_state import ControlState, WorkflowState
from regulations.loader import Library, load_library
from regulations.model import Regulation
from schemas.codec import decode, encode
from schemas.models import (
    AdvanceWorkflow,
    AssignControls,
    CancelWorkflow,
    CreateWorkflow,
    DecideApplicability,
    FireTimer,
)
from tests.agents.commands import TENANT

NAME: Final = "ISO 42001 Annual Assessment 2026"
TODAY: Final = date(2026, 9, 1)
START: Final = datetime(2026, 9, 1, tzinfo=UTC)
ANNEX: Final = "A.2.2"
"""An id that ISO 42001 lets be excluded."""
CLAUSE: Final = "4.1"
"""An id that it does not."""

library: Callable[[], Library] = cache(load_library)


def regulation(code: str = "iso42001") -> Regulation:
    """One of the loaded regulations."""
    return library().regulations[code]


@dataclass(slots=True)
class Life:
    """One workflow's life: commands in, events and state out."""

    state: WorkflowState | None = None
    events: list[Happened] = field(default_factory=list)
    regulations: dict[str, Regulation] = field(default_factory=lambda: dict(library().regulations))
    today: date = TODAY

    def decide(self, command: WorkflowCommand, actor: str = "ann") -> Outcome:
        """The outcome; the state stays as it is."""
        loaded = self.regulations.get(regulation_of(self.state, command))
        at = Circumstances(actor, self.today, loaded)
        return decide_workflow(self.state, command.aggregate(TENANT), command, at)

    def take(self, *commands: WorkflowCommand, actor: str = "ann") -> WorkflowState:
        """Lets commands happen that must be accepted; their events pass through their encoding."""
        for command in commands:
            outcome = self.decide(command, actor)
            assert not isinstance(outcome, Rejection), outcome
            for draft in outcome:
                body = decode(draft.type, encode(draft.type, draft.body))
                sequence = len(self.events) + 1
                self.events.append(happened(draft.type, sequence, body, actor, draft.resource))
                self.state = evolve(self.state, self.events[-1])
        assert self.state is not None
        return self.state

    def refused(self, command: WorkflowCommand, actor: str = "ann") -> Rejection:
        """The rejection of a command that must be rejected."""
        outcome = self.decide(command, actor)
        assert isinstance(outcome, Rejection), outcome
        return outcome

    def reason(self, command: WorkflowCommand, actor: str = "ann") -> str:
        """Its reason code."""
        return self.refused(command, actor).reason

    def control(self, control_id: str) -> ControlState:
        """One control as it is now."""
        assert self.state is not None
        return next(control for control in self.state.controls if control.control_id == control_id)


def happened(type_: str, sequence: int, body: object, actor: str, resource: str) -> Happened:
    """An event of one workflow's lane."""
    assert isinstance(body, dict)
    return Happened(
        event_id=f"event-{sequence}",
        type=type_,
        tenant=TENANT,
        actor=actor,
        resource=resource,
        command_id=f"command-{sequence}",
        causation=f"command-{sequence}",
        occurred_at=START + timedelta(hours=sequence),
        topic="governance.compliance.events.v1",
        partition=2,
        lane_seq=sequence,
        body=body,
    )


def begun(*transitions: str, code: str = "iso42001") -> Life:
    """A workflow that was created and taken along transitions."""
    life = Life()
    life.take(create(code), *(advance(name) for name in transitions))
    return life


def create(code: str = "iso42001", **fields: object) -> CreateWorkflow:
    """Begins an assessment."""
    return CreateWorkflow.model_validate({"name": NAME, "regulation": code, **fields})


def assign(*controls: str, owner: str | None = None, assessor: str | None = None) -> AssignControls:
    """Gives controls away."""
    return AssignControls(workflow=NAME, controls=list(controls), owner=owner, assessor=assessor)


def include(*controls: str, reason: str = "we do this") -> DecideApplicability:
    """They apply."""
    return DecideApplicability(workflow=NAME, controls=list(controls), applicable=True, reason=reason)


def exclude(*controls: str, reason: str = "we do not do this") -> DecideApplicability:
    """They do not apply."""
    return DecideApplicability(workflow=NAME, controls=list(controls), applicable=False, reason=reason)


def advance(transition: str, reason: str = "") -> AdvanceWorkflow:
    """Moves on."""
    return AdvanceWorkflow(workflow=NAME, transition=transition, reason=reason)


def cancel(reason: str = "") -> CancelWorkflow:
    """Gives it up."""
    return CancelWorkflow(workflow=NAME, reason=reason)


def fire(
    generation: int = 1, due_at: str = "2027-09-01T00:00:00.000000Z", name: str = "period_end"
) -> FireTimer:
    """The scheduler's word."""
    return FireTimer(workflow=NAME, name=name, generation=generation, due_at=due_at)


def with_control(state: WorkflowState, control_id: str, **changes: object) -> WorkflowState:
    """The state with one control changed, however that came about."""
    controls = tuple(
        replace(control, **changes) if control.control_id == control_id else control  # type: ignore[arg-type]
        for control in state.controls
    )
    return replace(state, controls=controls)
