"""Reading records: every malformed command gets its reading, and nothing makes the reader raise."""

import struct
from collections.abc import Mapping
from dataclasses import replace

import orjson
import pytest
from fastavro.types import Schema
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agents.errors import Outage
from agents.reading import (
    MAX_DETAIL_CHARS,
    Identified,
    Reader,
    Reading,
    Received,
    Refused,
    Unread,
)
from agents.records import CommandRecord
from schemas.avro import released
from schemas.codec import encode
from schemas.documents import MAX_INPUT_BYTES, MAX_INPUT_DEPTH
from schemas.envelope import MAX_COMMAND_BYTES, MAX_HEADER_BYTES
from schemas.errors import RegistryUnavailable
from schemas.mac import engine_mac
from schemas.models import Command, Evaluate, SuspendPolicy
from schemas.topics import topics
from tests.agents.commands import (
    KEY,
    SOURCE,
    TENANT,
    activate,
    confirm,
    create,
    discard,
    evaluate,
    record,
    republish,
    retry,
    structured,
    with_headers,
)
from tests.agents.simulation.scenario import FIRST, POLICY

READER = Reader(topics(), KEY)
BREAKS = SuspendPolicy(policy="gate", version=1, cause="breaker")
GOOD = record(evaluate(), "c-1")
FUZZED_RECORDS = 400
"""Records a fuzz test tries."""


def unread(bad: CommandRecord, reader: Reader = READER) -> Unread:
    reading = reader.read(bad)
    assert isinstance(reading, Unread), reading
    assert reading.record is bad, "it is kept whole"
    return reading


def refused(bad: CommandRecord, reader: Reader = READER) -> Refused:
    reading = reader.read(bad)
    assert isinstance(reading, Refused), reading
    assert reading.key == (TENANT, SOURCE, "c-1") or reading.envelope.tenant != TENANT
    return reading


def received(good: CommandRecord) -> Received:
    reading = READER.read(good)
    assert isinstance(reading, Received), reading
    return reading


def asking(document: bytes) -> CommandRecord:
    """An evaluation of exactly these bytes."""
    body = {"policy": "gate", "input": document, "resource": "model/m-1", "decision_point": ""}
    return replace(GOOD, value=encode(Evaluate.TYPE, body))


@pytest.mark.parametrize(
    "command",
    [create(), activate(), confirm(), evaluate(), republish(FIRST, 1), retry(POLICY, 0), discard(POLICY, 0)],
    ids=lambda command: str(command.TYPE),
)
def test_a_good_command_is_received_as_it_was_sent(command: Command) -> None:
    reading = received(record(command, "c-1", expected_version=4))
    assert reading.command == command
    assert reading.key.command_id == "c-1"
    assert reading.envelope.expected_version == 4


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "empty_body"),
        (b"", "empty_body"),
        (b"nonsense", "unknown_encoding"),
        (b"\xc3", "unknown_encoding"),
        (b"\xc3\x01", "unknown_schema"),
        (b"\xc3\x01" + bytes(8), "unknown_schema"),
        (b"\xc3\x02" + bytes(20), "unknown_encoding"),
        (b"\x00\x00\x00\x00\x01datum", "unknown_schema"),
        (b"\x00\x00", "unknown_encoding"),
        (encode("governance.policy.activate", activate().model_dump()), "type_mismatch"),
        (bytes(MAX_COMMAND_BYTES + 1), "oversize"),
        ((GOOD.value or b"") + b"\x00", "undecodable"),
    ],
)
def test_a_body_that_is_no_such_command_is_unreadable(value: bytes | None, reason: str) -> None:
    reading = unread(replace(GOOD, value=value))
    assert (reading.reason, reading.tenant) == (reason, TENANT)


def test_a_body_cut_anywhere_is_unreadable() -> None:
    assert GOOD.value is not None
    for end in range(len(GOOD.value)):
        assert unread(replace(GOOD, value=GOOD.value[:end])).tenant == TENANT


def test_text_in_a_body_that_is_not_utf_8_is_unreadable() -> None:
    assert GOOD.value is not None
    assert unread(replace(GOOD, value=GOOD.value.replace(b"gate", b"g\xffte"))).reason == "undecodable"


