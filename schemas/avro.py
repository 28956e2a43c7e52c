"""The released Avro schemas, by message type and version and by CRC-64-AVRO fingerprint.

A file ``<kind>/<message type>.v<N>.avsc`` is one version; it is never edited once released
(``released.json`` holds each file's fingerprint, the tests compare). The newest version writes,
every version reads into the newest.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal

from fastavro.schema import fingerprint, parse_schema, to_parsing_canonical_form
from fastavro.types import Schema

Kind = Literal["commands", "events"]
FOLDER: Final = Path(__file__).parent
_FILE = re.compile(r"(?P<type>.+)\.v(?P<version>\d+)\.avsc")


@dataclass(frozen=True, slots=True)
class MessageSchema:
    """One released schema version of one message type."""

    kind: Kind
    type: str
    version: int
    schema: Schema
    json_fields: tuple[str, ...]
    """Fields whose bytes are a JSON document (``contentMediaType``)."""
    fingerprint: bytes
    """CRC-64-AVRO of the parsing canonical form, little endian (Avro 1.12 single-object encoding)."""


@dataclass(frozen=True, slots=True)
class SchemaSet:
    """Every released schema."""

    by_fingerprint: Mapping[bytes, MessageSchema]
    versions: Mapping[str, tuple[MessageSchema, ...]]
    """Versions of a message type in ascending order."""

    def newest(self, message_type: str) -> MessageSchema:
        """The version that writes; raises KeyError for an unknown type."""
        return self.versions[message_type][-1]


@cache
def released() -> SchemaSet:
    """The schemas of this checkout, parsed once per process."""
    by_type: dict[str, list[MessageSchema]] = {}
    for message in sorted(_read(FOLDER), key=lambda m: (m.type, m.version)):
        by_type.setdefault(message.type, []).append(message)
    return SchemaSet(
        by_fingerprint={m.fingerprint: m for versions in by_type.values() for m in versions},
        versions={name: tuple(versions) for name, versions in by_type.items()},
    )


def parse(kind: Kind, file_name: str, text: str) -> MessageSchema:
    """One schema file; raises ValueError where name and content disagree."""
    match = _FILE.fullmatch(file_name)
    if match is None:
        raise ValueError(f"{file_name}: not <message type>.v<N>.avsc")
    raw = json.loads(text)
    if raw.get("eventType") != match["type"]:
        raise ValueError(f"{file_name}: eventType is {raw.get('eventType')!r}")
    canonical = to_parsing_canonical_form(raw)
    return MessageSchema(
        kind=kind,
        type=match["type"],
        version=int(match["version"]),
        schema=parse_schema(raw, named_schemas={}),
        json_fields=tuple(field["name"] for field in raw["fields"] if _holds_json(field["type"])),
        fingerprint=bytes.fromhex(fingerprint(canonical, "CRC-64-AVRO")),
    )


def _read(folder: Path) -> Iterator[MessageSchema]:
    kinds: tuple[Kind, ...] = ("commands", "events")
    for kind in kinds:
        for file in (folder / kind).glob("*.avsc"):
            yield parse(kind, file.name, file.read_text())


def _holds_json(field_type: object) -> bool:
    if isinstance(field_type, list):
        return any(_holds_json(branch) for branch in field_type)
    return isinstance(field_type, dict) and field_type.get("contentMediaType") == "application/json"
