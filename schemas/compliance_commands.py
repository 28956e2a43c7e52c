"""Commands about compliance workflows: one assessment of one regulation each."""

from datetime import date
from typing import Annotated, Final

from pydantic import AfterValidator, Field, model_validator

from schemas.command import FIRST_YEAR, Command, Name, Text, Timestamp
from schemas.identity import workflow_id

MAX_CONTROLS: Final = 1000
"""Most controls that one command names: three times the largest catalogue."""

MAX_SELECTORS: Final = 20
"""Most selectors, and most values of one, of a scope."""

LAST_YEAR: Final = 2200
"""Later periods are mistakes."""


def _day(text: str) -> str:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError("is no day like 2026-01-31") from None
    if day.isoformat() != text:
        raise ValueError("is no day like 2026-01-31")
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError(f"is not between the years {FIRST_YEAR} and {LAST_YEAR}")
    return text


Day = Annotated[str, AfterValidator(_day)]
"""ISO 8601, with hyphens."""

Values = Annotated[list[Name], Field(max_length=MAX_SELECTORS)]


class _WorkflowCommand(Command):
    def subject(self, tenant: str) -> str:
        return f"workflow/{self.aggregate(tenant)}"


class CreateWorkflow(_WorkflowCommand):
    """Begins an assessment. Which regulations there are is data, so any code can be asked for."""

    TYPE = "governance.compliance.workflow.create"
    name: Name
    regulation: Name
    description: Text = ""
    boundary: Text = ""
    owner: Name | None = None
    choices: dict[Name, Values] = Field(default={}, max_length=MAX_SELECTORS)
    period_start: Day | None = None
    period_months: Annotated[int, Field(ge=1, le=1200)] | None = None

    def aggregate(self, tenant: str) -> str:
        return workflow_id(tenant, self.name)


class _ExistingWorkflowCommand(_WorkflowCommand):
    workflow: Name

    def aggregate(self, tenant: str) -> str:
        return workflow_id(tenant, self.workflow)


class AssignControls(_ExistingWorkflowCommand):
    """Gives controls an owner, an assessor, or both; no controls named: all that are not excluded."""

    TYPE = "governance.compliance.workflow.assign"
    controls: list[Name] = Field(default=[], max_length=MAX_CONTROLS)
    owner: Name | None = None
    assessor: Name | None = None

    @model_validator(mode="after")
    def _names_one(self) -> "AssignControls":
        if self.owner is None and self.assessor is None:
            raise ValueError("an assignment names an owner, an assessor, or both")
        return self


class DecideApplicability(_ExistingWorkflowCommand):
    """Says whether controls apply; no controls named: all that are undecided.

    The first person asks for an exclusion, the same decision by another person approves it.
    """

    TYPE = "governance.compliance.workflow.decide_applicability"
    controls: list[Name] = Field(default=[], max_length=MAX_CONTROLS)
    applicable: bool
    reason: Text = ""


class AdvanceWorkflow(_ExistingWorkflowCommand):
    """Moves a workflow along one transition of :mod:`agents.decisions.transitions`."""

    TYPE = "governance.compliance.workflow.advance"
    transition: Name
    reason: Text = ""


class CancelWorkflow(_ExistingWorkflowCommand):
    """Gives a workflow up for good: the transition ``cancel``."""

    TYPE = "governance.compliance.workflow.cancel"
    reason: Text = ""


class FireTimer(_ExistingWorkflowCommand):
    """Engine-made: a timer is due."""

    TYPE = "governance.compliance.timer.fire"
    name: Name
    generation: Annotated[int, Field(ge=1, le=2**31 - 1)]
    due_at: Timestamp
