"""A policy's recorded decisions as the engine would have stored them, for the replay's bench."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from random import Random
from typing import TYPE_CHECKING, Final

import orjson

from agents.lanes.ports import EventRow
from agents.store.rows import DECISION_COLUMNS, EVENT_COLUMNS, decision_values, event_values
from bench.commands import POLICY, document
from bench.settings import RESOURCES, SEED
from projections.apply.decision import decision_row
from projections.apply.happened import happened
from rego.loaded import Loaded
from schemas.codec import encode
from schemas.envelope import Envelope, headers_of, timestamp
from schemas.identity import ENGINE_SOURCE, message_key, new_command_id, partition_for, policy_id
from schemas.leaf import EventRecord, encode_leaf
from schemas.topics import topics

if TYPE_CHECKING:
    import asyncpg

    Connection = asyncpg.Connection[asyncpg.Record]

TENANT: Final = "bench-replay"
POLICY_ID: Final = policy_id(TENANT, POLICY)
NOW: Final = datetime(2026, 5, 4, tzinfo=UTC)
EVALUATED: Final = "governance.policy.evaluated"

COPIED: Final = 10_000
"""Rows of one COPY."""


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision: input, and the answer that the deciding version gave."""

    resource: str
    document: bytes
    answer: dict[str, object]


def inputs(count: int) -> list[tuple[str, bytes]]:
    """Resource and input of each decision; all follows from the seed."""
    rng = Random(SEED)
    return [(f"model/m-{rng.randrange(RESOURCES)}", document(number, rng)) for number in range(count)]


async def store(connection: "Connection", versions: Sequence[Loaded], decided: Sequence[Decided]) -> None:
    """A policy whose version 1 made these decisions in the last hours before :data:`NOW`."""
    await connection.execute(
        "INSERT INTO governance.policy VALUES"
        " ($1, $2, $3, 'opa_rego', 'active', $4, 1, 1, 'e', $5, $5, 'e', $6, 0, 1)",
        TENANT,
        POLICY_ID,
        POLICY,
        len(versions),
        NOW,
        topics().events("policy").name,
    )
    for number, version in enumerate(versions, 1):
        await connection.execute(
            "INSERT INTO governance.policy_version VALUES ($1, $2, $3, $4, '', 'p', $5, $6, '{}', '',"
            " 'mandatory', 'closed', NULL, '[]', 'bench', $7)",
            TENANT,
            POLICY_ID,
            number,
            "active" if number == 1 else "validated",
            version.module,
            version.digest,
            NOW,
        )
    rows = list(_rows(decided, versions[0].digest))
    for start in range(0, len(rows), COPIED):
        part = rows[start : start + COPIED]
        for table, columns, place in (("event", EVENT_COLUMNS, 0), ("decision", DECISION_COLUMNS, 1)):
            await connection.copy_records_to_table(
                table, schema_name="governance", columns=columns, records=[row[place] for row in part]
            )
    await connection.execute("VACUUM ANALYZE governance.event, governance.decision")


def _rows(decided: Sequence[Decided], digest: str) -> Iterator[tuple[tuple[object, ...], tuple[object, ...]]]:
    topic = topics().events("evaluation")
    sequences = dict.fromkeys(range(topic.partitions), 0)
    for number, each in enumerate(decided):
        partition = partition_for(message_key(TENANT, each.resource), topic.partitions)
        sequences[partition] += 1
        record = _record(topic.name, partition, sequences[partition], number, len(decided), each, digest)
        event = happened(record)
        yield (
            event_values(EventRow(record, encode_leaf(record), event)),
            tuple(decision_values(decision_row(event))),
        )


def _record(
    topic: str, partition: int, sequence: int, number: int, count: int, decided: Decided, digest: str
) -> EventRecord:
    decision_id, moment = new_command_id(), NOW - timedelta(milliseconds=10 * (count - number))
    allow = bool(decided.answer["allow"])
    body = {
        "decision_id": decision_id,
        "policy_id": POLICY_ID,
        "policy": POLICY,
        "version": 1,
        "module_digest": digest,
        "resource": decided.resource,
        "decision_point": "model.promotion",
        "outcome": "allow" if allow else "deny",
        "basis": "policy",
        "error": "",
        "reasons": decided.answer["violations"],
        "result": orjson.dumps(decided.answer),
        "input": decided.document,
        "input_digest": sha256(decided.document).hexdigest(),
        "enforcement": "mandatory",
        "fail_mode": "closed",
        "duration_us": 900,
        "opa": "opa-0",
        "bundle_revision": 1_770_000_000_000_000,
        "answer": "allow" if allow else "deny",
    }
    envelope = Envelope(
        id=decision_id,
        type=EVALUATED,
        source=ENGINE_SOURCE,
        subject=decided.resource,
        time=timestamp(moment),
        tenant=TENANT,
        actor="svc-bench",
        correlation=decision_id,
        causation=decision_id,
        command_id=decision_id,
        command_source="svc-bench",
        sequence=sequence,
    )
    key = message_key(TENANT, decided.resource)
    return EventRecord(topic, partition, sequence, key, headers_of(envelope), encode(EVALUATED, body))
