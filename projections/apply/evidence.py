"""Evidence with its links, folded from the events of its lane, and what it counts for."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal, TypeVar, cast

from projections.apply.happened import Happened
from schemas.envelope import moment_of

EvidenceKey = tuple[str, str]
"""Tenant and evidence id."""

ControlLink = tuple[str, str]
"""Code of a regulation and id of one of its controls."""

CounterKey = tuple[str, str, str, int]
"""Tenant, name of the counter, and the lane of its events: topic and partition."""

EvidenceStatus = Literal["collected", "verified", "quarantined"]

Link = TypeVar("Link", str, ControlLink)


@dataclass(frozen=True, slots=True)
class EvidenceState:
    """One piece of evidence; everything but its status, lock and links is fixed when it is submitted."""

    tenant_id: str
    evidence_id: str
    title: str
    kind: str
    evidence_type: str
    description: str
    source: str
    state: EvidenceStatus
    reason: str
    """Why it is quarantined, else empty."""
    sha256: str
    """Hex, as submitted."""
    size: int
    """Bytes, as submitted."""
    media_type: str
    object_key: str
    version_id: str
    locked_until: datetime | None
    collected_at: datetime
    effective_from: datetime
    effective_to: datetime | None
    valid_until: datetime | None
    submitted_by: str
    submitted_at: datetime
    verified_at: datetime | None
    version: int
    """Of the aggregate: one per event."""
    last_event: str
    topic: str
    partition: int
    lane_seq: int
    controls: tuple[ControlLink, ...]
    """Ascending."""
    technical_controls: tuple[str, ...]
    """Ids, ascending."""


EVIDENCE_EVENTS: Final = frozenset(
    f"governance.evidence.{name}" for name in ("submitted", "linked", "verified", "quarantined")
)


def evolve(state: EvidenceState | None, event: Happened) -> EvidenceState:
    """The evidence after one of :data:`EVIDENCE_EVENTS`; raises ValueError for an event out of place."""
    if event.type == "governance.evidence.submitted":
        if state is not None:
            raise ValueError(f"{event.event_id}: the evidence was submitted before")
        return _submitted(event)
    if state is None:
        raise ValueError(f"{event.event_id}: {event.type} before the evidence was submitted")
    body = event.body
    moved = replace(
        state,
        version=state.version + 1,
        last_event=event.event_id,
        topic=event.topic,
        partition=event.partition,
        lane_seq=event.lane_seq,
    )
    match event.type:
        case "governance.evidence.linked":
            return replace(
                moved,
                controls=_united(state.controls, _controls(body)),
                technical_controls=_united(state.technical_controls, _technical_controls(body)),
            )
        case "governance.evidence.verified":
            return replace(
                moved,
                state="verified",
                locked_until=_moment(body["locked_until"]),
                verified_at=event.occurred_at,
            )
        case "governance.evidence.quarantined":
            return replace(moved, state="quarantined", reason=str(body["reason"]))
    raise ValueError(f"{event.event_id}: {event.type} is no evidence event")


def counted(state: EvidenceState | None) -> frozenset[CounterKey]:
    """The counters that the evidence stands in, once each: its state, whole and per linked regulation."""
    if state is None:
        return frozenset()
    regulations = {regulation for regulation, _ in state.controls}
    names = [f"evidence/{state.state}", *(f"evidence/{each}/{state.state}" for each in regulations)]
    return frozenset((state.tenant_id, name, state.topic, state.partition) for name in names)


def moved_counters(before: EvidenceState | None, after: EvidenceState) -> Mapping[CounterKey, int]:
    """By how much each counter moves when the evidence changes; counters that stay are absent."""
    moves = Counter(counted(after))
    moves.subtract(counted(before))
    return {key: by for key, by in moves.items() if by}


def _submitted(event: Happened) -> EvidenceState:
    body = event.body
    artifact = cast("Mapping[str, object]", body["artifact"])
    return EvidenceState(
        tenant_id=event.tenant,
        evidence_id=str(body["evidence_id"]),
        title=str(body["title"]),
        kind=str(body["kind"]),
        evidence_type=str(body["evidence_type"]),
        description=str(body["description"]),
        source=str(body["source"]),
        state="collected",
        reason="",
        sha256=str(artifact["sha256"]),
        size=cast(int, artifact["size"]),
        media_type=str(artifact["media_type"]),
        object_key=str(artifact["object_key"]),
        version_id=str(artifact["version_id"]),
        locked_until=None,
        collected_at=_moment(body["collected_at"]),
        effective_from=_moment(body["effective_from"]),
        effective_to=_moment_or_none(body["effective_to"]),
        valid_until=_moment_or_none(body["valid_until"]),
        submitted_by=event.actor,
        submitted_at=event.occurred_at,
        verified_at=None,
        version=1,
        last_event=event.event_id,
        topic=event.topic,
        partition=event.partition,
        lane_seq=event.lane_seq,
        controls=_controls(body),
        technical_controls=_technical_controls(body),
    )


def _controls(body: Mapping[str, object]) -> tuple[ControlLink, ...]:
    refs = cast("Sequence[Mapping[str, str]]", body["controls"])
    return tuple(sorted({(ref["regulation"], ref["control"]) for ref in refs}))


def _technical_controls(body: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(sorted(set(cast("Sequence[str]", body["technical_controls"]))))


def _united(first: tuple[Link, ...], second: tuple[Link, ...]) -> tuple[Link, ...]:
    return tuple(sorted(set(first) | set(second)))


def _moment(value: object) -> datetime:
    return moment_of(str(value))


def _moment_or_none(value: object) -> datetime | None:
    return None if value is None else _moment(value)
