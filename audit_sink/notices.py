"""What the sink itself says: entries of the wall's own lane ``wall.sink`` about records it could not append.

``audit.unparsed``   a record without usable sequence
``audit.conflict``   a record whose sequence the wall holds with another leaf (``lane_fork``)

The body is the offending record, whole, as version 1 leaf (its sequence 0 where it has none); the
subject names its lane. Everything in an entry follows from that record, so two sinks say the same.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from audit_sink.lanes import LogRecord
from audit_sink.wall import SINK_LANE
from schemas.envelope import Envelope, headers_of, timestamp
from schemas.identity import OPERATOR_TENANT, message_key, position_event_id
from schemas.leaf import EventRecord, encode_leaf

SOURCE: Final = "aumos-audit-sink"
_CBOR: Final = ("content-type", b"application/cbor")
_MAX_MS: Final = 253_402_300_799_999  # the last millisecond of the year 9999

NoticeType = Literal["audit.unparsed", "audit.conflict"]


@dataclass(frozen=True, slots=True)
class Notice:
    """One record that is kept aside; ``claimed_seq`` is 0 where it has none."""

    type: NoticeType
    record: LogRecord
    claimed_seq: int = 0


def entry_of(notice: Notice, lane_seq: int) -> EventRecord:
    """The event of the wall's own lane that keeps the record."""
    record = notice.record
    subject = f"lane/{record.topic}/{record.partition}"
    envelope = Envelope(
        id=position_event_id(record.topic, record.partition, record.offset, 0),
        type=notice.type,
        source=SOURCE,
        subject=subject,
        time=timestamp(datetime.fromtimestamp(min(max(record.timestamp, 0), _MAX_MS) / 1000, UTC)),
        tenant=OPERATOR_TENANT,
        actor=SOURCE,
        sequence=lane_seq,
    )
    headers = [header for header in headers_of(envelope) if header[0] != _CBOR[0]]
    kept = EventRecord(
        record.topic,
        record.partition,
        notice.claimed_seq,
        record.key,
        tuple(record.headers),
        record.value,
    )
    return EventRecord(
        *SINK_LANE,
        lane_seq,
        message_key(OPERATOR_TENANT, subject),
        (*headers, ("ce_recordoffset", b"%d" % record.offset), _CBOR),
        encode_leaf(kept),
    )