def test_a_length_in_a_body_that_promises_too_much_is_unreadable() -> None:
    assert GOOD.value is not None
    for claim in (b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"\xff" * 10, b"\x01", b"\x80" * 9):
        assert unread(replace(GOOD, value=GOOD.value[:10] + claim)).reason == "undecodable"


@pytest.mark.parametrize("size", [MAX_COMMAND_BYTES, MAX_COMMAND_BYTES + 1])
def test_a_command_at_its_size_limit_is_looked_at_and_one_byte_more_is_not(size: int) -> None:
    reading = unread(replace(GOOD, value=bytes(size)))
    assert (reading.reason == "oversize") == (size > MAX_COMMAND_BYTES)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ce_id": None}, "bad_headers"),
        ({"ce_id": b""}, "bad_headers"),
        ({"ce_source": None}, "bad_headers"),
        ({"ce_tenantid": None}, "bad_headers"),
        ({"ce_actorid": None}, "bad_headers"),
        ({"ce_tenantid": b"a/b"}, "bad_headers"),
        ({"ce_tenantid": b"a\x00b"}, "bad_headers"),
        ({"ce_id": b"\xff\xfe"}, "bad_headers"),
        ({"ce_id": b"x" * 201}, "bad_headers"),
        ({"ce_subject": b"line\nfeed"}, "bad_headers"),
        ({"ce_subject": b"x" * (MAX_HEADER_BYTES + 1)}, "bad_headers"),
        ({"traceparent": b"x" * (MAX_HEADER_BYTES + 1)}, "bad_headers"),
        ({"ce_expectedversion": b"two"}, "bad_headers"),
        ({"ce_expectedversion": "\u0661".encode()}, "bad_headers"),
        ({"ce_expectedversion": b"-1"}, "bad_headers"),
        ({"ce_expectedversion": b"9" * 19}, "bad_headers"),
        ({"ce_specversion": None}, "bad_specversion"),
        ({"ce_specversion": b"0.3"}, "bad_specversion"),
        ({"ce_type": b"governance.policy.evaluate.v2"}, "unknown_type"),
        ({"ce_type": b"governance.policy.evaluate\xe2\x80\x8b"}, "bad_headers"),
        ({"ce_type": b"governance.policy.evaluated"}, "type_mismatch"),
    ],
    ids=str,
)
def test_an_envelope_that_is_not_sound_is_unreadable(
    changes: Mapping[str, bytes | None], reason: str
) -> None:
    reading = unread(with_headers(GOOD, changes))
    assert reading.reason == reason
    assert reading.tenant in ("", TENANT)


def test_an_event_on_a_command_topic_is_no_command() -> None:
    body = {"policy_id": "p", "version": 1}
    event = replace(GOOD, value=encode("governance.policy.activation_requested", body))
    changes = {"ce_type": b"governance.policy.activation_requested"}
    assert unread(with_headers(event, changes)).reason == "unknown_type"


def test_an_attribute_that_stands_twice_is_unreadable() -> None:
    doubled = replace(GOOD, headers=(*GOOD.headers, ("ce_id", b"another")))
    assert unread(doubled).reason == "bad_headers"


def test_a_record_without_headers_is_unreadable() -> None:
    assert unread(replace(GOOD, headers=())).tenant == ""


