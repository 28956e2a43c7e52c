"""Query parameters of the paths. What is not named here is refused with 422."""

import re
from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from projections.api.models import Outcome, PolicyState
from projections.api.pages import DEFAULT_LIMIT, MAX_CURSOR_CHARS, MAX_LIMIT, Place, unseal
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
Absent = SkipJsonSchema[None]


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
        return {name: timestamp(v) if isinstance(v, datetime) else str(v) for name, v in found.items()}

    def after(self) -> Place | None:
        """Where the page starts; raises the 422 problem for a cursor that is not ours."""
        return None if self.cursor is None else unseal(self.cursor, self.filters())


class PolicyFilters(Paged):
    """Filters of the policy list."""

    state: PolicyState | Absent = Field(default=None, description="State of the policy.")
    name: Text | Absent = Field(default=None, description="Exact name.", examples=["model-promotion-gate"])


class _TimeRange(Paged):
    from_: Moment | Absent = Field(default=None, alias="from", description="Not before this time.")
    to: Moment | Absent = Field(default=None, description="Before this time.")


class DecisionFilters(_TimeRange):
    """Filters of the decision list; several must all hold."""

    policy: Text | Absent = Field(
        default=None, description="Id or name of the policy.", examples=["model-promotion-gate"]
    )
    outcome: Outcome | Absent = Field(default=None, description="What was decided.")
    resource: Text | Absent = Field(
        default=None, description="What it was decided on.", examples=["model/m-17"]
    )
    actor: Text | Absent = Field(default=None, description="Who asked.", examples=["svc-mlops"])


class AuditFilters(_TimeRange):
    """Filters of the audit trail, handed to the audit sink, which knows whether a cursor is its own."""

    type: Text | Absent = Field(
        default=None, description="Type of the event.", examples=["governance.policy.evaluated"]
    )
    resource: Text | Absent = Field(default=None, description="Its subject.", examples=["model/m-17"])
    actor: Text | Absent = Field(default=None, description="Who caused it.", examples=["svc-mlops"])
    event_id: Text | Absent = Field(default=None, description="Its id.")
    tenant: Text | Absent = Field(default=None, description="Another tenant than one's own: `audit:all`.")

    def forwarded(self) -> dict[str, str]:
        """The parameters for the sink, by its names."""
        own = {"limit": str(self.limit)} | ({"cursor": self.cursor} if self.cursor else {})
        return {**self.filters(), **own}
