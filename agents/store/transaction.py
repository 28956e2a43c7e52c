"""An open lane transaction, and the queries that it shares with the store."""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from agents.decisions.answering import KnownAnswer, Pointer
from agents.decisions.evaluation import Gate
from agents.decisions.overriding import DecisionState
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
from agents.store import evidence_rows, policy_rows, rows, sql, stat_rows, workflow_rows
from agents.store.writing import Connection, copy, write_evidence, write_keys, write_policies, write_workflows
from projections.apply.decision_point import DecisionPointKey, DecisionPointState
from projections.apply.decision_stats import Group, Names, bounded, moved
from projections.apply.evidence import EvidenceKey, EvidenceState
from projections.apply.happened import happened
from projections.apply.policy import PolicyKey, PolicyState
from projections.apply.workflow_state import WorkflowKey, WorkflowState
from schemas.leaf import EventRecord, decode_entry
from schemas.personal import SubjectKey
from schemas.topics import family_of


class PostgresTransaction:
    """A :class:`agents.lanes.ports.LaneTransaction`; its errors are translated by its context."""

    def __init__(
        self,
        connection: Connection,
        lanes: Mapping[LaneId, LaneRow],
        counted_names: Mapping[Group, Names] = MappingProxyType({}),
    ) -> None:
        """``counted_names`` are names that committed rows count by, not necessarily all of a group."""
        self._connection = connection
        self.lanes = lanes
        self._counted_names = counted_names
        self.new_names: Mapping[Group, Names] = {}
        """Every name of the groups that get rows for new ones: true once this is committed."""

    async def inbox(self, keys: Collection[InboxKey]) -> Mapping[InboxKey, bytes]:
        if not keys:
            return {}
        found = await self._connection.fetch(sql.INBOX, *_columns(keys))
        return {InboxKey(r[0], r[1], r[2]): r[3] for r in found}

    async def quarantined(self, positions: Collection[Position]) -> frozenset[Position]:
        if not positions:
            return frozenset()
        found = await self._connection.fetch(sql.QUARANTINED, *_columns(positions))
        return frozenset((LaneId(r[0], r[1]), r[2]) for r in found)

    async def held(self, lane: LaneId, offset: int) -> Sequence[QuarantineRow]:
        return await held(self._connection, lane, offset)

    async def pointers(self, keys: Collection[PolicyKey]) -> Mapping[PolicyKey, Pointer]:
        return await pointers(self._connection, keys)

    async def points(self, keys: Collection[DecisionPointKey]) -> Mapping[DecisionPointKey, Gate]:
        return await points(self._connection, keys)

    async def decision_points(
        self, keys: Collection[DecisionPointKey]
    ) -> Mapping[DecisionPointKey, DecisionPointState]:
        if not keys:
            return {}
        found = await self._connection.fetch(sql.DECISION_POINTS, *_columns(keys))
        return {
            (row["tenant_id"], row["decision_point_id"]): policy_rows.decision_point_state(row)
            for row in found
        }

    async def policies(self, keys: Collection[PolicyKey]) -> Mapping[PolicyKey, PolicyState]:
        return await policies(self._connection, keys)

    async def last_answers(self, keys: Collection[AnswerKey]) -> Mapping[AnswerKey, KnownAnswer]:
        if not keys:
            return {}
        tenants, policies, resources = zip(*keys, strict=True)
        found = await self._connection.fetch(sql.LAST_ANSWERS, list(tenants), list(policies), list(resources))
        return {
            (row["tenant_id"], row["policy_id"], row["resource"]): KnownAnswer(
                row["decision_id"], row["answer"]
            )
            for row in found
        }

    async def decisions(self, keys: Collection[DecisionKey]) -> Mapping[DecisionKey, DecisionState]:
        if not keys:
            return {}
        found = await self._connection.fetch(sql.DECISIONS, *_columns(keys))
        return {
            (row["tenant_id"], row["decision_id"]): DecisionState(
                happened(decode_entry(row["record"])[0]), row["override"] is not None
            )
            for row in found
        }

    async def workflows(self, keys: Collection[WorkflowKey]) -> Mapping[WorkflowKey, WorkflowState]:
        if not keys:
            return {}
        columns = _columns(keys)
        found = await self._connection.fetch(workflow_rows.WORKFLOWS, *columns)
        controls = await self._connection.fetch(workflow_rows.CONTROLS, *columns)
        timers = await self._connection.fetch(workflow_rows.TIMERS, *columns)
        return workflow_rows.workflow_states(found, controls, timers)

    async def evidence(self, keys: Collection[EvidenceKey]) -> Mapping[EvidenceKey, EvidenceState]:
        if not keys:
            return {}
        columns = _columns(keys)
        found = await self._connection.fetch(evidence_rows.EVIDENCE, *columns)
        controls = await self._connection.fetch(evidence_rows.CONTROLS, *columns)
        technical = await self._connection.fetch(evidence_rows.TECHNICAL_CONTROLS, *columns)
        return evidence_rows.evidence_states(found, controls, technical)

    async def event(self, tenant: str, event_id: str) -> EventRecord | None:
        record = await self._connection.fetchval(sql.EVENT, tenant, event_id)
        return decode_entry(record)[0] if record else None

    async def audit_events(self, tenant: str, resource: str, prefix: bool = False) -> Sequence[EventRecord]:
        found = await self._connection.fetch(sql.AUDIT_EVENTS, tenant, resource, prefix)
        return [decode_entry(row["record"])[0] for row in found]

    async def subject_keys(self, keys: Collection[SubjectDigest]) -> Mapping[SubjectDigest, SubjectKey]:
        found = await self._connection.fetch(sql.SUBJECT_KEYS, *_columns(keys)) if keys else []
        return {(row["tenant_id"], row["subject"]): SubjectKey(*row) for row in found}

    async def subject_key(self, tenant: str, pseudonym: str) -> SubjectKey | None:
        row = await self._connection.fetchrow(sql.SUBJECT_KEY, tenant, pseudonym)
        return SubjectKey(*row) if row else None

    async def write(self, changes: Changes) -> None:
        connection = self._connection
        if changes.inbox:
            await connection.execute(sql.INSERT_INBOX, *rows.inbox_columns(changes.inbox))
        await copy(connection, "event", rows.EVENT_COLUMNS, map(rows.event_values, changes.events))
        await copy(
            connection, "decision", rows.DECISION_COLUMNS, map(rows.decision_values, changes.decisions)
        )
        await copy(
            connection,
            "decision_part",
            rows.DECISION_PART_COLUMNS,
            map(rows.decision_part_values, changes.decision_parts),
        )
        await copy(
            connection,
            "decision_override",
            rows.OVERRIDE_COLUMNS,
            map(rows.override_values, changes.overrides),
        )
        if changes.decision_points:
            values = map(policy_rows.decision_point_values, changes.decision_points)
            await connection.executemany(sql.UPSERT_DECISION_POINT, values)
        await self._count(changes)
        if changes.policies:
            await write_policies(connection, changes)
        if changes.workflows:
            await write_workflows(connection, changes)
        if changes.evidence:
            await write_evidence(connection, changes)
        if changes.subject_keys or changes.erased:
            await write_keys(connection, changes)
        if changes.quarantine:
            await connection.executemany(
                sql.INSERT_QUARANTINE, map(rows.quarantine_values, changes.quarantine)
            )
        if changes.resolved:
            await connection.executemany(
                sql.RESOLVE_QUARANTINE,
                [(*lane, offset, state) for (lane, offset), state in changes.resolved],
            )
        await connection.execute(sql.ADVANCE, *rows.advance_columns(changes.lanes))

    async def _count(self, changes: Changes) -> None:
        """Counts the events; reads the names of groups only where one comes that is not known."""
        connection = self._connection
        moves = moved(event.happened for event in changes.events)
        counted, new = bounded(moves, self._counted_names)
        if new:
            found = await connection.fetch(stat_rows.NAMES, *stat_rows.group_columns(new))
            known = {**self._counted_names, **stat_rows.names_of(found, new)}
            counted, added = bounded(moves, known)
            self.new_names = {group: added.get(group, known[group]) for group in new}
        if counted.figures:
            await connection.execute(stat_rows.COUNT, *stat_rows.figure_columns(counted.figures))
        if counted.reasons:
            await connection.execute(stat_rows.COUNT_REASONS, *stat_rows.reason_columns(counted.reasons))
        if counted.shadows:
            await connection.execute(stat_rows.COUNT_SHADOWS, *stat_rows.shadow_columns(counted.shadows))
        await copy(
            connection,
            "policy_activation",
            stat_rows.ACTIVATION_COLUMNS,
            map(stat_rows.activation_values, counted.activations),
        )


