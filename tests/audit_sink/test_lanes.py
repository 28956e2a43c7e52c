"""The drop rule."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_sink.lanes import Gap, sort_records
from audit_sink.memory import MemoryRecord
from audit_sink.wall import Lane, LaneEnd
from tests.audit_sink.lane_events import event, poll_of

LANE = Lane("governance.policy.events.v1", 2)


def with_sequence(record: MemoryRecord, value: bytes | None) -> MemoryRecord:
    kept = tuple(header for header in record.headers if header[0] != "ce_sequence")
    return replace(record, headers=kept if value is None else (*kept, ("ce_sequence", value)))


@given(st.lists(st.integers(1, 12), max_size=40), st.integers(0, 6))
def test_sequences_increase_by_one_whatever_is_repeated_or_missing(sequences: list[int], last: int) -> None:
    run = sort_records(LANE, LaneEnd(last + 1, 100, 1), poll_of([event(LANE, n) for n in sequences], 100))
    accepted = [each.lane_seq for each in run.accepted]
    assert accepted == list(range(last + 1, last + 1 + len(accepted)))
    # What the rule of the contract gives, word by word.
    expected, position, waiting, repeats = last, 100, None, []
    for offset, sequence in enumerate(sequences, start=100):
        if sequence == expected + 1:
            expected, position, waiting = sequence, offset + 1, None
        elif sequence <= expected:
            repeats.append(sequence)
        else:
            waiting = waiting or Gap(LANE, expected + 1, sequence)
    assert len(accepted) == expected - last
    assert run.next_offset == position
    assert run.gap == waiting
    assert [each.lane_seq for each in run.repeats] == repeats


def test_what_lies_beyond_a_gap_is_dropped_until_the_missing_came() -> None:
    lane_events = [event(LANE, n) for n in (1, 2, 4, 5, 6)]
    run = sort_records(LANE, LaneEnd(), poll_of(lane_events))
    assert [each.lane_seq for each in run.accepted] == [1, 2]
    assert (run.gap, run.next_offset) == (Gap(LANE, 3, 4), 2)

    again = [event(LANE, n) for n in (3, 4, 5, 6)]
    run = sort_records(LANE, LaneEnd(3, 2, 1), poll_of(lane_events[2:] + again, 2))
    assert [each.lane_seq for each in run.accepted] == [3, 4, 5, 6]
    assert (run.gap, run.next_offset) == (None, 9)


def test_repeats_leave_the_position_alone() -> None:
    run = sort_records(LANE, LaneEnd(3, 2, 1), poll_of([event(LANE, 1), event(LANE, 2)], 2))
    assert [each.lane_seq for each in run.repeats] == [1, 2]
    assert (list(run.accepted), run.next_offset) == ([], 2)


@pytest.mark.parametrize(
    "value", [None, b"", b"0", b"-1", b"+1", b" 1", b"1 ", b"1_0", b"1.0", b"x", "٣".encode(), b"9" * 19]
)
def test_a_record_without_usable_sequence_is_kept_aside_and_stops_nothing(value: bytes | None) -> None:
    records = poll_of([event(LANE, 1), event(LANE, 2)])
    records.insert(1, with_sequence(replace(records[0], offset=1), value))
    records[2] = replace(records[2], offset=2)
    run = sort_records(LANE, LaneEnd(), records)
    assert [each.lane_seq for each in run.accepted] == [1, 2]
    assert [record.offset for record in run.unparsed] == [1]
    assert run.next_offset == 3


def test_an_unusable_record_at_the_end_moves_the_position() -> None:
    records = [with_sequence(poll_of([event(LANE, 1)])[0], None)]
    run = sort_records(LANE, LaneEnd(), records)
    assert (list(run.accepted), run.next_offset) == ([], 1)
