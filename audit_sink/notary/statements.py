"""What the notary says in the log itself: entries of the lane ``wall.notary``.

``audit.checkpoint_context``  how far everything is read at a moment, and what protects the wall
``audit.tenant_head``         size and root of a tenant's own tree, for that tenant
``audit.correction_refuted``  an ``audit.correction`` names no earlier entry of its lane, or another leaf
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from audit_sink.ledger.reading import LogReading
from audit_sink.notary.ports import Guard
from audit_sink.wall import NOTARY_LANE
from schemas.envelope import Envelope, headers_of, timestamp
from schemas.identity import OPERATOR_TENANT, message_key, position_event_id
from schemas.leaf import EventRecord, decode_entry, encode_leaf

SOURCE: Final = "aumos-audit-notary"
CONTEXT: Final = "audit.checkpoint_context"
TENANT_HEAD: Final = "audit.tenant_head"
REFUTED: Final = "audit.correction_refuted"
_JSON: Final = ("content-type", b"application/json")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement before it has its number."""

    type: str
    tenant: str
    subject: str
    body: Mapping[str, object]


def context(reading: LogReading, guard: Guard, incarnation: str, now: datetime) -> Statement:
    """Where the log stands."""
    lanes = [
        {"topic": lane.topic, "partition": lane.partition, "next_lane_seq": seq, "next_offset": offset}
        for lane, (seq, offset) in reading.positions().items()
    ]
    body = {
        "time": timestamp(now),
        "size": reading.edge.size,
        "root": reading.edge.root().hex(),
        "batch_no": reading.batch_no,
        "batch_digest": reading.chain.hex(),
        "lanes": lanes,
        "guard": guard.digest.hex(),
        "guard_lacking": list(guard.lacking),
        "incarnation": incarnation,
    }
    return Statement(CONTEXT, OPERATOR_TENANT, "log", body)


def tenant_head(tenant: str, size: int, root: bytes) -> Statement:
    """How many entries a tenant has, and the root over them."""
    return Statement(
        TENANT_HEAD, tenant, f"tenant/{tenant}", {"tenant": tenant, "size": size, "root": root.hex()}
    )


def correction_refuted(index: int, why: str) -> Statement:
    """That the correction at an index corrects nothing."""
    return Statement(REFUTED, OPERATOR_TENANT, f"entry/{index}", {"index": index, "why": why})


def size_of_context(leaf: bytes | None) -> int:
    """The size that a context entry states; 0 without one. The context is the last of its statements."""
    if leaf is None:
        return 0
    body = json.loads(decode_entry(leaf)[0].value or b"{}")
    return int(body.get("size", 0))


def records(statements: Sequence[Statement], first: int, now: datetime) -> list[bytes]:
    """The statements as numbered leaves of the notary's lane."""
    return [_record(statement, number, now) for number, statement in enumerate(statements, start=first)]


def _record(statement: Statement, number: int, now: datetime) -> bytes:
    envelope = Envelope(
        id=position_event_id(NOTARY_LANE.topic, NOTARY_LANE.partition, number, 0),
        type=statement.type,
        source=SOURCE,
        subject=statement.subject,
        time=timestamp(now),
        tenant=statement.tenant,
        actor=SOURCE,
        sequence=number,
    )
    headers = [header for header in headers_of(envelope) if header[0] != _JSON[0]]
    return encode_leaf(
        EventRecord(
            *NOTARY_LANE,
            number,
            message_key(statement.tenant, statement.subject),
            (*headers, _JSON),
            json.dumps(statement.body, separators=(",", ":"), sort_keys=True).encode(),
        )
    )
