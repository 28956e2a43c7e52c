"""One transaction made from records."""

from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_sink.append import Run, prepare, tenants_of
from audit_sink.copy_format import EntryRow, decode
from audit_sink.ledger.frontier import Frontier
from audit_sink.ledger.tree import RightEdge
from audit_sink.notices import Notice, NoticeType, entry_of
from audit_sink.wall import CHAIN_START, EMPTY_LOG, LOG_TREE, SINK_LANE, Lane, LaneEnd, LogState
from schemas.envelope import envelope_of
from schemas.leaf import EventRecord, decode_entry, encode_entry, leaf_hash
from tests.audit_sink.batches import fresh_trees
from tests.audit_sink.lane_events import START, at, event, events
from tests.audit_sink.ledger.trees import leaves_of

A, B = Lane("governance.evaluation.events.v1", 0), Lane("governance.policy.events.v1", 3)
NOTICES: tuple[NoticeType, ...] = ("audit.unparsed", "audit.conflict")


def run(records: list[EventRecord], next_offset: int = 10, lane: Lane | None = None) -> Run:
    lane = lane or Lane(records[0].topic, records[0].partition)
    return Run(lane, next_offset, records, [dict(record.headers) for record in records])


def rows_of(records: list[EventRecord]) -> list[EntryRow]:
    return list(decode(prepare(EMPTY_LOG, [run(records)], fresh_trees()).payload))


def with_header(record: EventRecord, name: str, value: bytes | None) -> EventRecord:
    kept = tuple(header for header in record.headers if header[0] != name)
    return replace(record, headers=kept if value is None else (*kept, (name, value)))


def test_every_column_follows_from_the_event_and_its_place() -> None:
    record = event(A, 1)
    (row,) = rows_of([record])
    envelope = envelope_of(record.headers)
    entry = encode_entry(record)[0]
    assert row == EntryRow(
        leaf_index=0,
        tenant_id="acme",
        tenant_index=0,
        topic=A.topic,
        partition=0,
        lane_seq=1,
        event_id=envelope.id,
        event_type=envelope.type,
        resource=envelope.subject,
        actor=envelope.actor,
        occurred_us=int(START.timestamp() * 1_000_000) + 1_000,
        leaf_hash=leaf_hash(entry),
        entry=entry,
    )


def test_batch_rows_follow_each_other_and_count_what_is_appended() -> None:
    first, second = events(A, 1, 5), events(B, 1, 3, ("acme", "other"))
    batch = prepare(EMPTY_LOG, [run(first, 5), run(second, 7)], fresh_trees())
    one, two = batch.rows
    assert (one.batch_no, one.first_index, one.next_index, one.prev_hash) == (1, 0, 5, CHAIN_START)
    assert (two.batch_no, two.first_index, two.next_index, two.prev_hash) == (2, 5, 8, one.digest())
    assert (one.first_lane_seq, one.next_lane_seq, one.from_offset, one.next_offset) == (1, 6, 0, 5)
    hashes = [leaf_hash(encode_entry(record)[0]) for record in first + second]
    assert one.root_after == RightEdge().extend(hashes[:5]).root()
    assert two.root_after == RightEdge().extend(hashes).root()
    assert (one.right_edge, two.right_edge) == (None, RightEdge().extend(hashes).encode())
    assert batch.entries == 8
    assert batch.after.chain == two.digest()
    assert batch.after.lanes == {A: LaneEnd(6, 5, 1), B: LaneEnd(4, 7, 2)}


def test_tenants_are_counted_on_from_what_the_wall_has() -> None:
    records = events(A, 1, 6, ("acme", "other"))
    known = {b"acme": leaves_of(4), b"other": leaves_of(9), LOG_TREE: []}
    trees = {name: Frontier().extend(leaves)[0] for name, leaves in known.items()}
    batch = prepare(EMPTY_LOG, [run(records)], trees)
    found = [(row.tenant_id, row.tenant_index) for row in decode(batch.payload)]
    assert found == [("other", 9), ("acme", 4), ("other", 10), ("acme", 5), ("other", 11), ("acme", 6)]
    hashes = [leaf_hash(encode_entry(record)[0]) for record in records]
    for name, mine in ((b"acme", hashes[1::2]), (b"other", hashes[::2]), (LOG_TREE, hashes)):
        assert batch.trees[name] == Frontier().extend([*known[name], *mine])[0]


