"""Answers about workflows and the dashboard."""

from datetime import date
from typing import Annotated

from pydantic import Field, PlainSerializer, WithJsonSchema

from projections.api.blocks import Answer, Audit, Freshness, Lane, Moment, NextLink
from projections.apply.workflow_state import Applicability, Phase, Status, TimerStatus

Day = Annotated[
    date,
    PlainSerializer(date.isoformat, return_type=str),
    WithJsonSchema({"type": "string", "format": "date", "examples": ["2026-05-04"]}),
]
Share = Annotated[
    float | None,
    Field(ge=0, le=1, description="From 0 to 1; null where no control is applicable.", examples=[0.25]),
]


class Standing(Answer):
    """Controls by where they stand. An unassessed control is never satisfied."""

    controls_total: int = Field(ge=0, description="Controls in scope.", examples=[70])
    applicable: int = Field(ge=0, description="Decided to apply.", examples=[68])
    assessed: int = Field(ge=0, description="Of these, with an assessment result.", examples=[17])
    satisfied: int = Field(ge=0, description="Of these, met.", examples=[12])
    coverage: Share = Field(description="assessed / applicable; says nothing about results.")
    conformity: Share = Field(description="satisfied / applicable.")

    @classmethod
    def of(cls, controls_total: int, applicable: int, assessed: int, satisfied: int) -> "Standing":
        """The two shares of these counts, apart."""
        return cls(
            controls_total=controls_total,
            applicable=applicable,
            assessed=assessed,
            satisfied=satisfied,
            coverage=assessed / applicable if applicable else None,
            conformity=satisfied / applicable if applicable else None,
        )


class WorkflowSummary(Answer):
    """One assessment of one regulation."""

    workflow_id: str = Field(examples=["5b0f7e1c-9d53-5a0e-8c43-0a3c4f9b7d21"])
    name: str = Field(examples=["ISO 42001 Annual Assessment 2026"])
    regulation: str = Field(description="Code of the regulation.", examples=["iso42001"])
    edition: str = Field(examples=["ISO/IEC 42001:2023"])
    regulation_version: str = Field(description="Content hash of the catalogue that the workflow pins.")
    law_version: str = Field(description="Law or edition in force when it was created.", examples=["2023"])
    description: str
    boundary: str = Field(description="What is assessed.", examples=["all AI systems"])
    owner: str = Field(examples=["ann"])
    choices: dict[str, list[str]] = Field(description="Values by scope selector.", examples=[{}])
    period_start: Day
    period_end: Day = Field(description="First day after the period.")
    period_ended: bool = Field(description="The period's timer fired while the workflow was open.")
    overdue: bool = Field(description="The period has ended and the workflow is not closed.")
    state: Status
    phase: Phase
    excluded: int = Field(ge=0, description="Controls whose exclusion a second person approved.")
    undecided: int = Field(ge=0, description="Controls whose applicability is not decided.")
    standing: Standing
    created_by: str = Field(examples=["ann"])
    created_at: Moment
    updated_at: Moment
    freshness: Freshness


class WorkflowControl(Answer):
    """One control of a workflow."""

    control_id: str = Field(examples=["A.6.2.5"])
    title: str | None = Field(description="From the catalogue; null where it no longer has the control.")
    applicability: Applicability
    reason: str = Field(description="Of the newest decision on applicability.")
    decided_by: str | None = Field(description="Who decided or requested it.")
    approved_by: str | None = Field(description="Who approved an exclusion; never who requested it.")
    owner: str | None
    assessor: str | None
    state: str = Field(description="Where its assessment stands.", examples=["evidence_pending"])


class Timer(Answer):
    """A timer of a workflow, in its newest generation."""

    name: str = Field(examples=["period_end"])
    generation: int = Field(ge=1)
    due_at: Moment
    state: TimerStatus


class Workflow(WorkflowSummary):
    """A workflow with its controls and timers."""

    controls: list[WorkflowControl] = Field(description="In the catalogue's order.")
    timers: list[Timer]


class Workflows(Answer):
    """A page of workflows."""

    items: list[WorkflowSummary]
    next: NextLink


class EvidenceCounts(Answer):
    """Evidence records by state. Collected and quarantined evidence counts for nothing."""

    collected: int = Field(ge=0, description="Submitted, not verified yet.")
    verified: int = Field(ge=0, description="The stored artifact is the submitted one, and is locked.")
    quarantined: int = Field(ge=0, description="The stored artifact is missing or another one.")


class Summary(Answer):
    """Where workflows and evidence stand."""

    workflows: dict[Phase, int] = Field(description="Workflows by phase, every phase named.")
    overdue: int = Field(ge=0, description="Open workflows whose period has ended.")
    standing: Standing = Field(description="Of the workflows that are not closed.")
    evidence: EvidenceCounts


class RegulationStanding(Summary):
    """The same for one regulation; evidence that is linked to several counts in each."""

    regulation: str = Field(examples=["iso42001"])
    name: str | None = Field(description="Null for a regulation that is no longer there.")


class LanePosition(Answer):
    """How far an answer reaches into a lane."""

    lane: Lane
    sequence: int = Field(ge=0, description="Last event of the lane that the answer includes; 0 is none.")
    audit: Audit


class Dashboard(Answer):
    """The tenant's compliance in one answer. Coverage and conformity are never merged."""

    totals: Summary
    regulations: list[RegulationStanding]
    lanes: list[LanePosition] = Field(description="The snapshot that every figure rests on.")
