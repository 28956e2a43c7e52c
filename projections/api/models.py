"""Answers of the read API, as pydantic models: they are the OpenAPI document's schemas."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from projections.api.blocks import (
    Answer,
    Audit,
    Finding,
    Freshness,
    JsonObject,
    JsonText,
    Lane,
    Moment,
    NextLink,
)

PolicyState = Literal["draft", "active", "retired"]
VersionState = Literal[
    "validated", "activating", "active", "superseded", "suspended", "retired", "activation_failed"
]


class PolicySummary(Answer):
    """A policy."""

    policy_id: str = Field(examples=["3f0c52a0-6a0e-5d7f-9a51-6a7c0a5d9e11"])
    name: str = Field(examples=["model-promotion-gate"])
    policy_type: str = Field(examples=["opa_rego"])
    state: PolicyState
    newest_version: int = Field(ge=1)
    active_version: int | None = Field(description="The version that decides; null when none does.")
    activation_event: str | None = Field(description="Id of the event that made it decide.")
    created_at: Moment
    updated_at: Moment
    freshness: Freshness


InputStorage = Annotated[
    Literal["full", "digest"],
    Field(description="`full`: decisions keep their input; `digest`: only its SHA-256."),
]


class PolicyVersion(Answer):
    """One version of a policy; its source never changes."""

    version: int = Field(ge=1)
    state: VersionState
    package: str = Field(examples=["aumos.governance.model_promotion"])
    rego_content: str = Field(description="Source as submitted.")
    module_digest: str = Field(description="SHA-256 (hex) of the module as loaded into OPA.")
    regulation_refs: list[str]
    description: str
    enforcement: str = Field(examples=["mandatory"])
    fail_mode: str = Field(examples=["closed"])
    timeout_ms: int | None = Field(description="Evaluation deadline in ms; null takes the engine's setting.")
    warnings: list[Finding]
    author: str
    created_at: Moment
    activating_since: Moment | None
    superseded_at: Moment | None
    personal_fields: list[str] = Field(
        description="JSON Pointers of input fields that are masked before they are stored.",
        examples=[["/applicant/name"]],
    )
    input_storage: InputStorage


class PolicyVersions(Answer):
    """A page of a policy's versions."""

    policy_id: str = Field(examples=["3f0c52a0-6a0e-5d7f-9a51-6a7c0a5d9e11"])
    freshness: Freshness
    items: list[PolicyVersion]
    next: NextLink


class Policy(PolicySummary):
    """A policy with its versions."""

    versions: list[PolicyVersion] = Field(
        description="Newest first: the 50 newest, and the active one where it is older."
    )


class Policies(Answer):
    """A page of policies."""

    items: list[PolicySummary]
    next: NextLink


Outcome = Literal["allow", "deny"]


class DecisionSummary(Answer):
    """A decision."""

    decision_id: str = Field(description="Equals the event id.")
    policy_id: str
    policy_name: str | None = Field(description="Null when there is no such policy.")
    policy_version: int | None = Field(description="Version that decided; null when none could.")
    resource: str = Field(examples=["model/m-17"])
    actor: str = Field(examples=["svc-mlops"])
    outcome: Outcome = Field(description="What holds; an advisory policy's deny allows.")
    basis: Literal["policy", "fail_mode"] = Field(
        description="`policy`: the result says so; `fail_mode`: the policy could not answer."
    )
    answer: Literal["", "allow", "deny"] = Field(
        description="What the policy itself said, before enforcement; empty when it did not answer."
    )
    occurred_at: Moment
    freshness: Freshness


class Decision(DecisionSummary):
    """A decision with all that its event recorded."""

    policy: str = Field(description="The policy as the caller named it.")
    module_digest: str = Field(description="SHA-256 (hex) of the version's loaded module, or empty.")
    decision_point: str
    error: str = Field(description="Reason code when the basis is `fail_mode`, else empty.")
    reasons: list[str] = Field(examples=[["the model card is missing"]])
    result: JsonObject | None = Field(description="The policy's result document.")
    obligations: list[JsonText] = Field(description="What the caller must do besides.")
    input: JsonObject = Field(
        description="The input as received, but for masked fields; empty where only its digest is kept."
    )
    input_digest: str = Field(description="SHA-256 (hex) of the input's bytes as received.")
    input_storage: InputStorage
    masked: list[str] = Field(description="JSON Pointers of the input's fields that were masked.")
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
    causation_id: str = Field(description="Event that activated the version, else the command.")


class Decisions(Answer):
    """A page of decisions."""

    items: list[DecisionSummary]
    next: NextLink


class CommandEvent(Answer):
    """An event that answers a command."""

    event_id: str
    type: str = Field(examples=["governance.policy.evaluated"])
    resource: str
    actor: str
    occurred_at: Moment
    lane: Lane
    sequence: int
    audit: Audit


CommandState = Literal["decided", "rejected", "quarantined", "parked", "discarded"]


class CommandOutcome(Answer):
    """The first outcome of a command; identical repeats have the same one."""

    command_id: str
    source: str = Field(examples=["svc-mlops"])
    state: CommandState = Field(
        description="`parked` waits behind a quarantined command; `discarded` was given up by an operator."
    )
    reason: str | None = Field(description="Reason code of a rejection or quarantine.")
    detail: str | None = Field(description="The same, for people.")
    findings: list[Finding] = Field(description="What a check on submitted source found.")
    received_at: Moment
    lane: Lane = Field(description="Command topic and partition.")
    offset: int = Field(ge=0)
    events: list[CommandEvent] = Field(description="In lane order, at most 64.")
    freshness: Freshness | None = Field(description="Of the last event; null where there is none.")


class AuditEntry(BaseModel):
    """An entry of the audit wall, handed on as the audit sink answers it."""

    model_config = ConfigDict(extra="allow", frozen=True)

    index: int = Field(ge=0, description="Place in the log, from 0: the leaf index.")
    tenant_id: str
    tenant_index: int = Field(ge=0, description="Place among the tenant's own entries, from 0.")
    event_id: str
    event_type: str = Field(examples=["governance.policy.evaluated"])
    actor_id: str
    resource_type: str = Field(examples=["model"])
    resource_id: str = Field(examples=["m-17"])
    action: str = Field(examples=["evaluated"])
    details: dict[str, Any] | None = Field(description="The decoded body; null where it is unreadable.")
    occurred_at: Moment | None
    lane: Lane
    lane_seq: int = Field(ge=1)
    leaf_hash: str = Field(description="SHA-256 (hex) of 0x00 and the entry (RFC 9162).")
    entry: str = Field(description="The entry's bytes in base64: these are what is proven.")


class AuditEntries(Answer):
    """A page of the audit trail."""

    items: list[AuditEntry]
    next: NextLink


class Component(Answer):
    """The condition of one dependency."""

    state: Literal["up", "down", "not_configured"]
    detail: str = ""


class Ready(Answer):
    """Whether everything that the API needs is up."""

    ready: bool
    components: dict[str, Component] = Field(description="By name: database, kafka, opa, sink.")


class Live(Answer):
    """The process does its work."""

    live: bool
