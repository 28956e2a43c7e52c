"""Entries as people and programs read them. Pure."""

from base64 import b64encode
from collections.abc import Mapping

import orjson

from audit_sink.api.models import Batch, Entry, LaneName
from audit_sink.api.trail import StoredEntry
from audit_sink.ledger.tree import HASH_BYTES
from audit_sink.wall import BatchRow
from schemas.avro import released
from schemas.codec import decode
from schemas.errors import Unreadable
from schemas.leaf import EventRecord, decode_entry

LargeValues = Mapping[tuple[str, bytes], bytes]


def entry_view(stored: StoredEntry, large_values: LargeValues, with_large_value: bool) -> Entry:
    """The view of an entry; ``large_values`` has the body of an entry that only has its digest."""
    record, large = decode_entry(stored.entry)
    value = record.value if large is None else large_values.get((stored.tenant_id, large[0]))
    attributes = {name: value.decode("utf-8", "replace") for name, value in record.headers}
    event_type = attributes.get("ce_type", "")
    kind, _, resource_id = attributes.get("ce_subject", "").partition("/")
    details, unreadable = _details(event_type, value)
    return Entry(
        index=stored.leaf_index,
        tenant_id=stored.tenant_id,
        tenant_index=stored.tenant_index,
        event_id=attributes.get("ce_id", ""),
        event_type=event_type,
        actor_id=attributes.get("ce_actorid", ""),
        resource_type=kind,
        resource_id=resource_id,
        action=event_type.rpartition(".")[2],
        details=details,
        unreadable=unreadable,
        occurred_at=stored.occurred_at,
        correlation_id=attributes.get("ce_correlationid", ""),
        causation_id=attributes.get("ce_causationid", ""),
        lane=LaneName(topic=record.topic, partition=record.partition),
        lane_seq=record.lane_seq,
        leaf_hash=stored.leaf_hash.hex(),
        entry=b64encode(stored.entry).decode(),
        large_value=b64encode(value).decode() if with_large_value and large is not None and value else None,
    )


def batch_view(row: BatchRow) -> Batch:
    """The view of a batch row."""
    edge = row.right_edge
    return Batch(
        batch_no=row.batch_no,
        lane=LaneName(topic=row.topic, partition=row.partition),
        from_offset=row.from_offset,
        next_offset=row.next_offset,
        first_lane_seq=row.first_lane_seq,
        next_lane_seq=row.next_lane_seq,
        first_index=row.first_index,
        next_index=row.next_index,
        root_after=row.root_after.hex(),
        right_edge=None
        if edge is None
        else [edge[at : at + HASH_BYTES].hex() for at in range(0, len(edge), HASH_BYTES)],
        prev_hash=row.prev_hash.hex(),
    )


def _details(event_type: str, value: bytes | None) -> tuple[dict[str, object] | None, str | None]:
    if event_type in _KEPT_RECORDS:
        return _kept_record(value)
    try:
        body = decode(event_type, value)
    except Unreadable as error:
        return None, error.reason
    documents = released().newest(event_type).json_fields
    return {
        name: _document(field) if name in documents else _plain(field) for name, field in body.items()
    }, None


def _kept_record(value: bytes | None) -> tuple[dict[str, object] | None, str | None]:
    try:
        record, _ = decode_entry(value or b"")
    except Unreadable as error:
        return None, error.reason
    return _record_view(record), None


def _record_view(record: EventRecord) -> dict[str, object]:
    return {
        "topic": record.topic,
        "partition": record.partition,
        "lane_seq": record.lane_seq or None,
        "key": _plain(record.key),
        "headers": [[name, _plain(value)] for name, value in record.headers],
        "value": _plain(record.value),
    }


def _document(field: object) -> object:
    if not isinstance(field, bytes):
        return _plain(field)
    try:
        orjson.loads(field)
    except orjson.JSONDecodeError:
        return _plain(field)
    return orjson.Fragment(field)


def _plain(field: object) -> object:
    if isinstance(field, bytes):
        return b64encode(field).decode()
    if isinstance(field, Mapping):
        return {str(name): _plain(value) for name, value in field.items()}
    if isinstance(field, list | tuple):
        return [_plain(value) for value in field]
    return field if field is None or isinstance(field, str | int | float | bool) else str(field)


_KEPT_RECORDS = frozenset({"audit.unparsed", "audit.conflict"})
"""Types of the wall's own lane whose body is a whole record as version 1 leaf."""
