"""Structured-mode JSON CloudEvents, and the JSON that they and policy inputs are made of."""

import json

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.documents import MAX_INPUT_DEPTH, check_document, depth_of, parse_document
from schemas.errors import Unreadable
from schemas.models import CreatePolicy, Evaluate
from schemas.structured import read_structured

EVENT: dict[str, object] = {
    "specversion": "1.0",
    "id": "c-1",
    "type": "governance.policy.evaluate",
    "source": "console",
    "subject": "model/m-17",
    "time": "2026-01-01T00:00:00Z",
    "tenantid": "acme",
    "actorid": "someone",
    "datacontenttype": "application/json",
    "data": {"policy": "gate", "input": {"a": [1, 2.5, None]}, "resource": "model/m-17"},
}


def event(**changes: object) -> bytes:
    """The good event with attributes changed, or left out where None."""
    return json.dumps({k: v for k, v in {**EVENT, **changes}.items() if v is not None}).encode()


def test_a_json_cloudevent_becomes_the_command_that_it_says() -> None:
    envelope, body = read_structured(event(expectedversion=3))
    command = Evaluate.model_validate(dict(body))
    assert (envelope.type, envelope.tenant, envelope.expected_version) == (Evaluate.TYPE, "acme", 3)
    assert orjson.loads(command.input) == {"a": [1, 2.5, None]}
    assert command.decision_point == ""


def test_defaults_are_filled_in() -> None:
    data = {"name": "gate", "rego_content": "package p"}
    _, body = read_structured(event(type="governance.policy.create", data=data))
    assert CreatePolicy.model_validate(dict(body)) == CreatePolicy(name="gate", rego_content="package p")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "bad_json"),
        (None, "bad_json"),
        (b"[]", "bad_json"),
        (b"null", "bad_json"),
        (event()[:-1], "bad_json"),
        (event() + b"x", "bad_json"),
        (event().replace(b"2.5", b"NaN"), "bad_json"),
        (event().replace(b"2.5", b"Infinity"), "bad_json"),
        (event().replace(b"gate", b"ga\xffte"), "bad_json"),
        (event().replace(b"gate", b"ga\\u0000te"), "bad_json"),
        (event().replace(b'"id"', b'"source"'), "bad_json"),
        (event().replace(b'{"a"', b'{"a": 1, "a"'), "bad_json"),
        (event().replace(b'{"a"', b'{"a" : 1, "a" '), "bad_json"),
        (event().replace(b"null", b"[" * 80 + b"]" * 80), "bad_json"),
        (event().replace(b"gate", b"\\ud800"), "bad_json"),
        (event(specversion="0.3"), "bad_specversion"),
        (event(specversion=None), "bad_specversion"),
        (event(id=None), "bad_headers"),
        (event(tenantid="a/b"), "bad_headers"),
        (event(actorid=["x"]), "bad_headers"),
        (event(source=True), "bad_headers"),
        (event(type="governance.nope"), "unknown_type"),
        (event(data=None), "undecodable"),
        (event(data=[1]), "undecodable"),
        (event(data={"policy": "gate"}), "undecodable"),
        (event(data={"policy": "g", "input": {}, "resource": "r", "more": 1}), "undecodable"),
    ],
)
def test_a_malformed_event_is_unreadable_with_its_reason(data: bytes | None, reason: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read_structured(data)
    assert caught.value.reason == reason


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from([*EVENT, "sequence", "x"]), JSON, max_size=10), st.binary(max_size=60))
@settings(max_examples=500, deadline=None)
def test_whatever_arrives_only_unreadable_comes_out(changes: dict[str, object], noise: bytes) -> None:
    good = event()
    for data in (
        json.dumps({**EVENT, **changes}).encode(),
        noise,
        good[: len(good) // 2] + noise + good[len(good) // 2 :],
    ):
        try:
            read_structured(data)
        except Unreadable:
            continue


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers(-(2**53), 2**53)
            | st.floats(allow_nan=False, allow_infinity=False),
            lambda inner: st.lists(inner, max_size=3),
            max_leaves=5,
        ),
    )
)
@settings(deadline=None)
def test_a_sound_document_is_taken_however_it_is_written(document: dict[str, object]) -> None:
    for text in (orjson.dumps(document), json.dumps(document, indent=1).encode()):
        assert parse_document(text, MAX_INPUT_DEPTH) == document


@pytest.mark.parametrize("depth", [MAX_INPUT_DEPTH, MAX_INPUT_DEPTH + 1])
def test_nesting_is_bounded(depth: int) -> None:
    document = b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"
    assert depth_of(document) == depth
    if depth <= MAX_INPUT_DEPTH:
        check_document(document)
    else:
        with pytest.raises(Unreadable, match="deeper"):
            check_document(document)


def test_brackets_in_text_are_no_nesting() -> None:
    check_document(json.dumps({"a": "[" * 1000, "b": '\\"[' * 100}).encode())