async def locked(connection: Connection, lanes: Sequence[LaneId]) -> dict[LaneId, LaneRow]:
    """Locks the lanes, given in order, creating the rows that do not exist."""
    columns = [lane.topic for lane in lanes], [lane.partition for lane in lanes]
    found = await connection.fetch(sql.LOCK_LANES, *columns)
    if len(found) < len(lanes):
        await connection.execute(sql.ENSURE_LANES, *columns)
        found = await connection.fetch(sql.LOCK_LANES, *columns)
    parked: dict[LaneId, set[bytes | None]] = {}
    if any(family_of(lane.topic) != "evaluation" for lane in lanes):
        for row in await connection.fetch(sql.PARKED_KEYS, *columns):
            parked.setdefault(LaneId(row["topic"], row["partition"]), set()).add(row["key"])
    locked = (LaneId(row["topic"], row["partition"]) for row in found)
    return {lane: rows.lane_row(row, parked.get(lane, ())) for lane, row in zip(locked, found, strict=True)}


async def pointers(connection: Connection, keys: Collection[PolicyKey]) -> dict[PolicyKey, Pointer]:
    """As :meth:`agents.lanes.ports.LaneStore.pointers`."""
    if not keys:
        return {}
    found = await connection.fetch(sql.POINTERS, *_columns(keys))
    return {(row["tenant_id"], row["policy_id"]): policy_rows.pointer(row) for row in found}


