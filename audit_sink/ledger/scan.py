"""What a verifier needs of an entry, at a fraction of decoding it whole.

Entries of one producer have the same headers in the same order, most of them as long as before. Such a layout
is learned from an entry that was decoded: in the next one, every byte that is no content must be what it was
there. Whatever has no known layout goes to :func:`schemas.leaf.decode_entry`, which alone decides what an
entry is.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from struct import Struct
from typing import Final, NamedTuple

from audit_sink.append import Columns, columns_of, tenant_of, text_of, time_of
from audit_sink.wall import Lane
from schemas.errors import Unreadable
from schemas.leaf import EventRecord, decode_entry

TENANT: Final = "ce_tenantid"
TYPE: Final = "ce_type"
COLUMNS: Final = (TENANT, "ce_id", TYPE, "ce_subject", "ce_actorid", "ce_time")
"""The headers of :class:`~audit_sink.append.Columns`, in its order."""

_MAX_LANES: Final = 4_096
_MAX_LAYOUTS: Final = 16
"""Layouts that are remembered of entries with keys of one length; the newest stand first."""

_ENDS: Final = {0x18: 2, 0x19: 3, 0x1A: 5}
_LEAST: Final = {0x18: 24, 0x19: 0x100, 0x1A: 0x10000}
"""By a number's head, the bytes that it takes and the least one that is written so."""


Scanned = tuple[Lane, int, bytes, bytes, bool]
"""Lane, sequence, tenant and type of an entry, and whether its value is kept outside."""


class _Layout(NamedTuple):
    """The bytes between an entry's sequence and its value."""

    last: bytes
    """The last header up to its content; in nearly every other layout it stands elsewhere."""
    last_at: int
    fixed_of: Callable[..., Sequence[bytes]]
    """What stands between the contents of the bytes from an offset on."""
    fixed: Sequence[bytes]
    """What must stand there."""
    size: int
    spans: Sequence[slice]
    """Contents of the headers :data:`COLUMNS`; empty where one is missing."""


_Found = tuple[Lane, int, bytes, Sequence[slice]]
"""Lane, sequence, the bytes of the layout, and its spans."""

_lanes: dict[bytes, Lane] = {}
_layouts: dict[int, list[_Layout]] = {}


def scan(entries: Iterable[bytes]) -> Iterator[Scanned | Unreadable]:
    """What each entry says; the error (``bad_leaf``) of anything but the one form."""
    for entry, found in zip(entries, _find(entries), strict=True):
        if found is not None:
            lane, lane_seq, head, spans = found
            yield lane, lane_seq, _tenant(head[spans[0]]), head[spans[2]], False
            continue
        try:
            record, large = _decoded(entry)
        except Unreadable as error:
            yield error
            continue
        headers = dict(record.headers)
        lane = Lane(record.topic, record.partition)
        yield lane, record.lane_seq, tenant_of(headers), headers.get(TYPE, b""), large


def scan_columns(entry: bytes) -> tuple[Lane, int, Columns]:
    """Lane, sequence and columns of an entry; raises :class:`~schemas.errors.Unreadable` (``bad_leaf``)."""
    found = next(_find((entry,)))
    if found is None:
        record, _ = _decoded(entry)
        return Lane(record.topic, record.partition), record.lane_seq, columns_of(dict(record.headers))
    lane, lane_seq, head, spans = found
    tenant, event_id, kind, subject, actor, time = [head[span] for span in spans]
    texts = (text_of(event_id), text_of(kind), text_of(subject), text_of(actor))
    return lane, lane_seq, Columns(_tenant(tenant), *texts, time_of(time))


def _find(entries: Iterable[bytes]) -> Iterator[_Found | None]:
    """Each entry, if it has a known layout; None says nothing about it."""
    start, lane, at = b"\xff", None, 0
    for entry in entries:
        try:
            if not entry.startswith(start):
                start, lane, at = _lane_of(entry)
            yield None if lane is None else _match(entry, lane, at)
        except IndexError:
            yield None


def _lane_of(entry: bytes) -> tuple[bytes, Lane | None, int]:
    """The bytes before an entry's sequence, its lane, and their number; of an unknown one what none has."""
    at = entry[3] + (5 if entry[entry[3] + 4] < 0x18 else 6)
    lane = _lanes.get(entry[:at])
    return (b"\xff", None, 0) if lane is None else (entry[:at], lane, at)


