"""Query parameters. What is not named here is refused with 422."""

import re
from datetime import UTC, datetime
from typing import Annotated, Final, Literal
from urllib.parse import urlencode

from fastapi import Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from audit_sink.api.trail import Filters, Order
from schemas.identity import MAX_NAME_CHARS

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 500
"""Rows of one page at most; a page also ends at PAGE_BYTES of entries."""
PAGE_BYTES: Final = 8_388_608
"""Bytes of entries in one page: with views and base64, the answer stays below 32 MiB."""
MAX_INDEX: Final = (1 << 63) - 1

_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _moment(text: object) -> datetime:
    if not isinstance(text, str) or not _RFC3339.fullmatch(text):
        raise ValueError("not an RFC 3339 time with a UTC offset")
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except OverflowError:
        raise ValueError("outside the years 1 to 9999 in UTC") from None


def _whole(text: object) -> int:
    if not isinstance(text, str) or not (text.isascii() and text.isdigit()) or int(text[:19]) > MAX_INDEX:
        raise ValueError("not a whole number")
    if len(text) > len(str(MAX_INDEX)):
        raise ValueError("too large")
    return int(text)


Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-05-04T09:30:00Z"]}),
]
Whole = Annotated[int, BeforeValidator(_whole), WithJsonSchema({"type": "integer", "minimum": 0})]
Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARS, pattern=r"^[^\x00]+$")]
Absent = SkipJsonSchema[None]
Format = Literal["jsonl", "csv", "parquet"]


class NoParameters(BaseModel):
    """A path without query parameters."""

    model_config = ConfigDict(extra="forbid")


class Paged(NoParameters):
    """Root of the lists' parameters."""

    limit: int = Field(default=DEFAULT_LIMIT, ge=1, le=MAX_LIMIT, description="Rows of one page at most.")
    cursor: Whole | Absent = Field(default=None, description="Number of the last row of the page before.")


class EntryFilters(NoParameters):
    """Which entries."""

    tenant: Name | Absent = Field(default=None, description="Another tenant than one's own: audit:all.")
    from_: Moment | Absent = Field(default=None, alias="from", description="Not before this time.")
    to: Moment | Absent = Field(default=None, description="Before this time.")
    type: Name | Absent = Field(default=None, examples=["governance.policy.evaluated"])
    resource: Name | Absent = Field(default=None, examples=["model/m-17"])
    actor: Name | Absent = Field(default=None, examples=["svc-mlops"])
    event_id: Name | Absent = None

    def filters(self) -> Filters:
        """What the trail is asked for."""
        return Filters(self.tenant, self.from_, self.to, self.type, self.resource, self.actor, self.event_id)


class EntryQuery(EntryFilters, Paged):
    """A page of them."""

    order: Order = Field(default="desc", description="`desc`: newest first.")


class ExportQuery(EntryFilters):
    """All of them, ascending, as one file."""

    format: Format = Field(default="jsonl", description="Form of the file.")


class CheckpointQuery(Paged):
    """Which checkpoints."""

    cursor: Whole | Absent = Field(default=None, description="Size of the last one of the page before.")
    anchored: bool = Field(default=False, description="Only those that are locked in the bucket.")


def next_link(request: Request, cursor: int | None) -> str | None:
    """The same request from a place on."""
    if cursor is None:
        return None
    asked = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    return f"{request.url.path}?{urlencode([*asked, ('cursor', cursor)])}"
