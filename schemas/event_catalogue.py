"""``docs/events.md``: every event with its fields, made from ``topics.yaml`` and the released schemas."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from schemas.avro import SchemaSet
from schemas.topics import FAMILIES, Topic, Topics
from schemas.topics import FILE as TOPICS_FILE

FILE: Final = TOPICS_FILE.parent / "docs" / "events.md"

_NOTICE: Final = (
    "<!-- Generated from topics.yaml and schemas/ by: governance schemas events. Do not edit. -->\n"
)
_DAY_MS: Final = 86_400_000

_INTRODUCTION: Final = """\
# Events

Every event is a CloudEvent in Kafka's binary mode with an Avro body; [for consumers](for-consumers.md) says
how to read one, [asyncapi.yaml](../asyncapi.yaml) describes the headers. `?` marks a field that may be null.
A schema is never edited once released: a new version is a new file, and old readers keep reading.
"""

_LANE_EVENTS: Final = """\
## Of every family

Each family also says these, on its own event topic. `…` is the family's name.
"""


def render(topics: Topics, schemas: SchemaSet) -> str:
    """The text of ``docs/events.md``."""
    common = _common(topics)
    parts = [_NOTICE, _INTRODUCTION]
    for family in FAMILIES:
        topic = topics.events(family)
        own = [name for name in topic.messages if _unfamiliar(name, family) not in common]
        parts += [_heading(family.capitalize(), topic), *(_event(name, name, schemas) for name in own)]
    parts.append(_LANE_EVENTS)
    parts += [_event(name.replace("…", FAMILIES[0]), name, schemas) for name in common]
    receipts = topics.receipts
    parts += [_heading("Receipts", receipts), *(_event(name, name, schemas) for name in receipts.messages)]
    return "\n".join(parts)


def write(topics: Topics, schemas: SchemaSet, file: Path = FILE) -> bool:
    """Writes the file where it differs; whether it did."""
    text = render(topics, schemas)
    if file.exists() and file.read_text(encoding="utf-8") == text:
        return False
    file.write_text(text, encoding="utf-8")
    return True


def _common(topics: Topics) -> list[str]:
    """What every family's event topic carries, the family's name in it replaced."""
    names = [[_unfamiliar(name, family) for name in topics.events(family).messages] for family in FAMILIES]
    return [name for name in names[0] if all(name in others for others in names)]


def _unfamiliar(name: str, family: str) -> str:
    return name.replace(f"governance.{family}.", "governance.….")


def _heading(title: str, topic: Topic) -> str:
    days = topic.retention_ms // _DAY_MS
    return (
        f"## {title}\n\nTopic `{topic.name}`: {topic.partitions} partitions, key `{topic.key}`,"
        f" kept {days} days.\n"
    )


def _event(name: str, shown: str, schemas: SchemaSet) -> str:
    message = schemas.newest(name)
    schema = message.schema
    assert isinstance(schema, dict)
    place = f"[version {message.version}](../schemas/events/{name}.v{message.version}.avsc)"
    rows = "\n".join(_rows(schema["fields"]))
    return f"### `{shown}`\n\n{schema['doc']} ({place})\n\n| field | type | |\n| --- | --- | --- |\n{rows}\n"


def _rows(fields: Sequence[Mapping[str, Any]], prefix: str = "") -> Iterator[str]:
    """A row per field; the fields of a record stand below it."""
    for field in fields:
        name = prefix + field["name"]
        text = field.get("doc", "").replace("|", "\\|")
        yield f"| `{name}` | {_type(field['type'])} | {text} |"
        inner = _record(field["type"])
        if inner is not None:
            yield from _rows(inner, f"{name}.")


def _type(schema: Any) -> str:
    """An Avro type in words."""
    match schema:
        case str():
            return schema.rpartition(".")[2]
        case list():
            named = " or ".join(_type(each) for each in schema if each != "null")
            return f"{named}?" if "null" in schema else named
        case {"type": "array", "items": items}:
            return f"list of {_type(items)}"
        case {"type": "map", "values": values}:
            return f"map of {_type(values)}"
        case {"type": "record", "name": name}:
            return str(name).rpartition(".")[2]
        case {"contentMediaType": "application/json"}:
            return "JSON"
        case {"type": inner}:
            return _type(inner)
    raise ValueError(f"no Avro type: {schema!r}")


def _record(schema: Any) -> Sequence[Mapping[str, Any]] | None:
    """The fields of the record that a type is, or holds."""
    match schema:
        case {"type": "record", "fields": fields}:
            found: Sequence[Mapping[str, Any]] = fields
            return found
        case {"type": "array", "items": inner} | {"type": "map", "values": inner}:
            return _record(inner)
        case list():
            return next((inner for each in schema if (inner := _record(each)) is not None), None)
    return None
