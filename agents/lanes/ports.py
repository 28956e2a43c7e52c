"""What lanes need of the database and of the broker.

Adapters: :mod:`agents.store.postgres`, :mod:`agents.kafka`; in memory: :mod:`agents.lanes.memory`.
Every method raises :class:`agents.errors.Outage` when its server is away and
:class:`agents.errors.Conflict` when another transaction was in the way.
"""

from collections.abc import Awaitable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from agents.decisions.answering import KnownAnswer, Pointer
from agents.decisions.evaluation import Gate
from agents.decisions.overriding import DecisionState
from agents.reading import InboxKey
from agents.records import CommandRecord, LaneId
from projections.apply.decision import DecisionPartRow, DecisionRow, OverrideRow
from projections.apply.decision_point import DecisionPointKey, DecisionPointState
from projections.apply.evidence import ControlLink, CounterKey, EvidenceKey, EvidenceState
from projections.apply.happened import Happened
from projections.apply.policy import PolicyKey, PolicyState
from projections.apply.workflow_state import ControlState, TimerState, WorkflowKey, WorkflowState
from schemas.leaf import EventRecord
from schemas.personal import SubjectKey

InboxState = Literal["decided", "rejected"]
QuarantineState = Literal["quarantined", "parked", "retried", "released", "discarded"]
Position = tuple[LaneId, int]
"""A lane and an offset in it."""


DecisionKey = tuple[str, str]
"""Tenant and decision id."""

AnswerKey = tuple[str, str, str]
"""Tenant, policy id and resource."""


SubjectDigest = tuple[str, bytes]
"""Tenant and :func:`schemas.personal.subject_digest`."""


@dataclass(frozen=True, slots=True)
class LaneRow:
    """Where a lane stands, read under its lock."""

    lane: LaneId
    next_offset: int
    next_seq: int
    published_seq: int
    last_event_time: datetime
    attempt_to: int
    """Offsets from ``next_offset`` up to here were being processed when an earlier start ended."""
    parked_keys: frozenset[bytes | None]
    """Keys with a quarantined or parked command: later commands of theirs wait. Read under the lane's
    lock only; empty otherwise, and empty where nothing is ever parked (``evaluation``)."""


@dataclass(frozen=True, slots=True)
class InboxRow:
    """A readable command's one outcome."""

    key: InboxKey
    digest: bytes
    lane: LaneId
    offset: int
    state: InboxState
    first_event: str | None
    received_at: datetime


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """A record kept whole."""

    record: CommandRecord
    state: QuarantineState
    tenant: str
    command_id: str | None
    source: str | None
    reason: str
    detail: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event with its bytes."""

    record: EventRecord
    leaf: bytes
    """:func:`schemas.leaf.encode_leaf` of the record: what the table stores."""
    happened: Happened
    """The same event as the folds see it."""


@dataclass(frozen=True, slots=True)
class WorkflowChange:
    """A workflow before and after a transaction; ``before`` is None for a new one."""

    before: WorkflowState | None
    after: WorkflowState

    @property
    def controls(self) -> list[tuple[int, ControlState]]:
        """The controls that changed, each with its place in the scope, from 0; a scope never changes."""
        places = list(enumerate(self.after.controls))
        if self.before is None:
            return places
        return [(place, control) for place, control in places if control != self.before.controls[place]]

    @property
    def timers(self) -> list[TimerState]:
        """The timers that changed."""
        known = self.before.timers if self.before else ()
        return [timer for timer in self.after.timers if timer not in known]


@dataclass(slots=True)
class Changes:
    """Everything one transaction writes."""

    lanes: dict[LaneId, "LaneAdvance"] = field(default_factory=dict)
    inbox: list[InboxRow] = field(default_factory=list)
    events: list[EventRow] = field(default_factory=list)
    quarantine: list[QuarantineRow] = field(default_factory=list)
    resolved: list[tuple[Position, QuarantineState]] = field(default_factory=list)
    """Quarantine rows that get another state."""
    decisions: list[DecisionRow] = field(default_factory=list)
    decision_parts: list[DecisionPartRow] = field(default_factory=list)
    decision_points: list[DecisionPointState] = field(default_factory=list)
    overrides: list[OverrideRow] = field(default_factory=list)
    policies: list[PolicyState] = field(default_factory=list)
    workflows: list[WorkflowChange] = field(default_factory=list)
    evidence: list[EvidenceState] = field(default_factory=list)
    evidence_controls: list[tuple[EvidenceKey, ControlLink]] = field(default_factory=list)
    evidence_technical_controls: list[tuple[EvidenceKey, str]] = field(default_factory=list)
    """Links that are new; those of ``evidence`` that were stored before are not among them."""
    subject_keys: list[SubjectKey] = field(default_factory=list)
    """New ones."""
    erased: list[tuple[str, str]] = field(default_factory=list)
    """Subjects, by tenant and pseudonym, whose keys are destroyed."""
    counters: dict[CounterKey, int] = field(default_factory=dict)
    """By how much each counter moves."""


@dataclass(frozen=True, slots=True)
class LaneAdvance:
    """How far a transaction moves a lane."""

    next_offset: int
    next_seq: int
    published_seq: int
    last_event_time: datetime


class LaneTransaction(Protocol):
    """An open transaction that holds the locks of its lanes; it commits when its context ends."""

    lanes: Mapping[LaneId, LaneRow]

    async def inbox(self, keys: Collection[InboxKey]) -> Mapping[InboxKey, bytes]:
        """The body digests of those keys that have a row."""

    async def quarantined(self, positions: Collection[Position]) -> frozenset[Position]:
        """Those positions that have a quarantine row, in whatever state."""

    async def held(self, lane: LaneId, offset: int) -> Sequence[QuarantineRow]:
        """As :meth:`LaneStore.held`."""

    async def pointers(self, keys: Collection[PolicyKey]) -> Mapping[PolicyKey, Pointer]:
        """As :meth:`LaneStore.pointers`."""

    async def points(self, keys: Collection[DecisionPointKey]) -> Mapping[DecisionPointKey, Gate]:
        """As :meth:`LaneStore.points`."""

    async def decision_points(
        self, keys: Collection[DecisionPointKey]
    ) -> Mapping[DecisionPointKey, DecisionPointState]:
        """The decision points of those keys, bound or not; unknown keys are absent."""

    async def policies(self, keys: Collection[PolicyKey]) -> Mapping[PolicyKey, PolicyState]:
        """The policies of those keys with all versions."""

    async def last_answers(self, keys: Collection[AnswerKey]) -> Mapping[AnswerKey, KnownAnswer]:
        """The newest decision of each policy on each resource in which it answered by itself, asked alone or
        by a decision point."""

    async def decisions(self, keys: Collection[DecisionKey]) -> Mapping[DecisionKey, DecisionState]:
        """The decisions of those keys; unknown keys are absent."""

    async def workflows(self, keys: Collection[WorkflowKey]) -> Mapping[WorkflowKey, WorkflowState]:
        """The workflows of those keys with controls and timers; unknown keys are absent."""

    async def evidence(self, keys: Collection[EvidenceKey]) -> Mapping[EvidenceKey, EvidenceState]:
        """The evidence of those keys with its links; unknown keys are absent."""

    async def event(self, tenant: str, event_id: str) -> EventRecord | None:
        """The tenant's event of an id, of whatever lane."""

    async def audit_events(self, tenant: str, resource: str, prefix: bool = False) -> Sequence[EventRecord]:
        """The ``audit.*`` events about a resource of the tenant, in the order of their lane.

        With ``prefix``: about every resource that begins so.
        """

    async def subject_keys(self, keys: Collection[SubjectDigest]) -> Mapping[SubjectDigest, SubjectKey]:
        """The keys of subjects, given by digest, destroyed ones too; unknown subjects are absent."""

    async def subject_key(self, tenant: str, pseudonym: str) -> SubjectKey | None:
        """The same of one, given by pseudonym."""

    async def write(self, changes: Changes) -> None:
        """Writes all changes; raises Conflict when another lane took an inbox key or made a subject's."""