def _match(entry: bytes, lane: Lane, at: int) -> _Found | None:
    first = entry[at]
    if first < 0x18:
        lane_seq, at = first, at + 1
    elif first < 0x1B:
        end = at + _ENDS[first]
        lane_seq = int.from_bytes(entry[at + 1 : end], "big")
        if lane_seq < _LEAST[first]:
            return None
        at = end
    else:
        return None
    for last, last_at, fixed_of, fixed, size, spans in _layouts.get(_key_length(entry, at), ()):
        if entry.startswith(last, at + last_at):
            end = at + size
            if len(entry) > end and fixed_of(entry, at) == fixed and _is_value(entry, end):
                return lane, lane_seq, entry[at:end], spans
    return None


def _key_length(entry: bytes, at: int) -> int:
    """What a key's head says of its length: one of 256 numbers."""
    first = entry[at]
    return entry[at + 1] if first == 0x58 else first


def _is_value(entry: bytes, at: int) -> bool:
    """Whether the rest is one byte string in its shortest form, of 1 to 65,535 bytes."""
    rest = len(entry) - at
    if rest > 258:
        return entry[at] == 0x59 and entry[at + 1] << 8 | entry[at + 2] == rest - 3
    if rest > 25:
        return rest < 258 and entry[at] == 0x58 and entry[at + 1] == rest - 2
    return 1 < rest < 25 and entry[at] == 0x3F + rest


@lru_cache(maxsize=4_096)
def _tenant(value: bytes) -> bytes:
    return tenant_of({TENANT: value})


def _decoded(entry: bytes) -> tuple[EventRecord, bool]:
    """The event of an entry, and whether its value is kept outside; its layout is known from now on."""
    record, large = decode_entry(entry)
    if large is None:
        _learn(entry, record)
    return record, large is not None


def _learn(entry: bytes, record: EventRecord) -> None:
    topic, names = len(record.topic.encode()), {name for name, _ in record.headers}
    if not (24 <= topic < 256 and record.partition < 256 and len(_lanes) < _MAX_LANES):
        return
    if not 0 < len(record.headers) < 24 or len(names) < len(record.headers):
        return
    at = topic + 4 + _head_bytes(record.partition)
    _lanes[entry[:at]] = Lane(record.topic, record.partition)
    at += _head_bytes(record.lane_seq)
    known = _layouts.setdefault(_key_length(entry, at), [])
    layout = _layout(entry[at:], record)
    if layout not in known:
        known.insert(0, layout)
        del known[_MAX_LAYOUTS:]


def _layout(rest: bytes, record: EventRecord) -> _Layout:
    """The layout of an entry, ``rest`` being what follows its sequence."""
    key = len(record.key or b"")
    at = _head_bytes(key) + key + 1
    contents = [slice(at - 1 - key, at - 1)]
    for name, value in record.headers:
        last_at = at
        text = len(name.encode())
        start = at + 1 + _head_bytes(text) + text + _head_bytes(len(value))
        at = start + len(value)
        contents.append(slice(start, at))
    ends = [0, *(content.stop for content in contents)]
    pairs = zip(ends, contents, strict=False)
    fixed_of = _unpacker("".join(f"{each.start - end}s{each.stop - each.start}x" for end, each in pairs))
    spans = {name: content for (name, _), content in zip(record.headers, contents[1:], strict=True)}
    return _Layout(
        last=rest[last_at : contents[-1].start],
        last_at=last_at,
        fixed_of=fixed_of,
        fixed=fixed_of(rest),
        size=at,
        spans=tuple(spans.get(name, slice(0, 0)) for name in COLUMNS),
    )


@lru_cache(maxsize=4_096)
def _unpacker(fields: str) -> Callable[..., Sequence[bytes]]:
    """One for each format, so that equal layouts are equal."""
    return Struct(fields).unpack_from


def _head_bytes(number: int) -> int:
    """The bytes of a CBOR head with this number."""
    return 1 if number < 24 else 1 + (1 << ((number.bit_length() + 7) // 8 - 1).bit_length())
