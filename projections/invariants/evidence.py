"""What the checks compare, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from projections.apply.decision import DecisionPartRow, DecisionRow, OverrideRow
from projections.apply.decision_point import DecisionPointKey, DecisionPointState
from projections.apply.decision_stats import DecisionStats
from projections.apply.evidence import CounterKey, EvidenceKey
from projections.apply.happened import Happened
from projections.apply.policy import PolicyKey
from projections.apply.trials import Trials
from projections.apply.workflow_state import WorkflowKey

Lane = tuple[str, int]
"""Topic and partition."""
Position = tuple[str, int, int]
"""Topic, partition and offset."""
Identity = tuple[str, str, str]
"""Tenant, source and id of a command."""


@dataclass(frozen=True, slots=True)
class SentCommand:
    """One record of a command topic."""

    position: Position
    identity: Identity | None
    """None when its envelope or body cannot be read."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One row of the event table: the event, and the leaf hash the wall must have for it."""

    happened: Happened
    leaf_hash: bytes


@dataclass(frozen=True, slots=True)
class PublishedEvent:
    """One record of an event topic, in the order of its partition."""

    sequence: int
    leaf_hash: bytes


@dataclass(frozen=True, slots=True)
class WallEntry:
    """One entry of the wall."""

    index: int
    topic: str
    partition: int
    lane_seq: int
    entry: bytes
    leaf_hash: bytes


@dataclass(frozen=True, slots=True)
class WallHead:
    """Size and root of the wall's tree."""

    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class SeenPolicy:
    """What the read API said of a policy at some moment."""

    key: PolicyKey
    version: int
    """Of the aggregate."""
    state: str
    active_version: int | None
    last_event: str


@dataclass(slots=True)
class Evidence:
    """Everything that was read."""

    commands: list[SentCommand] = field(default_factory=list)
    next_offsets: Mapping[Lane, int] = field(default_factory=dict)
    inbox: frozenset[Identity] = frozenset()
    quarantine: Mapping[Position, str] = field(default_factory=dict)
    """State of each quarantine row."""
    events: Mapping[Lane, list[StoredEvent]] = field(default_factory=dict)
    """Per event partition, in ascending sequence."""
    published: Mapping[Lane, list[PublishedEvent]] = field(default_factory=dict)
    decisions: Mapping[str, DecisionRow] = field(default_factory=dict)
    decision_parts: Mapping[tuple[str, int], DecisionPartRow] = field(default_factory=dict)
    """By decision and place."""
    overrides: Mapping[str, OverrideRow] = field(default_factory=dict)
    """By decision."""
    decision_points: Mapping[DecisionPointKey, DecisionPointState] = field(default_factory=dict)
    policies: Mapping[PolicyKey, Mapping[str, object]] = field(default_factory=dict)
    """Projection rows as documents, see :mod:`projections.invariants.replay`."""
    workflows: Mapping[WorkflowKey, Mapping[str, object]] = field(default_factory=dict)
    """As documents too, see :mod:`projections.invariants.workflows`."""
    submitted: Mapping[EvidenceKey, Mapping[str, object]] = field(default_factory=dict)
    """Rows of evidence with their links, see :mod:`projections.invariants.submissions`."""
    counters: Mapping[CounterKey, int] = field(default_factory=dict)
    stats: DecisionStats = field(default_factory=DecisionStats)
    trials: Trials = field(default_factory=Trials)
    wall: list[WallEntry] = field(default_factory=list)
    head: WallHead | None = None
    seen: list[SeenPolicy] = field(default_factory=list)
