"""The replay that an activation waits for, as its version keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, cast

from projections.apply.happened import Happened

ReplayOutcome = Literal["running", "within_budget", "over_budget", "failed", "abandoned"]
"""``abandoned``: the activation went on, or became pointless, without it."""


@dataclass(frozen=True, slots=True)
class Replay:
    """The newest replay of a version."""

    replay_id: str
    """Event that asked for it."""
    days: int
    flip_budget: int
    requested_by: str
    requested_at: datetime
    outcome: ReplayOutcome = "running"
    reason: str = ""
    """Why it failed or kept the version back, for people."""
    report: Mapping[str, object] | None = None
    """A :class:`schemas.models.ReplayReport` as its event holds it."""
    finished_at: datetime | None = None
    overridden_by: str = ""
    override_reason: str = ""


def requested(event: Happened) -> Replay:
    """The replay of a ``governance.policy.replay_requested`` event."""
    return Replay(
        replay_id=event.event_id,
        days=cast(int, event.body["days"]),
        flip_budget=cast(int, event.body["flip_budget"]),
        requested_by=event.actor,
        requested_at=event.occurred_at,
    )


def finished(replay: Replay, event: Happened) -> Replay:
    """The replay after its ``governance.policy.replayed`` event."""
    return replace(
        replay,
        outcome=cast(ReplayOutcome, event.body["outcome"]),
        reason=str(event.body["reason"]),
        report=cast("Mapping[str, object] | None", event.body["report"]),
        finished_at=event.occurred_at,
    )


def overridden(replay: Replay, event: Happened) -> Replay:
    """The replay after its ``governance.policy.replay_overridden`` event."""
    return replace(
        abandoned(replay, event.occurred_at),
        overridden_by=event.actor,
        override_reason=str(event.body["reason"]),
    )


def abandoned(replay: Replay, moment: datetime) -> Replay:
    """The replay, where it still ran, as one that nothing waits for."""
    return replace(replay, outcome="abandoned", finished_at=moment) if replay.outcome == "running" else replay