def test_an_empty_run_advances_its_lane_only() -> None:
    state = LogState(4, bytes(32), RightEdge(), {A: LaneEnd(1, 6, 4)})
    batch = prepare(state, [Run(A, 9, [], [])], fresh_trees())
    (row,) = batch.rows
    assert (row.from_offset, row.next_offset, row.first_index, row.next_index) == (6, 9, 0, 0)
    assert (row.first_lane_seq, row.next_lane_seq) == (1, 1)
    assert list(decode(batch.payload)) == []


def test_a_lane_of_a_topic_made_anew_starts_over_in_offsets_only() -> None:
    state = LogState(4, bytes(32), RightEdge(), {A: LaneEnd(8, 500, 4)})
    (row,) = prepare(state, [run(events(A, 8, 9), 2)], fresh_trees()).rows
    assert (row.from_offset, row.next_offset, row.first_lane_seq) == (2, 2, 8)


@pytest.mark.parametrize(
    ("name", "value", "column", "expected"),
    [
        ("ce_tenantid", None, "tenant_id", "aumos"),
        ("ce_tenantid", b"\xff", "tenant_id", "aumos"),
        ("ce_tenantid", b"", "tenant_id", "aumos"),
        ("ce_subject", b"a\x00b", "resource", ""),
        ("ce_subject", "é".encode() * 300, "resource", "é" * 200),
        ("ce_id", b"i" * 5_000, "event_id", "i" * 200),
        ("ce_type", None, "event_type", ""),
        ("ce_actorid", b"\xc3", "actor", ""),
        ("ce_time", b"yesterday", "occurred_us", None),
        ("ce_time", b"2026-05-04T09:30:00", "occurred_us", None),
        ("ce_time", b"\xff", "occurred_us", None),
        ("ce_time", None, "occurred_us", None),
        ("ce_time", b"1969-12-31T23:59:59Z", "occurred_us", -1_000_000),
    ],
)
def test_an_unreadable_attribute_never_keeps_an_event_out(
    name: str, value: bytes | None, column: str, expected: object
) -> None:
    record = with_header(event(A, 1), name, value)
    (row,) = rows_of([record])
    assert getattr(row, column) == expected
    assert row.entry == encode_entry(record)[0]


@given(st.lists(st.tuples(st.sampled_from(["ce_id", "ce_time", "ce_subject", "x"]), st.binary()), max_size=9))
def test_any_headers_make_a_row(headers: list[tuple[str, bytes]]) -> None:
    record = EventRecord(*A, 1, None, tuple(headers), None)
    assert tenants_of([dict(headers)]) == {b"aumos"}
    assert rows_of([record])[0].entry == encode_entry(record)[0]


def test_a_large_value_is_kept_beside_its_entry() -> None:
    record = replace(event(A, 1, "other"), value=b"v" * 100_000)
    batch = prepare(EMPTY_LOG, [run([record])], fresh_trees())
    (large,) = batch.large
    assert (large.tenant, large.value) == (b"other", b"v" * 100_000)
    assert large.digest == sha256(large.value).digest()
    assert decode_entry(next(decode(batch.payload)).entry)[1] == (large.digest, 100_000)


def test_the_oldest_event_time_is_known_for_the_lag() -> None:
    batch = prepare(EMPTY_LOG, [run([event(A, 9), event(A, 3), event(A, 5)])], fresh_trees())
    assert batch.oldest_us == int(START.timestamp() * 1_000_000) + 3_000
    assert prepare(EMPTY_LOG, [Run(A, 1, [], [])], fresh_trees()).oldest_us is None


@pytest.mark.parametrize("kind", NOTICES)
def test_a_record_that_is_kept_aside_is_whole_and_said_the_same_by_every_sink(kind: NoticeType) -> None:
    said = entry_of(Notice(kind, at(event(A, 4), 77), 4), 12)
    assert said == entry_of(Notice(kind, at(event(A, 4), 77), 4), 12)
    envelope = envelope_of(said.headers)
    assert (envelope.type, envelope.tenant, envelope.sequence) == (kind, "aumos", 12)
    assert envelope.subject == f"lane/{A.topic}/0"
    assert Lane(said.topic, said.partition) == SINK_LANE
    assert dict(said.headers)["ce_recordoffset"] == b"77"
    assert decode_entry(said.value or b"")[0] == event(A, 4)
