"""Batch rows and the state they stand for."""

from dataclasses import replace
from hashlib import sha256

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_sink.errors import Corrupt
from audit_sink.ledger.tree import RightEdge
from audit_sink.wall import EMPTY_LOG, BatchRow, Lane, LaneEnd, state_of
from schemas.leaf import leaf_hash

numbers = st.integers(0, 2**63 - 1)
hashes = st.binary(min_size=32, max_size=32)
rows = st.builds(
    BatchRow,
    batch_no=numbers,
    topic=st.text(max_size=80),
    partition=st.integers(0, 2**31 - 1),
    from_offset=numbers,
    next_offset=numbers,
    first_lane_seq=numbers,
    next_lane_seq=numbers,
    first_index=numbers,
    next_index=numbers,
    root_after=hashes,
    right_edge=st.none() | st.lists(hashes, max_size=20).map(b"".join),
    prev_hash=hashes,
)


@given(rows)
def test_a_rows_digest_is_sha_256_of_its_columns_in_canonical_cbor(row: BatchRow) -> None:
    columns = [getattr(row, name) for name in BatchRow.__slots__]
    assert row.digest() == sha256(cbor2.dumps(columns, canonical=True)).digest()


def newest_row() -> tuple[BatchRow, RightEdge]:
    edge = RightEdge().extend([leaf_hash(b"a"), leaf_hash(b"b"), leaf_hash(b"c")])
    return BatchRow(7, "t", 1, 0, 9, 1, 4, 0, 3, edge.root(), edge.encode(), bytes(32)), edge


def test_the_newest_row_alone_says_where_the_tree_goes_on() -> None:
    row, edge = newest_row()
    lanes = {Lane("t", 1): LaneEnd(4, 9, 7)}
    state = state_of(row, lanes)
    assert (state.batch_no, state.edge, state.chain, state.lanes) == (7, edge, row.digest(), lanes)
    assert state.lane(Lane("t", 2)) == LaneEnd(1, 0, 0)
    assert state_of(None, {}) == EMPTY_LOG


@pytest.mark.parametrize(
    "change",
    [
        {"right_edge": None},
        {"right_edge": bytes(64)},
        {"right_edge": bytes(32)},
        {"root_after": bytes(32)},
        {"next_index": 4},
    ],
)
def test_a_newest_row_that_contradicts_itself_stops_the_sink(change: dict[str, object]) -> None:
    row, _ = newest_row()
    with pytest.raises(Corrupt):
        state_of(replace(row, **change), {})  # type: ignore[arg-type]
