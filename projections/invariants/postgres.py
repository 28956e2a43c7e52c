"""Reading the primary database for the checker, with a login that sees every tenant."""

from collections import defaultdict
from collections.abc import Mapping
from typing import TypeAlias

import asyncpg
import orjson

from projections.apply.decision import DecisionRow
from projections.apply.happened import happened
from projections.apply.policy import PolicyKey
from projections.invariants.evidence import Evidence, Lane, StoredEvent
from schemas.leaf import decode_entry, encode_entry, leaf_hash
from schemas.topics import event_topic_of

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

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
