"""The drop rule: what the records of one poll mean to a lane. Pure.

A record's sequence decides, never its offset: ``last + 1`` is appended, ``<= last`` is a repeat
(the caller compares it with what is stored), ``> last + 1`` is past a gap and dropped until the
missing ones were published again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from audit_sink.wall import Lane, LaneEnd
from schemas.leaf import EventRecord

_MAX_DIGITS = 18


class LogRecord(Protocol):
    """One record as the log's client gives it; ``timestamp`` is the record's, in ms since 1970."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...
    @property
    def value(self) -> bytes | None: ...


class Repeat(NamedTuple):
    """A record whose sequence was taken before it."""

    lane_seq: int
    record: LogRecord


@dataclass(frozen=True, slots=True)
class Gap:
    """A lane waits for ``expected``; ``found`` is what came instead."""

    lane: Lane
    expected: int
    found: int


@dataclass(frozen=True, slots=True)
class LaneRun:
    """One lane's part of a poll."""

    lane: Lane
    accepted: Sequence[EventRecord]
    """Contiguous from the lane's ``next_lane_seq``."""
    attributes: Sequence[Mapping[str, bytes]]
    """Headers of each by name (the last of a name)."""
    next_offset: int
    """Offset after the last record that leaves something in the wall."""
    repeats: Sequence[Repeat]
    unparsed: Sequence[LogRecord]
    gap: Gap | None
    """The gap that the lane stands before at the end of the poll."""


def sort_records(lane: Lane, end: LaneEnd, records: Iterable[LogRecord]) -> LaneRun:
    """Sorts one lane's records, in log order, by the drop rule."""
    topic, partition = lane
    accepted: list[EventRecord] = []
    attributes: list[Mapping[str, bytes]] = []
    repeats: list[Repeat] = []
    unparsed: list[LogRecord] = []
    expected = end.next_lane_seq
    next_offset = end.next_offset
    gap: Gap | None = None
    for record in records:
        headers = tuple(record.headers)
        named = dict(headers)
        lane_seq = _sequence(named.get("ce_sequence"))
        if lane_seq is None:
            unparsed.append(record)
            next_offset = record.offset + 1
        elif lane_seq == expected:
            accepted.append(EventRecord(topic, partition, lane_seq, record.key, headers, record.value))
            attributes.append(named)
            expected += 1
            next_offset = record.offset + 1
            gap = None
        elif lane_seq < expected:
            repeats.append(Repeat(lane_seq, record))
        elif gap is None:
            gap = Gap(lane, expected, lane_seq)
    return LaneRun(lane, accepted, attributes, next_offset, repeats, unparsed, gap)


def _sequence(value: bytes | None) -> int | None:
    if value is None or not value.isdigit() or len(value) > _MAX_DIGITS:
        return None
    return int(value) or None
