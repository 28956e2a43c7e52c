"""Query parameters of the paths. What is not named here is refused with 422."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from projections.api.evidence_models import EvidenceKind, EvidenceState
from projections.api.models import Outcome, PolicyState
from projections.api.pages import (
    DEFAULT_LIMIT,
    MAX_CURSOR_CHARS,
    MAX_INPUTS,
    MAX_LIMIT,
    MAX_VERSIONS,
    Place,
    unseal,
    unseal_number,
)
from projections.api.regulation_models import AutomationStatus
from projections.api.stats_models import Bucket, GroupBy
from projections.apply.workflow_state import Phase, Status
from schemas.envelope import timestamp
from schemas.identity import MAX_NAME_CHARS

_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _moment(text: object) -> datetime:
    if not isinstance(text, str) or not _RFC3339.fullmatch(text):
        raise ValueError("not an RFC 3339 time with a UTC offset")
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except OverflowError:
        raise ValueError("outside the years 1 to 9999 in UTC") from None


Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-05-04T09:30:00Z"]}),
]
Text = Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARS, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""A name or id without control characters; one that nothing has finds nothing."""
Label = Annotated[str, Field(max_length=MAX_NAME_CHARS, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""The same, but it may be empty."""
PolicyVersionNumber = Annotated[int, Field(ge=1, le=2**31 - 1)]
MAX_DAYS: Final = 92
"""Longest span of days that figures are read over: a quarter."""
Absent = SkipJsonSchema[None]


def as_text(value: object) -> str:
    """A filter's value as it stands in a link."""
    match value:
        case datetime():
            return timestamp(value)
        case bool():
            return str(value).lower()
        case _:
            return str(value)


class NoParameters(BaseModel):
    """A path without query parameters."""

    model_config = ConfigDict(extra="forbid")


class CommandQuery(NoParameters):
    """Which of several commands with one id is meant."""

    source: Text | Absent = Field(
        default=None,
        description="`ce_source` of the command; needed where two sources used the same id.",
        examples=["svc-mlops"],
    )


class Paged(NoParameters):
    """Root of the lists' parameters: every other field is a filter."""

    limit: int = Field(default=DEFAULT_LIMIT, ge=1, le=MAX_LIMIT, description="Rows of one page at most.")
    cursor: str | Absent = Field(
        default=None,
        min_length=1,
        max_length=MAX_CURSOR_CHARS,
        description="From the `next` link of the page before; the filters must be the same.",
    )

    def filters(self) -> dict[str, str]:
        """The filters that are set, by parameter name, as text."""
        found = self.model_dump(by_alias=True, exclude_none=True, exclude={"limit", "cursor"})
        return {name: as_text(value) for name, value in found.items()}

    def after(self) -> Place | None:
        """Where the page starts; raises the 422 problem for a cursor that is not ours."""
        return None if self.cursor is None else unseal(self.cursor, self.filters())

    def after_number(self, catalogue: Mapping[str, str]) -> int | None:
        """The same for lists that a number orders; ``catalogue`` is what else the cursor belongs to."""
        return None if self.cursor is None else unseal_number(self.cursor, {**self.filters(), **catalogue})


class VersionPages(Paged):
    """A policy's versions; their sources make pages large, so they are short."""

    limit: int = Field(default=20, ge=1, le=MAX_VERSIONS, description="Versions of one page at most.")


class PolicyFilters(Paged):
    """Filters of the policy list."""

    state: PolicyState | Absent = Field(default=None, description="State of the policy.")
    name: Text | Absent = Field(default=None, description="Exact name.", examples=["model-promotion-gate"])


class ShadowDays(NoParameters):
    """Which figures of a policy's shadows."""

    version: PolicyVersionNumber | Absent = Field(default=None, description="Of this shadow only.")
    limit: int = Field(default=DEFAULT_LIMIT, ge=1, le=MAX_LIMIT, description="Days at most.")


class _TimeRange(Paged):
    from_: Moment | Absent = Field(default=None, alias="from", description="Not before this time.")
    to: Moment | Absent = Field(default=None, description="Before this time.")


class InputPages(_TimeRange):
    """A policy's recorded inputs."""

    limit: int = Field(default=MAX_INPUTS, ge=1, le=MAX_INPUTS, description="Lines of one page at most.")


class PolicyDecisionFilters(_TimeRange):
    """Filters of one policy's decisions; several must all hold."""

    outcome: Outcome | Absent = Field(default=None, description="What was decided.")
    answer: Outcome | Absent = Field(
        default=None, description="What the policy itself said: `deny` finds the denies of advisory ones too."
    )
    resource: Text | Absent = Field(
        default=None, description="What it was decided on.", examples=["model/m-17"]
    )
    actor: Text | Absent = Field(default=None, description="Who asked.", examples=["svc-mlops"])


class DecisionFilters(PolicyDecisionFilters):
    """Filters of the decision list; several must all hold."""

    policy: Text | Absent = Field(
        default=None,
        description="Id or name of the policy; of a decision point, the one that decided.",
        examples=["model-promotion-gate"],
    )
    decision_point: Text | Absent = Field(
        default=None, description="Name of the decision point that was asked.", examples=["model.promote"]
    )
    overridden: bool | Absent = Field(
        default=None, description="Whether a second person let pass what was denied."
    )


class StatsFilters(NoParameters):
    """What the figures of decisions are narrowed to, and how they are cut."""

    policy: Text | Absent = Field(
        default=None, description="Id or name of the policy.", examples=["model-promotion-gate"]
    )
    version: PolicyVersionNumber | Absent = Field(default=None, description="Version of the policy.")
    decision_point: Label | Absent = Field(
        default=None,
        description="Gate that asked; empty for decisions that named none.",
        examples=["registry.promote"],
    )
    from_: Moment | Absent = Field(
        default=None,
        alias="from",
        description="Not before the bucket of this time; a day before `to`, or 30 where buckets are days.",
    )
    to: Moment | Absent = Field(
        default=None, description="Up to the bucket of this time, inclusive; now unless it is given."
    )
    bucket: Bucket = Field(
        default="hour", description="Of at most 168 hours, or 92 days: an earlier `from` is moved up."
    )
    group_by: GroupBy = Field(default="policy", description="What `groups` are.")


class ActivationQuery(NoParameters):
    """Which activation of a policy is meant."""

    version: PolicyVersionNumber | Absent = Field(
        default=None, description="The newest activation of this version, instead of the newest of all."
    )


Days = Annotated[int, Field(ge=1, le=MAX_DAYS, description="How many days back, whole days in UTC.")]


class UnusedFilters(Paged):
    """Since when policies must not have been asked."""

    days: Days = 30


class CoverageQuery(NoParameters):
    """Over which days decision points are looked at."""

    days: Days = 30


class WorkflowFilters(_TimeRange):
    """Filters of the workflow list; ``from`` and ``to`` are about its creation."""

    state: Status | Absent = Field(default=None, description="State of the workflow.")
    phase: Phase | Absent = Field(default=None, description="Coarse phase of the workflow.")
    regulation: Text | Absent = Field(
        default=None, description="Code of the regulation.", examples=["iso42001"]
    )
    owner: Text | Absent = Field(default=None, description="Who answers for it.", examples=["ann"])
    name: Text | Absent = Field(
        default=None, description="Exact name.", examples=["ISO 42001 Annual Assessment 2026"]
    )


class EvidenceFilters(_TimeRange):
    """Filters of the evidence list; ``from`` and ``to`` are about its submission."""

    state: EvidenceState | Absent = Field(default=None, description="State of the evidence.")
    kind: EvidenceKind | Absent = Field(default=None, description="Who made it, a person or a system.")
    regulation: Text | Absent = Field(
        default=None, description="Code of a regulation that it is linked to.", examples=["iso42001"]
    )
    control: Text | Absent = Field(
        default=None, description="Id of a control that it is linked to.", examples=["A.2.2"]
    )
    technical_control: Text | Absent = Field(
        default=None, description="Technical control that it is linked to.", examples=["TC-032"]
    )
    actor: Text | Absent = Field(default=None, description="Who submitted it.", examples=["ann"])


class ControlFilters(Paged):
    """Filters of a regulation's controls."""

    automation: AutomationStatus | Absent = Field(default=None, description="How they are assessed.")
    kind: Text | Absent = Field(default=None, description="Kind of control.", examples=["annex_a"])
    technical_control: Text | Absent = Field(
        default=None, description="Technical control that serves them.", examples=["TC-032"]
    )
    parent: Text | Absent = Field(default=None, description="The id that they refine or belong to.")
    finer: bool | Absent = Field(
        default=None, description="With ids that refine a control; they are left out unless asked for."
    )