def test_what_a_detail_quotes_of_a_record_is_printable_and_bounded() -> None:
    name = "ce_\x00\x07" + "\u202e" * 1000
    reading = unread(replace(GOOD, headers=(*GOOD.headers, (name, b"a"), (name, b"b"))))
    assert reading.detail.isprintable()
    assert len(reading.detail) <= MAX_DETAIL_CHARS


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (replace(GOOD, key=b"other/model/m-1"), "wrong_key"),
        (replace(GOOD, key=b"acme/model/m-2"), "wrong_key"),
        (replace(GOOD, key=None), "wrong_key"),
        (replace(GOOD, key=b"\xff" * 4000), "wrong_key"),
        (with_headers(GOOD, {"ce_tenantid": b"globex"}), "wrong_key"),
        (replace(GOOD, partition=(GOOD.partition + 1) % 8), "wrong_lane"),
        (replace(GOOD, topic=POLICY.topic), "wrong_topic"),
        (replace(record(create(), "c-1"), topic=FIRST.topic), "wrong_topic"),
        (asking(b'{"a": NaN}'), "bad_input"),
        (asking(b'{"a": Infinity}'), "bad_input"),
        (asking(b'{"a": 1, "a": 2}'), "bad_input"),
        (asking(b'{"a": {"b": 1, "\\u0062": 2}}'), "bad_input"),
        (asking(b'{"a": "\\u0000"}'), "bad_input"),
        (asking(b'{"a": "\x00"}'), "bad_input"),
        (asking(b'{"a": "\xff"}'), "bad_input"),
        (asking(b'{"a": "\\ud800"}'), "bad_input"),
        (asking(b"[1]"), "bad_input"),
        (asking(b""), "bad_input"),
        (asking(b'{"a": 1} {"b": 2}'), "bad_input"),
        (asking(b'{"a": 1}},"x":{"t":"globex"'), "bad_input"),
        (asking(b'{"a":' * (MAX_INPUT_DEPTH + 1) + b"1" + b"}" * (MAX_INPUT_DEPTH + 1)), "bad_input"),
        (asking(b"[" * 200_000), "bad_input"),
        (asking(b'{"a":"' + b"x" * MAX_INPUT_BYTES + b'"}'), "input_too_large"),
        (with_headers(record(confirm(), "c-1"), {"ce_enginemac": None}), "forged"),
        (with_headers(record(confirm(), "c-1"), {"ce_enginemac": b"0" * 64}), "forged"),
        (with_headers(record(confirm(), "c-1"), {"ce_enginemac": "\u00e9".encode()}), "forged"),
        (with_headers(record(confirm(), "c-1"), {"ce_subject": b"policy/other"}), "forged"),
        (replace(record(confirm(), "c-1"), value=record(confirm(revision=2), "c-1").value), "forged"),
        (with_headers(record(BREAKS, "c-1"), {"ce_enginemac": None}), "forged"),
        (structured(BREAKS, "c-1"), "forged"),
    ],
)  # fmt: skip
def test_a_readable_command_that_cannot_be_meant_is_refused_with_its_reason(
    made: CommandRecord, reason: str
) -> None:
    reading = refused(made)
    assert reading.reason == reason
    assert reading.detail


def test_anybody_may_suspend_as_an_operator_and_the_engine_as_itself() -> None:
    by_hand = SuspendPolicy(policy="gate", reason="wrong")
    for command in (by_hand, BREAKS):
        reading = READER.read(record(command, "c-1"))
        assert isinstance(reading, Received)
        assert reading.command == command


def test_a_code_made_with_another_key_is_forged() -> None:
    made = record(confirm(), "c-1")
    envelope = received(made).envelope
    other = engine_mac(bytes(32), envelope, made.value or b"")
    assert refused(with_headers(made, {"ce_enginemac": other.encode()})).reason == "forged"


def test_a_code_of_one_command_does_not_open_another_id() -> None:
    made = record(confirm(), "c-1")
    assert isinstance(READER.read(made), Received)
    reading = READER.read(with_headers(made, {"ce_id": b"c-2"}))
    assert isinstance(reading, Refused)
    assert reading.reason == "forged"


def test_a_lane_command_in_another_lane_is_refused_even_with_its_code() -> None:
    strayed = replace(record(republish(FIRST, 1), "c-1"), partition=FIRST.partition + 1)
    assert refused(strayed).reason == "wrong_lane"
    assert refused(replace(record(republish(FIRST, 1), "c-1"), topic=POLICY.topic)).reason == "wrong_lane"


@pytest.mark.parametrize(
    "body",
    [
        {"policy": "", "version": 1},
        {"policy": "x" * 201, "version": 1},
        {"policy": "a\nb", "version": 1},
        {"policy": "gate", "version": 0},
        {"policy": "gate", "version": -1},
        {"policy": "gate", "version": 1_000_001},
    ],
    ids=str,
)
def test_values_out_of_their_bounds_are_invalid(body: Mapping[str, object]) -> None:
    reading = refused(replace(record(activate(), "c-1"), value=encode("governance.policy.activate", body)))
    assert reading.reason == "invalid"
    assert reading.detail.startswith(("policy:", "version:"))


