"""The lane store in memory, for fast tests of everything above it; :mod:`agents.lanes.memory_log` is
the broker.

It runs the same contract suite as the real adapter. ``pause`` is awaited at every point where the
real adapter would wait for its server, named after it: tests crash, fail or reorder there.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import replace

from agents.decisions.answering import KnownAnswer, Pointer
from agents.decisions.evaluation import Gate
from agents.decisions.overriding import DecisionState
from agents.errors import Conflict, Outage
from agents.lanes.memory_tables import Tables as Tables
from agents.lanes.ports import (
    AnswerKey,
    Changes,
    DecisionKey,
    LaneRow,
    Position,
    QuarantineRow,
    SubjectDigest,
)
from agents.reading import InboxKey
from agents.records import LaneId
from projections.apply.decision_point import DecisionPointKey, DecisionPointState
from projections.apply.evidence import EvidenceKey, EvidenceState
from projections.apply.policy import PolicyKey, PolicyState
from projections.apply.workflow_state import WorkflowKey, WorkflowState
from schemas.leaf import EventRecord
from schemas.personal import SubjectKey
from schemas.topics import command_topic_for_events

Pause = Callable[[str], Awaitable[None]]
"""Called with the name of an await point."""


async def no_pause(point: str) -> None:
    """Waits for nothing."""


class MemoryStore:
    """A :class:`agents.lanes.ports.LaneStore`; several processes may share its tables."""

    def __init__(self, tables: Tables | None = None, pause: Pause = no_pause) -> None:
        self.tables = tables or Tables()
        self.pause = pause

    @asynccontextmanager
    async def transaction(self, lanes: Sequence[LaneId]) -> AsyncIterator["MemoryTransaction"]:
        await self.pause("begin")
        if any(lane in self.tables.locks for lane in lanes):
            raise Conflict("the lane is locked")
        transaction = MemoryTransaction(self, lanes)
        self.tables.locks.update(dict.fromkeys(lanes, transaction))
        try:
            yield transaction
            await self.pause("before commit")
            transaction.commit()
            await self.pause("after commit")
        finally:
            for lane in [lane for lane in lanes if self.tables.locks.get(lane) is transaction]:
                del self.tables.locks[lane]

    async def pointers(self, keys: Collection[PolicyKey]) -> Mapping[PolicyKey, Pointer]:
        await self.pause("pointers")
        return self.tables.pointers(keys)

    async def points(self, keys: Collection[DecisionPointKey]) -> Mapping[DecisionPointKey, Gate]:
        await self.pause("points")
        return self.tables.points(keys)

    async def policies(self, keys: Collection[PolicyKey]) -> Mapping[PolicyKey, PolicyState]:
        await self.pause("policies")
        return self.tables.some_policies(keys)

    async def held(self, lane: LaneId, offset: int) -> Sequence[QuarantineRow]:
        await self.pause("held")
        return self.tables.held(lane, offset)

    async def row(self, lane: LaneId) -> LaneRow:
        await self.pause("row")
        return self.tables.lane(lane)

    async def stored(self, lane: LaneId, first: int, limit: int) -> Sequence[EventRecord]:
        await self.pause("stored")
        return [event.record for event in self.tables.events.get(lane, [])[first - 1 : first - 1 + limit]]

    async def announce(self, lane: LaneId, attempt_to: int) -> None:
        await self.pause("announce")
        row = self.tables.lane(lane)
        self.tables.lanes[lane] = replace(row, attempt_to=max(row.attempt_to, attempt_to))
        for position in [p for p in self.tables.attempts if p[0] == lane and p[1] < row.next_offset]:
            del self.tables.attempts[position]

    async def attempts(self, position: Position) -> int:
        await self.pause("attempts")
        self.tables.attempts[position] = self.tables.attempts.get(position, 0) + 1
        return self.tables.attempts[position]

    async def take_back_attempt(self, position: Position) -> None:
        await self.pause("take back attempt")
        if self.tables.attempts.get(position):
            self.tables.attempts[position] -= 1

    async def acknowledge(self, published: Mapping[LaneId, int]) -> None:
        await self.pause("acknowledge")
        for lane, sequence in published.items():
            if row := self.tables.lanes.get(lane):
                self.tables.lanes[lane] = replace(row, published_seq=max(row.published_seq, sequence))


class MemoryTransaction:
    """A :class:`agents.lanes.ports.LaneTransaction`; what it writes is seen when it commits."""

    def __init__(self, store: MemoryStore, lanes: Sequence[LaneId]) -> None:
        self._store = store
        self._tables = store.tables
        self._changes: Changes | None = None
        self.ended = False
        """By the server: nothing of it can be committed any more."""
        self.lanes: Mapping[LaneId, LaneRow] = {
            lane: replace(self._tables.lane(lane), parked_keys=self._tables.parked_keys(lane))
            for lane in sorted(lanes)
        }

    async def inbox(self, keys: Collection[InboxKey]) -> Mapping[InboxKey, bytes]:
        await self._alive("inbox")
        rows = self._tables.inbox
        return {key: rows[key].digest for key in keys if key in rows}

    async def quarantined(self, positions: Collection[Position]) -> frozenset[Position]:
        await self._alive("quarantined")
        return frozenset(p for p in positions if p in self._tables.quarantine)

    async def held(self, lane: LaneId, offset: int) -> Sequence[QuarantineRow]:
        await self._alive("held under the lock")
        return self._tables.held(lane, offset)

    async def pointers(self, keys: Collection[PolicyKey]) -> Mapping[PolicyKey, Pointer]:
        await self._alive("pointers under the lock")
        return self._tables.pointers(keys)

    async def points(self, keys: Collection[DecisionPointKey]) -> Mapping[DecisionPointKey, Gate]:
        await self._alive("points under the lock")
        return self._tables.points(keys)

    async def decision_points(
        self, keys: Collection[DecisionPointKey]
    ) -> Mapping[DecisionPointKey, DecisionPointState]:
        await self._alive("decision points under the lock")
        return {key: self._tables.decision_points[key] for key in keys if key in self._tables.decision_points}

    async def policies(self, keys: Collection[PolicyKey]) -> Mapping[PolicyKey, PolicyState]:
        await self._alive("policies under the lock")
        return self._tables.some_policies(keys)

    async def last_answers(self, keys: Collection[AnswerKey]) -> Mapping[AnswerKey, KnownAnswer]:
        await self._alive("last answers under the lock")
        return self._tables.last_answers(keys)

    async def decisions(self, keys: Collection[DecisionKey]) -> Mapping[DecisionKey, DecisionState]:
        await self._alive("decisions under the lock")
        return self._tables.some_decisions(keys)

    async def workflows(self, keys: Collection[WorkflowKey]) -> Mapping[WorkflowKey, WorkflowState]:
        await self._alive("workflows under the lock")
        return {key: self._tables.workflows[key] for key in keys if key in self._tables.workflows}

    async def evidence(self, keys: Collection[EvidenceKey]) -> Mapping[EvidenceKey, EvidenceState]:
        await self._alive("evidence under the lock")
        return {key: self._tables.evidence[key] for key in keys if key in self._tables.evidence}

    async def event(self, tenant: str, event_id: str) -> EventRecord | None:
        await self._alive("event under the lock")
        found = (e for rows in self._tables.events.values() for e in rows)
        wanted = (tenant, event_id)
        return next((e.record for e in found if (e.happened.tenant, e.happened.event_id) == wanted), None)

    async def audit_events(self, tenant: str, resource: str, prefix: bool = False) -> Sequence[EventRecord]:
        await self._alive("audit events under the lock")
        found = (e for rows in self._tables.events.values() for e in rows)
        return [
            e.record
            for e in found
            if e.happened.tenant == tenant
            and e.happened.type.startswith("audit.")
            and (e.happened.resource == resource or (prefix and e.happened.resource.startswith(resource)))
        ]

    async def subject_keys(self, keys: Collection[SubjectDigest]) -> Mapping[SubjectDigest, SubjectKey]:
        await self._alive("subject keys under the lock")
        return {key: self._tables.subject_keys[key] for key in keys if key in self._tables.subject_keys}

    async def subject_key(self, tenant: str, pseudonym: str) -> SubjectKey | None:
        await self._alive("subject key under the lock")
        rows = self._tables.subject_keys.values()
        return next((row for row in rows if (row.tenant, row.pseudonym) == (tenant, pseudonym)), None)

    async def write(self, changes: Changes) -> None:
        await self._alive("write")
        self._check_inbox(changes)
        self._changes = deepcopy(changes)

    def commit(self) -> None:
        """Applies what was written, all of it at one instant."""
        tables, changes = self._tables, self._changes
        if self.ended:
            raise Outage("the server ended the transaction")
        if changes is None:
            return
        self._check_inbox(changes)
        tables.inbox.update({row.key: row for row in changes.inbox})
        for event in changes.events:
            record = event.record
            stored = tables.events.setdefault(
                LaneId(command_topic_for_events(record.topic), record.partition), []
            )
            assert record.lane_seq == len(stored) + 1, "sequences are the primary key, and gapless"
            stored.append(event)
        for held in changes.quarantine:
            tables.quarantine[held.record.lane, held.record.offset] = held
        for position, state in changes.resolved:
            tables.quarantine[position] = replace(tables.quarantine[position], state=state)
        tables.policies.update({(p.tenant_id, p.policy_id): p for p in changes.policies})
        tables.decisions.update({row.decision_id: row for row in changes.decisions})
        tables.decision_parts.extend(changes.decision_parts)
        tables.overrides.update({row.decision_id: row for row in changes.overrides})
        bound = changes.decision_points
        tables.decision_points.update({(p.tenant_id, p.decision_point_id): p for p in bound})
        moved = [change.after for change in changes.workflows]
        tables.workflows.update({(w.tenant_id, w.workflow_id): w for w in moved})
        tables.evidence.update({(e.tenant_id, e.evidence_id): e for e in changes.evidence})
        for counter, by in changes.counters.items():
            tables.counters[counter] = tables.counters.get(counter, 0) + by
        tables.stats.add(event.happened for event in changes.events)
        tables.subject_keys.update({(k.tenant, k.subject): k for k in changes.subject_keys})
        for digest, key in tables.subject_keys.items():
            if (key.tenant, key.pseudonym) in changes.erased:
                tables.subject_keys[digest] = replace(key, key=None)
        for lane, to in changes.lanes.items():
            before = tables.lane(lane)
            tables.lanes[lane] = replace(
                before,
                next_offset=to.next_offset,
                next_seq=to.next_seq,
                published_seq=max(before.published_seq, to.published_seq),
                last_event_time=to.last_event_time,
            )

    async def _alive(self, point: str) -> None:
        await self._store.pause(point)
        if self.ended:
            raise Outage("the server ended the transaction")

    def _check_inbox(self, changes: Changes) -> None:
        if any(row.key in self._tables.inbox for row in changes.inbox):
            raise Conflict("another lane took an inbox key")
        if any((key.tenant, key.subject) in self._tables.subject_keys for key in changes.subject_keys):
            raise Conflict("another lane made a subject's key")
