"""Statements that write one kind of a transaction's changes."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import asyncpg

from agents.lanes.ports import Changes
from agents.store import evidence_rows, policy_rows, sql, workflow_rows

Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"


async def write_policies(connection: Connection, changes: Changes) -> None:
    """Policies with their versions and replays; the bundle service is told at the commit."""
    await connection.executemany(sql.UPSERT_POLICY, map(policy_rows.policy_values, changes.policies))
    versions = [policy_rows.version_values(p, v) for p in changes.policies for v in p.versions]
    await connection.executemany(sql.UPSERT_VERSION, versions)
    replays = [
        policy_rows.replay_values(p, v.version, v.replay)
        for p in changes.policies
        for v in p.versions
        if v.replay is not None
    ]
    if replays:
        await connection.executemany(sql.UPSERT_REPLAY, replays)
    await connection.execute(sql.NOTIFY_VERSIONS)


async def write_workflows(connection: Connection, changes: Changes) -> None:
    """Workflows with their controls and timers."""
    moved = changes.workflows
    await connection.execute(workflow_rows.UPSERT, *workflow_rows.workflow_columns(moved))
    if controls := workflow_rows.control_columns(moved):
        await connection.execute(workflow_rows.UPSERT_CONTROLS, *controls)
    if timers := workflow_rows.timer_columns(moved):
        await connection.execute(workflow_rows.UPSERT_TIMERS, *timers)


async def write_evidence(connection: Connection, changes: Changes) -> None:
    """Evidence with its links and the counters that it moves."""
    await connection.execute(evidence_rows.UPSERT, *evidence_rows.evidence_columns(changes.evidence))
    if links := changes.evidence_controls:
        await connection.execute(evidence_rows.LINK, *evidence_rows.link_columns(links))
    if technical := changes.evidence_technical_controls:
        columns = evidence_rows.technical_link_columns(technical)
        await connection.execute(evidence_rows.LINK_TECHNICAL, *columns)
    if moves := changes.counters:
        await connection.execute(evidence_rows.COUNT, *evidence_rows.counter_columns(moves))


async def write_keys(connection: Connection, changes: Changes) -> None:
    """Keys of persons that are new, and those that an erasure destroys."""
    made = [(key.tenant, key.subject, key.pseudonym, key.commitment, key.key) for key in changes.subject_keys]
    await connection.executemany(sql.INSERT_SUBJECT_KEY, sorted(made))
    await connection.executemany(sql.DESTROY_SUBJECT_KEY, changes.erased)


async def copy(
    connection: Connection, table: str, columns: Sequence[str], records: Iterable[Sequence[object]]
) -> None:
    """Adds records to a table of the schema ``governance``; no statement where there are none."""
    values = list(records)
    if values:
        await connection.copy_records_to_table(
            table, schema_name="governance", columns=columns, records=values
        )
