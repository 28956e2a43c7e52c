"""The leaf of an event: the deterministic CBOR that an independent encoder gives."""

from contextlib import suppress
from hashlib import sha256

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import Unreadable
from schemas.leaf import MAX_ENTRY_BYTES, EventRecord, decode_entry, encode_entry, encode_leaf, leaf_hash

records = st.builds(
    EventRecord,
    topic=st.text(max_size=300),
    partition=st.integers(0, 2**31 - 1),
    lane_seq=st.integers(0, 2**63 - 1),
    key=st.none() | st.binary(max_size=300),
    headers=st.lists(st.tuples(st.text(max_size=30), st.binary(max_size=300)), max_size=30).map(tuple),
    value=st.none() | st.binary(max_size=1_000),
)


@given(records)
def test_a_leaf_is_the_canonical_cbor_of_the_event(record: EventRecord) -> None:
    array = [
        1,
        record.topic,
        record.partition,
        record.lane_seq,
        record.key,
        [[name, value] for name, value in record.headers],
        record.value,
    ]
    assert encode_leaf(record) == cbor2.dumps(array, canonical=True)


@given(records)
def test_an_entry_gives_its_event_back(record: EventRecord) -> None:
    assert decode_entry(encode_entry(record)[0]) == (record, None)


@pytest.mark.parametrize("length", [65_000, 65_535, 65_536, 1_048_576])
def test_a_value_that_does_not_fit_is_named_by_digest_and_length(length: int) -> None:
    record = EventRecord("t", 0, 1, b"k", (("ce_id", b"x"),), b"v" * length)
    full = encode_leaf(record)
    entry, large = encode_entry(record)
    assert len(entry) <= MAX_ENTRY_BYTES
    if len(full) <= MAX_ENTRY_BYTES:
        assert (entry, large) == (full, None)
    else:
        pair = [sha256(record.value or b"").digest(), length]
        assert entry == cbor2.dumps([2, "t", 0, 1, b"k", [["ce_id", b"x"]], pair], canonical=True)
        assert large == record.value


@given(records, st.data())
def test_other_bytes_are_another_event_or_none(record: EventRecord, data: st.DataObject) -> None:
    entry = bytearray(encode_entry(record)[0])
    place = data.draw(st.integers(0, len(entry) - 1))
    entry[place] ^= data.draw(st.integers(1, 255))
    found: EventRecord | None = None
    with suppress(Unreadable):
        found, _ = decode_entry(bytes(entry))
    assert found != record


def test_the_leaf_hash_is_that_of_rfc_9162() -> None:
    assert leaf_hash(b"") == sha256(b"\x00").digest()
    assert leaf_hash(b"abc") == sha256(b"\x00abc").digest()
