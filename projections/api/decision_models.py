"""Answers about decisions and decision points."""

from typing import Annotated, Any, Literal

from pydantic import Field

from projections.api.blocks import Answer, Freshness, JsonObject, JsonText, Moment, NextLink
from projections.api.models import InputStorage, Outcome

Combining = Literal["", "deny_overrides", "all_must_allow", "first_applicable"]
Basis = Annotated[
    Literal["policy", "fail_mode"],
    Field(description="`policy`: the result says so; `fail_mode`: the policy could not answer."),
]
OwnAnswer = Annotated[
    Literal["", "allow", "deny"],
    Field(description="What the policy itself said, before enforcement; empty when it did not answer."),
]


class DecisionSummary(Answer):
    """A decision."""

    decision_id: str = Field(description="Equals the event id.")
    policy_id: str = Field(description="Of a decision point, the policy that decided; empty where none did.")
    policy_name: str | None = Field(description="Null when there is no such policy.")
    policy_version: int | None = Field(description="Version that decided; null when none could.")
    resource: str = Field(examples=["model/m-17"])
    actor: str = Field(examples=["svc-mlops"])
    outcome: Outcome = Field(description="What holds; an advisory policy's deny allows.")
    basis: Basis
    answer: OwnAnswer
    overridden: bool = Field(description="Whether a second person let pass what was denied.")
    occurred_at: Moment
    freshness: Freshness


class DecisionPart(Answer):
    """What one policy of a decision point said."""

    policy_id: str
    policy: str = Field(description="The policy as the decision point names it.")
    version: int | None = Field(description="Version that was asked; null when none could be.")
    module_digest: str
    effect: Literal["", "allow", "deny"] = Field(
        description="What it added to the combined outcome; empty where it did not count."
    )
    outcome: Outcome
    basis: Basis
    answer: OwnAnswer
    error: str
    reasons: list[str]
    obligations: list[JsonText]
    result: JsonObject | None
    enforcement: str
    fail_mode: str
    duration_us: int
    opa: str
    bundle_revision: int
    activation_event: str
    known_decision: str


class Override(Answer):
    """A denial that was let pass."""

    event_id: str
    overridden_by: str
    overridden_at: Moment
    reason: str


class Decision(DecisionSummary):
    """A decision with all that its event recorded."""

    policy: str = Field(description="The policy as the caller, or the decision point, named it.")
    module_digest: str = Field(description="SHA-256 (hex) of the version's loaded module, or empty.")
    decision_point: str
    combining: Combining = Field(description="How the decision point combined its policies, or empty.")
    parts: list[DecisionPart] = Field(description="What each policy of the point said, in order.")
    binding: str = Field(description="Event that bound the decision point, or empty.")
    override: Override | None
    error: str = Field(description="Reason code when the basis is `fail_mode`, else empty.")
    reasons: list[str] = Field(examples=[["the model card is missing"]])
    result: JsonObject | None = Field(description="The policy's result document.")
    obligations: list[JsonText] = Field(description="What the caller must do besides.")
    input: JsonObject = Field(
        description="The input as received, but for masked fields and for encrypted ones, in whose place "
        '`{"$personal": pseudonym}` stands without `personal:read`; empty where only its digest is kept.'
    )
    input_digest: str = Field(
        description="SHA-256 (hex) of the input's bytes as received; keyed where fields are encrypted."
    )
    input_storage: InputStorage
    masked: list[str] = Field(
        description="JSON Pointers of the input's fields that were masked or encrypted."
    )
    known_decision: str = Field(
        description="Decision whose answer was taken over (fail mode `last_known`), or empty."
    )
    enforcement: str
    fail_mode: str
    duration_us: int = Field(description="Time of the OPA request that answered, shared by its batch.")
    opa: str
    bundle_revision: int
    command_id: str
    command_source: str
    correlation_id: str
    causation_id: str = Field(description="Event that the decision rests on: an activation or a binding.")


class RuleExplanation(Answer):
    """One rule of a policy, as it went."""

    file: str = Field(examples=["policy.rego"])
    row: int = Field(ge=1, description="Of the rule's head, from 1, in the file as submitted.")
    name: str = Field(examples=["violations"])
    fired: bool = Field(description="Whether it came to an end for this input.")
    value: Any = Field(description="Of all rules of that name together; null where they have none.")


class PolicyExplanation(Answer):
    """How one policy decides the recorded input now, outside the OPA that decides."""

    policy_id: str
    policy: str
    version: int
    same: bool | None = Field(
        description="Whether it gives the recorded result; null where nothing was recorded or run."
    )
    not_run: str = Field(description="Why it was not run, or empty.")
    result: Any = Field(description="The decision document; null where there is none.")
    error: str = Field(description="What OPA reported instead, or empty.")
    converted: bool = Field(description="Whether rows are those of the modules as loaded.")
    rules: list[RuleExplanation]


class Explanation(Answer):
    """A decision made again."""

    decision_id: str
    policies: list[PolicyExplanation] = Field(
        description="Those that had a version to ask; of a decision point, in its order."
    )


class Decisions(Answer):
    """A page of decisions."""

    items: list[DecisionSummary]
    next: NextLink


class BoundPolicy(Answer):
    """A policy that a decision point asks."""

    policy_id: str
    policy: str = Field(description="As the binding names it.", examples=["model-promotion-gate"])


class DecisionPoint(Answer):
    """What a decision point asks."""

    decision_point_id: str = Field(examples=["3f0c52a0-6a0e-5d7f-9a51-6a7c0a5d9e11"])
    name: str = Field(examples=["model.promote"])
    combining: Combining = Field(description="Empty while nothing is bound.")
    policies: list[BoundPolicy] = Field(description="In order; empty while nothing is bound.")
    updated_by: str = Field(description="Who bound or unbound it last.")
    created_at: Moment
    updated_at: Moment
    freshness: Freshness


class DecisionPoints(Answer):
    """A page of decision points."""

    items: list[DecisionPoint]
    next: NextLink
