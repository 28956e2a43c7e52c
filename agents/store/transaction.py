"""An open lane transaction, and the queries that it shares with the store."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeAlias

import asyncpg

from agents.decisions.evaluation import KnownAnswer, Pointer
from agents.lanes.ports import AnswerKey, Changes, LaneRow, Position, QuarantineRow
from agents.reading import InboxKey
from agents.records import LaneId
from agents.store import evidence_rows, policy_rows, rows, sql, workflow_rows
from projections.apply.evidence import EvidenceKey, EvidenceState
from projections.apply.policy import PolicyKey, PolicyState
from projections.apply.workflow_state import WorkflowKey, WorkflowState
from schemas.topics import family_of

Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"


class PostgresTransaction:
    """A :class:`agents.lanes.ports.LaneTransaction`; its errors are translated by its context."""

    def __init__(self, connection: Connection, lanes: Mapping[LaneId, LaneRow]) -> None:
        self._connection = connection
        self.lanes = lanes

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

    async def write(self, changes: Changes) -> None:
        connection = self._connection
        if changes.inbox:
            await connection.execute(sql.INSERT_INBOX, *rows.inbox_columns(changes.inbox))
        await _copy(connection, "event", rows.EVENT_COLUMNS, map(rows.event_values, changes.events))
        await _copy(
            connection, "decision", rows.DECISION_COLUMNS, map(rows.decision_values, changes.decisions)
        )
        if changes.policies:
            await connection.executemany(sql.UPSERT_POLICY, map(policy_rows.policy_values, changes.policies))
            versions = [policy_rows.version_values(p, v) for p in changes.policies for v in p.versions]
            await connection.executemany(sql.UPSERT_VERSION, versions)
            await connection.execute(sql.NOTIFY_VERSIONS)
        if changes.workflows:
            await _write_workflows(connection, changes)
        if changes.evidence:
            await _write_evidence(connection, changes)
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


async def policies(connection: Connection, keys: Collection[PolicyKey]) -> dict[PolicyKey, PolicyState]:
    """As :meth:`agents.lanes.ports.LaneStore.policies`."""
    if not keys:
        return {}
    policies = await connection.fetch(sql.POLICIES, *_columns(keys))
    versions = await connection.fetch(sql.VERSIONS, *_columns(keys))
    return policy_rows.policy_states(policies, versions)


async def held(connection: Connection, lane: LaneId, offset: int) -> list[QuarantineRow]:
    """As :meth:`agents.lanes.ports.LaneStore.held`."""
    found = await connection.fetch(sql.HELD, lane.topic, lane.partition, offset)
    return [rows.quarantine_row(row) for row in found]


async def _write_workflows(connection: Connection, changes: Changes) -> None:
    moved = changes.workflows
    await connection.execute(workflow_rows.UPSERT, *workflow_rows.workflow_columns(moved))
    if controls := workflow_rows.control_columns(moved):
        await connection.execute(workflow_rows.UPSERT_CONTROLS, *controls)
    if timers := workflow_rows.timer_columns(moved):
        await connection.execute(workflow_rows.UPSERT_TIMERS, *timers)


async def _write_evidence(connection: Connection, changes: Changes) -> None:
    await connection.execute(evidence_rows.UPSERT, *evidence_rows.evidence_columns(changes.evidence))
    if links := changes.evidence_controls:
        await connection.execute(evidence_rows.LINK, *evidence_rows.link_columns(links))
    if technical := changes.evidence_technical_controls:
        columns = evidence_rows.technical_link_columns(technical)
        await connection.execute(evidence_rows.LINK_TECHNICAL, *columns)
    if moves := changes.counters:
        await connection.execute(evidence_rows.COUNT, *evidence_rows.counter_columns(moves))


async def _copy(
    connection: Connection, table: str, columns: Sequence[str], records: Iterable[Sequence[object]]
) -> None:
    values = list(records)
    if values:
        await connection.copy_records_to_table(
            table, schema_name="governance", columns=columns, records=values
        )


def _columns(keys: Collection[Sequence[object]]) -> list[list[object]]:
    """Rows as columns, for ``unnest``; a lane inside a row counts as two columns."""
    flat = [(*key[0], *key[1:]) if isinstance(key[0], LaneId) else tuple(key) for key in keys]
    return [list(column) for column in zip(*sorted(flat), strict=True)]
