"""A recorded decision is read the same by the short way as by the generic decoders."""

import io
from dataclasses import replace
from hashlib import sha256

import pytest
from fastavro import schemaless_writer

from schemas import recorded
from schemas.avro import released
from schemas.codec import SINGLE_OBJECT
from schemas.errors import Unreadable
from schemas.leaf import EventRecord, encode_leaf
from schemas.recorded import EVALUATED, RecordedDecision, recorded_decision

INPUT = b'{"score": 0.9}'
BODY: dict[str, object] = {
    "decision_id": "d-1",
    "policy_id": "p" * 36,
    "policy": "gate",
    "version": 7,
    "module_digest": "a" * 64,
    "resource": "model/ü",
    "decision_point": "release",
    "outcome": "deny",
    "basis": "policy",
    "error": "",
    "reasons": ["x" * 300, "y"],
    "result": b'{"allow":false}',
    "input": INPUT,
    "input_digest": sha256(INPUT).hexdigest(),
    "enforcement": "mandatory",
    "fail_mode": "closed",
    "duration_us": 12,
    "opa": "opa-0",
    "bundle_revision": 1,
}
RECORD = EventRecord(
    "governance.evaluation.events.v1", 3, 1, b"acme/model", (("ce_id", b"d-1"), ("ce_type", b"x")), None
)


POLICY = "p" * 36
OTHER = {
    "policy_id": "q" * 36,
    "policy": "other",
    "version": 3,
    "module_digest": "b" * 64,
    "answer": "",
    "outcome": "deny",
    "basis": "fail_mode",
    "error": "undefined",
    "reasons": [],
    "obligations": [],
    "result": None,
    "enforcement": "mandatory",
    "fail_mode": "closed",
    "duration_us": 12,
    "opa": "opa-0",
    "bundle_revision": 1,
}


def stored(body: dict[str, object], version: int = -1, lane_seq: int = 1) -> bytes:
    message = released().versions[EVALUATED][version]
    out = io.BytesIO()
    schemaless_writer(out, message.schema, body)
    value = SINGLE_OBJECT + message.fingerprint + out.getvalue()
    return encode_leaf(replace(RECORD, lane_seq=lane_seq, value=value))


CASES = {
    "plain": BODY,
    "without version and result": {**BODY, "version": None, "result": None, "error": "undefined"},
    "without reasons": {**BODY, "reasons": []},
    "large": {**BODY, "input": b'"' + b"x" * 200_000 + b'"', "version": 1_000_000},
    "masked": {**BODY, "input": b'{"score": "***"}'},
}


@pytest.mark.parametrize("version", range(len(released().versions[EVALUATED])))
@pytest.mark.parametrize("name", CASES)
def test_the_short_way_reads_what_the_decoders_read(
    name: str, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = stored(CASES[name], version)
    short = recorded_decision(record, POLICY)
    walked = recorded._walkable()
    monkeypatch.setattr(recorded, "_walkable", frozenset)
    assert recorded_decision(record, POLICY) == short
    assert released().versions[EVALUATED][version].fingerprint in walked, "the walk knows every version"


def test_of_a_decision_point_every_policy_that_was_asked_is_read() -> None:
    record = stored({**BODY, "combining": "deny_overrides", "parts": [OTHER]})
    assert recorded_decision(record, POLICY).version == 7
    assert recorded_decision(record, "q" * 36) == RecordedDecision(
        "d-1", "model/ü", 3, "undefined", None, INPUT
    )
    with pytest.raises(Unreadable, match="did not ask"):
        recorded_decision(record, "r" * 36)


def test_a_decision_is_read_whole() -> None:
    assert recorded_decision(stored(BODY), POLICY) == RecordedDecision(
        "d-1", "model/ü", 7, "", b'{"allow":false}', INPUT
    )


def test_an_input_that_is_not_the_one_received_is_no_input() -> None:
    assert recorded_decision(stored(CASES["masked"]), POLICY).input is None


def test_a_sequence_that_looks_like_the_beginning_of_a_value_is_none() -> None:
    assert recorded_decision(stored(BODY, lane_seq=0xC301), POLICY).decision_id == "d-1"


def test_what_is_no_decision_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        recorded_decision(encode_leaf(replace(RECORD, value=b"\xc3\x01nonsense")), POLICY)
