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
from audit_sink.wall import NOTARY_LANE, Lane
from schemas.errors import Unreadable
from schemas.leaf import EventRecord, decode_entry

TENANT: Final = "ce_tenantid"
TYPE: Final = "ce_type"
COLUMNS: Final = (TENANT, "ce_id", TYPE, "ce_subject", "ce_actorid", "ce_time")
"""The headers of :class:`~audit_sink.append.Columns`, in its order."""
_TENANT, _TYPE = COLUMNS.index(TENANT), COLUMNS.index(TYPE)

_MAX_LANES: Final = 4_096
_MAX_LAYOUTS: Final = 16
"""Layouts that are remembered of entries with keys of one length; the newest stand first."""

_LONG_KEY: Final = 0x58
"""The head of a key of 24 to 255 bytes, whose length is the next byte."""
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
    spans: Sequence[tuple[int, int]]
    """Where the contents of the headers :data:`COLUMNS` begin and end; both 0 where one is missing."""


_lanes: dict[bytes, Lane] = {}
_layouts: dict[int, list[_Layout]] = {}
"""By what a key's head says of its length: one of 256 numbers."""


def scan(entries: Iterable[bytes]) -> Iterator[Scanned | Unreadable]:
    """What each entry says; the error (``bad_leaf``) of anything but the one form."""
    start, lane, at = b"\xff", NOTARY_LANE, 0  # no entry starts so
    for entry in entries:
        try:
            if not entry.startswith(start):
                start, lane, at = _lane_of(entry)
            lane_seq, head, spans = _match(entry, at)
        except LookupError:
            yield _scan_decoded(entry)
        else:
            begin, end = spans[_TENANT]
            tenant = _tenant(entry[head + begin : head + end])
            begin, end = spans[_TYPE]
            yield lane, lane_seq, tenant, entry[head + begin : head + end], False


def scan_columns(entry: bytes) -> tuple[Lane, int, Columns]:
    """Lane, sequence and columns of an entry; raises :class:`~schemas.errors.Unreadable` (``bad_leaf``)."""
    try:
        _, lane, at = _lane_of(entry)
        lane_seq, head, spans = _match(entry, at)
    except LookupError:
        record, _ = _decoded(entry)
        return Lane(record.topic, record.partition), record.lane_seq, columns_of(dict(record.headers))
    tenant, event_id, kind, subject, actor, time = [entry[head + begin : head + end] for begin, end in spans]
    texts = (text_of(event_id), text_of(kind), text_of(subject), text_of(actor))
    return lane, lane_seq, Columns(_tenant(tenant), *texts, time_of(time))


def _lane_of(entry: bytes) -> tuple[bytes, Lane, int]:
    """The bytes before an entry's sequence, its lane, and their number; LookupError for an unknown one."""
    at = entry[3] + (5 if entry[entry[3] + 4] < 0x18 else 6)
    start = entry[:at]
    return start, _lanes[start], at


def _match(entry: bytes, at: int) -> tuple[int, int, Sequence[tuple[int, int]]]:
    """The sequence that begins at a place, where the layout behind it begins, and the layout's spans.

    LookupError says nothing about an entry but that no known layout is its own.
    """
    lane_seq = entry[at]
    if lane_seq < 0x18:
        at += 1
    else:
        least, head = _LEAST[lane_seq], at + _ENDS[lane_seq]
        lane_seq = int.from_bytes(entry[at + 1 : head], "big")
        if lane_seq < least:
            raise LookupError
        at = head
    key, length = entry[at], len(entry)
    if key == _LONG_KEY:
        key = entry[at + 1]
    for last, last_at, fixed_of, fixed, size, spans in _layouts[key]:
        rest = length - at - size
        if rest > 1 and entry.startswith(last, at + last_at) and fixed_of(entry, at) == fixed:
            # The rest must be one byte string of 1 to 65,535 bytes in its shortest form.
            value = at + size
            if rest > 258:
                shortest = entry[value] == 0x59 and entry[value + 1] << 8 | entry[value + 2] == rest - 3
            elif rest > 25:
                shortest = rest < 258 and entry[value] == 0x58 and entry[value + 1] == rest - 2
            else:
                shortest = rest < 25 and entry[value] == 0x3F + rest
            if shortest:
                return lane_seq, at, spans
            break
    raise LookupError


def _scan_decoded(entry: bytes) -> Scanned | Unreadable:
    try:
        record, large = _decoded(entry)
    except Unreadable as error:
        return error
    headers = dict(record.headers)
    lane = Lane(record.topic, record.partition)
    return lane, record.lane_seq, tenant_of(headers), headers.get(TYPE, b""), large


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
    layout = _layout(entry[at:], record)
    known = _layouts.setdefault(entry[at + 1] if entry[at] == _LONG_KEY else entry[at], [])
    if layout not in known:
        known.insert(0, layout)
        del known[_MAX_LAYOUTS:]


def _layout(rest: bytes, record: EventRecord) -> _Layout:
    """The layout of an entry, ``rest`` being what follows its sequence."""
    key = len(record.key or b"")
    at = _head_bytes(key) + key + 1
    contents = [(at - 1 - key, at - 1)]
    for name, value in record.headers:
        last_at = at
        text = len(name.encode())
        start = at + 1 + _head_bytes(text) + text + _head_bytes(len(value))
        at = start + len(value)
        contents.append((start, at))
    places = zip([0, *(end for _, end in contents)], contents, strict=False)
    fixed_of = _unpacker("".join(f"{begin - before}s{end - begin}x" for before, (begin, end) in places))
    spans = {name: content for (name, _), content in zip(record.headers, contents[1:], strict=True)}
    return _Layout(
        last=rest[last_at : contents[-1][0]],
        last_at=last_at,
        fixed_of=fixed_of,
        fixed=fixed_of(rest),
        size=at,
        spans=tuple(spans.get(name, (0, 0)) for name in COLUMNS),
    )


@lru_cache(maxsize=4_096)
def _unpacker(fields: str) -> Callable[..., Sequence[bytes]]:
    """One for each format, so that equal layouts are equal."""
    return Struct(fields).unpack_from


def _head_bytes(number: int) -> int:
    """The bytes of a CBOR head with this number."""
    return 1 if number < 24 else 1 + (1 << ((number.bit_length() + 7) // 8 - 1).bit_length())
