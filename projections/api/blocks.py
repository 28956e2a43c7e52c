"""What every answer is built of: times, JSON documents, lanes, freshness.

Times are RFC 3339 in UTC with microseconds and ``Z``: text order is time order. JSON documents of
events (inputs, results) stand byte for byte as they were recorded.
"""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Protocol

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from projections.api.freshness import AuditState, Head, LaneHeads
from schemas.envelope import timestamp


def _well_formed(document: bytes) -> bytes:
    orjson.loads(document)
    return document


def _as_it_stands(document: bytes) -> Any:
    return orjson.Fragment(document)


Moment = Annotated[
    datetime,
    PlainSerializer(timestamp, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-05-04T09:30:00.125000Z"]}),
]
JsonObject = Annotated[
    bytes,
    AfterValidator(_well_formed),
    PlainSerializer(_as_it_stands),
    WithJsonSchema({"type": "object", "additionalProperties": True}),
]

JsonText = Annotated[
    str,
    PlainSerializer(lambda text: orjson.Fragment(text), return_type=Any),
    WithJsonSchema({"description": "Any JSON value."}),
]


NextLink = Annotated[
    str | None,
    Field(
        description="Path of the next page; null on the last one.",
        examples=["/api/v1/decisions?limit=50&cursor=WyJhYmMiLDE3Nzc4OTU4MDAwMDAwMDAsIjAxOTcuLi4iXQ"],
    ),
]


class DataclassRow(Protocol):
    """Any dataclass instance."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


def fields_of(row: DataclassRow) -> dict[str, object]:
    """The fields of a row by name; ``dataclasses.asdict`` would copy them deeply, at half a list's cost."""
    return {name: getattr(row, name) for name in row.__dataclass_fields__}


class Answer(BaseModel):
    """Root of the answers."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Lane(Answer):
    """One partition of an event topic."""

    topic: str = Field(examples=["governance.policy.events.v1"])
    partition: int = Field(ge=0, examples=[2])


class Audit(Answer):
    """Whether the audit wall holds the last event of a resource."""

    state: AuditState = Field(
        description="`recorded` once a receipt covers the event; `pending` while none is known that does."
    )


class Freshness(Answer):
    """What an answer rests on: the resource's last event, its place, and its proof state."""

    version: int | None = Field(description="Version of the aggregate: one per event. Null for commands.")
    event_id: str = Field(description="Last event of the resource.")
    lane: Lane
    sequence: int = Field(ge=1, description="Number of that event in its lane.")
    audit: Audit

    @classmethod
    def of(cls, head: Head, version: int | None, heads: LaneHeads) -> "Freshness":
        """The freshness of a resource whose last event is ``head``."""
        return cls(
            version=version,
            event_id=head.event_id,
            lane=Lane(topic=head.topic, partition=head.partition),
            sequence=head.sequence,
            audit=Audit(state=heads.audit(head)),
        )


class Finding(Answer):
    """One finding of a check on submitted source."""

    file: str
    row: int = Field(description="1-based line, 0 when unknown.")
    column: int = Field(description="1-based column, 0 when unknown.")
    rule: str
    message: str
    hint: str = ""
