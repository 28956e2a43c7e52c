"""What the lane store in memory keeps: the tables of the primary database as values."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol, cast

from agents.decisions.answering import KnownAnswer, Pointer, unknown
from agents.decisions.combining import Combining
from agents.decisions.evaluation import Gate
from agents.decisions.overriding import DecisionState
from agents.lanes.ports import (
    AnswerKey,
    DecisionKey,
    EventRow,
    InboxRow,
    LaneRow,
    Position,
    QuarantineRow,
    SubjectDigest,
)
from agents.reading import InboxKey
from agents.records import LaneId
from projections.apply.decision import DecisionPartRow, DecisionRow, OverrideRow
from projections.apply.decision_point import DecisionPointKey, DecisionPointState
from projections.apply.decision_stats import DecisionStats
from projections.apply.evidence import CounterKey, EvidenceKey, EvidenceState
from projections.apply.policy import PolicyKey, PolicyState
from projections.apply.workflow_state import WorkflowKey, WorkflowState
from schemas.personal import SubjectKey
from schemas.topics import command_topic_for_events, family_of


class Open(Protocol):
    """A transaction that holds locks."""

    ended: bool
    """By the server: nothing of it can be committed any more."""


@dataclass(slots=True)
class Tables:
    """What the primary database holds."""

    lanes: dict[LaneId, LaneRow] = field(default_factory=dict)
    inbox: dict[InboxKey, InboxRow] = field(default_factory=dict)
    events: dict[LaneId, list[EventRow]] = field(default_factory=dict)
    quarantine: dict[Position, QuarantineRow] = field(default_factory=dict)
    attempts: dict[Position, int] = field(default_factory=dict)
    policies: dict[PolicyKey, PolicyState] = field(default_factory=dict)
    decisions: dict[str, DecisionRow] = field(default_factory=dict)
    decision_parts: list[DecisionPartRow] = field(default_factory=list)
    overrides: dict[str, OverrideRow] = field(default_factory=dict)
    decision_points: dict[DecisionPointKey, DecisionPointState] = field(default_factory=dict)
    workflows: dict[WorkflowKey, WorkflowState] = field(default_factory=dict)
    evidence: dict[EvidenceKey, EvidenceState] = field(default_factory=dict)
    counters: dict[CounterKey, int] = field(default_factory=dict)
    stats: DecisionStats = field(default_factory=DecisionStats)
    subject_keys: dict[SubjectDigest, SubjectKey] = field(default_factory=dict)
    locks: dict[LaneId, Open] = field(default_factory=dict)

    def lane(self, lane: LaneId) -> LaneRow:
        """Where a lane stands."""
        return self.lanes.get(lane) or LaneRow(lane, 0, 1, 0, _EPOCH, 0, frozenset())

    def held(self, lane: LaneId, offset: int) -> list[QuarantineRow]:
        """As :meth:`agents.lanes.ports.LaneStore.held`."""
        open_ = self._open(lane)
        target = next((row for row in open_ if row.record.offset == offset), None)
        if target is None or target.command_id is None:
            return [target] if target else []
        return [r for r in open_ if r.command_id is not None and r.record.key == target.record.key]

    def some_policies(self, keys: Collection[PolicyKey]) -> dict[PolicyKey, PolicyState]:
        """As :meth:`agents.lanes.ports.LaneStore.policies`."""
        return {key: self.policies[key] for key in keys if key in self.policies}

    def pointers(self, keys: Collection[PolicyKey]) -> dict[PolicyKey, Pointer]:
        """As :meth:`agents.lanes.ports.LaneStore.pointers`."""
        return {key: pointer_of(state) for key, state in self.some_policies(keys).items()}

    def points(self, keys: Collection[DecisionPointKey]) -> dict[DecisionPointKey, Gate]:
        """As :meth:`agents.lanes.ports.LaneStore.points`."""
        bound = [state for key in keys if (state := self.decision_points.get(key)) and state.policies]
        return {(state.tenant_id, state.decision_point_id): self._gate(state) for state in bound}

    def last_answers(self, keys: Collection[AnswerKey]) -> dict[AnswerKey, KnownAnswer]:
        """As :meth:`agents.lanes.ports.LaneTransaction.last_answers`."""
        found: dict[AnswerKey, KnownAnswer] = {}
        every: list[DecisionRow | DecisionPartRow] = [*self.decisions.values(), *self.decision_parts]
        rows = sorted(every, key=lambda row: (row.occurred_at, row.decision_id))
        for row in rows:
            key = (row.tenant_id, row.policy_id, row.resource)
            if key in keys and row.basis == "policy":
                found[key] = KnownAnswer(row.decision_id, row.answer)
        return found

    def some_decisions(self, keys: Collection[DecisionKey]) -> dict[DecisionKey, DecisionState]:
        """As :meth:`agents.lanes.ports.LaneTransaction.decisions`."""
        found: dict[DecisionKey, DecisionState] = {}
        for tenant, decision_id in keys:
            row = self.decisions.get(decision_id)
            if row is not None and row.tenant_id == tenant:
                lane = LaneId(command_topic_for_events(row.topic), row.partition)
                event = self.events[lane][row.lane_seq - 1].happened
                found[tenant, decision_id] = DecisionState(event, decision_id in self.overrides)
        return found

    def parked_keys(self, lane: LaneId) -> frozenset[bytes | None]:
        """As :attr:`agents.lanes.ports.LaneRow.parked_keys`."""
        if family_of(lane.topic) == "evaluation":
            return frozenset()
        return frozenset(row.record.key for row in self._open(lane) if row.command_id is not None)

    def end_idle_transactions(self) -> None:
        """Ends every open transaction, as the server does with those whose process was paused."""
        for transaction in self.locks.values():
            transaction.ended = True
        self.locks.clear()

    def _gate(self, state: DecisionPointState) -> Gate:
        pointers = self.pointers([(state.tenant_id, identity) for identity, _ in state.policies])
        ids, names = zip(*state.policies, strict=True)
        return Gate(
            policies=names,
            pointers=tuple(pointers.get((state.tenant_id, each)) or unknown(each) for each in ids),
            combining=cast("Combining", state.combining),
            binding=state.last_event,
        )

    def _open(self, lane: LaneId) -> list[QuarantineRow]:
        rows = [row for (where, _), row in sorted(self.quarantine.items()) if where == lane]
        return [row for row in rows if row.state in {"quarantined", "parked"}]


def pointer_of(state: PolicyState) -> Pointer:
    """What a policy points to."""
    active = state.numbered(state.active_version) if state.active_version else None
    return Pointer(
        policy_id=state.policy_id,
        state=state.state,
        version=active.version if active else None,
        module_digest=active.module_digest if active else "",
        enforcement=active.enforcement if active else "",
        fail_mode=active.fail_mode if active else "",
        timeout_ms=active.timeout_ms if active else None,
        confirmed_revision=active.confirmed_revision if active else 0,
        activation_event=state.activation_event or "",
        personal_fields=active.personal_fields if active else (),
        input_storage=active.input_storage if active else "full",
        suspended=active is not None and active.state != "active",
        shadow=(state.shadow.version, state.shadow.revision)
        if state.shadow is not None and state.shadow.revision
        else None,
    )


_EPOCH = datetime.fromtimestamp(0, UTC)