async def points(connection: Connection, keys: Collection[DecisionPointKey]) -> dict[DecisionPointKey, Gate]:
    """As :meth:`agents.lanes.ports.LaneStore.points`."""
    if not keys:
        return {}
    return policy_rows.gates(await connection.fetch(sql.POINTS, *_columns(keys)))


async def policies(connection: Connection, keys: Collection[PolicyKey]) -> dict[PolicyKey, PolicyState]:
    """As :meth:`agents.lanes.ports.LaneStore.policies`."""
    if not keys:
        return {}
    columns = _columns(keys)
    policies = await connection.fetch(sql.POLICIES, *columns)
    versions = await connection.fetch(sql.VERSIONS, *columns)
    replays = await connection.fetch(sql.REPLAYS, *columns)
    return policy_rows.policy_states(policies, versions, replays)


async def held(connection: Connection, lane: LaneId, offset: int) -> list[QuarantineRow]:
    """As :meth:`agents.lanes.ports.LaneStore.held`."""
    found = await connection.fetch(sql.HELD, lane.topic, lane.partition, offset)
    return [rows.quarantine_row(row) for row in found]


def _columns(keys: Collection[Sequence[object]]) -> list[list[object]]:
    """Rows as columns, for ``unnest``; a lane inside a row counts as two columns."""
    flat = [(*key[0], *key[1:]) if isinstance(key[0], LaneId) else tuple(key) for key in keys]
    return [list(column) for column in zip(*sorted(flat), strict=True)]