def test_a_source_with_a_nul_character_is_invalid() -> None:
    body = {**create().model_dump(), "rego_content": "package p\x00"}
    reading = refused(replace(record(create(), "c-1"), value=encode("governance.policy.create", body)))
    assert (reading.reason, reading.detail.partition(":")[0]) == ("invalid", "rego_content")


def test_the_same_bytes_have_the_same_digest_and_any_other_body_type_or_subject_another() -> None:
    digest = received(GOOD).digest
    assert received(replace(GOOD, offset=9)).digest == digest
    assert received(with_headers(GOOD, {"ce_time": b"2027-01-01T00:00:00Z"})).digest == digest
    assert received(record(evaluate(document={"other": 1}), "c-1")).digest != digest
    assert received(with_headers(GOOD, {"ce_subject": b"another"})).digest != digest


class TestStructured:
    """Structured-mode JSON CloudEvents."""

    def test_one_drives_the_engine_like_a_binary_command(self) -> None:
        for command in (create(), activate(), evaluate(document={"a": [1, {"b": None}]})):
            made = structured(command, "c-1")
            reading = received(made)
            assert reading.key == (TENANT, SOURCE, "c-1")
            assert reading.command == command

    def test_fields_with_defaults_may_be_left_out(self) -> None:
        made = structured(create(), "c-1", attributes={"data": {"name": "gate", "rego_content": "package p"}})
        assert received(made).command == create()

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            (b"", "bad_json"),
            (b"{", "bad_json"),
            (b"[]", "bad_json"),
            (b"{}", "bad_specversion"),
            (b'{"specversion":"1.0","specversion":"1.0"}', "bad_json"),
            (b'{"specversion":"1.0","id":NaN}', "bad_json"),
            (b'{"specversion":"1.0","id":"\xff"}', "bad_json"),
            (b'{"specversion":"1.0","id":"\\u0000"}', "bad_json"),
            (b'{"data":' + b"[" * 100_000, "bad_json"),
            (b'{"specversion":"1.0","id":1.5}', "bad_headers"),
            (b'{"specversion":"1.0","id":{"a":1}}', "bad_headers"),
            (b'{"specversion":"1.0","id":true}', "bad_headers"),
        ],
        ids=lambda value: repr(value)[:40],
    )  # fmt: skip
    def test_what_is_no_event_is_unreadable(self, text: bytes, reason: str) -> None:
        assert unread(replace(structured(evaluate(), "c-1"), value=text)).reason == reason

    @pytest.mark.parametrize(
        ("attributes", "reason"),
        [
            ({"type": "governance.unknown"}, "unknown_type"),
            ({"data": "text"}, "undecodable"),
            ({"data": None}, "undecodable"),
            ({"data": {}}, "undecodable"),
            ({"data": {"policy": "gate", "input": {}, "resource": "r", "surplus": 1}}, "undecodable"),
            ({"tenantid": ""}, "bad_headers"),
        ],
        ids=str,
    )
    def test_what_is_no_command_is_unreadable(self, attributes: Mapping[str, object], reason: str) -> None:
        assert unread(structured(evaluate(), "c-1", attributes=attributes)).reason == reason

    @pytest.mark.parametrize(
        "data",
        [{"version": "1"}, {"version": 1.0}, {"version": True}, {"version": None}, {"policy": 7}],
        ids=str,
    )
    def test_values_of_another_type_are_invalid(self, data: Mapping[str, object]) -> None:
        assert refused(structured(activate(), "c-1", data)).reason == "invalid"

    def test_an_engine_made_type_is_forged_whatever_its_code(self) -> None:
        made = record(confirm(), "c-1")
        code = dict(made.headers)["ce_enginemac"].decode()
        assert refused(structured(confirm(), "c-1", attributes={"enginemac": code})).reason == "forged"

    def test_the_key_is_checked_too(self) -> None:
        made = structured(evaluate(), "c-1", attributes={"tenantid": "globex"})
        assert refused(made).reason == "wrong_key"