class LaneStore(Protocol):
    """The primary database, as agents use it."""

    def transaction(self, lanes: Sequence[LaneId]) -> AbstractAsyncContextManager[LaneTransaction]:
        """Locks the lanes in order, creating rows that do not exist; rolls back on any exception.

        An unknown commit outcome is an Outage: the caller repeats, and the lane row tells.
        """

    async def pointers(self, keys: Collection[PolicyKey]) -> Mapping[PolicyKey, Pointer]:
        """What the policies of those keys point to; unknown keys are absent."""

    async def points(self, keys: Collection[DecisionPointKey]) -> Mapping[DecisionPointKey, Gate]:
        """What decision points of those keys ask, bindings and pointers as of one moment.

        Keys to which nothing is bound are absent.
        """

    async def policies(self, keys: Collection[PolicyKey]) -> Mapping[PolicyKey, PolicyState]:
        """The policies of those keys with all versions."""

    async def held(self, lane: LaneId, offset: int) -> Sequence[QuarantineRow]:
        """Everything held (quarantined or parked) of the key of the record held at an offset, in order.

        An unreadable record stands alone. Empty when nothing is held at that offset.
        """

    async def row(self, lane: LaneId) -> LaneRow:
        """Where the lane stands, without a lock; a lane never seen stands at its beginning."""

    async def stored(self, lane: LaneId, first: int, limit: int) -> Sequence[EventRecord]:
        """Up to ``limit`` of the lane's events from sequence ``first`` on, in order."""

    async def announce(self, lane: LaneId, attempt_to: int) -> None:
        """Commits that records below ``attempt_to`` are about to be processed; never lowers it.

        Drops attempts at records that are decided.
        """

    async def attempts(self, position: Position) -> int:
        """Commits one more single attempt at a record and returns how many there are now."""

    async def take_back_attempt(self, position: Position) -> None:
        """Drops the last single attempt at a record: it ended without the process dying of it."""

    async def acknowledge(self, published: Mapping[LaneId, int]) -> None:
        """Raises ``published_seq`` of lanes, never lowering it."""


class CommandLog(Protocol):
    """Command topics, read beside the group consumer."""

    async def end(self, lane: LaneId) -> int:
        """The offset after the lane's last record."""

    async def read(self, lane: LaneId, first: int, end: int) -> Sequence[CommandRecord]:
        """Records with offsets in ``first..end-1`` that the broker has, in order; a bounded piece.

        An empty answer means that there are none left below ``end``. Raises
        :class:`agents.errors.LaneRewound` where the log ends below ``end`` by now.
        """


class EventLog(Protocol):
    """Event topics."""

    async def publish(self, events: Sequence[EventRecord]) -> Awaitable[None]:
        """Hands events of one lane to the producer, in order.

        Returns when they are handed over; the awaitable ends when the broker has acknowledged all
        of them, and raises :class:`agents.errors.Undeliverable` when it will not.
        """

    async def last_sequence(self, topic: str, partition: int) -> int:
        """The sequence of the last record on the partition, 0 when it holds none."""
