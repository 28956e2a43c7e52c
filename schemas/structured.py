"""Structured-mode JSON CloudEvents (``application/cloudevents+json``), accepted as commands.

``data`` is the command's body as a JSON object; fields that hold a JSON document stand as JSON.
Anyone with a Kafka console can drive the engine this way. Strict (RFC 8259): doubled keys, NaN and
invalid UTF-8 are refused.
"""

from collections.abc import Mapping
from typing import Final

import orjson

from schemas.avro import MessageSchema, released
from schemas.codec import Body
from schemas.documents import parse_document
from schemas.envelope import Envelope, envelope_from
from schemas.errors import Unreadable

MAX_DEPTH: Final = 64
"""Nesting bound of a structured command; input documents have their own, in :mod:`schemas.documents`."""


def read_structured(data: bytes | None) -> tuple[Envelope, Body]:
    """The envelope and body of a structured JSON CloudEvent.

    Raises :class:`Unreadable`: ``bad_json``, ``bad_headers``, ``bad_specversion``,
    ``unknown_type`` or ``undecodable``.
    """
    event = parse_document(data or b"", MAX_DEPTH)
    attributes = {name: _text(name, value) for name, value in event.items() if name not in _NOT_TEXT}
    envelope = envelope_from(attributes, attributes)
    versions = released().versions.get(envelope.type)
    if versions is None:
        raise Unreadable("unknown_type", f"no schema for type {envelope.type!r}")
    body = event.get("data")
    if not isinstance(body, dict):
        raise Unreadable("undecodable", "data is no JSON object")
    return envelope, body_from_json(versions[-1], body)


def body_from_json(message: MessageSchema, data: Mapping[str, object]) -> Body:
    """A body from its JSON form: JSON documents become UTF-8 bytes, defaults are filled in.

    Raises :class:`Unreadable` (``undecodable``) for a field that is missing or unknown.
    """
    schema = message.schema
    assert isinstance(schema, dict)
    fields = {field["name"]: field for field in schema["fields"]}
    if unknown := sorted(set(data) - set(fields)):
        raise Unreadable("undecodable", f"{message.type} has no field {unknown[0][:100]!r}")
    body: dict[str, object] = {}
    for name, field in fields.items():
        if name in data:
            value = data[name]
            body[name] = orjson.dumps(value) if name in message.json_fields and value is not None else value
        elif "default" in field:
            body[name] = field["default"]
        else:
            raise Unreadable("undecodable", f"{message.type} needs the field {name!r}")
    return body


def _text(name: str, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Unreadable("bad_headers", f"attribute {name[:64]!r} is neither text nor a whole number")
    return str(value)


_NOT_TEXT: Final = frozenset({"data", "datacontenttype", "dataschema"})
