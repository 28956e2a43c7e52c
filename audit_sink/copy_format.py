"""Rows of ``gov_audit_trail_entries`` in PostgreSQL's binary COPY format.

Layout: an 11-byte signature, two zero int32, then per row an int16 field count and per field an
int32 length (-1 for null) and the bytes; int16 -1 ends it (PostgreSQL documentation, COPY, "Binary
Format"). Text is UTF-8; ``timestamptz`` is microseconds since 2000-01-01 UTC as int64.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

COLUMNS: Final = (
    "leaf_index",
    "tenant_id",
    "tenant_index",
    "topic",
    "partition",
    "lane_seq",
    "event_id",
    "event_type",
    "resource",
    "actor",
    "occurred_at",
    "leaf_hash",
    "entry",
)
START: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
END: Final = b"\xff\xff"
POSTGRES_EPOCH_US: Final = 946_684_800_000_000
"""2000-01-01T00:00:00Z in microseconds since 1970."""

_END_OF_ROW = struct.Struct(">iqi32si").pack  # occurred_at, leaf_hash, length of entry
_END_WITHOUT_TIME = struct.Struct(">ii32si").pack
_FIELDS = len(COLUMNS)
_MAX_SHAPES: Final = 4_096


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One row, decoded. ``occurred_us`` is microseconds since 1970."""

    leaf_index: int
    tenant_id: str
    tenant_index: int
    topic: str
    partition: int
    lane_seq: int
    event_id: str
    event_type: str
    resource: str
    actor: str
    occurred_us: int | None
    leaf_hash: bytes
    entry: bytes


def lane_fields(topic: str, partition: int) -> bytes:
    """The fields that all rows of one lane share."""
    name = topic.encode()
    return struct.pack(f">i{len(name)}sii", len(name), name, 4, partition)


def row(
    index: int,
    tenant: bytes,
    place: int,
    lane: bytes,
    lane_seq: int,
    texts: tuple[bytes, bytes, bytes, bytes],
    occurred_us: int | None,
    leaf_hash: bytes,
    entry: bytes,
) -> tuple[bytes, bytes, bytes]:
    """One row, in pieces.

    ``index`` and ``place`` are those of the leaf in the log and in its tenant's tree, ``lane`` is from
    :func:`lane_fields`, ``texts`` has event_id, event_type, resource and actor.
    """
    event, kind, resource, actor = texts
    a, b, c, d, e = len(tenant), len(event), len(kind), len(resource), len(actor)
    start = _packer(len(lane), a, b, c, d, e)(
        _FIELDS, 8, index, a, tenant, 8, place, lane, 8, lane_seq, b, event, c, kind, d, resource, e, actor
    )
    if occurred_us is None:
        return start, _END_WITHOUT_TIME(-1, 32, leaf_hash, len(entry)), entry
    return start, _END_OF_ROW(8, occurred_us - POSTGRES_EPOCH_US, 32, leaf_hash, len(entry)), entry


@lru_cache(maxsize=_MAX_SHAPES)
def _packer(
    lane: int, tenant: int, event_id: int, event_type: int, resource: int, actor: int
) -> Callable[..., bytes]:
    """Packs the fields before ``occurred_at``, whose lengths these are."""
    return struct.Struct(f">hiqi{tenant}siq{lane}siqi{event_id}si{event_type}si{resource}si{actor}s").pack


def decode(payload: bytes) -> Iterator[EntryRow]:
    """The rows of a payload; raises ValueError for anything else."""
    if payload[: len(START)] != START or payload[-2:] != END:
        raise ValueError("no binary COPY payload")
    at = len(START)
    while at < len(payload) - 2:
        fields: list[bytes | None] = []
        (count,) = struct.unpack_from(">h", payload, at)
        if count != _FIELDS:
            raise ValueError(f"{count} fields at {at}")
        at += 2
        for _ in range(count):
            (length,) = struct.unpack_from(">i", payload, at)
            at += 4
            fields.append(None if length < 0 else payload[at : at + length])
            at += max(length, 0)
        yield _row_of(fields)


def _row_of(fields: list[bytes | None]) -> EntryRow:
    def number(at: int) -> int:
        return int.from_bytes(octets(at), "big", signed=True)

    def octets(at: int) -> bytes:
        field = fields[at]
        if field is None:
            raise ValueError(f"{COLUMNS[at]} is null")
        return field

    def text(at: int) -> str:
        return octets(at).decode()

    return EntryRow(
        leaf_index=number(0),
        tenant_id=text(1),
        tenant_index=number(2),
        topic=text(3),
        partition=number(4),
        lane_seq=number(5),
        event_id=text(6),
        event_type=text(7),
        resource=text(8),
        actor=text(9),
        occurred_us=None if fields[10] is None else number(10) + POSTGRES_EPOCH_US,
        leaf_hash=octets(11),
        entry=octets(12),
    )
