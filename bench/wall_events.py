"""Events for the wall bench, as the sink polls them: many tenants, rows of one size. Pure."""

from collections.abc import Iterator
from typing import Final
from uuid import NAMESPACE_OID, uuid5

from audit_sink.log import Poll
from audit_sink.memory import MemoryRecord
from audit_sink.wall import Lane
from bench.settings import TENANTS, WALL_LANES
from schemas.codec import encode
from schemas.envelope import Envelope, headers_of
from schemas.identity import ENGINE_SOURCE, message_key
from schemas.topics import topics

TYPE: Final = "governance.policy.retired"
"""A small event: the fewer bytes a row has, the more everything but COPY weighs."""

TIME: Final = "2026-05-01T00:00:00.{:06d}Z"


def polls(count: int, rows: int, reason: str) -> Iterator[Poll]:
    """``count`` polls of ``rows`` events each, evenly over the lanes; ``reason`` stands in every event."""
    per_lane = rows // WALL_LANES
    lanes = [Lane(topics().events("evaluation").name, number) for number in range(WALL_LANES)]
    for number in range(count):
        first = number * per_lane + 1
        yield {lane: [_event(lane, seq, reason) for seq in range(first, first + per_lane)] for lane in lanes}


def _event(lane: Lane, lane_seq: int, reason: str) -> MemoryRecord:
    tenant = f"bench-{lane_seq % TENANTS:02}"
    subject = f"policy/{uuid5(NAMESPACE_OID, str(lane_seq % 1000))}"
    event_id, command_id = (str(uuid5(NAMESPACE_OID, f"{lane}/{lane_seq}/{what}")) for what in "ec")
    envelope = Envelope(
        id=event_id,
        type=TYPE,
        source=ENGINE_SOURCE,
        subject=subject,
        time=TIME.format(lane_seq % 1_000_000),
        tenant=tenant,
        actor="svc-policies",
        correlation=command_id,
        causation=command_id,
        command_id=command_id,
        command_source="bench",
        sequence=lane_seq,
    )
    value = encode(TYPE, {"policy_id": subject, "version": 1, "reason": reason})
    key = message_key(tenant, subject)
    return MemoryRecord(*lane, lane_seq - 1, 0, key, headers_of(envelope), value)
