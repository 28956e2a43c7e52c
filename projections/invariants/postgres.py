"""Reading the primary database for the checker, with a login that sees every tenant."""

from collections import defaultdict
from collections.abc import Mapping
from typing import TypeAlias

import asyncpg
import orjson

from projections.apply.decision import DecisionRow
from projections.apply.evidence import EvidenceKey
from projections.apply.happened import happened
from projections.apply.policy import PolicyKey
from projections.apply.workflow_state import WorkflowKey
from projections.invariants.evidence import Evidence, Lane, StoredEvent
from schemas.leaf import decode_entry, encode_entry, leaf_hash
from schemas.topics import event_topic_of

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_PARTS = {
    "controls": "SELECT * FROM workflow_control ORDER BY tenant_id, workflow_id, place",
    "timers": """
        SELECT tenant_id, replace(aggregate, 'workflow/', '') AS workflow_id, name, generation, due_at, state
        FROM timer ORDER BY tenant_id, aggregate, name
    """,
}
"""What belongs to a workflow, each row with its key."""

_DECISION_COLUMNS = ", ".join(DecisionRow.__slots__)


async def read_database(dsn: str, evidence: Evidence) -> None:
    """Fills in lanes, inbox, quarantine, events and projections, all as of one snapshot."""
    connection = await asyncpg.connect(dsn, server_settings={"search_path": "governance"})
    try:
        await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=str, decoder=orjson.loads)
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await _read(connection, evidence)
    finally:
        await connection.close()


async def _read(connection: Connection, evidence: Evidence) -> None:
    lanes = await connection.fetch("SELECT topic, partition, next_offset FROM lane")
    evidence.next_offsets = {(r["topic"], r["partition"]): r["next_offset"] for r in lanes}
    inbox = await connection.fetch("SELECT tenant_id, source, command_id FROM inbox")
    evidence.inbox = frozenset((r[0], r[1], r[2]) for r in inbox)
    held = await connection.fetch("SELECT topic, partition, record_offset, state FROM quarantine")
    evidence.quarantine = {(r[0], r[1], r[2]): r[3] for r in held}
    evidence.events = {
        lane: await _events(connection, lane)
        for lane in sorted((event_topic_of(r["topic"]), r["partition"]) for r in lanes)
    }
    decisions = await connection.fetch(f"SELECT {_DECISION_COLUMNS} FROM decision")  # noqa: S608 - our own names
    evidence.decisions = {r["decision_id"]: DecisionRow(*r) for r in decisions}
    evidence.policies = await _policies(connection)
    evidence.workflows = await _workflows(connection)
    evidence.submitted = await _submitted(connection)
    counters = await connection.fetch("SELECT tenant_id, name, topic, partition, value FROM counter")
    evidence.counters = {(r[0], r[1], r[2], r[3]): r[4] for r in counters}


async def _events(connection: Connection, lane: Lane) -> list[StoredEvent]:
    query = "SELECT record FROM event WHERE topic = $1 AND partition = $2 ORDER BY lane_seq"
    stored: list[StoredEvent] = []
    async for row in connection.cursor(query, *lane, prefetch=1000):
        record, _ = decode_entry(row["record"])
        stored.append(StoredEvent(happened(record), leaf_hash(encode_entry(record)[0])))
    return stored


async def _policies(connection: Connection) -> Mapping[PolicyKey, Mapping[str, object]]:
    versions: dict[PolicyKey, list[dict[str, object]]] = defaultdict(list)
    for row in await connection.fetch("SELECT * FROM policy_version ORDER BY tenant_id, policy_id, version"):
        fields = dict(row)
        versions[fields.pop("tenant_id"), fields.pop("policy_id")].append(fields)
    policies: dict[PolicyKey, Mapping[str, object]] = {}
    for row in await connection.fetch("SELECT * FROM policy"):
        fields = dict(row)
        key = fields.pop("tenant_id"), fields.pop("policy_id")
        fields["lane"] = fields.pop("topic"), fields.pop("partition"), fields.pop("lane_seq")
        policies[key] = {**fields, "versions": versions[key]}
    return policies


async def _workflows(connection: Connection) -> Mapping[WorkflowKey, Mapping[str, object]]:
    """Rows of controls and timers whose workflow is not there stand alone, so that they are found."""
    workflows: dict[WorkflowKey, dict[str, object]] = {}
    for row in await connection.fetch("SELECT * FROM workflow"):
        fields = dict(row)
        key = fields.pop("tenant_id"), fields.pop("workflow_id")
        fields["lane"] = fields.pop("topic"), fields.pop("partition"), fields.pop("lane_seq")
        workflows[key] = fields
    for part, query in _PARTS.items():
        found: dict[WorkflowKey, list[dict[str, object]]] = defaultdict(list)
        for row in await connection.fetch(query):
            fields = dict(row)
            found[fields.pop("tenant_id"), fields.pop("workflow_id")].append(fields)
        for key in workflows.keys() | found.keys():
            workflows.setdefault(key, {})[part] = found[key]
    return workflows


async def _submitted(connection: Connection) -> Mapping[EvidenceKey, Mapping[str, object]]:
    """Links whose evidence is not there cannot be: a foreign key forbids them."""
    controls: dict[EvidenceKey, list[tuple[str, str]]] = defaultdict(list)
    for row in await connection.fetch(
        "SELECT tenant_id, evidence_id, regulation, control_id FROM evidence_control"
    ):
        controls[row[0], row[1]].append((row[2], row[3]))
    technical: dict[EvidenceKey, list[str]] = defaultdict(list)
    for row in await connection.fetch(
        "SELECT tenant_id, evidence_id, technical_control FROM evidence_technical_control"
    ):
        technical[row[0], row[1]].append(row[2])
    submitted: dict[EvidenceKey, Mapping[str, object]] = {}
    for row in await connection.fetch("SELECT * FROM evidence"):
        key = row["tenant_id"], row["evidence_id"]
        links = {
            "controls": tuple(sorted(controls[key])),
            "technical_controls": tuple(sorted(technical[key])),
        }
        submitted[key] = {**dict(row), **links}
    return submitted
