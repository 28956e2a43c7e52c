"""Scanning an entry finds what decoding it finds, for every entry, and refuses what decoding refuses."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_sink.append import Columns, columns_of, tenant_of
from audit_sink.ledger import scan as module
from audit_sink.ledger.scan import Scanned, scan, scan_columns
from audit_sink.wall import NOTARY_LANE, Lane
from schemas.errors import Unreadable
from schemas.leaf import EventRecord, decode_entry, encode_entry
from tests.audit_sink.lane_events import event

NAMES = ("ce_id", "ce_type", "ce_time", "ce_subject", "ce_tenantid", "ce_actorid", "content-type")
LENGTHS = st.sampled_from([0, 1, 23, 24, 25, 255, 256, 257, 300])


def decoded(entry: bytes) -> Scanned | str:
    """What the whole entry says."""
    try:
        record, large = decode_entry(entry)
    except Unreadable as error:
        return error.reason
    headers = dict(record.headers)
    lane = Lane(record.topic, record.partition)
    return lane, record.lane_seq, tenant_of(headers), headers.get("ce_type", b""), large is not None


def decoded_columns(entry: bytes) -> tuple[Lane, int, Columns] | str:
    """Its columns, as the sink makes them."""
    try:
        record, _ = decode_entry(entry)
    except Unreadable as error:
        return error.reason
    return Lane(record.topic, record.partition), record.lane_seq, columns_of(dict(record.headers))


def scanned_columns(entry: bytes) -> tuple[Lane, int, Columns] | str:
    try:
        return scan_columns(entry)
    except Unreadable as error:
        return error.reason


def scanned(entry: bytes) -> Scanned | str:
    (found,) = scan([entry])
    return found.reason if isinstance(found, Unreadable) else found


@st.composite
def records(draw: st.DrawFn) -> EventRecord:
    names = draw(st.one_of(st.just(NAMES), st.lists(st.sampled_from(NAMES), max_size=9).map(tuple)))
    headers = tuple((name, bytes([97 + length % 7]) * length) for name in names for length in [draw(LENGTHS)])
    return EventRecord(
        draw(st.sampled_from(["governance.policy.events.v1", "wall.notary", "t" * 24, "t" * 256])),
        draw(st.sampled_from([0, 7, 23, 24, 300])),
        draw(st.sampled_from([0, 1, 23, 24, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32])),
        draw(st.one_of(st.none(), LENGTHS.map(bytes))),
        headers,
        draw(st.one_of(st.none(), LENGTHS.map(bytes), st.just(bytes(70_000)))),
    )


@given(records())
def test_scanning_finds_what_decoding_finds(record: EventRecord) -> None:
    entry = encode_entry(record)[0]
    for _ in range(2):  # the second time its shape is known
        assert scanned(entry) == decoded(entry)
        assert scanned_columns(entry) == decoded_columns(entry)


@given(records(), st.data())
def test_a_damaged_entry_is_what_decoding_says(record: EventRecord, data: st.DataObject) -> None:
    entry = encode_entry(record)[0]
    scanned(entry)
    place = data.draw(st.integers(0, min(len(entry), 900) - 1))
    damaged = bytearray(entry)
    damaged[place] = data.draw(st.integers(0, 255))
    assert scanned(bytes(damaged)) == decoded(bytes(damaged))
    assert scanned_columns(bytes(damaged)) == decoded_columns(bytes(damaged))
    assert scanned(entry[:place]) == decoded(entry[:place])
    assert scanned(entry + entry[:1]) == decoded(entry + entry[:1])


def test_events_of_a_known_shape_are_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    lane = Lane("governance.policy.events.v1", 0)
    scanned(encode_entry(event(lane, 1))[0])
    monkeypatch.setattr(module, "decode_entry", None)
    for lane_seq in (2, 30, 300, 70_000):
        # As long as before: the number of the sequence's digits is another layout of its own.
        again = event(lane, 1, "evil")
        headers = tuple(
            (name, value if name != "ce_sequence" else str(lane_seq % 10).encode())
            for name, value in again.headers
        )
        found = scanned(encode_entry(replace(again, lane_seq=lane_seq, headers=headers))[0])
        assert found == (lane, lane_seq, b"evil", b"governance.policy.retired", False)


def test_a_lane_of_the_walls_own_is_found() -> None:
    record = EventRecord(*NOTARY_LANE, 5, b"key", (), b"{}")
    assert scanned(encode_entry(record)[0])[0] == NOTARY_LANE


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), min_size=1, max_size=60))
def test_whatever_was_seen_before_an_entry_is_what_it_is(lengths: list[tuple[int, int]]) -> None:
    lane = Lane("governance.policy.events.v1", 5)
    for key, actor in lengths:
        headers = (("ce_type", b"t"), ("ce_tenantid", b"acme"), ("ce_actorid", bytes([97]) * actor))
        entry = encode_entry(EventRecord(*lane, 7, bytes(key), headers, b"value"))[0]
        assert scanned_columns(entry) == decoded_columns(entry)
