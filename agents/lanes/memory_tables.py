"""What the lane store in memory keeps: the tables of the primary database as values."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from agents.decisions.evaluation import KnownAnswer, Pointer
from agents.lanes.ports import AnswerKey, EventRow, InboxRow, LaneRow, Position, QuarantineRow
from agents.reading import InboxKey
from agents.records import LaneId
from projections.apply.decision import DecisionRow
from projections.apply.evidence import CounterKey, EvidenceKey, EvidenceState
from projections.apply.policy import PolicyKey, PolicyState
from projections.apply.workflow_state import WorkflowKey, WorkflowState
from schemas.topics import family_of


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
    workflows: dict[WorkflowKey, WorkflowState] = field(default_factory=dict)
    evidence: dict[EvidenceKey, EvidenceState] = field(default_factory=dict)
    counters: dict[CounterKey, int] = field(default_factory=dict)
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

    def last_answers(self, keys: Collection[AnswerKey]) -> dict[AnswerKey, KnownAnswer]:
        """As :meth:`agents.lanes.ports.LaneTransaction.last_answers`."""
        found: dict[AnswerKey, KnownAnswer] = {}
        rows = sorted(self.decisions.values(), key=lambda row: (row.occurred_at, row.decision_id))
        for row in rows:
            key = (row.tenant_id, row.policy_id, row.resource)
            if key in keys and row.basis == "policy":
                found[key] = KnownAnswer(row.decision_id, row.answer)
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
    )


_EPOCH = datetime.fromtimestamp(0, UTC)
