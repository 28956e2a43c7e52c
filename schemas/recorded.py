"""What a replay needs of a recorded decision, read without decoding the rest of its event.

A replay reads tens of thousands of events a second; the generic decoders take 40 microseconds for one,
this one 4.
"""

from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from typing import Final, NamedTuple, cast

from schemas.avro import released
from schemas.codec import SINGLE_OBJECT, Body, decode
from schemas.errors import Unreadable
from schemas.leaf import decode_entry

EVALUATED: Final = "governance.policy.evaluated"

_LEADING: Final = (
    ("decision_id", "string"),
    ("policy_id", "string"),
    ("policy", "string"),
    ("version", ["null", "int"]),
    ("module_digest", "string"),
    ("resource", "string"),
    ("decision_point", "string"),
    ("outcome", "string"),
    ("basis", "string"),
    ("error", "string"),
    ("reasons", {"type": "array", "items": "string"}),
    ("result", ["null", "bytes"]),
    ("input", "bytes"),
    ("input_digest", "string"),
)
"""The first fields of every version so far, which the walk below knows."""


class RecordedDecision(NamedTuple):
    """What one policy said in a decision."""

    decision_id: str
    resource: str
    version: int | None
    error: str
    """Reason code when the policy did not answer, else empty."""
    result: bytes | None
    """The result document as JSON."""
    input: bytes | None
    """The document as received; None where it was masked or only its digest was kept."""


def recorded_decision(record: bytes, policy_id: str) -> RecordedDecision:
    """What a policy of the decision said, in the canonical form of its event (:mod:`schemas.leaf`).

    Of a decision point that is any of its policies; the generic decoders read those that did not lead the
    outcome. Raises :class:`schemas.errors.Unreadable`, also where the policy was not asked.
    """
    # Texts are UTF-8, in which C3 is never followed by 01: what stands before the value cannot look like it.
    start = record.find(SINGLE_OBJECT)
    while start >= 0:
        if record[start + 2 : start + 10] in _walkable():
            return _walked(record, start + 10, policy_id.encode()) or _decoded(record, policy_id)
        start = record.find(SINGLE_OBJECT, start + 1)
    return _decoded(record, policy_id)


@cache
def _walkable() -> frozenset[bytes]:
    """Fingerprints of the versions whose first fields are the known ones."""
    return frozenset(
        message.fingerprint
        for message in released().versions[EVALUATED]
        if _leading(cast("dict[str, object]", message.schema)) == _LEADING
    )


def _leading(schema: dict[str, object]) -> tuple[object, ...]:
    fields = cast("list[dict[str, object]]", schema["fields"])[: len(_LEADING)]
    return tuple((field["name"], _plain(field["type"])) for field in fields)


def _plain(kind: object) -> object:
    """A type without what annotates it."""
    if isinstance(kind, list):
        return [_plain(branch) for branch in kind]
    if isinstance(kind, dict):
        if kind["type"] == "array":
            return {"type": "array", "items": _plain(kind["items"])}
        return kind["type"]
    return kind


def _walked(data: bytes, at: int, policy_id: bytes) -> RecordedDecision | None:
    """The fields of an Avro datum (1.12, binary encoding) that begins at ``at``; None where another policy
    led the outcome."""
    decision_id, at = _octets(data, at)
    leading, at = _octets(data, at)
    if leading != policy_id:
        return None
    at = _after(data, at)
    version: int | None = None
    if data[at]:
        version, at = _long(data, at + 1)
    else:
        at += 1
    at = _after(data, at)
    resource, at = _octets(data, at)
    at = _after(data, _after(data, _after(data, at)))
    error, at = _octets(data, at)
    at = _after_texts(data, at)
    result: bytes | None = None
    if data[at]:
        result, at = _octets(data, at + 1)
    else:
        at += 1
    document, at = _octets(data, at)
    digest, at = _octets(data, at)
    whole = sha256(document).hexdigest().encode() == digest
    return RecordedDecision(
        decision_id.decode(), resource.decode(), version, error.decode(), result, document if whole else None
    )


def _long(data: bytes, at: int) -> tuple[int, int]:
    """A zigzag varint, which is never negative here, and the place after it."""
    byte = data[at]
    at += 1
    value = byte & 127
    shift = 7
    while byte > 127:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
    return value >> 1, at


def _octets(data: bytes, at: int) -> tuple[bytes, int]:
    length, at = _long(data, at)
    return data[at : at + length], at + length


def _after(data: bytes, at: int) -> int:
    length, at = _long(data, at)
    return at + length


def _after_texts(data: bytes, at: int) -> int:
    """The place after an array of texts, written in blocks without sizes as fastavro does."""
    count, at = _long(data, at)
    while count:
        for _ in range(count):
            at = _after(data, at)
        count, at = _long(data, at)
    return at


def _decoded(record: bytes, policy_id: str) -> RecordedDecision:
    body = decode(EVALUATED, decode_entry(record)[0].value)
    asked = (body, *cast("Sequence[Body]", body["parts"]))
    said = next((each for each in asked if each["policy_id"] == policy_id), None)
    if said is None:
        raise Unreadable("not_asked", f"decision {body['decision_id']} did not ask policy {policy_id}")
    document = cast(bytes, body["input"])
    return RecordedDecision(
        str(body["decision_id"]),
        str(body["resource"]),
        cast("int | None", said["version"]),
        str(said["error"]),
        cast("bytes | None", said["result"]),
        document if sha256(document).hexdigest() == body["input_digest"] else None,
    )
