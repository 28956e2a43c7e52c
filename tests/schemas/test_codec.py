"""Bodies on the wire: what is written is read back, and nothing else is."""

import pytest
from fastavro.schema import parse_schema
from fastavro.types import Schema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.avro import released
from schemas.codec import SINGLE_OBJECT, decode, encode
from schemas.errors import Unreadable
from tests.schemas.bodies import MESSAGE_TYPES, bodies

RETIRE = "governance.policy.retire"
GOOD = encode(RETIRE, {"policy": "p", "reason": "r"})


@pytest.mark.parametrize("message_type", MESSAGE_TYPES)
def test_every_body_is_read_back_as_it_was_written(message_type: str) -> None:
    @given(bodies(released().newest(message_type)))
    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def read_back(body: dict[str, object]) -> None:
        assert decode(message_type, encode(message_type, body)) == body

    read_back()


@pytest.mark.parametrize("message_type", MESSAGE_TYPES)
def test_every_body_is_framed_by_the_fingerprint_of_its_newest_schema(message_type: str) -> None:
    @given(bodies(released().newest(message_type)))
    @settings(max_examples=1, deadline=None)
    def framed(body: dict[str, object]) -> None:
        data = encode(message_type, body)
        assert data[:2] == b"\xc3\x01"
        assert released().by_fingerprint[data[2:10]] is released().newest(message_type)

    framed()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (None, "empty_body"),
        (b"", "empty_body"),
        (b"\x01", "unknown_encoding"),
        (b"{}", "unknown_encoding"),
        (b"\xff\xfe\xfd", "unknown_encoding"),
        (b"\x00\x00\x00", "unknown_encoding"),
        (b"\x00\x00\x00\x00\x07datum", "unknown_schema"),
        (SINGLE_OBJECT, "unknown_schema"),
        (SINGLE_OBJECT + b"12345678" + GOOD[10:], "unknown_schema"),
        (encode("governance.policy.activate", {"policy": "p", "version": 1}), "type_mismatch"),
        (GOOD[:10], "undecodable"),
        (GOOD[:-1], "undecodable"),
        (GOOD + b"\x00", "undecodable"),
        (GOOD + GOOD, "undecodable"),
        (GOOD[:10] + b"\x04\xff\xfe\x02r", "undecodable"),
        (GOOD[:10] + b"\x01p\x02r", "undecodable"),
        (GOOD[:10] + b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01p\x02r", "undecodable"),
        (GOOD[:10] + b"\xff" * 20, "undecodable"),
    ],
    ids=[
        "no value",
        "empty",
        "one byte",
        "JSON",
        "noise",
        "short Confluent frame",
        "Confluent frame without a registry",
        "no fingerprint",
        "unknown fingerprint",
        "another type's body",
        "no datum",
        "truncated",
        "bytes after the end",
        "twice",
        "invalid UTF-8",
        "negative length",
        "huge length",
        "endless varint",
    ],
)
def test_a_malformed_body_is_unreadable_with_its_reason(data: bytes | None, reason: str) -> None:
    with pytest.raises(Unreadable) as caught:
        decode(RETIRE, data)
    assert caught.value.reason == reason


def test_an_unknown_type_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="unknown_type"):
        decode("governance.nope", GOOD)


@given(message_type=st.sampled_from(MESSAGE_TYPES), data=st.binary(max_size=300))
@settings(max_examples=1000, deadline=None)
def test_whatever_the_datum_only_unreadable_comes_out(message_type: str, data: bytes) -> None:
    framed = SINGLE_OBJECT + released().newest(message_type).fingerprint + data
    for value in (data, framed, b"\x00" + data):
        try:
            decode(message_type, value)
        except Unreadable:
            continue


@pytest.mark.parametrize("message_type", MESSAGE_TYPES)
def test_a_damaged_body_is_read_or_unreadable(message_type: str) -> None:
    @given(bodies(released().newest(message_type)), st.data())
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def damaged(body: dict[str, object], draw: st.DataObject) -> None:
        data = bytearray(encode(message_type, body))
        place = draw.draw(st.integers(10, max(10, len(data) - 1)))
        if place < len(data):
            data[place] = draw.draw(st.integers(0, 255))
        cut = draw.draw(st.integers(0, len(data)))
        for value in (bytes(data), bytes(data[:cut]), bytes(data) + b"\x00"):
            try:
                decode(message_type, value)
            except Unreadable:
                continue

    damaged()


class Registered:
    """Writer schemas that nobody checked."""

    def __init__(self, schema: Schema) -> None:
        self._schema = parse_schema(schema, named_schemas={})

    def writer(self, schema_id: int) -> Schema:
        return self._schema


def record(*fields: dict[str, object], name: str = "aumos.governance.commands.PolicyRetire") -> Schema:
    return {"type": "record", "name": name, "fields": list(fields)}


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        (record({"name": "policy", "type": "int"}), "undecodable"),
        (record({"name": "reason", "type": "string"}), "undecodable"),
        (record({"name": "policy", "type": "string"}, name="other.Record"), "type_mismatch"),
        ("string", "type_mismatch"),
        (["null", "string"], "type_mismatch"),
    ],
)
def test_a_registered_schema_that_does_not_fit_is_unreadable(schema: Schema, reason: str) -> None:
    with pytest.raises(Unreadable) as caught:
        decode(RETIRE, b"\x00\x00\x00\x00\x01\x02p\x02r", Registered(schema))
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "body", [{}, {"policy": 1, "reason": "r"}, {"policy": None, "reason": "r"}, {"reason": "r"}]
)
def test_a_body_that_does_not_fit_is_not_written(body: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        encode(RETIRE, body)