class Registry:
    """A schema registry with one schema, or one that is away."""

    def __init__(self, schema: Schema | None) -> None:
        self._schema = schema

    def writer(self, schema_id: int) -> Schema:
        if self._schema is None:
            raise RegistryUnavailable("no answer")
        return self._schema


def confluent(made: CommandRecord) -> CommandRecord:
    """The record in Confluent framing, schema id 1."""
    assert made.value is not None
    return replace(made, value=b"\x00" + struct.pack(">I", 1) + made.value[10:])


def test_confluent_framing_is_read_with_the_writers_schema() -> None:
    reader = Reader(topics(), KEY, Registry(released().newest(Evaluate.TYPE).schema))
    reading = reader.read(confluent(GOOD))
    assert isinstance(reading, Received)
    assert reading.command == evaluate()


def test_a_registry_that_is_away_is_waited_for_and_quarantines_nothing() -> None:
    with pytest.raises(Outage):
        Reader(topics(), KEY, Registry(None)).read(confluent(GOOD))


NAMES = st.sampled_from(
    [name for name, _ in GOOD.headers] + ["ce_enginemac", "ce_expectedversion", "traceparent", "x"]
)
HEADERS = st.lists(
    st.tuples(NAMES | st.text(st.characters(exclude_categories=["Cs"]), max_size=8), st.binary(max_size=40)),
    max_size=8,
)
VALUES = st.one_of(
    st.none(),
    st.binary(max_size=200),
    st.binary(max_size=60).map(lambda tail: (GOOD.value or b"")[:10] + tail),
    st.recursive(
        st.none()
        | st.booleans()
        | st.floats(allow_nan=False)
        | st.text(st.characters(exclude_categories=["Cs"])),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text("abid", max_size=3), inner, max_size=3)
        ),
        max_leaves=6,
    ).map(orjson.dumps),
)
KEYS = st.none() | st.binary(max_size=40)


def never_raises(made: CommandRecord) -> Reading:
    reading = READER.read(made)
    if isinstance(reading, Identified):
        assert all(reading.key)
    else:
        assert reading.reason
        assert reading.detail.isprintable()
    return reading


@settings(max_examples=FUZZED_RECORDS, deadline=None)
@given(headers=HEADERS, value=VALUES, key=KEYS)
@example(headers=[("ce_\x00", b"a"), ("ce_\x00", b"b")], value=b"", key=b"")
def test_no_headers_and_no_bytes_make_the_reader_raise(
    headers: list[tuple[str, bytes]], value: bytes | None, key: bytes | None
) -> None:
    never_raises(replace(GOOD, headers=tuple(headers), value=value, key=key))


@settings(max_examples=FUZZED_RECORDS, deadline=None)
@given(
    command=st.sampled_from([create(), activate(), confirm(), evaluate(), republish(FIRST, 1)]),
    changes=st.lists(st.tuples(st.integers(0, 300), st.binary(max_size=6)), max_size=4),
    headers=st.dictionaries(NAMES, st.none() | st.binary(max_size=20), max_size=2),
)
def test_no_damage_to_a_good_command_makes_the_reader_raise(
    command: Command, changes: list[tuple[int, bytes]], headers: Mapping[str, bytes | None]
) -> None:
    made = record(command, "c-1")
    value = bytearray(made.value or b"")
    for at, piece in changes:
        value[at : at + len(piece)] = piece
    never_raises(with_headers(replace(made, value=bytes(value)), headers))


@settings(max_examples=FUZZED_RECORDS, deadline=None)
@given(
    value=VALUES,
    attributes=st.dictionaries(
        st.sampled_from(["type", "id", "tenantid", "data"]), st.text() | st.integers(-(2**63), 2**63 - 1)
    ),
)
def test_no_structured_event_makes_the_reader_raise(
    value: bytes | None, attributes: Mapping[str, object]
) -> None:
    made = structured(evaluate(), "c-1")
    never_raises(replace(made, value=value))
    event = {**orjson.loads(made.value or b"{}"), **attributes}
    never_raises(replace(made, value=orjson.dumps(event)))
