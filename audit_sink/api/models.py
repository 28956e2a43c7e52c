"""Answers of the read endpoint, as pydantic models: they are the OpenAPI document's schemas."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from schemas.envelope import timestamp

Moment = Annotated[
    datetime,
    PlainSerializer(timestamp, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-05-04T09:30:00.125000Z"]}),
]
Hash = Annotated[str, Field(description="SHA-256 in hex.", pattern="^[0-9a-f]{64}$")]


class Answer(BaseModel):
    """Root of the answers."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LaneName(Answer):
    """One partition of an event topic, or a lane of the wall's own."""

    topic: str = Field(examples=["governance.policy.events.v1"])
    partition: int = Field(ge=0, examples=[2])


class Correction(Answer):
    """A later entry that says what is right instead."""

    index: int = Field(ge=0)
    event_id: str
    occurred_at: Moment | None
    reason: str = Field(description="Why the entry is wrong, for people.")
    details: Any = Field(description="What is right: a JSON object.")
    requester: str
    approver: str = Field(description="Another actor than the requester.")
    leaf_hash: Hash


class Corrected(Answer):
    """The earlier entry that a correction is about."""

    index: int = Field(ge=0)
    event_id: str
    event_type: str
    occurred_at: Moment | None
    leaf_hash: Hash


class Entry(Answer):
    """One entry. Only ``entry`` is proven; everything else is read from it or from its place."""

    index: int = Field(ge=0, description="Place in the log, from 0: the leaf index.")
    tenant_id: str
    tenant_index: int = Field(ge=0, description="Place among the tenant's own entries, from 0.")
    event_id: str
    event_type: str = Field(examples=["governance.policy.evaluated"])
    actor_id: str
    resource_type: str = Field(examples=["model"])
    resource_id: str = Field(examples=["m-17"])
    action: str = Field(description="What happened: the last word of the type.", examples=["evaluated"])
    details: dict[str, Any] | None = Field(
        description="The decoded body; its JSON documents as recorded, other bytes in base64."
    )
    unreadable: str | None = Field(description="Reason code where the body cannot be decoded.")
    occurred_at: Moment | None
    correlation_id: str
    causation_id: str
    lane: LaneName
    lane_seq: int = Field(ge=1, description="Place in the lane, from 1.")
    leaf_hash: Hash
    entry: str = Field(description="The entry's bytes (deterministic CBOR) in base64.")
    large_value: str | None = Field(
        description="In base64, the body of an entry that only has its digest; in lists always null."
    )
    corrections: list[Correction] = Field(
        default=[], description="What corrects this entry, oldest first; the entry itself stays as it is."
    )
    corrects: Corrected | None = Field(default=None, description="What this entry corrects.")


class Entries(Answer):
    """A page of entries."""

    items: list[Entry]
    next: str | None = Field(description="Path of the next page; null on the last one.")


class Batch(Answer):
    """One batch row: what one transaction appended of one lane."""

    batch_no: int
    lane: LaneName
    from_offset: int
    next_offset: int
    first_lane_seq: int
    next_lane_seq: int
    first_index: int
    next_index: int
    root_after: Hash
    right_edge: list[Hash] | None
    prev_hash: Hash


class Batches(Answer):
    """A page of batch rows, ascending."""

    items: list[Batch]
    next: str | None


class LaneHead(Answer):
    """Where a lane stands in the wall."""

    topic: str
    partition: int
    next_lane_seq: int
    next_offset: int


class LogHead(Answer):
    """The log as it stands."""

    size: int
    root: Hash
    batch_no: int
    lanes: list[LaneHead]


class InclusionProof(Answer):
    """That an entry stands at its index in the tree of ``size`` entries (RFC 9162 section 2.1.3)."""

    index: int
    size: int
    leaf_hash: Hash
    hashes: list[Hash] = Field(description="From the leaf's sibling up.")


class ConsistencyProof(Answer):
    """That the tree of ``to`` entries continues that of ``from`` (RFC 9162 section 2.1.4)."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    from_: int = Field(alias="from")
    to: int
    hashes: list[Hash]


class SignedCheckpoint(Answer):
    """One checkpoint of the log."""

    size: int
    root: Hash
    anchored: bool = Field(description="Whether it is locked in the bucket, over a context entry.")
    note: str = Field(description="The C2SP signed note.")


class SignedCheckpoints(Answer):
    """A page of checkpoints, the largest first."""

    items: list[SignedCheckpoint]
    next: str | None = Field(description="Path of the next page; null on the last one.")


class TenantHead(Answer):
    """How many entries a tenant has and the root over them, as an entry of the log says, with its proof.

    Whoever has all of the tenant's entries, 0 to ``size - 1`` of ``tenant_index``, computes the same root.
    """

    tenant: str
    size: int
    root: Hash
    entry: str = Field(description="The stating entry (`audit.tenant_head`), deterministic CBOR in base64.")
    proof: InclusionProof
    checkpoint: str = Field(description="The C2SP signed note that the proof leads to.")


class Live(Answer):
    """The process answers."""

    live: bool


class Ready(Answer):
    """Whether entries can be read."""

    ready: bool
    detail: str = ""
