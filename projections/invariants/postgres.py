"""Reading the primary database for the checker, with a login that sees every tenant."""

from collections import defaultdict
from collections.abc import Mapping
from typing import TypeAlias

import asyncpg
import orjson

from projections.apply.decision import DecisionPartRow, DecisionRow, OverrideRow
from projections.apply.decision_point import DecisionPointKey, DecisionPointState
from projections.apply.evidence import EvidenceKey
from projections.apply.happened import happened
from projections.apply.policy import PolicyKey
from projections.apply.workflow_state import WorkflowKey
from projections.invariants.evidence import Evidence, Lane, StoredEvent
from projections.rebuild.postgres import read_stats, read_trials
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
_OVERRIDE_COLUMNS = ", ".join(OverrideRow.__slots__)
_PART_COLUMNS = ", ".join(DecisionPartRow.__slots__)


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
    parts = await connection.fetch(f"SELECT {_PART_COLUMNS} FROM decision_part")  # noqa: S608 - our own names
    evidence.decision_parts = {(r["decision_id"], r["place"]): DecisionPartRow(*r) for r in parts}
    overrides = await connection.fetch(f"SELECT {_OVERRIDE_COLUMNS} FROM decision_override")  # noqa: S608 - our own names
    evidence.overrides = {r["decision_id"]: OverrideRow(*r) for r in overrides}
    evidence.decision_points = await _decision_points(connection)
    evidence.policies = await _policies(connection)
    evidence.workflows = await _workflows(connection)
    evidence.submitted = await _submitted(connection)
    counters = await connection.fetch("SELECT tenant_id, name, topic, partition, value FROM counter")
    evidence.counters = {(r[0], r[1], r[2], r[3]): r[4] for r in counters}
    evidence.stats = await read_stats(connection)
    evidence.trials = await read_trials(connection)


async def _events(connection: Connection, lane: Lane) -> list[StoredEvent]:
    query = "SELECT record FROM event WHERE topic = $1 AND partition = $2 ORDER BY lane_seq"
    stored: list[StoredEvent] = []
    async for row in connection.cursor(query, *lane, prefetch=1000):
        record, _ = decode_entry(row["record"])
        stored.append(StoredEvent(happened(record), leaf_hash(encode_entry(record)[0])))
    return stored


async def _decision_points(connection: Connection) -> Mapping[DecisionPointKey, DecisionPointState]:
    points: dict[DecisionPointKey, DecisionPointState] = {}
    for row in await connection.fetch("SELECT * FROM decision_point"):
        fields = dict(row)
        policies = tuple(zip(fields.pop("policy_ids"), fields.pop("policies"), strict=True))
        points[row["tenant_id"], row["decision_point_id"]] = DecisionPointState(policies=policies, **fields)
    return points


async def _policies(connection: Connection) -> Mapping[PolicyKey, Mapping[str, object]]:
    replays: dict[tuple[object, ...], dict[str, object]] = {}
    for row in await connection.fetch("SELECT * FROM policy_replay ORDER BY requested_at, replay_id"):
        fields = dict(row)
        replays[fields.pop("tenant_id"), fields.pop("policy_id"), fields.pop("version")] = fields
    versions: dict[PolicyKey, list[dict[str, object]]] = defaultdict(list)
    for row in await connection.fetch("SELECT * FROM policy_version ORDER BY tenant_id, policy_id, version"):
        fields = dict(row)
        key = fields.pop("tenant_id"), fields.pop("policy_id")
        versions[key].append({**fields, "replay": replays.get((*key, fields["version"]))})
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
