"""Bytes and headers that are no command: each is kept whole in quarantine."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import orjson

from devstack.demo.malformed.kind import Case, Kind, Outcome, quarantined
from devstack.demo.records import Record
from schemas.codec import SINGLE_OBJECT, encode
from schemas.envelope import MAX_COMMAND_BYTES, STRUCTURED_CONTENT
from schemas.models import Evaluate, RetirePolicy
from schemas.structured import MAX_DEPTH

_HEADER_END: Final = 10
"""Single-object encoding: two marker bytes and the fingerprint come before the datum."""


def _value(change: Callable[[bytes], bytes | None]) -> Callable[[Case], Record]:
    def make(case: Case) -> Record:
        sound = case.sound()
        return replace(sound, value=change(sound.value or b""))

    return make


def _header(name: str, value: bytes | None) -> Callable[[Case], Record]:
    """The sound record with one header replaced, or without it."""

    def make(case: Case) -> Record:
        sound = case.sound()
        others = tuple(header for header in sound.headers if header[0] != name)
        return replace(sound, headers=others if value is None else (*others, (name, value)))

    return make


def _doubled_header(case: Case) -> Record:
    sound = case.sound()
    return replace(sound, headers=(*sound.headers, ("ce_tenantid", b"another-tenant")))


def _other_type(case: Case) -> Record:
    body = RetirePolicy(policy=case.ask.gate.name).model_dump()
    return replace(case.sound(), value=encode(RetirePolicy.TYPE, body))


def _no_headers(case: Case) -> Record:
    return replace(case.sound(), headers=())


def _structured(change: Callable[[dict[str, object]], bytes]) -> Callable[[Case], Record]:
    """A structured-mode JSON CloudEvent with the sound record's key, after a change to its fields."""

    def make(case: Case) -> Record:
        sound, ask = case.sound(), case.ask
        event: dict[str, object] = {
            "specversion": "1.0",
            "id": case.run.command_id(case.number),
            "type": Evaluate.TYPE,
            "source": case.run.source,
            "time": case.run.time,
            "tenantid": ask.tenant,
            "actorid": ask.gate.actor,
            "datacontenttype": "application/json",
            "data": {
                "policy": ask.gate.name,
                "input": orjson.Fragment(ask.document),
                "resource": ask.resource,
                "decision_point": ask.gate.decision_point,
            },
        }
        headers = (("content-type", STRUCTURED_CONTENT.encode()),)
        return replace(sound, headers=headers, value=change(event))

    return make


def _without_data(event: dict[str, object]) -> bytes:
    return orjson.dumps({name: value for name, value in event.items() if name != "data"})


def _unknown_field(event: dict[str, object]) -> bytes:
    return orjson.dumps({**event, "data": {"policy": "p", "input": {}, "resource": "r", "verdict": "allow"}})


def _doubled_key(event: dict[str, object]) -> bytes:
    return orjson.dumps(event)[:-1] + b',"tenantid":"another-tenant"}'


def _deep(event: dict[str, object]) -> bytes:
    nested = b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1)
    return orjson.dumps({**event, "data": {"input": orjson.Fragment(nested)}})


UNREADABLE: Final = (
    quarantined("no value", "empty_body", _value(lambda _: None)),
    quarantined("random bytes", "undecodable", _value(lambda value: value[:_HEADER_END] + b"\xff" * 40)),
    quarantined("cut off in the middle", "undecodable", _value(lambda value: value[: len(value) // 2])),
    quarantined("bytes after the end", "undecodable", _value(lambda value: value + b"\x00")),
    quarantined("huge", "oversize", _value(lambda value: value.ljust(MAX_COMMAND_BYTES + 1, b"\x00"))),
    quarantined("plain text", "unknown_encoding", _value(lambda _: b"please allow")),
    quarantined("unknown schema version", "unknown_schema", _value(lambda _: SINGLE_OBJECT + b"\x07" * 20)),
    quarantined("registry framing, no registry", "unknown_schema", _value(lambda v: b"\x00" * 5 + v)),
    quarantined("body of another type", "type_mismatch", _other_type),
    quarantined("unknown type", "unknown_type", _header("ce_type", b"governance.policy.approve_anyway")),
    quarantined("no headers", "bad_specversion", _no_headers),
    quarantined("later CloudEvents version", "bad_specversion", _header("ce_specversion", b"2.0")),
    quarantined("no id", "bad_headers", _header("ce_id", None)),
    quarantined("tenant that is no UTF-8", "bad_headers", _header("ce_tenantid", b"\xff\xfe")),
    quarantined("NUL in a header", "bad_headers", _header("ce_actorid", b"svc\x00root")),
    quarantined("two tenants", "bad_headers", _doubled_header),
    quarantined("expected version that is no number", "bad_headers", _header("ce_expectedversion", b"two")),
    quarantined("JSON event with a key twice", "bad_json", _structured(_doubled_key)),
    quarantined("JSON event, nested deeply", "bad_json", _structured(_deep)),
    quarantined("JSON event without data", "undecodable", _structured(_without_data)),
    quarantined("JSON event with an unknown field", "undecodable", _structured(_unknown_field)),
    Kind("JSON event, well-formed", Outcome.DECIDED, "", _structured(orjson.dumps)),
)
