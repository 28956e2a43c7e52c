"""Message bodies on the wire.

Written in Avro single-object encoding (``C3 01`` + CRC-64-AVRO fingerprint + datum). Read too:
Confluent framing (``00`` + 4-byte schema id, resolved by a :class:`WriterSchemas`), and, for
commands, structured-mode JSON CloudEvents in :mod:`schemas.structured`.
"""

import io
import struct
from collections.abc import Mapping
from typing import Final, Protocol

from fastavro import schemaless_reader, schemaless_writer
from fastavro.read import SchemaResolutionError
from fastavro.types import Schema

from schemas.avro import MessageSchema, released
from schemas.errors import Unreadable

Body = Mapping[str, object]
"""A decoded record: field name to value; JSON fields are UTF-8 bytes."""

SINGLE_OBJECT: Final = b"\xc3\x01"
CONFLUENT: Final = 0
_FINGERPRINT_END: Final = 10
_CONFLUENT_END: Final = 5


class WriterSchemas(Protocol):
    """Where Confluent schema ids are looked up."""

    def writer(self, schema_id: int) -> Schema:
        """The writer schema of an id; raises :class:`Unreadable` (``unknown_schema``)."""


def encode(message_type: str, body: Body) -> bytes:
    """The single-object encoding of a body by the newest schema of its type.

    Raises KeyError for an unknown type and ValueError for a body that does not fit.
    """
    message = released().newest(message_type)
    out = io.BytesIO()
    out.write(SINGLE_OBJECT + message.fingerprint)
    schemaless_writer(out, message.schema, body)
    return out.getvalue()


def decode(message_type: str, data: bytes | None, writers: WriterSchemas | None = None) -> Body:
    """The body of a message whose envelope names ``message_type``, read into the newest version.

    Raises :class:`Unreadable`: ``empty_body``, ``unknown_encoding``, ``unknown_type``,
    ``unknown_schema``, ``type_mismatch`` or ``undecodable``.
    """
    versions = released().versions.get(message_type)
    if versions is None:
        raise Unreadable("unknown_type", f"no schema for type {message_type[:200]!r}")
    if not data:
        raise Unreadable("empty_body", "the record has no value")
    newest = versions[-1]
    if data[:2] == SINGLE_OBJECT:
        writer = _by_fingerprint(message_type, data[2:_FINGERPRINT_END])
        start = _FINGERPRINT_END
    elif data[0] == CONFLUENT and len(data) >= _CONFLUENT_END:
        if writers is None:
            raise Unreadable("unknown_schema", "Confluent framing, but no schema registry is configured")
        writer = writers.writer(int.from_bytes(data[1:_CONFLUENT_END], "big"))
        if (name := _record_name(writer)) != _record_name(newest.schema):
            raise Unreadable("type_mismatch", f"the body is a {name}, the envelope says {message_type}")
        start = _CONFLUENT_END
    else:
        raise Unreadable("unknown_encoding", f"value starts with {data[:2].hex()}")
    return _read(newest, writer, data, start)


def _by_fingerprint(message_type: str, fingerprint: bytes) -> Schema:
    message = released().by_fingerprint.get(fingerprint)
    if message is None:
        raise Unreadable("unknown_schema", f"no schema with fingerprint {fingerprint.hex()}")
    if message.type != message_type:
        raise Unreadable("type_mismatch", f"the body is a {message.type}, the envelope says {message_type}")
    return message.schema


def _record_name(schema: Schema) -> str:
    return str(schema.get("name")) if isinstance(schema, dict) else ""


def _read(newest: MessageSchema, writer: Schema, data: bytes, start: int) -> Body:
    source = io.BytesIO(data)
    source.seek(start)
    reader = None if writer is newest.schema else newest.schema
    try:
        body = schemaless_reader(source, writer, reader)
    except _BAD_DATUM as error:
        raise Unreadable("undecodable", f"{newest.type}: {type(error).__name__}: {error}"[:500]) from error
    if not isinstance(body, dict):
        raise Unreadable("undecodable", f"{newest.type}: the datum is no record")
    if source.tell() != len(data):
        raise Unreadable("undecodable", f"{newest.type}: {len(data) - source.tell()} bytes after the datum")
    return body


_BAD_DATUM: Final = (
    EOFError,
    IndexError,
    KeyError,
    MemoryError,
    OverflowError,
    RecursionError,
    SchemaResolutionError,
    TypeError,
    UnicodeDecodeError,
    ValueError,
    struct.error,
)
"""What fastavro raises on a datum that does not match its writer schema."""
