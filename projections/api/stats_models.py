"""Answers about many decisions: figures, what changed after an activation, and what nobody asks."""

from typing import Literal

from pydantic import Field

from projections.api.blocks import Answer, Moment, NextLink
from projections.api.models import Outcome

Bucket = Literal["hour", "day"]
GroupBy = Literal["policy", "version", "decision_point"]

_BOUND = "upper bound of its bucket in the histogram; null where nothing was measured or it is above them all"


class Figures(Answer):
    """Counts, and shares of them; a share of nothing is null."""

    decisions: int = Field(examples=[1200])
    allowed: int = Field(examples=[1100])
    denied: int = Field(examples=[100])
    answers: int = Field(
        description="Times that a policy was asked; a decision point asks several for one decision."
    )
    said_allow: int = Field(description="Policies' own answers, before enforcement.")
    said_deny: int
    failed: int = Field(description="Times that a policy did not answer and its fail mode did.")
    timed_out: int = Field(description="Of these, by a time-out.")
    deny_rate: float | None = Field(description="`denied` of `decisions`.", examples=[0.0833])
    error_rate: float | None = Field(description="`failed` of `answers`.", examples=[0.0])
    timeout_rate: float | None = Field(description="`timed_out` of `answers`.", examples=[0.0])
    p50_us: int | None = Field(description=f"Median time of OPA's requests in µs: {_BOUND}.", examples=[3000])
    p95_us: int | None = Field(description=f"Its 95th percentile: {_BOUND}.", examples=[7500])
    p99_us: int | None = Field(description=f"Its 99th percentile: {_BOUND}.", examples=[15000])


class LatencyBucket(Answer):
    """How many answers took at most so long, and longer than the bucket before."""

    le_us: int | None = Field(description="Inclusive bound in µs; null for the last bucket.", examples=[500])
    answers: int


class StatsBucket(Figures):
    """One hour or day; those without any decision are left out."""

    starts_at: Moment


class StatsGroup(Figures):
    """One policy, version of a policy, or decision point."""

    policy_id: str | None = Field(description="Null where decisions are grouped by decision point.")
    policy_name: str | None = Field(description="Null too when there is no such policy.")
    version: int | None = Field(description="Null where none could be asked, or not grouped by version.")
    decision_point: str | None = Field(
        description="Empty: none was named; `(other)`: names past the 20 that are counted an hour and lane."
        " Null where decisions are not grouped by it."
    )


class ErrorCount(Answer):
    """How often policies did not answer, by reason code."""

    code: str = Field(examples=["timeout"])
    answers: int


class ViolationCount(Answer):
    """How often a policy denied for one reason."""

    policy_id: str
    policy_name: str | None
    violation: str = Field(
        description="The rule that it names (`rule: text`), else its text, cut after 120 characters;"
        " `(other)`: those past the 50 that are counted an hour, version and lane.",
        examples=["own_approval"],
    )
    answers: int


class DecisionStats(Answer):
    """What was decided in a window of time."""

    starts_at: Moment = Field(description="Begin of the first bucket.")
    ends_at: Moment = Field(description="End of the last bucket.")
    bucket: Bucket
    group_by: GroupBy
    totals: Figures
    histogram: list[LatencyBucket]
    series: list[StatsBucket] = Field(description="In order of time.")
    groups: list[StatsGroup] = Field(description="By number of answers, at most 100.")
    errors: list[ErrorCount] = Field(description="Most frequent first.")
    violations: list[ViolationCount] = Field(description="Most frequent first, at most 20.")


class PolicyActivation(Answer):
    """A version became the one that decides."""

    event_id: str
    version: int = Field(ge=1)
    previous_version: int | None = Field(description="The version that decided before.")
    activated_at: Moment
    until: Moment | None = Field(description="The next activation; null where it still decides.")


class Flip(Answer):
    """A resource that was decided otherwise."""

    resource: str = Field(examples=["model/m-17"])
    outcome_before: Outcome
    outcome_after: Outcome
    decision_before: str = Field(description="Id of the last decision by the previous version.")
    decision_after: str = Field(description="Id of the first decision by the version.")


class Flips(Answer):
    """Resources that a version decided otherwise than the one before it."""

    policy_id: str
    activation: PolicyActivation | None = Field(description="Null where there is no such activation.")
    compared: int = Field(description="Resources that both versions decided.")
    unchanged: int
    allow_to_deny: int
    deny_to_allow: int
    complete: bool = Field(
        description="Whether all decisions since the activation were looked at: the first 1,000 are."
    )
    flips: list[Flip] = Field(description="At most 20 of them, the earliest first.")


class UnusedPolicy(Answer):
    """An active policy that nobody asked."""

    policy_id: str
    name: str = Field(examples=["model-promotion-gate"])
    active_version: int
    last_asked: Moment | None = Field(description="Begin of the hour in which it was; null for never.")


class UnusedPolicies(Answer):
    """A page of unused policies, the newest policy first."""

    since: Moment = Field(description="Not asked, and not activated, since then.")
    items: list[UnusedPolicy]
    next: NextLink


class CoveredPoint(Answer):
    """A decision point that asked, or that policies are bound to."""

    decision_point: str = Field(examples=["registry.promote"])
    bound: bool = Field(description="Whether policies are bound to it; callers may name any other.")
    decisions: int
    denied: int
    policies: list[str] = Field(description="Ids of the policies that were asked at it, at most 50.")


class PolicyName(Answer):
    """A policy by its id and name."""

    policy_id: str
    name: str


class Coverage(Answer):
    """Which decision points ask which policies."""

    since: Moment
    points: list[CoveredPoint] = Field(description="By number of decisions, at most 200.")
    decisions_without_point: int
    policies_without_point: list[PolicyName] = Field(
        description="Active policies that no decision point asked, at most 200, by name."
    )
