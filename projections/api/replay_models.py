"""Answers about replays and shadows."""

from datetime import date

from pydantic import Field

from projections.api.blocks import Answer, Freshness, Moment, NextLink
from projections.apply.replay import ReplayOutcome
from schemas.models import ReplayReport


class Replay(Answer):
    """A replay of recorded decisions that an activation waited for."""

    replay_id: str = Field(description="Id of the event that asked for it.")
    version: int = Field(ge=1)
    days: int = Field(description="Decisions of so many days before it was asked for.")
    flip_budget: int = Field(description="Most answers that may change.")
    requested_by: str
    requested_at: Moment
    outcome: ReplayOutcome = Field(
        description="`over_budget` and `failed` kept the version back; nothing waits for an `abandoned` one."
    )
    reason: str = Field(description="Why the version was kept back, else empty.")
    report: ReplayReport | None = Field(description="What it found; null while it runs or where it failed.")
    finished_at: Moment | None
    overridden_by: str = Field(description="Who activated the version all the same, else empty.")
    override_reason: str


class Replays(Answer):
    """A page of a policy's replays."""

    policy_id: str
    freshness: Freshness
    items: list[Replay]
    next: NextLink


class CurrentShadow(Answer):
    """The version that is asked beside the deciding one."""

    version: int = Field(ge=1)
    requested_by: str
    requested_at: Moment
    loaded: bool = Field(description="Whether OPA holds it: only then is it asked.")


class ShadowDay(Answer):
    """What a shadow said on one day (UTC)."""

    day: date
    version: int = Field(ge=1)
    compared: int = Field(description="Decisions that it was compared with.")
    differed: int = Field(description="Those of them on which it said something else; each has an event.")
    dropped: int = Field(description="Decisions that did not wait for it.")


class PolicyShadow(Answer):
    """A policy's shadow and its figures."""

    policy_id: str
    freshness: Freshness
    current: CurrentShadow | None = Field(description="Null while there is none.")
    days: list[ShadowDay] = Field(description="Newest first, of earlier shadows too.")
