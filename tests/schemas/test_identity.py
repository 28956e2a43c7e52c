"""Keys, partitions, ids, the canonical leaf and the engine's code: the same for every program."""

from dataclasses import replace
from hashlib import sha256
from uuid import UUID

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.envelope import Envelope
from schemas.errors import Unreadable
from schemas.identity import (
    derived_command_id,
    event_id,
    message_key,
    new_command_id,
    partition_for,
    position_event_id,
)
from schemas.leaf import (
    MAX_ENTRY_BYTES,
    EventRecord,
    decode_entry,
    encode_entry,
    encode_leaf,
    leaf_hash,
)
from schemas.mac import engine_mac, engine_made
from schemas.topics import FAMILIES, topics

KEY = b"k" * 32
COMMAND = Envelope("c-1", "governance.lane.republish", "op", "lane/t/0", "", "aumos", "op")

RECORDS = st.builds(
    EventRecord,
    topic=st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    partition=st.integers(0, 2**31 - 1),
    lane_seq=st.integers(0, 2**63 - 1),
    key=st.none() | st.binary(max_size=300),
    headers=st.lists(
        st.tuples(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), st.binary(max_size=300)),
        max_size=30,
    ).map(tuple),
    value=st.none() | st.binary(max_size=400),
)


@pytest.mark.parametrize(
    ("key", "hashed"),
    # Apache Kafka, UtilsTest.testMurmur2.
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_partitions_are_those_of_kafkas_java_client(key: bytes, hashed: int) -> None:
    for count in (1, 4, 8, 997):
        assert partition_for(key, count) == (hashed & 0x7FFFFFFF) % count


def test_a_key_is_tenant_and_aggregate() -> None:
    assert message_key("acme", "model/m-17") == b"acme/model/m-17"


def test_client_ids_are_uuids_of_version_7_in_the_order_of_time() -> None:
    first, second = new_command_id(), new_command_id()
    assert UUID(first).version == 7
    assert first < second


def test_derived_ids_are_functions_of_their_cause() -> None:
    assert derived_command_id("a", "b") == derived_command_id("a", "b")
    assert derived_command_id("a", "b") != derived_command_id("ab")
    assert UUID(derived_command_id("a")).version == 5
    assert event_id("t", "s", "c", 0) == event_id("t", "s", "c", 0)
    assert len({event_id("t", "s", "c", 0), event_id("t", "s", "c", 1), event_id("t", "sc", "", 0)}) == 3
    assert position_event_id("t", 0, 1, 0) != position_event_id("t", 0, 10, 0)


def test_ids_never_change() -> None:
    # Stored in events and in the wall: another value here would be another history.
    assert event_id("acme", "svc", "c-1", 0) == "546852d7-36d8-57ff-8303-6dec89590908"
    assert derived_command_id("cause") == "296d47e6-126a-59d2-bb04-4518b192503d"


@given(RECORDS)
@settings(deadline=None)
def test_a_leaf_is_deterministic_cbor(record: EventRecord) -> None:
    headers = [[name, value] for name, value in record.headers]
    plain = [1, record.topic, record.partition, record.lane_seq, record.key, headers, record.value]
    assert encode_leaf(record) == cbor2.dumps(plain, canonical=True)
    assert encode_entry(record) == (encode_leaf(record), None)
    assert decode_entry(encode_leaf(record)) == (record, None)


@pytest.mark.parametrize("beyond", [0, 1])
def test_an_entry_over_the_limit_carries_the_digest_of_its_value(beyond: int) -> None:
    record = EventRecord("t", 0, 1, b"k", (), b"")
    room = MAX_ENTRY_BYTES - len(encode_leaf(record)) - 2
    value = b"v" * (room + beyond)
    record = EventRecord("t", 0, 1, b"k", (), value)
    entry, outside = encode_entry(record)
    if not beyond:
        assert (len(entry), outside) == (MAX_ENTRY_BYTES, None)
        return
    digest = sha256(value).digest()
    assert outside == value
    assert entry == cbor2.dumps([2, "t", 0, 1, b"k", [], [digest, len(value)]], canonical=True)
    assert decode_entry(entry) == (EventRecord("t", 0, 1, b"k", (), None), (digest, len(value)))


def test_the_leaf_hash_is_that_of_rfc_9162() -> None:
    assert leaf_hash(b"entry") == sha256(b"\x00entry").digest()


@given(RECORDS, st.data())
@settings(deadline=None, max_examples=300)
def test_any_other_form_of_an_entry_is_refused(record: EventRecord, draw: st.DataObject) -> None:
    entry = bytearray(encode_leaf(record))
    entry[draw.draw(st.integers(0, len(entry) - 1))] = draw.draw(st.integers(0, 255))
    try:
        found, large = decode_entry(bytes(entry))
    except Unreadable:
        return
    if large is None:
        assert encode_leaf(found) == bytes(entry)


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        b"\x00",
        cbor2.dumps([3, "t", 0, 1, b"k", [], b""]),
        cbor2.dumps([1, "t", 0, 1, b"k", []]),
        cbor2.dumps([1, "t", -1, 1, b"k", [], b""]),
        b"\x87\x18\x01" + cbor2.dumps([1, "t", 0, 1, b"k", [], b""])[2:],
        cbor2.dumps([1, "t", 0, 1, b"k", [], b""]) + b"\x00",
    ],
)
def test_what_is_no_entry_is_unreadable(entry: bytes) -> None:
    with pytest.raises(Unreadable, match="bad_leaf"):
        decode_entry(entry)


def test_only_the_key_makes_the_engines_code() -> None:
    signed = replace(COMMAND, mac=engine_mac(KEY, COMMAND, b"body"))
    assert engine_made(KEY, signed, b"body")
    assert not engine_made(b"x" * 32, signed, b"body")
    assert not engine_made(KEY, signed, b"other")
    assert not engine_made(KEY, COMMAND, b"body")


@pytest.mark.parametrize("name", ["id", "type", "tenant", "subject"])
def test_the_engines_code_covers_what_the_command_says(name: str) -> None:
    signed = replace(COMMAND, mac=engine_mac(KEY, COMMAND, b"body"))
    object.__setattr__(signed, name, "other")
    assert not engine_made(KEY, signed, b"body")


def test_the_engines_code_keeps_fields_apart() -> None:
    one = Envelope("ab", "c", "s", "u", "", "t", "a")
    two = Envelope("a", "bc", "s", "u", "", "t", "a")
    assert engine_mac(KEY, one, b"") != engine_mac(KEY, two, b"")


def test_both_topics_of_a_family_have_the_same_partitions() -> None:
    for family in FAMILIES:
        assert topics().commands(family).partitions == topics().events(family).partitions
