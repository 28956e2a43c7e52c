"""A compliance workflow with its controls and timers, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal

WorkflowKey = tuple[str, str]
"""Tenant and workflow id."""

Status = Literal[
    "draft",
    "scoped",
    "readiness",
    "collecting",
    "observing",
    "assessing",
    "remediating",
    "in_review",
    "attesting",
    "active",
    "suspended",
    "renewal_due",
    "cancelled",
    "superseded",
    "expired",
    "revoked",
]
Phase = Literal["draft", "in_progress", "in_review", "completed", "suspended", "closed"]
Applicability = Literal["undecided", "applicable", "exclusion_requested", "excluded"]
ControlStatus = Literal[
    "not_assessed", "evidence_pending", "not_applicable", "satisfied", "partial", "not_satisfied"
]
TimerStatus = Literal["armed", "fired", "disarmed"]

PERIOD_END: Final = "period_end"
"""Name of the timer that is due when the period is over."""

RESULTS: Final = frozenset({"satisfied", "partial", "not_satisfied"})
"""Statuses that say how an assessment ended. Nothing sets them yet."""


@dataclass(frozen=True, slots=True)
class ControlState:
    """One control in the scope of a workflow."""

    control_id: str
    applicability: Applicability = "undecided"
    reason: str = ""
    """Of the newest applicability decision."""
    decided_by: str | None = None
    """Who made it; of an exclusion, who asked for it."""
    approved_by: str | None = None
    """Of an exclusion: another person than ``decided_by``."""
    owner: str | None = None
    assessor: str | None = None
    state: ControlStatus = "not_assessed"

    @property
    def applies(self) -> bool:
        """An exclusion that is only asked for changes nothing yet."""
        return self.applicability in {"applicable", "exclusion_requested"}


@dataclass(frozen=True, slots=True)
class TimerState:
    """The newest generation of one timer."""

    name: str
    generation: int
    due_at: datetime
    state: TimerStatus


@dataclass(frozen=True, slots=True)
class WorkflowState:
    """One workflow; ``controls`` in the order of the catalogue, ``timers`` by name."""

    tenant_id: str
    workflow_id: str
    name: str
    regulation: str
    edition: str
    regulation_version: str
    law_version: str
    description: str
    boundary: str
    owner: str
    choices: Mapping[str, tuple[str, ...]]
    period_start: date
    period_end: date
    """Exclusive."""
    period_ended: bool
    state: Status
    phase: Phase
    created_by: str
    created_at: datetime
    updated_at: datetime
    version: int
    """Of the aggregate: one per event."""
    last_event: str
    topic: str
    partition: int
    lane_seq: int
    controls: tuple[ControlState, ...]
    timers: tuple[TimerState, ...]

    @property
    def subject(self) -> str:
        """``ce_subject`` of its events, and the aggregate of its timers."""
        return f"workflow/{self.workflow_id}"

    @property
    def closed(self) -> bool:
        """Whether nothing can happen to it any more."""
        return self.phase == "closed"

    @property
    def applicable(self) -> int:
        """How many controls apply."""
        return sum(control.applies for control in self.controls)

    @property
    def excluded(self) -> int:
        """How many controls two persons have excluded."""
        return sum(control.applicability == "excluded" for control in self.controls)

    @property
    def assessed(self) -> int:
        """How many controls that apply have a result: waiting for evidence is none."""
        return sum(control.applies and control.state in RESULTS for control in self.controls)

    @property
    def satisfied(self) -> int:
        """How many of these meet what is asked; nothing else ever counts as met."""
        return sum(control.applies and control.state == "satisfied" for control in self.controls)

    def timer(self, name: str) -> TimerState | None:
        """The timer of that name."""
        return next((timer for timer in self.timers if timer.name == name), None)
