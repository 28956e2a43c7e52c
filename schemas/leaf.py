"""The canonical form of an event: one deterministic CBOR array (RFC 8949 section 4.2.1).

    [1, topic, partition, lane_seq, key, [[name, value]...], value]      value up to 65,535 bytes in all
    [2, topic, partition, lane_seq, key, [[name, value]...], [sha256, length]]   above that

Topic and header names are text strings, key, header values and value are byte strings (null where
Kafka has null). Broker offset and arrival time stay out, so the form is a function of the event:
agents store it, the wall hashes it, and consumers and checkers compute the same bytes.
The leaf hash is RFC 9162's ``SHA-256(0x00 || entry)``.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Final

from schemas.errors import Unreadable

MAX_ENTRY_BYTES: Final = 65_535
"""C2SP tlog-tiles bundles carry entries with a uint16 length."""

Headers = Sequence[tuple[str, bytes]]
LargeValue = tuple[bytes, int]
"""SHA-256 and length of a value that is kept outside its entry."""


@dataclass(frozen=True, slots=True)
class EventRecord:
    """One event as it stands on its topic; the same bytes at every publication."""

    topic: str
    partition: int
    lane_seq: int
    key: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    value: bytes | None


def encode_leaf(record: EventRecord) -> bytes:
    """The full canonical form (version 1), however long the value is."""
    return b"".join((_start(record, 1), _bytes(record.value)))


def encode_entry(record: EventRecord) -> tuple[bytes, bytes | None]:
    """The wall's entry and, where the entry is version 2, the value that it only digests."""
    entry = encode_leaf(record)
    if len(entry) <= MAX_ENTRY_BYTES or record.value is None:
        return entry, None
    digest = sha256(record.value).digest()
    pair = b"".join((b"\x82", _bytes(digest), _head(0, len(record.value))))
    return b"".join((_start(record, 2), pair)), record.value


def leaf_hash(entry: bytes) -> bytes:
    """RFC 9162 section 2.1.1: the hash of a leaf (32 bytes)."""
    return sha256(b"\x00" + entry).digest()


def leaf_hashes(entries: Iterable[bytes]) -> list[bytes]:
    """:func:`leaf_hash` of each, in less time."""
    hashes = []
    for entry in entries:
        leaf = _LEAF()  # to copy a begun hash costs less than to begin one
        leaf.update(entry)
        hashes.append(leaf.digest())
    return hashes


def large_value_of(entry: bytes) -> LargeValue | None:
    """Digest and length of the value that an entry does not hold itself; raises :class:`Unreadable`."""
    return decode_entry(entry)[1] if entry[1:2] == _VERSION_2 else None


def decode_entry(entry: bytes) -> tuple[EventRecord, LargeValue | None]:
    """The record of an entry; for version 2 the value is None and its digest comes beside it.

    Raises :class:`Unreadable` (``bad_leaf``) for anything but the exact deterministic form.
    """
    reader = _Reader(entry)
    try:
        reader.expect(4, 7)
        version = reader.unsigned()
        topic = reader.text()
        partition, lane_seq = reader.unsigned(), reader.unsigned()
        key = reader.octets()
        headers = tuple(reader.header() for _ in range(reader.length(4)))
        value: bytes | None = None
        large: LargeValue | None = None
        if version == 1:
            value = reader.octets()
        elif version == 2:
            reader.expect(4, 2)
            large = (reader.octets() or b"", reader.unsigned())
        else:
            raise ValueError(f"leaf version {version}")
        reader.finish()
    except (ValueError, IndexError) as error:
        raise Unreadable("bad_leaf", str(error)) from error
    return EventRecord(topic, partition, lane_seq, key, headers, value), large


def _start(record: EventRecord, version: int) -> bytes:
    known = _HEADER_HEADS
    try:
        headers = [known[name][len(value)] + value for name, value in record.headers]
    except (KeyError, IndexError, TypeError):  # a new name, a long value, none at all
        headers = [_header(name, value) for name, value in record.headers]
    return b"".join(
        (
            _lane(version, record.topic, record.partition),
            _head(0, record.lane_seq),
            _bytes(record.key),
            _head(4, len(headers)),
            *headers,
        )
    )


@lru_cache(maxsize=1024)
def _lane(version: int, topic: str, partition: int) -> bytes:
    return b"".join((b"\x87", _head(0, version), _text(topic), _head(0, partition)))


def _head(major: int, value: int) -> bytes:
    kind = major << 5
    if value < 24:
        return _SHORT_HEADS[kind | value]
    if value < 0x100:
        return bytes((kind | 24, value))
    if value < 0x10000:
        return bytes((kind | 25,)) + value.to_bytes(2, "big")
    if value < 0x100000000:
        return bytes((kind | 26,)) + value.to_bytes(4, "big")
    return bytes((kind | 27,)) + value.to_bytes(8, "big")


def _text(value: str) -> bytes:
    data = value.encode()
    return _head(3, len(data)) + data


def _header(name: str, value: bytes | None) -> bytes:
    """A pair; its name is known from now on."""
    start = b"\x82" + _text(name)
    if name not in _HEADER_HEADS and len(_HEADER_HEADS) < _MAX_CACHED_NAMES:
        _HEADER_HEADS[name] = [start + head for head in _OCTETS_HEADS]
    return start + _bytes(value)


def _bytes(value: bytes | None) -> bytes:
    return b"\xf6" if value is None else _head(2, len(value)) + value


class _Reader:
    """Reads the one shape above, refusing lengths that are not the shortest."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def length(self, major: int) -> int:
        first = self._data[self._at]
        if first >> 5 != major:
            raise ValueError(f"major type {first >> 5} at {self._at}, expected {major}")
        self._at += 1
        low = first & 31
        if low < 24:
            return low
        if low > 27:
            raise ValueError(f"indefinite or reserved length at {self._at}")
        width = 1 << (low - 24)
        value = int.from_bytes(self._take(width), "big")
        if value < (24 if width == 1 else 1 << (width * 4)):
            raise ValueError(f"length at {self._at} is not the shortest form")
        return value

    def unsigned(self) -> int:
        return self.length(0)

    def expect(self, major: int, length: int) -> None:
        if self.length(major) != length:
            raise ValueError(f"expected {length} items before {self._at}")

    def text(self) -> str:
        return self._take(self.length(3)).decode()

    def octets(self) -> bytes | None:
        if self._data[self._at] == 0xF6:
            self._at += 1
            return None
        return self._take(self.length(2))

    def header(self) -> tuple[str, bytes]:
        self.expect(4, 2)
        name = self.text()
        value = self.octets()
        return name, b"" if value is None else value

    def finish(self) -> None:
        if self._at != len(self._data):
            raise ValueError(f"{len(self._data) - self._at} bytes after the end")

    def _take(self, count: int) -> bytes:
        piece = self._data[self._at : self._at + count]
        if len(piece) != count:
            raise ValueError(f"ends inside an item at {self._at}")
        self._at += count
        return piece


_LEAF = sha256(b"\x00").copy
_VERSION_2: Final = b"\x02"
"""Second byte of an entry: its version, after the head of the array."""

_MAX_CACHED_NAMES: Final = 64
"""Some 20 KB each; the engine's own events have 14."""
_HEADER_HEADS: dict[str, Sequence[bytes]] = {}
"""By name, what stands before a value of each length below 256: pair, name and the value's own head."""
_SHORT_HEADS: Final = [bytes((n,)) for n in range(256)]
_OCTETS_HEADS: Final = [_head(2, length) for length in range(256)]
