"""Answers of the read API, as pydantic models: they are the OpenAPI document's schemas."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from projections.api.blocks import (
    Answer,
    Audit,
    Finding,
    Freshness,
    Lane,
    Moment,
    NextLink,
)

PolicyState = Literal["draft", "active", "retired"]
VersionState = Literal[
    "validated",
    "replaying",
    "shadow",
    "activating",
    "active",
    "superseded",
    "suspended",
    "retired",
    "activation_failed",
]
"""``replaying``: its activation waits for a replay, after which it is what it was, or goes on.
``shadow``: asked beside the deciding version, without any effect."""


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


class PolicyFile(Answer):
    """One further file of a policy, as submitted."""

    path: str = Field(examples=["lib/roles.rego"])
    content: str


class SubmissionReport(Answer):
    """What running a version at its submission showed."""

    tests: int = Field(description="Rego tests that passed.")
    coverage: float | None = Field(
        description="Share of the policy's lines that they ran, in percent; null without tests.",
        examples=[92.3],
    )
    inputs: int = Field(description="Inputs that its cost was measured on.")
    slowest_us: int | None = Field(
        description="Upper bound of the evaluation time on one of them, in microseconds."
    )


class PolicyVersion(Answer):
    """One version of a policy; its source never changes."""

    version: int = Field(ge=1)
    state: VersionState
    package: str = Field(examples=["aumos.governance.model_promotion"])
    rego_content: str = Field(description="Source of the entry module as submitted.")
    files: list[PolicyFile] = Field(description="Further modules, tests and data.")
    module_digest: str = Field(description="SHA-256 (hex) of what OPA loads.")
    checked: SubmissionReport | None = Field(description="Null where nothing was run.")
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
    corrections: list[dict[str, Any]] = Field(
        description="Later entries that correct this one, oldest first: index, event_id, occurred_at, "
        "reason, details, requester, approver, leaf_hash. The entry itself stays as it is."
    )
    corrects: dict[str, Any] | None = Field(
        description="The earlier entry that this one corrects: index, event_id, event_type, occurred_at, "
        "leaf_hash."
    )


class AuditEntries(Answer):
    """A page of the audit trail."""

    items: list[AuditEntry]
    next: NextLink


class InclusionProof(Answer):
    """That an entry stands at its index in the tree of ``size`` entries."""

    index: int = Field(ge=0)
    size: int = Field(ge=1)
    leaf_hash: str
    hashes: list[str] = Field(description="SHA-256 in hex, from the leaf's sibling up.")


class ConsistencyProof(BaseModel):
    """That the tree of ``to`` entries continues that of ``from``."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    from_: int = Field(alias="from", ge=0)
    to: int = Field(ge=0)
    hashes: list[str] = Field(description="SHA-256 in hex.")


class AuditCheckpoint(Answer):
    """One checkpoint of the audit wall."""

    size: int = Field(ge=0)
    root: str
    anchored: bool = Field(description="Whether it is locked in the bucket, over a context entry.")
    note: str = Field(description="The C2SP signed note.")


class AuditCheckpoints(Answer):
    """A page of checkpoints, the largest first."""

    items: list[AuditCheckpoint]
    next: NextLink


class TenantHead(Answer):
    """How many entries a tenant has and the root over them, as an entry of the log says, with its proof."""

    tenant: str
    size: int = Field(ge=0)
    root: str
    entry: str = Field(description="The stating entry (`audit.tenant_head`), deterministic CBOR in base64.")
    proof: InclusionProof
    checkpoint: str = Field(description="The C2SP signed note that the proof leads to.")


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
